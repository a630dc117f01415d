"""Records: what is on disk can be read back, and what cannot be read fails closed."""

from __future__ import annotations

import json
from dataclasses import MISSING, fields
from datetime import UTC, datetime
from typing import Any

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.engine.replay import rebuild, salvage
from nemo_watchdog.engine.unpack import from_body
from nemo_watchdog.errors import JournalError
from nemo_watchdog.model import Moment

NOON = Moment(1000.0, datetime(2026, 1, 5, 12, tzinfo=UTC))
VALUES: dict[str, Any] = {
    "str": "x",
    "str | None": None,
    "float": 1.5,
    "float | None": 2.0,
    "int": 3,
    "int | None": 4,
    "bool": True,
    "list[str]": ["x"],
    "list[float]": [1.5],
}
OF_NAME: dict[str, Any] = {"until": "2026-01-05T20:00:00+00:00"}
"""Of fields whose text is more than a text."""


def example(kind: type[r.Record]) -> r.Record:
    """A record with a value of the right type in every field."""
    return kind(**{field.name: OF_NAME.get(field.name, VALUES[str(field.type)]) for field in fields(kind)})


@pytest.mark.parametrize("kind", r.TYPES.values(), ids=lambda kind: kind.TYPE)
def test_every_record_survives_the_disk(kind: type[r.Record]) -> None:
    """Through JSON and back it is equal."""
    record = example(kind)
    assert from_body(json.loads(json.dumps(record.body()))) == record


def test_every_kind_of_record_can_be_read() -> None:
    """A record that is written and not registered would stop the next start."""
    declared = {kind.__name__ for kind in vars(r).values() if isinstance(kind, type) and issubclass(kind, r.Record)}
    assert {kind.__name__ for kind in r.TYPES.values()} == declared - {"Record"}
    assert len(r.TYPES) == len(declared) - 1


def test_the_names_on_disk_do_not_change() -> None:
    """They are in the journals of people: a rename needs a migration."""
    assert sorted(r.TYPES) == [
        "acted_by_hand", "action_ended", "action_intended", "attempt_failed", "backoff_changed", "busy_too_long",
        "decision_made", "ended_by_itself", "escalated", "flapping_began", "flapping_ended", "health_changed",
        "heartbeat_heard", "image_proven", "incident_acknowledged", "incident_declared", "incident_merged",
        "incident_opened", "incident_reopened", "incident_resolved", "journal_accepted", "journal_distrusted",
        "ladder_rearmed", "ladder_shared", "left_over", "maintenance_began", "maintenance_ended", "member_down",
        "member_joined", "member_recovered", "note_added", "oncall_swap_ended", "oncall_swapped", "paused",
        "people_told", "proposal_approved", "proposal_over", "proposal_rejected", "proposed", "released",
        "remedy_learned", "resumed", "root_changed", "run_changed", "seen_up", "settling_began", "settling_ended",
        "settling_judged", "settling_owed", "severity_raised", "side_changed", "silence_began", "silence_ended",
        "spared_too_long", "start_learned", "step_exhausted", "step_skipped", "storm_began", "storm_ended",
        "storm_told", "suggested", "touched", "work_awaited", "work_over", "work_too_long",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", r.TYPES.values(), ids=lambda kind: kind.TYPE)
def test_a_missing_field_is_named(kind: type[r.Record]) -> None:
    """Whoever repairs the journal learns what is wrong with it."""
    for field in fields(kind):
        if field.default is MISSING and field.default_factory is MISSING:
            body = example(kind).body()
            del body[field.name]
            with pytest.raises(JournalError, match=rf"{kind.TYPE} record.*lacks {field.name}"):
                from_body(body)


@pytest.mark.parametrize("body", [{}, {"type": "from_the_future"}, {"type": None}, {"type": ["x"]}])
def test_an_unknown_record_fails_closed(body: dict[str, Any]) -> None:
    """What it did to budgets and pauses is not known."""
    with pytest.raises(JournalError, match="unknown type"):
        from_body(body)


def test_an_unknown_field_is_ignored() -> None:
    """A newer patch release may add one."""
    record = r.HoldReleased("gateway")
    assert from_body({**record.body(), "since": 5}) == record


@pytest.mark.parametrize(
    "body",
    [
        {**example(r.IncidentOpened).body(), "severity": "SEV9"},
        {**example(r.Paused).body(), "duration": "soon"},
        {**example(r.Paused).body(), "scope": ["gateway"]},
    ],
    ids=lambda body: body["type"],
)
def test_a_record_with_a_value_that_makes_no_sense_fails_closed(body: dict[str, Any]) -> None:
    """As a `JournalError` that names the record, not as a traceback."""
    with pytest.raises(JournalError, match=body["type"]):
        rebuild([(NOON, body)])


def of_incidents() -> list[r.Record]:
    """One of each kind that is about an incident."""
    kinds = [kind for kind in r.TYPES.values() if "incident" in {field.name for field in fields(kind)}]
    return [example(kind) for kind in kinds if kind not in (r.IncidentOpened, r.IncidentDeclared)]


@pytest.mark.parametrize("record", of_incidents(), ids=lambda record: record.TYPE)
def test_what_is_said_of_an_incident_that_the_journal_has_forgotten_opens_none(record: r.Record) -> None:
    """Its beginning was pruned after months: what is left of it must not keep the daemon from starting."""
    other = r.IncidentOpened("other", "gateway", "SEV2", "down", "down", None, None, "")
    into_other = {"into": "other"} if isinstance(record, r.IncidentMerged) else {}
    state = rebuild([(NOON, other.body()), (NOON, record.body() | into_other)])
    assert list(state.incidents) == ["other"]
    assert list(state.incidents["other"].members) == ["gateway"]


def test_what_cannot_be_read_is_skipped_and_said_until_a_person_accepts() -> None:
    """The pause behind it holds all the same."""
    pause = r.Paused("*", "deploying", "ops", None).body()
    accepted = r.JournalAccepted("I have looked", "ops", "nonsense").body()
    history = [(NOON, {"type": "from_the_future"}), (NOON, pause | {"duration": "soon", "scope": "x"}), (NOON, pause)]
    state, trouble = salvage(history)
    assert (list(state.pauses), "unknown type 'from_the_future'" in trouble) == (["*"], True)
    state, trouble = salvage([*history, (NOON, accepted)])
    assert (list(state.pauses), trouble) == (["*"], "")
    with pytest.raises(JournalError, match="from_the_future"):
        rebuild(history)
