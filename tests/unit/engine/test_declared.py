"""What people say of incidents: written down, replayed, and without any weight in what is done."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.engine import declared
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.replay import rebuild
from nemo_watchdog.engine.reported import Acknowledgement, Declared
from nemo_watchdog.engine.state import REOPEN_WINDOW, Incident
from nemo_watchdog.engine.view import standing
from nemo_watchdog.model import Reason, Severity
from nemo_watchdog.views import AcknowledgementView, DeclaredView, StandingView
from tests.unit.engine.world import World, dependency, policy
from tests.unit.statuses import seen

TEXT = "the payment provider answers 500"


def platform() -> World:
    return World(policy(dependency("postgres"), dependency("gateway", grace=0.0)))


def declare(world: World, *, severity: Severity = Severity.SEV2, about: str = "") -> str:
    """Its id."""
    world.send(ev.DeclareAsked(TEXT, severity, about, "ada"))
    return list(world.engine.durable.declared)[-1]


def opened(world: World) -> Incident:
    """The one that looks open for the gateway."""
    world.fail("gateway", Reason.REFUSED)
    incident = world.engine.durable.incident_of("gateway")
    assert incident is not None
    return incident


def taken(world: World, incident: str) -> Acknowledgement | None:
    one = world.engine.durable.open_one(incident)
    assert one is not None
    return one.acknowledged


# -- declared


def test_a_declared_incident_is_kept_with_all_that_was_said() -> None:
    """With when that was."""
    world = platform()
    incident = declare(world, about="gateway")
    (kept,) = world.engine.durable.open_declared()
    assert kept == Declared(incident, TEXT, Severity.SEV2, "ada", "gateway", world.now)


@pytest.mark.parametrize(("about", "name"), [("gateway", "gateway"), ("", "declared")])
def test_its_id_says_when_and_what(about: str, name: str) -> None:
    """As the ids of the others do."""
    world = platform()
    assert declare(world, about=about) == f"{world.utc:%Y%m%d-%H%M%S}-{name}"


def test_no_two_incidents_have_one_id() -> None:
    """Whoever opened the first in that second."""
    world = platform()
    by_looks = opened(world).incident
    assert [declare(world, about="gateway") for _ in range(2)] == [f"{by_looks}-2", f"{by_looks}-3"]
    world = platform()
    by_hand = declare(world, about="gateway")
    world.crash("gateway")
    assert [each.incident for each in world.engine.durable.open()] == [f"{by_hand}-2"]


def test_it_is_no_incident_of_the_dependency_that_it_names() -> None:
    """Nothing is decided or done for it, and what fails then has an incident of its own."""
    world = platform()
    incident = declare(world, severity=Severity.SEV1, about="gateway")
    world.wait(3600.0)
    assert world.started == []
    assert world.engine.decision("gateway", world.now) is None
    assert opened(world).incident != incident
    assert [request.dependency for _, request in world.started] == ["gateway"]
    assert world.of(r.MemberJoined) == []


def test_looks_do_not_end_it() -> None:
    """However well all is."""
    world = platform()
    incident = declare(world, about="gateway")
    opened(world)
    world.finish()
    world.succeed("gateway", times=3)
    world.wait(2 * REOPEN_WINDOW)
    assert world.engine.durable.open() == []
    assert [each.incident for each in world.engine.durable.open_declared()] == [incident]


def test_what_fails_after_its_end_reopens_nothing() -> None:
    """It had no members."""
    world = platform()
    world.send(ev.ResolveAsked(declare(world, about="gateway"), "mended", "ada"))
    opened(world)
    assert world.of(r.IncidentReopened) == []
    assert len(world.of(r.IncidentOpened)) == 1


def test_a_person_ends_it_with_a_reason() -> None:
    """Which is written down, with who and how long it took."""
    world = platform()
    incident = declare(world, about="gateway")
    world.pass_time(90.00049)
    world.send(ev.ResolveAsked(incident, "fixed by the vendor", "bob"))
    assert world.of(r.IncidentResolved) == [
        r.IncidentResolved(incident, "gateway", 90.0, "resolved by bob: fixed by the vendor")
    ]
    assert world.engine.durable.open_declared() == []
    assert world.engine.durable.declared[incident].resolved == world.now


def test_an_end_is_no_news_twice() -> None:
    """Nor one of what nobody knows."""
    world = platform()
    incident = declare(world)
    for each in (incident, incident, "20260101-000000-nothing"):
        world.send(ev.ResolveAsked(each, "mended", "ada"))
    assert len(world.of(r.IncidentResolved)) == 1
    assert declared.why_not_resolved(world.engine.volatile, world.engine.durable, incident) == (
        f"{incident} is not open any more"
    )


def test_what_looks_opened_a_person_cannot_end() -> None:
    """The answer names what still fails, and nothing that does not."""
    world = World(policy(dependency("postgres"), dependency("gateway", needs=["postgres"], grace=0.0)))
    world.crash("postgres")
    world.fail("gateway", Reason.REFUSED)
    (incident,) = world.engine.durable.open()
    world.send(ev.ResolveAsked(incident.incident, "it looks fine to me", "ada"))
    assert world.of(r.IncidentResolved) == []
    said = declared.why_not_resolved(world.engine.volatile, world.engine.durable, incident.incident)
    assert said == (
        f"{incident.incident} was opened by looks and resolves itself when looks say so: "
        "postgres is down: exited (container exited with code 1); gateway is down: refused (test: refused)"
    )
    world.succeed("gateway")
    said = declared.why_not_resolved(world.engine.volatile, world.engine.durable, incident.incident)
    assert "gateway is" not in said


def test_what_is_only_not_confirmed_is_said_as_that() -> None:
    """Nothing fails any more, and it is not over: another look may come. What is not watched is not looked at."""
    world = platform()
    incident = opened(world)
    world.finish()
    world.succeed("gateway")
    world.engine.durable.reopen(incident, "gateway", world.now, world.now)
    world.engine.durable.join(incident, "gone")
    said = declared.why_not_resolved(world.engine.volatile, world.engine.durable, incident.incident)
    assert said.endswith("when looks say so: every member is up, and that is not confirmed yet")


def test_no_more_are_open_than_people_can_mean() -> None:
    """A program that has gone astray fills nothing; whoever resolves one may declare another."""
    world = platform()
    for _ in range(declared.MOST_OPEN - 1):
        declare(world)
    assert declared.why_not_declared(world.engine.durable) == ""
    last = declare(world)
    assert "50 declared incidents are open" in declared.why_not_declared(world.engine.durable)
    declare(world)
    assert len(world.of(r.IncidentDeclared)) == declared.MOST_OPEN
    world.send(ev.ResolveAsked(last, "mended", "ada"))
    assert declared.why_not_declared(world.engine.durable) == ""


def test_it_is_remembered_for_a_while_after_its_end() -> None:
    """As the others are, so that its end can be told; an open one for ever."""
    world = platform()
    over, still = declare(world), declare(world)
    world.send(ev.ResolveAsked(over, "mended", "ada"))
    world.pass_time(REOPEN_WINDOW - 1.0)
    world.send(ev.Tick())
    assert set(world.engine.durable.declared) == {over, still}
    world.pass_time(1.0)
    world.send(ev.Tick())
    assert set(world.engine.durable.declared) == {still}


# -- taken


def test_an_acknowledgement_holds_until_its_end() -> None:
    """Without one it has no end of its own."""
    world = platform()
    incident = declare(world)
    world.send(ev.AcknowledgeAsked(incident, "ada", 60.0))
    at = world.now
    assert taken(world, incident) == Acknowledgement("ada", at, at.monotonic + 60.0)
    world.pass_time(59.0)
    (view,) = seen(world).declared
    assert view.acknowledged == AcknowledgementView(at.utc.isoformat(), "ada", "2026-01-05T12:01:06+00:00")
    world.pass_time(1.0)
    (view,) = seen(world).declared
    assert view.acknowledged is None
    world.send(ev.AcknowledgeAsked(incident, "bob"))
    world.pass_time(1e6)
    (view,) = seen(world).declared
    assert view.acknowledged is not None
    assert (view.acknowledged.by, view.acknowledged.until) == ("bob", None)


def test_who_takes_it_later_has_it() -> None:
    """Also for a shorter time."""
    world = platform()
    incident = opened(world).incident
    world.send(ev.AcknowledgeAsked(incident, "ada"))
    world.send(ev.AcknowledgeAsked(incident, "bob", 5.0))
    acknowledged = taken(world, incident)
    assert acknowledged is not None
    assert (acknowledged.by, acknowledged.until) == ("bob", world.monotonic + 5.0)


def test_an_acknowledgement_holds_nothing_back() -> None:
    """The remedy goes on."""
    world = platform()
    world.send(ev.AcknowledgeAsked(opened(world).incident, "ada"))
    world.finish()
    world.wait(10.0)
    world.fail("gateway", times=30)
    assert len(world.started) > 1


def test_it_ends_when_the_incident_becomes_graver() -> None:
    """Whoever took a minor one has not taken an outage."""
    world = World(policy(dependency("gateway", grace=0.0), dependency("redis")))
    incident = opened(world).incident
    world.send(ev.AcknowledgeAsked(incident, "ada"))
    world.send(ev.Tick())
    assert taken(world, incident) is not None
    world.fail("redis")
    assert [raised.severity for raised in world.engine.durable.open()] == ["SEV1", "SEV1"]
    assert taken(world, incident) is None


def test_another_rule_of_the_same_severity_leaves_it() -> None:
    """It is as grave as it was."""
    world = platform()
    incident = opened(world)
    world.send(ev.AcknowledgeAsked(incident.incident, "ada"))
    acknowledged = incident.acknowledged
    history = [(at, record.body()) for at, record in world.records]
    again = r.SeverityRaised(incident.incident, incident.severity, "earlier", incident.severity, "gateway")
    kept = rebuild([*history, (world.now, again.body())]).incidents[incident.incident]
    assert (kept.rule, kept.acknowledged) == ("earlier", acknowledged)


def test_it_ends_with_the_incident() -> None:
    """What comes back begins with nobody."""
    world = platform()
    incident = opened(world)
    world.send(ev.AcknowledgeAsked(incident.incident, "ada"))
    world.finish()
    world.succeed("gateway")
    assert incident.resolved is not None
    assert incident.acknowledged is None
    opened(world)
    assert len(world.of(r.IncidentReopened)) == 1
    assert incident.acknowledged is None


def test_what_is_over_or_unknown_nobody_takes() -> None:
    """Of either kind."""
    world = platform()
    by_hand, by_looks = declare(world), opened(world).incident
    world.send(ev.ResolveAsked(by_hand, "mended", "ada"))
    world.finish()
    world.succeed("gateway")
    for incident in (by_hand, by_looks, "20260101-000000-nothing"):
        world.send(ev.AcknowledgeAsked(incident, "ada"))
        assert declared.why_not_open(world.engine.durable, incident) == f"{incident} is not open any more"
    assert world.of(r.IncidentAcknowledged) == []


# -- notes


def test_a_note_is_written_down_and_changes_nothing() -> None:
    """Of an incident that is open, or was."""
    world = platform()
    incident = declare(world)
    world.send(ev.NoteAsked(incident, "note", "asked the vendor", "ada"))
    world.send(ev.ResolveAsked(incident, "mended", "ada"))
    world.send(ev.NoteAsked(incident, "root_cause", "their certificate ran out\nat noon", "bob"))
    assert world.of(r.NoteAdded) == [
        r.NoteAdded(incident, "note", "asked the vendor", "ada"),
        r.NoteAdded(incident, "root_cause", "their certificate ran out\nat noon", "bob"),
    ]
    assert [effects.told for effects in world.effects if r.NoteAdded in map(type, effects.records)] == [[], []]


# -- a new process


def test_all_of_it_outlives_the_daemon() -> None:
    """Open and over, taken and not."""
    world = platform()
    first, second, over = declare(world, about="gateway"), declare(world), declare(world)
    world.send(ev.AcknowledgeAsked(first, "ada", 600.0))
    world.send(ev.AcknowledgeAsked(over, "bob"))
    by_looks = opened(world).incident
    world.send(ev.AcknowledgeAsked(by_looks, "bob"))
    world.send(ev.ResolveAsked(over, "mended", "ada"))
    before = world.engine.durable
    world.kill_daemon()
    after = world.engine.durable
    assert list(after.declared) == [first, second, over]
    assert after.declared == before.declared
    assert after.declared[over].acknowledged is None
    assert after.incidents[by_looks].acknowledged == before.incidents[by_looks].acknowledged is not None
    assert len(world.of(r.IncidentDeclared)) == 3


# -- what is shown


def test_the_status_shows_what_is_open() -> None:
    """With what people call its severity."""
    world = platform()
    incident, over = declare(world, about="gateway"), declare(world)
    at = world.utc.isoformat()
    world.send(ev.ResolveAsked(over, "mended", "ada"))
    world.pass_time(30.0)
    (declared,) = seen(world).declared
    assert replace(declared, told=None) == DeclaredView(
        incident, TEXT, "SEV2", "Major degradation", "gateway", at, 30.0, "ada", None
    )
    assert declared.told is not None
    assert (declared.told.to, declared.told.messages) == (("on-call",), 1)


def test_the_status_shows_who_has_an_incident_of_looks() -> None:
    """None where nobody has."""
    world = platform()
    incident = opened(world).incident
    assert seen(world).incidents[0].acknowledged is None
    world.send(ev.AcknowledgeAsked(incident, "ada"))
    assert seen(world).incidents[0].acknowledged == AcknowledgementView(world.utc.isoformat(), "ada", None)


def test_how_one_stands_can_be_asked_of_either_kind() -> None:
    """Open or over; of what is not remembered there is nothing to say."""
    world = platform()
    by_hand, by_looks = declare(world, severity=Severity.SEV3), opened(world).incident
    world.send(ev.AcknowledgeAsked(by_looks, "ada"))
    ada = AcknowledgementView(world.utc.isoformat(), "ada", None)
    assert standing(world.engine, by_hand, world.now) == StandingView(by_hand, "SEV3", open=True)
    assert standing(world.engine, by_looks, world.now) == StandingView(by_looks, "SEV2", open=True, acknowledged=ada)
    world.send(ev.ResolveAsked(by_hand, "mended", "ada"))
    assert standing(world.engine, by_hand, world.now) == StandingView(by_hand, "SEV3", open=False)
    with pytest.raises(KeyError):
        standing(world.engine, "20260101-000000-nothing", world.now)


def test_the_severities_of_all_that_is_open_are_known() -> None:
    """For who counts them."""
    world = platform()
    by_hand, over, by_looks = declare(world, severity=Severity.SEV3), declare(world), opened(world).incident
    world.send(ev.ResolveAsked(over, "mended", "ada"))
    assert world.engine.durable.severities() == {by_looks: "SEV2", by_hand: "SEV3"}
