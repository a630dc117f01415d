"""Backoff counts from the verdict on the attempt, and is as long as the present policy has it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.replay import rebuild
from nemo_watchdog.model import ActionOutcome, Gate, RunState
from nemo_watchdog.policy.policy import Backoff, Policy
from tests.unit.engine.world import RESTART, World, dependency, policy, remedy


def plan(initial: float = 10.0, *, most: float = 300.0) -> Policy:
    step = replace(RESTART, attempts=5, backoff=Backoff(initial, 2.0, most, 0.0), verify_within=20.0)
    return policy(dependency("gateway", grace=0.0), fix=remedy(step))


def judged() -> World:
    """A restart did not help: its verification has just ended."""
    world = World(plan())
    world.fail("gateway")
    world.finish()
    while not world.of(r.AttemptFailed):
        world.fail("gateway", times=1)
    return world


def until(world: World) -> float | None:
    decision = world.engine.decision("gateway", world.now)
    assert decision is not None
    assert decision.gate is Gate.BACKOFF
    return decision.until


def test_the_gap_begins_when_the_attempt_is_judged() -> None:
    """It does not run inside the verification, where a short one would never be waited for."""
    world = judged()
    verdict = world.monotonic
    assert verdict - world.started[0][0] == 20.0
    assert until(world) == verdict + 10.0
    while len(world.started) == 1:
        world.fail("gateway", times=1)
    assert world.started[1][0] - verdict >= 10.0


def test_an_action_that_failed_at_once_is_its_own_verdict() -> None:
    """There is nothing to verify."""
    world = World(plan())
    world.crash("gateway")
    world.finish(ActionOutcome.FAILED)
    assert until(world) == world.monotonic + 10.0


def test_a_container_that_dies_in_the_verification_is_judged_then() -> None:
    """The attempt failed at that moment."""
    world = World(plan())
    world.fail("gateway")
    world.finish()
    world.pass_time(5.0)
    world.crash("gateway")
    assert until(world) == world.monotonic + 10.0


@pytest.mark.parametrize(("initial", "left"), [(60.0, 58.0), (4.0, 2.0), (1.0, None)])
def test_a_reload_changes_the_gap_that_runs_and_says_so(initial: float, left: float | None) -> None:
    """Counted from the same verdict; a gap that is over by then is over."""
    world = judged()
    world.pass_time(2.0)
    world.send(ev.PolicyChanged(plan(initial)))
    (record,) = world.of(r.BackoffChanged)
    assert isinstance(record, r.BackoffChanged)
    assert (record.backoff, record.previous, record.remaining) == (initial, 10.0, left or 0.0)
    if left is None:
        assert len(world.started) == 2
    else:
        assert until(world) == world.monotonic + left


def test_a_reload_without_another_backoff_says_nothing() -> None:
    """Nor does one long after the gap is over."""
    world = judged()
    world.send(ev.PolicyChanged(plan()))
    world.send(ev.PolicyChanged(policy(dependency("other"))))
    assert not world.of(r.BackoffChanged)


def test_a_reload_changes_the_gap_of_every_member_of_an_incident() -> None:
    """Also where the one that was helped first has nothing more to wait for."""
    step = replace(RESTART, attempts=5, backoff=Backoff(10.0, 2.0, 300.0, 0.0), verify_within=20.0)
    names = (dependency("db", grace=0.0), dependency("gateway", needs=["db"], grace=0.0))
    world = World(policy(*names, fix=remedy(step)))
    for name in ("db", "gateway"):
        world.crash(name)
    world.finish()
    world.succeed("db")
    world.wait(15.0)
    world.finish(ActionOutcome.FAILED)
    assert len(world.engine.durable.open()) == 1
    assert until(world) == world.monotonic + 10.0
    longer = replace(step, backoff=Backoff(60.0, 2.0, 300.0, 0.0))
    world.send(ev.PolicyChanged(policy(*names, fix=remedy(longer))))
    assert until(world) == world.monotonic + 60.0


def test_a_policy_that_changed_while_the_daemon_was_away_counts_too() -> None:
    """And the next process after that one finds it as it was left."""
    world = judged()
    world.engine.volatile.policy = plan(60.0)
    world.kill_daemon()
    (record,) = world.of(r.BackoffChanged)
    assert isinstance(record, r.BackoffChanged)
    world.kill_daemon()
    assert len(world.of(r.BackoffChanged)) == 1
    world.see("gateway", RunState.RUNNING)
    world.fail("gateway")
    assert until(world) == pytest.approx(world.monotonic - 3.0 + record.remaining)


def test_a_refused_one_follows_the_policy_as_well() -> None:
    """With as many refusals in a row as there were."""
    world = World(plan())
    world.crash("gateway")
    for _ in range(3):
        world.finish(ActionOutcome.REFUSED)
        world.wait(45.0)
    world.finish(ActionOutcome.REFUSED)
    assert until(world) == world.monotonic + 80.0
    world.send(ev.PolicyChanged(plan(most=30.0)))
    assert until(world) == world.monotonic + 30.0


def test_what_0_1_0_wrote_counts_from_the_end_of_the_action() -> None:
    """Its verdicts carry no backoff: what it promised is kept."""
    world = judged()
    bodies = [(at, record.body()) for at, record in world.records]
    ended = next(at for at, body in bodies if body["type"] == "action_ended")
    for _, body in bodies:
        if body["type"] == "attempt_failed":
            del body["backoff"]
        elif body["type"] == "action_ended":
            body["backoff"] = 33.0
    (incident,) = rebuild(bodies).open()
    assert incident.ladder("gateway").not_before == ended.monotonic + 33.0
