"""The budget of all delays and never ends anything; one's own says that it did not help, and asks for a person."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.engine import budget
from nemo_watchdog.engine import events as ev
from nemo_watchdog.model import Autonomy, Gate, NotificationKind, RunState, Verdict
from nemo_watchdog.policy.policy import Budget, Dependency, Limits, Policy
from tests.unit.engine.world import RESTART, World, dependency, policy, remedy

ALL = Budget(1, 600.0)
DAY = 86400.0


def plan(total: Budget = ALL, **more: object) -> Policy:
    return policy(dependency("a"), dependency("b", **more), limits=Limits(total, 5))  # type: ignore[arg-type]


def spent_by_another(plan_: Policy) -> World:
    """`a` takes the last action; half a minute later `b` dies for the first time."""
    world = World(plan_)
    world.crash("a")
    world.finish()
    world.succeed("a")
    world.wait(30.0)
    world.crash("b")
    return world


@pytest.fixture
def waiting() -> World:
    return spent_by_another(plan())


def test_what_others_spent_only_delays(waiting: World) -> None:
    """An innocent one waits until the window has moved, not a second longer, and is then helped."""
    decision = waiting.engine.decision("b", waiting.now)
    assert decision is not None
    assert (decision.verdict, decision.gate) == (Verdict.WAIT, Gate.BUDGET)
    assert decision.until == waiting.started[0][0] + ALL.window
    waiting.wait(decision.until - waiting.monotonic - 0.1)
    assert len(waiting.started) == 1
    waiting.wait(0.2)
    assert [request.dependency for _, request in waiting.started] == ["a", "b"]
    assert not waiting.of(r.Escalated)


def test_that_it_waits_is_told_once(waiting: World) -> None:
    """With the time at which it goes on, however often it is looked at and the daemon killed."""
    for _ in range(3):
        waiting.wait(20.0)
        waiting.kill_daemon()
        waiting.see("b", RunState.EXITED, past=[waiting.event("b", "die")], exit_code=1)
    told, *same = waiting.told(NotificationKind.HELD)
    assert {each.key for each in same} == {told.key}
    assert "the budget of all actions is spent (1 per 10m)" in told.body
    assert "goes on in 9m28s, or when `limits.budget` is raised" in told.body


def test_a_raised_budget_is_used_at_once(waiting: World) -> None:
    """The person who raised it meant now."""
    waiting.send(ev.PolicyChanged(plan(Budget(50, 600.0))))
    assert [request.dependency for _, request in waiting.started] == ["a", "b"]


def test_ones_own_spent_budget_asks_for_a_person() -> None:
    """Also while that of all is spent: what was done to it did not help."""
    fix = remedy(replace(RESTART, attempts=9), budget=Budget(1, 600.0))
    world = World(policy(dependency("a"), fix=fix, limits=Limits(ALL, 5)))
    world.crash("a")
    world.finish()
    world.crash("a")
    world.wait(60.0)
    (told,) = world.told(NotificationKind.ESCALATED)
    assert "budget of a is spent" in told.body


@pytest.mark.parametrize(
    "after",
    [
        pytest.param(dependency("b", container="c-a", flapping=None), id="a new name for the same container"),
        pytest.param(dependency("a", container="c-b", flapping=None), id="another container of the same name"),
    ],
)
def test_what_was_spent_is_spent_of_the_name_and_of_the_container(after: Dependency) -> None:
    """What is renamed or moved while it fails has no budget anew."""
    fix = remedy(replace(RESTART, attempts=9), budget=Budget(1, 3600.0))
    world = World(policy(dependency("a", flapping=None), fix=fix))
    world.crash("a")
    world.finish()
    world.succeed("a")
    world.send(ev.PolicyChanged(policy(after, fix=fix)))
    world.run(after.name, age=600.0)
    world.wait(600.0)
    world.crash(after.name)
    world.wait(600.0)
    assert len(world.started) == 1
    assert f"budget of {after.name} is spent" in world.told(NotificationKind.ESCALATED)[-1].body


def test_what_was_spent_counts_for_the_longest_window_that_there_is() -> None:
    """Of a daemon that has run for long, and not a day longer."""
    fix = remedy(replace(RESTART, attempts=9), budget=Budget(1, 31 * DAY))
    world = World(policy(dependency("a", flapping=None), fix=fix))
    world.wait(20 * DAY)
    for days, started in ((0, 1), (30, 1), (2, 2)):
        world.wait(days * DAY)
        world.send(ev.Tick())
        world.crash("a")
        assert len(world.started) == started
        if world.pending:
            world.finish()
        else:
            world.run("a")
        world.succeed("a")
        assert len(world.engine.durable.spends) == 1


def test_a_suggestion_needs_no_budget() -> None:
    """Who is to be asked is asked now."""
    world = spent_by_another(plan(autonomy=Autonomy.SUGGEST))
    assert len(world.told(NotificationKind.SUGGESTED)) == 1
    assert not world.told(NotificationKind.HELD)


@pytest.mark.parametrize(
    ("spends", "free"),
    [
        ([], 1000.0),
        ([990.0], 1000.0),
        ([980.0, 990.0], 1040.0),
        ([990.0, 980.0], 1040.0),
        ([100.0, 980.0, 990.0], 1040.0),
        ([970.0, 980.0, 990.0], 1040.0),  # the policy was changed: one more than it now allows
    ],
)
def test_when_a_budget_is_free_again(spends: list[float], free: float) -> None:
    """At that moment one fits, and just before it none does."""
    limit = Budget(2, 60.0)
    assert budget.free_at(limit, spends, 1000.0) == free
    assert budget.remaining(limit, spends, free) > 0
    assert free == 1000.0 or budget.remaining(limit, spends, free - 0.001) == 0
