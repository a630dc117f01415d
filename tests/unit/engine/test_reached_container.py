"""An action on something else that stops and starts the dependency's container: what that leaves is nobody else's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.model import CONTAINER, ActionOutcome, Gate, Reason, RunState, Target
from nemo_watchdog.policy.policy import EscalateStep, Policy
from tests.unit.engine.world import RESTART, World, dependency, policy, remedy

SERVICE = Target("service", "shop/web")


def plan(*, reaches: bool = True) -> Policy:
    up = replace(RESTART, action="compose.up", key="compose.up", target_kind="service", reaches_container=reaches)
    made = policy(
        dependency("web", grace=0.0),
        dependency("twin", container="c-web", grace=0.0, remedy=None),
        fix=remedy(up, EscalateStep("lead")),
    )
    spec = replace(made.dependencies["web"], targets={"compose.up": SERVICE})
    return replace(made, dependencies={**made.dependencies, "web": spec})


def failing(*, reaches: bool = True) -> World:
    """`web` fails, and what looks at the same container does not."""
    world = World(plan(reaches=reaches))
    world.fail("web")
    world.succeed("twin", times=1)
    return world


def ordered(*, reaches: bool = True) -> World:
    world = failing(reaches=reaches)
    (request,) = world.pending
    assert (request.target, request.container) == (SERVICE, "c-web" if reaches else "")
    return world


def test_what_it_stops_and_starts_is_its_own_doing() -> None:
    """One action under way, on both; nobody is said to have stopped it."""
    world = ordered()
    assert world.engine.durable.acting() == 1
    assert world.engine.durable.is_acting_on(Target(CONTAINER, "c-web"))
    world.stopped_by_hand("web")
    world.finish()
    world.succeed("web", times=3)
    assert not world.of(r.HoldPlaced)
    assert world.of(r.IncidentResolved)


@pytest.mark.parametrize("reaches", [True, False])
def test_one_that_fails_half_way_leaves_no_hold(*, reaches: bool) -> None:
    """The container is gone because of us, and what comes next is done; where it reaches none, somebody was there."""
    world = ordered(reaches=reaches)
    world.stopped_by_hand("web")
    world.finish(ActionOutcome.FAILED)
    decision = world.engine.decision("web", world.now)
    assert decision is not None
    assert decision.gate is (Gate.BACKOFF if reaches else Gate.HUMAN_HOLD)


def test_one_that_may_still_be_done_is_waited_for() -> None:
    world = ordered()
    world.stopped_by_hand("web")
    world.finish(ActionOutcome.TIMED_OUT)
    decision = world.engine.decision("web", world.now)
    assert decision is not None
    assert decision.gate is Gate.VERIFICATION
    assert not world.of(r.HoldPlaced)


def test_what_was_heard_though_nothing_was_ordered_is_a_persons() -> None:
    world = ordered()
    world.see("web", RunState.RUNNING)
    world.stopped_by_hand("web")
    world.finish(ActionOutcome.REFUSED)
    assert [record.target for record in world.of(r.HoldPlaced) if isinstance(record, r.HoldPlaced)] == ["c-web"]


def test_what_holds_another_look_at_the_container_holds_it() -> None:
    """It is done to all that look at it, as a restart would be."""
    world = World(plan())
    world.fail("twin", Reason.RECOVERING)
    world.fail("web")
    assert not world.pending
    decision = world.engine.decision("web", world.now)
    assert decision is not None
    assert decision.gate is Gate.CATEGORY
    assert decision.value.startswith("twin, in the same container, is busy")
