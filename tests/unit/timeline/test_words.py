"""Each record says in one sentence what happened, also one that an older version wrote, or that nobody wrote."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Any

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.model import Moment
from nemo_watchdog.timeline.detail import detail_of
from nemo_watchdog.timeline.words import Story, said
from tests.unit.timeline.saying import say

VALUES = {"str": "something", "float": 3.2, "int": 2, "bool": True, "list[str]": ["a", "b"], "list[float]": [1.5]}


def some(kind: type[r.Record], *, empty: bool) -> r.Record:
    """One of that type, with something in each field; or with nothing where it may be left out or be None."""
    values: dict[str, Any] = {}
    for field in dataclasses.fields(kind):
        name = str(field.type)
        if empty and field.default is not dataclasses.MISSING:
            continue
        values[field.name] = None if empty and name.endswith("| None") else VALUES[name.removesuffix(" | None")]
    return kind(**values)


@pytest.mark.parametrize("kind", r.TYPES.values())
@pytest.mark.parametrize("empty", [False, True], ids=["whole", "of an older version"])
def test_every_record_has_a_sentence(kind: type[r.Record], *, empty: bool) -> None:
    """Whole, and with nothing of what came later."""
    sentence = say(some(kind, empty=empty))
    assert sentence.endswith((".", "something"))
    assert sentence[:1].isupper() or sentence.startswith("something")
    assert "None" not in sentence
    assert "  " not in sentence
    assert " ()" not in sentence
    assert " ," not in sentence


def test_a_record_without_words_is_a_bug_that_is_heard() -> None:
    """So that the walk above cannot pass over one."""
    with pytest.raises(TypeError, match="Record has no words"):
        said(r.Record(), Story("i"))


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        (
            r.IncidentOpened(
                "i", "redis", "SEV2", "down", "down", "fault", "refused", "no one listens", 4.2, "redis", True
            ),
            (
                "redis is down: refused (no one listens), after it had failed for 4.2s: SEV2 by the rule down; "
                "affected: redis; this is the incident of all that fail together."
            ),
        ),
        (
            r.ActionEnded("i", "i/1", "redis", "docker.restart", "refused", "another container", 5.0, 0.0, False),
            (
                "docker.restart for redis was refused (another container): nothing was ordered, and no attempt is "
                "spent; the next attempt comes in 5s at the earliest."
            ),
        ),
        (
            r.ActionEnded("i", "i/1", "redis", "docker.restart", "unknown", "", 0.0, 20.0, True),
            "docker.restart for redis ended as nobody knows; looks must confirm it within 20s.",
        ),
        (
            r.MemberRecovered("i", "redis", "up", "i/1", None),
            "Looks confirm that redis serves again (up): docker.restart, attempt 2, has helped.",
        ),
        (
            r.AttemptFailed("i", "redis", "i/1", "still refused after docker.restart", 9.0),
            (
                "docker.restart, attempt 2, did not help redis: still refused after docker.restart; the next attempt "
                "comes in 9s at the earliest."
            ),
        ),
        (
            r.DecisionMade("i", "redis", "refuse", "human_hold", "somebody stopped it"),
            "No action is taken on redis (gate human_hold): somebody stopped it.",
        ),
        (
            r.DecisionMade("i", "redis", "later", "a_new_gate", "so"),
            "Decided about redis: later (gate a_new_gate): so.",
        ),
        (r.IncidentMerged("j", "i"), "The incident j has the same root, and goes on in this one."),
        (r.IncidentMerged("i", "j"), "The incident goes on in j, which has the same root."),
        (
            r.IncidentAcknowledged("i", "anna", 7200.0),
            "anna has taken it on, for 2h.",
        ),
        (
            r.IncidentAcknowledged("i", "on-call", contact="on-call", link="a-digest"),
            "on-call has taken it on, by the link in a message, until it is over.",
        ),
        (
            r.IncidentDeclared("i", "users see old prices", "SEV3", "anna", "gateway"),
            "anna declared an incident about gateway, SEV3: users see old prices",
        ),
    ],
)
def test_what_is_said(record: r.Record, sentence: str) -> None:
    """The action that a record only names by its id is the one that was ordered."""
    intent = r.ActionIntended("i", "i/1", "redis", "restart", 0, 2, "docker.restart", "c-redis", 20.0)
    assert say(record, intent) == sentence


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"type": "member_joined", "dependency": "redis"}, "lacks incident, reason, detail"),
        ({"type": "of_a_newer_version", "dependency": "redis"}, "of the unknown type 'of_a_newer_version'"),
        (
            {"type": "incident_resolved", "incident": "i", "root": "redis", "seconds": "long", "why": ""},
            "its values are not those of a incident_resolved (TypeError)",
        ),
    ],
)
def test_what_cannot_be_read_is_said_as_such(body: dict[str, Any], words: str) -> None:
    """The rest of the timeline stands."""
    at = Moment(0.0, datetime(2026, 1, 5, tzinfo=UTC))
    good = r.RootChanged("i", "redis", "gateway").body()
    view = detail_of("i", [(at, body), (at, good)], (), (), lambda *_: "", at.utc)
    unread, read = view.timeline
    assert unread.kind == body["type"]
    assert unread.said.startswith("This record cannot be read: ")
    assert words in unread.said
    assert read.said == "The root is redis now: gateway fails because of it."


def test_what_a_person_wrote_is_one_line_and_no_command_to_a_terminal() -> None:
    """Control characters are shown as such."""
    at = Moment(0.0, datetime(2026, 1, 5, tzinfo=UTC))
    note = r.NoteAdded("i", "note", "two\nlines \x1b[2J", "anna")
    (entry,) = detail_of("i", [(at, note.body())], (), (), lambda *_: "", at.utc).timeline
    assert entry.said == "anna wrote a note: two\\nlines \\x1b[2J"
