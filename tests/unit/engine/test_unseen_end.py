"""What Docker has told of and nobody has looked at: nothing is done to what may run again by then."""

from __future__ import annotations

from datetime import timedelta

import pytest

from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.unseen_end import LOOKED_AT_WITHIN
from nemo_watchdog.model import ContainerEvent, Gate, Reason, RunState
from tests.unit.engine.world import World, dependency, policy


@pytest.fixture
def world() -> World:
    """It has died, and Docker takes its time to say more."""
    world = World(policy(dependency("postgres", grace=30.0)))
    world.send(ev.ContainerActed(world.event("postgres", "die")))
    return world


def gate(world: World) -> Gate | None:
    decision = world.engine.decision("postgres", world.now)
    return None if decision is None else decision.gate


def test_looks_that_fail_meanwhile_start_nothing(world: World) -> None:
    """Docker starts it by itself, and then it is starting."""
    world.fail("postgres", Reason.REFUSED)
    assert gate(world) is Gate.VERIFICATION
    world.run("postgres", restarts=1)
    world.look("postgres", world.engine.trackers["postgres"].last.finding)  # type: ignore[union-attr]
    world.succeed("postgres")
    assert not world.started
    assert gate(world) is None


def test_what_is_seen_to_have_ended_is_started(world: World) -> None:
    world.fail("postgres", Reason.REFUSED)
    died = world.event("postgres", "die")
    world.see("postgres", RunState.EXITED, past=[died], finished_at=world.utc, exit_code=1)
    world.fail("postgres", Reason.REFUSED)
    assert len(world.started) == 1


def test_a_look_from_before_says_nothing(world: World) -> None:
    """An inspect was under way as it died: it tells of the run that has ended."""
    world.starts["c-postgres"] = world.utc - timedelta(hours=1)
    world.see("postgres", RunState.RUNNING)
    world.fail("postgres", Reason.REFUSED)
    assert gate(world) is Gate.VERIFICATION
    assert not world.started


def test_a_docker_that_never_says_more_holds_nothing_up_for_long(world: World) -> None:
    world.fail("postgres", Reason.REFUSED)
    world.wait(LOOKED_AT_WITHIN)
    world.fail("postgres", Reason.REFUSED)
    assert len(world.started) == 1


def test_an_end_without_a_time_is_over_with_the_next_look() -> None:
    world = World(policy(dependency("postgres", grace=0.0)))
    world.send(ev.ContainerActed(ContainerEvent("c-postgres", "die")))
    world.fail("postgres", Reason.REFUSED)
    assert gate(world) is Gate.VERIFICATION
    world.see("postgres", RunState.RUNNING)
    world.fail("postgres", Reason.REFUSED)
    assert len(world.started) == 1
