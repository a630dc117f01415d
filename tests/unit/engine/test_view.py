"""The status as plain data: everything that a person or a program asks, and nothing that JSON cannot say."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.view import status
from nemo_watchdog.model import ActionOutcome, RunState
from nemo_watchdog.policy.policy import Limits
from tests.unit.engine.world import World, dependency, policy


def test_a_quiet_platform() -> None:
    """Every dependency with its health, since when, and how long the last look took."""
    world = World(policy(dependency("postgres"), dependency("gateway", needs=["postgres"])))
    body = status(world.engine, world.now)
    assert json.loads(json.dumps(body)) == body
    assert list(body["dependencies"]) == ["postgres", "gateway"]
    gateway = body["dependencies"]["gateway"]
    assert (gateway["health"], gateway["reason"], gateway["decision"], gateway["incident"]) == ("up", None, None, None)
    assert gateway["needs"] == ["postgres"]
    assert gateway["container_state"] == "running"
    assert gateway["latency"] > 0.0
    assert datetime.fromisoformat(gateway["since"]) <= world.utc
    assert (body["incidents"], body["pauses"], body["journal"]) == ([], {}, "ok")


def test_an_open_incident_with_its_ladder_and_decision() -> None:
    """Until when it waits is a time that people can read."""
    world = World(policy(dependency("gateway")))
    world.crash("gateway")
    world.finish(ActionOutcome.FAILED)
    world.pass_time(2.0)
    body = status(world.engine, world.now)
    assert json.loads(json.dumps(body)) == body
    (incident,) = body["incidents"]
    assert incident["id"] == body["dependencies"]["gateway"]["incident"]
    assert (incident["root"], incident["age"], incident["reason"]) == ("gateway", 2.0, "exited")
    ladder = incident["ladders"]["gateway"]
    assert (ladder["phase"], ladder["attempts"], ladder["ended"]) == ("idle", 1, "")
    decision = body["dependencies"]["gateway"]["decision"]
    assert (decision["verdict"], decision["gate"]) == ("wait", "backoff")
    until = datetime.fromisoformat(decision["until"])
    assert timedelta(seconds=1.5) <= until - world.utc <= timedelta(seconds=4.5)


def test_budgets_count_what_was_spent() -> None:
    """Of each dependency with a remedy, and of all together."""
    world = World(policy(dependency("a"), dependency("b"), dependency("c", remedy=None), limits=Limits()))
    world.crash("a")
    budgets = status(world.engine, world.now)["budgets"]
    assert {scope: (left["remaining"], left["of"]) for scope, left in budgets.items()} == {
        "total": (9, 10),
        "a": (4, 5),
        "b": (5, 5),
    }
    world.pass_time(3601.0)
    assert status(world.engine, world.now)["budgets"]["a"]["remaining"] == 5


def test_pauses_that_are_over_are_not_shown() -> None:
    """One without an end is, with until null."""
    world = World(policy(dependency("a"), dependency("b")))
    world.send(ev.PauseAsked("a", "deploying", "ops", 60.0))
    world.send(ev.PauseAsked("b", "broken disk", "ops"))
    until = (world.utc + timedelta(seconds=60)).isoformat()
    assert status(world.engine, world.now)["pauses"] == {
        "a": {"reason": "deploying", "by": "ops", "until": until},
        "b": {"reason": "broken disk", "by": "ops", "until": None},
    }
    world.pass_time(61.0)
    assert list(status(world.engine, world.now)["pauses"]) == ["b"]


def test_what_a_person_holds_is_said() -> None:
    """In the words of the record."""
    world = World(policy(dependency("gateway")))
    world.stopped_by_hand("gateway")
    held = status(world.engine, world.now)["dependencies"]["gateway"]["held"]
    assert held == "somebody stopped the container through Docker (signal 15)"


def test_trouble_with_the_journal_is_said() -> None:
    """Because nothing is done meanwhile."""
    world = World(policy(dependency("gateway")))
    world.send(ev.JournalChanged("disk full"))
    assert status(world.engine, world.now)["journal"] == "disk full"


def test_what_was_not_looked_at_yet_is_unknown() -> None:
    """Right after the start, without inventing a time."""
    world = World(policy(dependency("gateway")), running=False)
    gateway = status(world.engine, world.now)["dependencies"]["gateway"]
    assert (gateway["health"], gateway["since"], gateway["latency"]) == ("unknown", None, None)
    assert gateway["container_state"] is None


def test_asking_changes_nothing() -> None:
    """A page that polls every second has no say in what is done."""
    world = World(policy(dependency("gateway")))
    world.see("gateway", RunState.UNREACHABLE)
    world.fail("gateway", times=5)
    before = status(world.engine, world.now)
    records = len(world.records)
    for _ in range(10):
        assert status(world.engine, world.now) == before
    assert len(world.records) == records
    assert not world.started
