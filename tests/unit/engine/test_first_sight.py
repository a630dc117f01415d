"""A daemon that has just been started: what it has not seen it does not say, and the first it sees counts as any."""

from __future__ import annotations

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.engine.incidents import BLIND_IS_TOLD_AFTER
from nemo_watchdog.model import Gate, Health, Reason, RunState
from tests.unit.engine.world import World, dependency, policy


@pytest.fixture
def world() -> World:
    """An earlier one has seen it up; this one has seen nothing."""
    return World(policy(dependency("gateway", grace=0.0)), running=False, proven=True)


def reason(world: World, name: str = "gateway") -> Reason | None:
    return world.engine.trackers[name].state.reason


def test_the_first_blind_looks_count_as_any(world: World) -> None:
    """As many as failures would be needed, and it is told when it could not be seen for long enough."""
    world.fail("gateway", Reason.AUTH_FAILED, times=2)
    assert reason(world) is Reason.NOT_LOOKED
    world.fail("gateway", Reason.AUTH_FAILED, times=1)
    assert reason(world) is Reason.AUTH_FAILED
    world.wait(BLIND_IS_TOLD_AFTER - 5.0)
    assert not world.notifications
    world.wait(5.0)
    assert len(world.notifications) == 1


def test_looks_before_the_first_word_of_docker_count(world: World) -> None:
    """They were looks at the run that it tells of."""
    world.fail("gateway", Reason.TIMEOUT, times=2)
    world.run("gateway", age=3600.0)
    world.fail("gateway", Reason.TIMEOUT, times=1)
    assert world.health("gateway") is Health.DOWN
    assert len(world.started) == 1


def test_looks_at_a_run_that_has_ended_meanwhile_do_not(world: World) -> None:
    """Two failures of the old run and one of the new are not three, for a new daemon as for any."""
    world.run("gateway", age=3600.0)
    world.fail("gateway", Reason.TIMEOUT, times=2)
    world.run("gateway")
    world.fail("gateway", Reason.TIMEOUT, times=2)
    assert world.health("gateway") is Health.UNKNOWN
    assert not world.started


def test_what_has_started_just_now_is_not_said_to_start_before_anything_was_seen_of_it() -> None:
    """It may serve already: that is for the first looks to say."""
    world = World(policy(dependency("gateway", grace=60.0)), running=False, proven=True)
    world.run("gateway", age=5.0)
    world.fail("gateway", times=2)
    assert (world.health("gateway"), reason(world)) == (Health.UNKNOWN, Reason.NOT_LOOKED)
    world.fail("gateway", times=1)
    assert world.health("gateway") is Health.STARTING


@pytest.mark.parametrize(("age", "left"), [(0.0, 60.0), (0.5, 59.5), (20.0, 40.0), (-5.0, 60.0)])
def test_the_grace_runs_from_the_start_of_the_container(age: float, left: float) -> None:
    """A start that Docker's clock puts later than ours is one of now."""
    world = World(policy(dependency("gateway", grace=60.0)), running=False, proven=True)
    world.run("gateway", age=age)
    (grace,) = [each for each in world.engine.explanation("gateway", world.now) if each.gate is Gate.GRACE]
    assert grace.until is not None
    assert grace.until - world.monotonic == pytest.approx(left)


def test_what_was_never_seen_to_serve_is_not_said_to_have_failed_for_some_time(world: World) -> None:
    """When it served last is then when it was found, and not earlier: that says who of a group was the last."""
    world.crash("gateway")
    (change,) = [each for each in world.of(r.HealthChanged) if isinstance(each, r.HealthChanged)]
    assert (change.health, change.not_served_for) == (Health.DOWN, 0.0)


def test_what_it_was_at_risk_of_is_over_when_it_was_well_before_the_daemon_was_started_anew() -> None:
    """The run is the same, and the last that was seen of it was good: it hangs, and is restarted."""
    world = World(policy(dependency("redis", grace=0.0)))
    world.fail("redis", Reason.PERSISTENCE_FAILED)
    world.succeed("redis", times=3)
    world.kill_daemon()
    world.see("redis", RunState.RUNNING)
    world.fail("redis", Reason.TIMEOUT)
    assert len(world.started) == 1


def test_what_could_not_be_seen_is_at_risk_as_it_was() -> None:
    """Nobody has seen that its data are safe since."""
    world = World(policy(dependency("redis", grace=0.0)))
    world.fail("redis", Reason.PERSISTENCE_FAILED)
    world.fail("redis", Reason.AUTH_FAILED)
    assert world.health("redis") is Health.UNKNOWN
    world.kill_daemon()
    world.see("redis", RunState.RUNNING)
    world.fail("redis", Reason.TIMEOUT, times=10)
    assert reason(world, "redis") is Reason.PERSISTENCE_FAILED
    assert not world.started
