"""All about one incident, from the records of a run of the engine."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from nemo_watchdog import records as r
from nemo_watchdog.evidence import Evidence
from nemo_watchdog.incident_views import DeliveryView, IncidentDetailView
from nemo_watchdog.timeline.detail import detail_of
from tests.unit.engine.world import NOON, World
from tests.unit.pasts import at, healed, incident_of, taken, written

GOLDEN = Path(__file__).with_name("healed.txt")


def titled(severity: str, rule: str) -> str:
    return f"the title of {severity} by {rule}"


def told(state: str, after: float, *, attempts: int = 1, detail: str = "", queued: float = 6.0) -> DeliveryView:
    times = [(NOON + timedelta(seconds=seconds)).isoformat() for seconds in (queued, after)]
    return DeliveryView("on-call", "opened", "[SEV2] postgres is down", times[0], state, times[1], attempts, detail)


def detail(world: World, *deliveries: DeliveryView, evidence: tuple[Evidence, ...] = ()) -> IncidentDetailView:
    incident = incident_of(world)
    return detail_of(incident, written(world, incident), deliveries, evidence, titled, world.utc)


def test_a_whole_run_is_told_as_it_was() -> None:
    """`healed.txt` is what a person reads of it; a change of the words is a change of that file."""
    world = healed()
    deliveries = (told("delivered", 7.0), told("given_up", 100.0, attempts=150, detail="401"), told("pending", 8.0))
    view = detail(world, *deliveries, evidence=(taken(incident_of(world)),))
    lines = [f"{entry.at[11:19]} {entry.kind} {entry.dependency or '-'}: {entry.said}" for entry in view.timeline]
    assert "\n".join(lines) + "\n" == GOLDEN.read_text(encoding="utf-8")


def test_the_summary_of_it() -> None:
    """Who, how grave at its worst, how long, how it ended, and what was ordered."""
    view = detail(healed())
    assert view.impact == "postgres and gateway (2 of 2 core)"
    summary = view.incident
    assert (summary.root, summary.members) == ("postgres", ("postgres", "gateway"))
    assert (summary.severity, summary.rule, summary.title) == ("SEV1", "outage", "the title of SEV1 by outage")
    assert (summary.reason, summary.detail) == ("exited", "container exited with code 1")
    assert (summary.why, summary.actions, summary.reopened) == ("every member is up", 2, 0)
    assert summary.opened == (NOON + timedelta(seconds=6)).isoformat()
    assert summary.resolved is not None


def test_evidence_is_numbered_and_told_without_its_text() -> None:
    """What could not be had is named, too."""
    world = healed()
    one = taken(incident_of(world))
    first, second = detail(world, evidence=(one, replace(one, parts=()))).evidence
    assert (first.number, second.number) == (1, 2)
    assert [(part.name, part.size, part.cut) for part in first.parts] == [
        ("postgres.log", 11, True),
        ("postgres.inspect.json", 2, False),
    ]
    assert [missing.name for missing in first.missing] == ["postgres.activity.txt"]


def test_notes_are_in_the_timeline_and_beside_it() -> None:
    """Also what was written when it was over."""
    world = healed()
    incident = incident_of(world)
    said = [*written(world, incident), (world.now, r.NoteAdded(incident, "root_cause", "a full disk", "anna").body())]
    view = detail_of(incident, said, (), (), titled, world.utc)
    assert view.timeline[-1].said == "anna wrote the root cause: a full disk"
    assert [(note.by, note.about, note.text) for note in view.notes] == [("anna", "root_cause", "a full disk")]


def test_a_clock_that_went_back_does_not_change_the_order_of_what_was_written() -> None:
    """What was done comes after what was decided, whatever time it says; who was told has his place between."""
    records = [(at(10), r.RootChanged("i", "a", "b").body()), (at(2), r.RootChanged("i", "c", "a").body())]
    view = detail_of("i", records, (told("delivered", 5.0),), (), titled, NOON)
    assert [entry.kind for entry in view.timeline] == ["delivered", "root_changed", "root_changed"]
    assert [entry.said[12:13] for entry in view.timeline[1:]] == ["a", "c"]


def test_who_hears_late_is_said_to() -> None:
    """The message was made long before."""
    view = detail_of("i", [(at(0), r.RootChanged("i", "a", "b").body())], (told("delivered", 66.0),), (), titled, NOON)
    assert view.timeline[-1].said == "on-call was told, 1m late: [SEV2] postgres is down."
