"""The status as a view: everything that a person or a program asks."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.gates.order import GATES
from nemo_watchdog.engine.replay import rebuild
from nemo_watchdog.engine.view import retried
from nemo_watchdog.model import ActionOutcome, Health, RunState
from nemo_watchdog.policy.policy import Limits
from nemo_watchdog.views import GateView, GroupView, PauseView, RetryView
from tests.unit.engine.world import World, dependency, policy
from tests.unit.statuses import seen


def test_a_quiet_platform() -> None:
    """Every dependency with its health, since when, and how long the last look took."""
    world = World(policy(dependency("postgres"), dependency("gateway", needs=["postgres"])))
    view = seen(world)
    assert list(view.dependencies) == ["postgres", "gateway"]
    gateway = view.dependencies["gateway"]
    assert (gateway.health, gateway.reason, gateway.decision, gateway.incident) == ("up", None, None, None)
    assert gateway.needs == ("postgres",)
    assert gateway.container_state == "running"
    assert gateway.latency is not None
    assert gateway.latency > 0.0
    assert gateway.since is not None
    assert datetime.fromisoformat(gateway.since) <= world.utc
    assert (view.incidents, view.pauses, view.journal) == ((), {}, "ok")


def test_an_open_incident_with_its_ladder_and_decision() -> None:
    """Until when it waits is a time that people can read."""
    world = World(policy(dependency("gateway")))
    world.crash("gateway")
    world.finish(ActionOutcome.FAILED)
    world.pass_time(2.0004)
    view = seen(world)
    (incident,) = view.incidents
    assert incident.id == view.dependencies["gateway"].incident
    assert (incident.root, incident.age, incident.reason) == ("gateway", 2.0, "exited")
    ladder = incident.ladders["gateway"]
    assert (ladder.phase, ladder.attempts, ladder.ended) == ("idle", 1, "")
    decision = view.dependencies["gateway"].decision
    assert decision is not None
    assert (decision.verdict, decision.gate) == ("wait", "backoff")
    assert decision.until is not None
    until = datetime.fromisoformat(decision.until)
    assert timedelta(seconds=1.5) <= until - world.utc <= timedelta(seconds=4.5)


def test_what_was_reopened_is_ill_since_it_came_back() -> None:
    """As messages say it; it opened before."""
    world = World(policy(dependency("gateway", remedy=None)))
    world.fail("gateway")
    (first,) = seen(world).incidents
    assert (first.reopened, first.age, first.since < first.opened) == (0, 0.0, True)
    assert 2.0 <= first.lasted <= 3.0
    world.succeed("gateway")
    world.pass_time(60.0)
    world.fail("gateway")
    (again,) = seen(world).incidents
    assert (again.id, again.opened, again.reopened) == (first.id, first.opened, 1)
    assert again.age - again.lasted >= 60.0
    assert again.since > again.opened


def test_every_gate_is_explained_in_order() -> None:
    """The first that is not open is the decision; a dependency without an incident is explained as well."""
    world = World(policy(dependency("postgres"), dependency("gateway", needs=["postgres"])))
    world.send(ev.PauseAsked("*", "deploying", "ops", 60.0))
    world.crash("postgres")
    seen_now = seen(world).dependencies
    postgres = seen_now["postgres"]
    assert [each.gate for each in postgres.explain] == [gate.__name__ for gate in GATES]
    assert next(each for each in postgres.explain if each.verdict != "open") == postgres.decision
    assert GateView("bug", "open", "", None) in postgres.explain
    held = {each.gate: each for each in seen_now["gateway"].explain if each.verdict != "open"}
    assert held["pause"].value == "ops paused everything: deploying"
    assert held["pause"].until == (world.utc + timedelta(seconds=60)).isoformat()
    assert (held["upstream"].until, seen_now["gateway"].decision) == (None, None)


def test_budgets_count_what_was_spent() -> None:
    """Of each dependency with a remedy, and of all together."""
    world = World(policy(dependency("a"), dependency("b"), dependency("c", remedy=None), limits=Limits()))
    world.crash("a")
    budgets = seen(world).budgets
    assert {scope: (left.remaining, left.of) for scope, left in budgets.items()} == {
        "total": (9, 10),
        "a": (4, 5),
        "b": (5, 5),
    }
    world.pass_time(3601.0)
    assert seen(world).budgets["a"].remaining == 5


def test_pauses_that_are_over_are_not_shown() -> None:
    """One without an end is, with until null."""
    world = World(policy(dependency("a"), dependency("b")))
    world.send(ev.PauseAsked("a", "deploying", "ops", 60.0))
    world.send(ev.PauseAsked("b", "broken disk", "ops"))
    until = (world.utc + timedelta(seconds=60)).isoformat()
    assert seen(world).pauses == {
        "a": PauseView("deploying", "ops", until),
        "b": PauseView("broken disk", "ops", None),
    }
    world.pass_time(61.0)
    assert list(seen(world).pauses) == ["b"]


def test_no_pause_is_forgotten_for_another() -> None:
    """The later end holds, the other stands beside it until it is over, and a resume ends both."""
    world = World(policy(dependency("a", grace=0.0)))
    world.send(ev.PauseAsked("a", "until I say so", "alice"))
    world.send(ev.PauseAsked("a", "quick deploy", "bob", 5.0))
    until = (world.utc + timedelta(seconds=5)).isoformat()
    alices = PauseView("until I say so", "alice", None)
    assert seen(world).pauses == {"a": replace(alices, beside=(PauseView("quick deploy", "bob", until),))}
    assert [record.beside for record in world.of(r.Paused)] == ["", "alice: until I say so"]  # type: ignore[attr-defined]
    world.pass_time(6.0)
    assert seen(world).pauses == {"a": alices}
    world.fail("a", times=30)
    assert not world.started
    decision = seen(world).dependencies["a"].decision
    assert decision is not None
    assert decision.value == "alice paused a: until I say so"
    world.send(ev.ResumeAsked("a", "bob"))
    assert seen(world).pauses == {}
    assert world.started


def test_a_longer_pause_takes_over_and_the_first_stays() -> None:
    """Also in a journal that is replayed."""
    world = World(policy(dependency("a")))
    world.send(ev.PauseAsked("a", "migration", "alice", 60.0))
    world.send(ev.PauseAsked("a", "deploying", "bob", 600.0))
    (pause,) = seen(world).pauses.values()
    assert (pause.by, [each.by for each in pause.beside]) == ("bob", ["alice"])
    assert rebuild([(at, record.body()) for at, record in world.records]).pauses == world.engine.durable.pauses


@pytest.mark.parametrize(("first", "second", "left"), [(600.0, 5.0, 600.0), (5.0, 600.0, 600.0), (None, 5.0, None)])
def test_the_same_word_of_the_same_person_counts_once(first: float | None, second: float, left: float | None) -> None:
    """With the later end: who wants a shorter one resumes first."""
    world = World(policy(dependency("a")))
    for duration in (first, second):
        world.send(ev.PauseAsked("*", "deploying", "ops", duration))
    until = None if left is None else (world.utc + timedelta(seconds=left)).isoformat()
    assert seen(world).pauses == {"*": PauseView("deploying", "ops", until)}


def test_what_a_person_holds_is_said() -> None:
    """In the words of the record."""
    world = World(policy(dependency("gateway")))
    world.stopped_by_hand("gateway")
    held = seen(world).dependencies["gateway"].held
    assert held == "somebody stopped the container through Docker (signal 15)"


def test_trouble_with_the_journal_is_said() -> None:
    """Because nothing is done meanwhile."""
    world = World(policy(dependency("gateway")))
    world.send(ev.JournalChanged("disk full"))
    assert seen(world).journal == "disk full"


def test_what_was_not_looked_at_yet_is_unknown() -> None:
    """Right after the start, without inventing a time."""
    world = World(policy(dependency("gateway")), running=False)
    gateway = seen(world).dependencies["gateway"]
    assert (gateway.health, gateway.since, gateway.latency) == ("unknown", None, None)
    assert gateway.container_state is None


def test_asking_changes_nothing() -> None:
    """A page that polls every second has no say in what is done."""
    world = World(policy(dependency("gateway")))
    world.see("gateway", RunState.UNREACHABLE)
    world.fail("gateway", times=5)
    before = seen(world)
    records = len(world.records)
    for _ in range(10):
        assert seen(world) == before
    assert len(world.records) == records
    assert not world.started


def test_a_group_counts_the_containers_of_which_all_serve() -> None:
    """What stands in for each other, in the order of the policy; of two looks at one container both must be good."""
    webs = [("page", "c-one"), ("socket", "c-one"), ("other", "c-two")]
    made = (dependency(name, container=container, tags=frozenset({"web"})) for name, container in webs)
    world = World(policy(*made, limits=Limits(min_healthy={"web": 1})))
    all_serve = GroupView("what has the tag web", ("page", "socket", "other"), 2, 2, 1)
    assert seen(world).groups == (all_serve,)
    world.fail("socket")
    assert world.health("page") is Health.UP
    assert seen(world).groups == (replace(all_serve, serving=1),)


def test_who_has_it_tried_again_is_answered_with_what_is_decided_now() -> None:
    """It has begun anew, and waits for somebody else."""
    world = World(policy(dependency("gateway", grace=0.0), dependency("idle")))
    world.crash("gateway")
    world.finish(ActionOutcome.FAILED)
    world.send(ev.PauseAsked("*", "deploying", "ops", 60.0))
    world.send(ev.RetryAsked("gateway", "the disk has room again", "dev"))
    (incident,) = world.engine.durable.open()
    until = (world.utc + timedelta(seconds=60)).isoformat()
    held = GateView("pause", "wait", "ops paused everything: deploying", until)
    assert retried(world.engine, "gateway", world.now) == RetryView("gateway", incident.incident, held)


@pytest.mark.parametrize("name", ["postgres", "gateway", "nobody"])
def test_what_is_in_no_open_incident_or_not_watched_any_more_cannot_be_tried_again(name: str) -> None:
    """It was the child of something whose incident goes on; or it is well; or nobody ever named it."""
    root = dependency("redis", remedy=None)
    world = World(policy(root, dependency("gateway", needs=["redis"]), dependency("postgres")))
    world.fail("redis")
    world.fail("gateway")
    assert len(world.engine.durable.open()) == 1
    world.send(ev.PolicyChanged(policy(root, dependency("postgres"))))
    with pytest.raises(KeyError):
        retried(world.engine, name, world.now)
