"""Whom an incident was told to beyond those of its severity, as the status has it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.last_one import TOLD_AFTER
from nemo_watchdog.model import ActionOutcome, Observation, Reason, failed
from nemo_watchdog.policy.policy import EscalateStep
from tests.unit.engine.world import RESTART, World, dependency, policy, remedy
from tests.unit.statuses import seen

FIX = remedy(replace(RESTART, attempts=1), EscalateStep("lead"))


def given_up() -> World:
    world = World(policy(dependency("a", grace=0.0), fix=FIX))
    world.crash("a")
    world.finish(ActionOutcome.FAILED)
    world.wait(60.0)
    return world


def spared_for_too_long() -> World:
    """It is the last of two that served, and somebody has paused the other."""
    names = ("b", "a")
    group = dependency("page", needs=[("a", "b")], grace=0.0)
    world = World(policy(*(dependency(name, grace=0.0) for name in names), group, fix=FIX))
    world.send(ev.PauseAsked("b", "deploying", "ops"))
    world.fail("b")
    world.succeed("a", times=1)
    world.fail("a", times=5)
    world.wait(TOLD_AFTER)
    return world


def worked_for_too_long() -> World:
    world = World(policy(dependency("a", grace=0.0, work_for=60.0), fix=FIX))
    look = replace(failed(Reason.WRONG_ANSWER, "test"), work="VACUUM FULL in shop")
    for _ in range(100):
        world.wait(1.0)
        world.send(ev.Observed("a", Observation(look, 0.01, world.now), signs=ev.Signs("VACUUM", "")))
    return world


@pytest.mark.parametrize("story", [given_up, spared_for_too_long, worked_for_too_long])
def test_who_was_called_is_in_the_status(story: Callable[[], World]) -> None:
    """Also of a daemon that was started since."""
    world = story()
    assert not [request for _, request in world.started if request.dependency == "a"] or story is given_up
    world.kill_daemon()
    (incident,) = [each for each in seen(world).incidents if "a" in each.members]
    assert incident.escalated == ("lead",)
