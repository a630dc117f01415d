"""What a look costs, counted in lines of Python that run: it must not grow with what else is failing."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from types import FrameType
from typing import Any

import pytest

from nemo_watchdog.engine import events as ev
from nemo_watchdog.model import Finding, Health, Observation, Reason, Severity, failed, ok
from nemo_watchdog.policy.condition import Bound, Condition, Measure
from nemo_watchdog.policy.policy import Dependency, Rule
from tests.unit.engine.world import RESTART, World, dependency, policy, remedy

FEW, MANY = 10, 1000
BAD = failed(Reason.WRONG_STATUS, "answered 500, expected 200")


def flat(size: int) -> list[Dependency]:
    return [dependency(f"d{n}", grace=0.0) for n in range(size)]


def shared(size: int) -> list[Dependency]:
    """All others need the first."""
    return [dependency("d0", grace=0.0), *(dependency(f"d{n}", needs=["d0"], grace=0.0) for n in range(1, size))]


def grouped(size: int) -> list[Dependency]:
    """Any one of them is enough for the first."""
    others = [dependency(f"d{n}", grace=0.0) for n in range(1, size)]
    return [dependency("d0", needs=[[each.name for each in others]], grace=0.0), *others]


def without_remedy(size: int) -> list[Dependency]:
    return [dependency(f"d{n}", remedy=None) for n in range(size)]


def all_failing(plan: list[Dependency]) -> World:
    """Every dependency of the plan is down, `healthy` is up; the first action is under way, if there is one."""
    world = World(policy(*plan, dependency("healthy")))
    for _ in range(4):
        for each in plan:
            world.look(each.name, BAD, every=0.0)
        world.pass_time(1.0)
    assert all(world.health(each.name) is Health.DOWN for each in plan)
    return world


def lines_run(work: Callable[[], object]) -> int:
    """How many lines run in `work`; a loop counts each time round."""
    count = 0

    def trace(_frame: FrameType, event: str, _arg: Any) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def cost_of_a_look(world: World, name: str, finding: Finding) -> int:
    event = ev.Observed(name, Observation(finding, 0.01, world.now))
    return lines_run(lambda: world.engine.step(event, world.now))


@pytest.mark.parametrize("plan", [flat, shared, without_remedy])
def test_a_failing_look_costs_the_same_however_many_others_fail(plan: Callable[[int], list[Dependency]]) -> None:
    """One of a thousand that are down is as cheap to judge as one of ten."""
    few, many = (cost_of_a_look(all_failing(plan(size)), "d5", BAD) for size in (FEW, MANY))
    assert few > 20
    assert many <= few * 1.1


def test_a_good_look_costs_the_same_while_a_thousand_fail() -> None:
    """The common case stays the common case."""
    few, many = (cost_of_a_look(all_failing(flat(size)), "healthy", ok()) for size in (FEW, MANY))
    assert many == few < 30


def test_a_look_at_what_all_need_costs_in_proportion_to_them() -> None:
    """Each that needs it is judged once, and none of them looks at all the others."""
    few, many = (cost_of_a_look(all_failing(shared(size)), "d0", BAD) for size in (FEW, MANY))
    assert many <= few * MANY / FEW * 1.1


def test_a_look_at_one_of_a_group_costs_in_proportion_to_the_group() -> None:
    """Whether enough of the others serve is counted for the one, and for no other beside it."""
    many = 10 * FEW
    small, large = (cost_of_a_look(all_failing(grouped(size)), "d5", BAD) for size in (FEW, many))
    assert large <= small * many / FEW * 1.1


def test_a_good_look_that_measures_costs_the_same_however_many_fail() -> None:
    """Until it changes an answer, nothing else is looked at."""
    above = Condition(measure=(Measure("users", "prometheus_query_value", Bound(">", 100, "> 100"), "users"),))
    rules = (Rule("many users", Severity.SEV1, above), Rule("else", Severity.SEV3))

    def costs(size: int) -> int:
        plan = (*flat(size), dependency("users", remedy=None, probe="prometheus"))
        world = World(replace(policy(*plan), classification=rules))
        world.look("users", measuring(1), times=3)
        for each in plan[:-1]:
            world.look(each.name, BAD, times=4, every=0.0)
        return cost_of_a_look(world, "users", measuring(2))

    few, many = costs(FEW), costs(MANY)
    assert many <= few * 1.1 < 250


def measuring(value: float) -> Finding:
    return ok(str(value), {"prometheus_query_value": value, "prometheus_query_series": 1.0})


def test_a_look_costs_the_same_however_many_images_are_proving_themselves() -> None:
    """Whose time is over is asked of the one that is looked at; a good look asks nothing."""
    back = replace(RESTART, action="docker.rollback", key="docker.rollback", proves_after=600.0)

    def costs(size: int, finding: Finding) -> int:
        world = World(policy(*flat(size), fix=remedy(RESTART, back)), running=False)
        for n in range(size):
            world.images[f"c-d{n}"] = "sha256:1"
            world.run(f"d{n}", age=60.0)
            world.look(f"d{n}", ok(), times=3, every=0.0)
        assert len(world.engine.volatile.proving) == size
        return cost_of_a_look(world, "d5", finding)

    for finding, most in ((ok(), 30), (BAD, 1000)):
        few, many = (costs(size, finding) for size in (FEW, MANY))
        assert many <= few * 1.1 < most
