"""A dependency that the policy moves to the container of another takes its ladder over, and keeps what it counted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.model import ActionOutcome, Gate, NotificationKind, Reason, RunState
from nemo_watchdog.policy.policy import Backoff, Budget, EscalateStep, Limits, Policy
from tests.unit.engine.world import RESTART, World, dependency, policy, remedy

STEP = replace(RESTART, attempts=4, backoff=Backoff(10.0, 2.0, 300.0, 0.0), verify_within=20.0)
LIMITS = Limits(Budget(20, 36000.0), 5)


def plan(attempts: int = 4, *, moved: bool = False) -> Policy:
    """Both in containers of their own, and `child`, which needs `socket`; or that moved to the container of `page`."""
    page = dependency("page", container="c-web", grace=0.0, flapping=None)
    socket = dependency("socket", container="c-web" if moved else "c-old", grace=0.0, flapping=None)
    kept = (socket,) if moved else (page, socket)
    fix = remedy(replace(STEP, attempts=attempts), EscalateStep("lead"), budget=LIMITS.budget)
    return policy(*kept, dependency("child", remedy=None, needs=["socket"]), fix=fix, limits=LIMITS)


def fails(world: World, name: str, times: int = 1) -> None:
    """It is dead, and so many restarts of it fail, each after the backoff of the one before."""
    world.crash(name)
    for _ in range(times):
        while not world.pending:
            world.wait(1.0)
        world.finish(ActionOutcome.FAILED)


def is_healed(world: World, name: str) -> None:
    world.crash(name)
    world.finish()
    world.succeed(name)


def move(world: World, attempts: int = 4) -> None:
    world.send(ev.PolicyChanged(plan(attempts, moved=True)))
    world.run("socket", age=600.0)


def test_no_number_comes_twice_and_every_action_is_told() -> None:
    world = World(plan())
    fails(world, "socket", times=2)
    fails(world, "page")
    move(world)
    fails(world, "socket")
    world.wait(60.0)
    world.finish()
    world.succeed("socket")
    ids = [request.action_id for _, request in world.started]
    assert len(ids) == len(set(ids)) == 5
    assert "5 actions taken" in world.told(NotificationKind.RESOLVED)[-1].body


def test_the_backoff_goes_on_from_where_it_had_grown_to() -> None:
    world = World(plan())
    fails(world, "socket", times=2)
    fails(world, "page")
    move(world)
    fails(world, "socket")
    backoffs = [record.backoff for record in world.of(r.ActionEnded) if isinstance(record, r.ActionEnded)]
    assert backoffs == [10.0, 20.0, 10.0, 40.0]


@pytest.mark.parametrize("order", [("socket", "page"), ("page", "socket")])
def test_the_later_end_of_the_two_backoffs_holds(order: tuple[str, str]) -> None:
    world = World(plan())
    for name in order:
        world.pass_time(3.0)
        fails(world, name)
    judged = world.monotonic
    move(world)
    world.crash("socket")
    held = world.engine.decision("socket", world.now)
    assert held is not None
    assert (held.gate, held.until) == (Gate.BACKOFF, judged + 10.0)


def test_a_retry_of_the_other_shortens_nothing() -> None:
    """A person wanted that one tried again, which was paused, and so it has no backoff any more."""
    world = World(plan())
    fails(world, "page")
    fails(world, "socket")
    judged = world.monotonic
    world.send(ev.PauseAsked("page", "wait", "ops"))
    world.send(ev.RetryAsked("page", "the disk is free again", "ops"))
    move(world)
    world.send(ev.ResumeAsked("page", "ops"))
    world.crash("socket")
    held = world.engine.decision("socket", world.now)
    assert held is not None
    assert (held.gate, held.until) == (Gate.BACKOFF, judged + 10.0)


def test_what_did_not_help_the_old_container_is_no_attempt_on_the_new_one() -> None:
    """Whose restart had helped."""
    world = World(plan(1))
    is_healed(world, "page")
    fails(world, "socket")
    move(world, 1)
    world.crash("socket")
    world.wait(60.0)
    assert [request.dependency for _, request in world.started] == ["page", "socket", "socket"]


def test_what_is_news_of_it_is_told_as_such() -> None:
    """A person freezes it three times, and it serves in between; the third time it has moved. It never acted."""
    world = World(plan())
    is_healed(world, "page")
    for n in range(1, 4):
        if n == 3:
            move(world)
        world.send(ev.ContainerActed(world.event("socket", "kill", 19)))
        world.see("socket", RunState.RUNNING)
        world.fail("socket", Reason.TIMEOUT)
        world.fail("child", Reason.TIMEOUT)
        assert len({told.key for told in world.told(NotificationKind.HELD)}) == n
        world.succeed("socket")
        world.fail("child", Reason.TIMEOUT)
