"""What is under way when the policy changes: known while it lasts, and only where the change would matter."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.carried_over import carried_over
from nemo_watchdog.model import ActionOutcome
from nemo_watchdog.policy.policy import ActionStep, Policy
from nemo_watchdog.views import UnderWayView
from tests.unit.engine.world import RESTART, World, dependency, policy, remedy
from tests.unit.statuses import seen

LONGER = replace(RESTART, verify_within=600.0)


def restarting(step: ActionStep = RESTART, **more: object) -> Policy:
    return policy(dependency("gateway", **more), dependency("redis"), fix=remedy(step))  # type: ignore[arg-type]


@pytest.fixture
def world() -> World:
    """A restart of the gateway is under way."""
    watched = World(restarting())
    watched.crash("gateway")
    return watched


def reloaded(world: World, after: Policy) -> frozenset[str]:
    carried = carried_over(world.engine.durable, world.engine.policy, after)
    world.send(ev.PolicyChanged(after))
    return carried


def test_an_action_under_way_goes_on_and_is_verified_as_it_was_ordered(world: World) -> None:
    """With the time until which that is so, and no longer."""
    carried = reloaded(world, restarting(LONGER))
    assert seen(world, carried_over=carried).policy.unchanged == (UnderWayView("gateway", "docker.restart", None),)
    world.finish()
    (verified,) = seen(world, carried_over=carried).policy.unchanged
    assert (verified.dependency, verified.action) == ("gateway", "docker.restart")
    assert verified.until is not None
    world.succeed("gateway")
    assert seen(world, carried_over=carried).policy.unchanged == ()


def test_the_next_one_is_by_the_new_policy(world: World) -> None:
    carried = reloaded(world, restarting(LONGER))
    world.finish(ActionOutcome.FAILED)
    world.pass_time(60.0)
    assert seen(world, carried_over=carried).policy.unchanged == ()


def test_who_has_no_remedy_any_more_is_still_verified(world: World) -> None:
    assert len(reloaded(world, restarting(remedy=None))) == 1


def test_where_the_step_is_the_same_nothing_is_said(world: World) -> None:
    """Another interval counts at once."""
    assert reloaded(world, restarting(interval=77.0)) == frozenset()
