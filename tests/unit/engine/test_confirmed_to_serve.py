"""Who serves again is said to, in any order and whatever becomes of the others; who only may serve is not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.model import ActionOutcome, ActionResult, Finding, Health, Reason, degraded, failed
from nemo_watchdog.policy.policy import Backoff, Budget, EscalateStep, Limits, Policy
from tests.unit.engine.world import RESTART, World, dependency, policy, remedy

STEP = replace(RESTART, attempts=3, backoff=Backoff(10.0, 2.0, 300.0, 0.0), verify_within=20.0)
FIX = remedy(STEP, EscalateStep("lead"), budget=Budget(20, 36000.0))


def recovered(world: World) -> list[str]:
    return [record.dependency for record in world.of(r.MemberRecovered) if isinstance(record, r.MemberRecovered)]


def finish(world: World, name: str) -> None:
    """The action on it, whichever was begun first."""
    world.pending.sort(key=lambda request: request.dependency != name)
    assert world.finish().dependency == name


# -- several in one incident


def both_are_restarted() -> World:
    """Two that had come back with what they need fail again, and come back by themselves while they are restarted.

    A third one keeps their incident open.
    """
    above = dependency("postgres", grace=0.0, remedy=None)
    children = (dependency(name, needs=["postgres"], grace=0.0) for name in ("gateway", "worker"))
    third = dependency("third", needs=["postgres"], grace=0.0, remedy=None)
    world = World(policy(above, *children, third, fix=FIX, limits=Limits(Budget(20, 36000.0), 5)))
    world.fail("postgres", Reason.REFUSED)
    for name in ("third", "gateway", "worker"):
        world.fail(name)
    world.succeed("postgres")
    for name in ("gateway", "worker"):
        world.succeed(name)
    for _ in range(5):
        world.succeed("postgres", times=1)
        world.fail("gateway", times=1)
        world.fail("worker", times=1)
    assert {request.dependency for request in world.pending} == {"gateway", "worker"}
    for name in ("gateway", "worker"):
        world.succeed(name, times=3)
        assert world.health(name) is Health.UP
    assert len(world.engine.durable.open()) == 1
    return world


@pytest.mark.parametrize("order", [("gateway", "worker"), ("worker", "gateway")])
def test_an_incident_ends_with_the_looks_at_all_that_were_restarted_in_any_order(order: tuple[str, str]) -> None:
    world = both_are_restarted()
    finish(world, "gateway")
    finish(world, "worker")
    for name in (*order, "third", "third"):
        world.succeed(name, times=1)
    assert not world.engine.durable.open()


@pytest.mark.parametrize(("first", "other"), [("gateway", "worker"), ("worker", "gateway")])
def test_who_serves_is_said_to_while_another_of_its_incident_is_being_restarted(first: str, other: str) -> None:
    world = both_are_restarted()
    finish(world, first)
    world.succeed(first, times=1)
    assert recovered(world) == ["postgres", "gateway", "worker", first]
    finish(world, other)
    world.succeed(other, times=1)
    world.succeed("third")
    assert not world.engine.durable.open()


def test_who_waits_for_what_shares_its_container_keeps_nobody_else() -> None:
    """One look at the container still fails; another one of the incident serves."""
    above = dependency("postgres", grace=0.0, remedy=None)
    web = (dependency(name, needs=["postgres"], grace=0.0, container="c-web") for name in ("page", "socket"))
    worker = dependency("worker", needs=["postgres"], grace=0.0)
    world = World(policy(above, *web, worker, fix=FIX, limits=Limits(Budget(20, 36000.0), 5)))
    world.fail("postgres", Reason.REFUSED)
    for _ in range(5):
        for name in ("page", "socket", "worker"):
            world.fail(name, times=1)
    world.succeed("postgres")
    world.succeed("worker")
    for _ in range(5):
        world.succeed("postgres", times=1)
        for name in ("page", "socket", "worker"):
            world.fail(name, times=1)
    assert {str(request.target) for request in world.pending} == {"c-web", "c-worker"}
    world.succeed("worker", times=3)
    finish(world, "page")
    world.succeed("page", times=2)
    finish(world, "worker")
    world.succeed("worker", times=1)
    assert recovered(world) == ["postgres", "worker", "worker"]


def test_it_is_said_which_action_helped() -> None:
    """And none is where it came back by itself."""
    world = World(policy(dependency("gateway", grace=0.0, flapping=None), dependency("child", needs=["gateway"])))
    world.fail("gateway")
    world.fail("child", times=5)
    request = world.finish()
    world.succeed("gateway")
    world.fail("gateway", Reason.LOADING)
    world.succeed("gateway")
    said = [each.action_id for each in world.of(r.MemberRecovered) if isinstance(each, r.MemberRecovered)]
    assert said == [request.action_id, ""]


def test_a_result_that_comes_twice_counts_once() -> None:
    """Or late: what was under way is judged by its first end."""
    world = World(policy(dependency("gateway", grace=0.0)))
    world.fail("gateway")
    request = world.finish()
    world.send(ev.ActionFinished(request, ActionResult(ActionOutcome.FAILED)))
    assert len(world.of(r.ActionEnded)) == 1
    world.succeed("gateway")
    world.send(ev.ActionFinished(request, ActionResult(ActionOutcome.FAILED)))
    assert len(world.of(r.ActionEnded)) == 1


# -- two that share a container


def plan(*, grace: float = 0.0) -> Policy:
    """`page` and `socket` are two looks at one container."""
    page = dependency("page", container="c-web", grace=0.0)
    return policy(page, dependency("socket", container="c-web", grace=grace), fix=FIX)


def restarted(world: World) -> None:
    """Both fail, and it is done."""
    for _ in range(3):
        world.fail("page", times=1)
        world.fail("socket", Reason.REFUSED, times=1)
    world.fail("page", times=1)
    world.finish()


def verdicts(world: World) -> list[tuple[str, bool]]:
    """Who was said to serve, and whether the attempt had helped with that."""
    return [(each.dependency, each.over) for each in world.of(r.MemberRecovered) if isinstance(each, r.MemberRecovered)]


def test_who_served_for_a_moment_after_a_restart_has_not_been_helped() -> None:
    """The one comes back when the other is down again: the attempt failed."""
    world = World(plan())
    restarted(world)
    world.succeed("socket")
    world.fail("socket", Reason.REFUSED)
    world.succeed("page")
    assert not verdicts(world)
    for _ in range(10):
        world.succeed("page", times=1)
        world.fail("socket", Reason.REFUSED, times=1)
    assert verdicts(world) == [("page", False)]
    assert len(world.of(r.AttemptFailed)) == 1


def test_who_still_starts_when_the_verification_is_over_judges_the_attempt_later() -> None:
    """Nobody knows yet whether it was helped: no second restart is granted as if it had been."""
    world = World(plan(grace=60.0))
    restarted(world)
    for _ in range(12):
        world.succeed("page", times=1)
        world.fail("socket", Reason.REFUSED, times=1)
    assert world.health("socket") is Health.STARTING
    assert verdicts(world) == [("page", False)]
    for _ in range(25):
        world.succeed("page", times=1)
        world.fail("socket", Reason.REFUSED, times=1)
    assert [each.dependency for each in world.of(r.AttemptFailed) if isinstance(each, r.AttemptFailed)] == ["socket"]


@pytest.mark.parametrize(
    "finding",
    [failed(Reason.LOADING, "it loads"), failed(Reason.AUTH_FAILED, "wrong password")],
    ids=lambda finding: str(finding.reason),
)
def test_what_a_restart_does_not_mend_makes_no_attempt_fail(finding: Finding) -> None:
    """The clock alone says so, when the verification is over: no look is waited for."""
    world = World(plan())
    restarted(world)
    world.look("socket", finding, times=3)
    world.succeed("page")
    assert not verdicts(world)
    world.wait(STEP.verify_within)
    assert verdicts(world) == [("page", True)]
    assert not world.of(r.AttemptFailed)


def test_who_waits_for_a_look_at_the_other_waits_for_the_verification_at_most() -> None:
    """Both came back while it was being done, and nobody can see the other since."""
    world = World(plan())
    for _ in range(3):
        world.fail("page", times=1)
        world.fail("socket", Reason.REFUSED, times=1)
    world.fail("page", times=1)
    world.succeed("socket")
    world.succeed("page")
    world.finish()
    world.succeed("page", times=1)
    assert not verdicts(world)
    world.wait(STEP.verify_within)
    assert verdicts(world) == [("page", True)]


def test_who_serves_badly_and_whose_last_look_failed_is_not_said_to_serve() -> None:
    """It may be going down: the next good look says it."""
    world = World(plan())
    restarted(world)
    slow = degraded(Reason.SLOW, "took 900 ms")
    world.look("socket", slow, times=3)
    assert world.health("socket") is Health.DEGRADED
    world.fail("page", Reason.LOADING)
    world.fail("socket", Reason.REFUSED, times=1)
    world.wait(STEP.verify_within)
    assert world.health("socket") is Health.DEGRADED
    assert not verdicts(world)
    world.look("socket", slow)
    assert verdicts(world) == [("socket", True)]
