"""Why it was so at a time that is past: what the engine decided then, as the records give it back, and no more."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.events import Effects
from nemo_watchdog.engine.explaining import explain_now
from nemo_watchdog.engine.explaining_past import explanation_at
from nemo_watchdog.incident_views import ExplanationView, LookRunView
from nemo_watchdog.model import ActionOutcome, Health, Reason, failed
from nemo_watchdog.policy.policy import Limits, Policy, Storm
from nemo_watchdog.views import GateView, as_json
from tests.unit.engine import test_gates
from tests.unit.engine.test_gates import CASES, Case, failed_just_now, paused
from tests.unit.engine.world import NOON, World, dependency, policy

Answer = tuple[str, str] | None
LOOKS = (LookRunView("failed", "refused", NOON.isoformat(), NOON.isoformat(), 3, 0.01, 0.01),)


class Watched(World):
    """Remembers after each event which decision of each dependency stands: the last of one moment counts."""

    def __init__(self, plan: Policy, **more: Any) -> None:
        self.answers: dict[tuple[str, datetime], tuple[Health, Answer, str | None]] = {}
        super().__init__(plan, **more)

    def send(self, event: ev.Event) -> Effects:
        effects = super().send(event)
        for name, tracker in self.engine.trackers.items():
            incident = self.engine.durable.incident_of(name)
            stands = incident.decisions.get(name) if incident is not None else None
            home = incident.incident if incident is not None else None
            self.answers[name, self.utc] = tracker.state.health, stands, home
        return effects


def asked(world: World, name: str, at: datetime, gates: tuple[datetime, str] | None = None) -> ExplanationView:
    history = [(moment, record.body()) for moment, record in world.records]
    return explanation_at(name, history, gates, LOOKS, at, NOON)


def told(view: ExplanationView) -> Answer:
    return (view.decision.verdict, view.decision.gate) if view.decision is not None else None


def gives_back_what_was_decided(world: Watched) -> int:
    """At each moment; how many decisions there were to compare."""
    compared = 0
    for (name, at), (health, answer, incident) in world.answers.items():
        view = asked(world, name, at)
        if view.health is None:
            assert health is Health.UNKNOWN  # nobody had looked yet
            continue
        assert (view.health, view.incident) == (health, incident)
        assert told(view) == (None if health is Health.UP else answer)
        compared += view.decision is not None
    return compared


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.scenario.__name__)
def test_at_each_moment_it_is_what_the_engine_had_decided_then(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the scenario of each gate."""
    worlds: list[Watched] = []

    def make(*arguments: Any, **more: Any) -> Watched:
        worlds.append(Watched(*arguments, **more))
        return worlds[-1]

    monkeypatch.setattr(test_gates, "World", make)
    case.scenario()
    assert gives_back_what_was_decided(worlds[0]) > 0


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.scenario.__name__)
def test_each_decision_is_given_back_at_its_own_time_and_an_hour_later(case: Case) -> None:
    """The last of those of one moment. Later it is asked of the same records, and of those that came since."""
    world = case.scenario()
    made = {(rec.dependency, at.utc): rec for at, rec in world.records if isinstance(rec, r.DecisionMade)}
    assert made
    before = {key: asked(world, *key) for key in made}
    world.pass_time(3600.0)
    for name in list(world.engine.trackers):
        world.run(name)
        world.succeed(name, times=3)
    for (name, at), record in made.items():
        view = asked(world, name, at)
        assert view == before[name, at]
        assert view.decision == GateView(record.gate, record.verdict, record.value, None)
        assert f"by the gate {record.gate}: {record.value}" in "\n".join(view.said)


NAMES = ("postgres", "gateway", "redis")
PLAYS: dict[str, Callable[[World, str], object]] = {
    "fails": lambda world, name: world.fail(name, Reason.REFUSED, times=2),
    "serves": lambda world, name: world.succeed(name),
    "is slow": lambda world, name: world.slow(name),
    "crashes": lambda world, name: world.crash(name),
    "runs": lambda world, name: world.run(name),
    "is stopped": lambda world, name: world.stopped_by_hand(name),
    "is paused": lambda world, name: world.send(ev.PauseAsked(name, "testing", "ops", 5.0)),
    "is retried": lambda world, name: world.send(ev.RetryAsked(name, "again", "ops")),
    "time": lambda world, _: world.wait(7.0),
    "ends": lambda world, _: world.pending and world.finish(),
    "ends in vain": lambda world, _: world.pending and world.finish(ActionOutcome.FAILED),
}


@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from(sorted(PLAYS)), st.sampled_from(NAMES)), max_size=25))
def test_whatever_happened_it_is_what_the_engine_had_decided_then(played: list[tuple[str, str]]) -> None:
    """Incidents that join, merge, come back and end among it."""
    plan = policy(
        dependency("postgres"),
        dependency("gateway", needs=["postgres"]),
        dependency("redis"),
        limits=Limits(storm=Storm()),
    )
    world = Watched(plan)
    for what, name in played:
        PLAYS[what](world, name)
    gives_back_what_was_decided(world)


def kept(world: World, name: str) -> str:
    """What the recorder would keep now."""
    return as_json(explain_now(world.engine, name, world.now).gates)


def test_all_gates_are_shown_where_they_were_kept_with_that_decision() -> None:
    """And with them when it was to end."""
    world = failed_just_now()
    at = world.utc
    view = asked(world, "gateway", at + timedelta(seconds=2), (at, kept(world, "gateway")))
    now = explain_now(world.engine, "gateway", world.now)
    assert view.gates == now.gates
    assert (view.gates_at, view.next_action) == (at.isoformat(), now.next_action)
    assert "It was to end at 2026-01-05 12:00:08 UTC." in view.said
    assert view.looks == LOOKS


@pytest.mark.parametrize(
    ("ago", "table"),
    [
        (60.0, None),
        (0.0, "[]"),
        (0.0, "no json"),
        (0.0, '[{"gate": "pause"}]'),
        (0.0, '[{"gate": "pause", "verdict": "wait", "value": "another decision", "until": null}]'),
    ],
)
def test_what_was_kept_of_another_decision_or_is_damaged_is_not_shown(ago: float, table: str | None) -> None:
    """Then the gate of the record is all that is known."""
    world = failed_just_now()
    gates = (world.utc - timedelta(seconds=ago), kept(world, "gateway") if table is None else table)
    view = asked(world, "gateway", world.utc, gates)
    assert told(view) == ("wait", "backoff")
    assert (view.gates, view.gates_at, view.next_action) == ((), None, None)


def test_of_what_was_to_be_acted_on_every_gate_was_open() -> None:
    """That needs no archive."""
    world = World(policy(dependency("gateway")))
    world.crash("gateway")
    view = asked(world, "gateway", world.utc)
    assert told(view) == ("act", "none")
    assert {gate.verdict for gate in view.gates} == {"open"}


def test_what_was_up_had_nothing_to_decide() -> None:
    """Before, between and after its incidents."""
    world = paused()
    view = asked(world, "gateway", world.utc - timedelta(milliseconds=1))
    assert (view.health, view.decision, view.incident) == ("up", None, None)
    assert view.said[0].startswith("At 2026-01-05 12:00:02 UTC gateway was up since 2026-01-05 12:00:02 UTC.")
    assert view.said[1] == "There was nothing to decide: it was up."


def test_what_failed_in_no_incident_had_nothing_to_decide() -> None:
    """Blind for a moment, say."""
    world = World(policy(dependency("gateway")))
    world.look("gateway", failed(Reason.AUTH_FAILED, "wrong password"), times=4)
    assert "There was nothing to decide: no incident was open for it." in asked(world, "gateway", world.utc).said


def test_an_incident_is_told_as_it_was_then() -> None:
    """Not with the severity, the actions and the people that came later."""
    world = World(policy(dependency("gateway"), dependency("redis")))
    world.crash("gateway")
    early = world.utc
    world.pass_time(1.0)
    world.finish(ActionOutcome.FAILED)
    world.crash("redis")
    world.wait(60.0)
    before, after = asked(world, "gateway", early), asked(world, "gateway", world.utc)
    assert (before.severity, before.rule) == ("SEV2", "down")
    assert "Actions on it in that incident up to then: 1." in before.said
    assert (after.severity, after.rule) == ("SEV1", "outage")
    root = "It was the root of the incident 20260105-120006-gateway, open since 2026-01-05 12:00:06 UTC"
    assert f"{root}: SEV1 by the rule outage." in after.said


def test_who_had_been_told_is_said() -> None:
    world = test_gates.at_the_end_of_the_ladder()
    assert "Who had been told to look: lead." in asked(world, "gateway", world.utc).said


def test_before_the_records_begin_nothing_is_known() -> None:
    """Nor of what the records have only later."""
    world = paused()
    view = asked(world, "gateway", NOON - timedelta(seconds=1))
    assert view.health is None
    assert view.said == (
        "The records begin at 2026-01-05 12:00:00 UTC: nothing is known of gateway at 2026-01-05 11:59:59 UTC.",
    )
    view = asked(world, "redis", world.utc)
    assert (view.health, view.gates) == (None, ())
    assert view.said[0].startswith("The records say nothing of redis up to ")
    assert explanation_at("redis", [], None, (), NOON, None).said[0].startswith("The records are empty:")


def test_what_people_did_is_said_also_before_it_is_an_incident() -> None:
    """Nobody is told of a stop for a while; whoever asks is."""
    world = World(policy(dependency("gateway")))
    world.stopped_by_hand("gateway")
    view = asked(world, "gateway", world.utc)
    assert (view.health, view.incident, view.decision) == ("down", None, None)
    left_alone = (
        "It was left alone, for what people had done: somebody stopped the container through Docker (signal 15)."
    )
    assert left_alone in view.said
    world.pass_time(60.0)
    world.run("gateway")
    assert left_alone not in asked(world, "gateway", world.utc).said


def test_a_stop_that_may_take_so_long_holds_no_longer() -> None:
    """The record says for how long."""
    world = World(policy(dependency("gateway")))
    world.records.append((world.now, r.HoldPlaced("gateway", "somebody is stopping it", lasts=900.0)))
    world.records.append((world.now, r.HealthChanged("gateway", "down", "fault", "refused", "test")))
    end = world.utc + timedelta(seconds=900)
    said = "It was left alone, for what people had done: somebody is stopping it."
    assert said in asked(world, "gateway", end - timedelta(seconds=1)).said
    assert said not in asked(world, "gateway", end).said


def test_what_was_never_seen_otherwise_is_as_its_incident_says() -> None:
    """Of what is unknown from its first look on no change of health is written down."""
    world = Watched(policy(dependency("gateway"), dependency("redis")), running=False)
    world.run("gateway", age=3600.0)
    world.fail("gateway", times=4)
    world.wait(120.0)
    world.fail("gateway", times=4)
    view = asked(world, "gateway", world.utc)
    assert (view.health, view.category, view.reason) == ("unknown", "blind", "wrong_target")
    assert told(view) == ("wait", "blind")
    assert gives_back_what_was_decided(world) > 0


def test_what_is_looked_at_elsewhere_is_not_up_for_having_been_so() -> None:
    """A reload gives it another address, and nothing is known of that."""
    world = World(policy(dependency("gateway", digest="first")))
    moved = dependency("gateway", digest="another", options={"url": "http://elsewhere"})
    world.send(ev.PolicyChanged(policy(moved)))
    world.fail("gateway", times=4)
    world.wait(120.0)
    world.fail("gateway", times=4)
    view = asked(world, "gateway", world.utc)
    assert (view.health, view.reason) == ("unknown", "wrong_target")
    assert told(view) == ("wait", "blind")


def test_what_is_decided_stands_though_it_was_up_when_that_was_written_last() -> None:
    """Of what is up nothing is decided."""
    world = World(policy(dependency("gateway"), dependency("redis", needs=["gateway"])))
    world.records.append((world.now, r.MemberJoined("i-1", "gateway", "refused", "test")))
    world.records.append((world.now, r.DecisionMade("i-1", "gateway", "wait", "blind", "test")))
    assert told(asked(world, "gateway", world.utc)) == ("wait", "blind")
    world.records.append((world.now, r.IncidentReopened("i-1", "gateway", "no_such_reason", "test", "down")))
    view = asked(world, "gateway", world.utc)
    assert (view.health, view.category, view.reason) == ("down", None, "no_such_reason")
