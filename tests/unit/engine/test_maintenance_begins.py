"""When something began to fail decides whether planned maintenance keeps quiet about it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.model import Health, Reason, RunState
from tests.unit.engine.test_maintenance import nothing_came_of_it, until, watched, window
from tests.unit.engine.world import NOON, World

HOUR = timedelta(hours=1)


def roots(world: World) -> list[str]:
    return [record.root for record in world.of(r.IncidentOpened) if isinstance(record, r.IncidentOpened)]


@pytest.mark.parametrize(("second", "told"), [(58, True), (1, False)])
def test_what_is_out_of_sight_since_before_the_window_is_told_in_it(second: int, told: bool) -> None:
    """From the first look that saw nothing, not from when that was believed."""
    world = watched(window("postgres"))
    until(world, 12, 9 if told else 10, second)
    world.fail("postgres", Reason.AUTH_FAILED, times=10)
    assert world.health("postgres") is Health.UNKNOWN
    world.wait(120.0)
    assert roots(world) == ["postgres"] * told


def test_what_a_person_paused_before_the_window_is_told_in_it() -> None:
    """Docker said so a moment before, and looks began to fail in it."""
    world = watched(window("postgres"))
    until(world, 12, 9, 55)
    world.see("postgres", RunState.PAUSED)
    until(world, 12, 10, 5)
    world.fail("postgres", Reason.TIMEOUT, times=5)
    assert roots(world) == ["postgres"]


def test_the_end_of_an_earlier_run_is_not_when_this_one_began_to_fail() -> None:
    """Docker keeps it while the next run goes on."""
    world = watched(window("postgres"))
    until(world, 12, 11)
    world.see("postgres", RunState.RUNNING, finished_at=NOON - HOUR)
    world.fail("postgres", times=5)
    assert world.health("postgres") is Health.DOWN
    assert nothing_came_of_it(world)


@pytest.mark.parametrize(("reason", "told"), [(Reason.WRONG_STATUS, True), (Reason.AUTH_FAILED, False)])
def test_work_that_takes_something_out_of_sight_explains_only_that_more_is_out_of_sight(
    reason: Reason, told: bool
) -> None:
    """A child that is down fails by itself, and is no part of the work on a parent that only cannot be seen."""
    world = watched(window("postgres"))
    until(world, 12, 11)
    for _ in range(10):
        world.fail("postgres", Reason.AUTH_FAILED, times=1)
        world.fail("gateway", reason, times=1)
    world.wait(120.0)
    assert roots(world) == ["gateway"] * told
