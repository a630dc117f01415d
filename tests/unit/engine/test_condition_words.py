"""Why a condition does not hold, as `explain` says it of a remedy and `classify` of a rule."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nemo_watchdog.engine.suppose import Supposition
from nemo_watchdog.model import Category, Gate, Health, Reason, ok
from nemo_watchdog.policy.condition import Affected, Bound, Condition, Measure, TagQuantifier
from nemo_watchdog.policy.policy import Flapping, Remedy, Rule
from tests.unit.engine.world import NOON, World, dependency, policy, remedy

DOWN = Condition(health=frozenset({Health.DOWN}))
SLOW = Condition(reason=frozenset({Reason.SLOW.value}))
FAULT = Condition(category=frozenset({Category.FAULT}))


def users(above: float) -> Measure:
    return Measure("users", "prometheus_query_value", Bound(">", above, f"> {above:g}"), "users")


def world_with(when: Condition, *more: str) -> World:
    """A gateway that is restarted only then, beside postgres, which is core as well, and users, which is not."""
    fix = Remedy("restart", remedy().steps, remedy().budget, when)
    users_count = dependency("users", tags=frozenset({"numbers"}))
    gateway = dependency("gateway", flapping=Flapping())
    return World(policy(gateway, dependency("postgres"), users_count, *map(dependency, more), fix=fix))


def why_not(world: World) -> str:
    """What `explain` says of the condition of the gateway's remedy; empty where it holds."""
    said = next(each.value for each in world.engine.explanation("gateway", world.now) if each.gate is Gate.CONDITION)
    return said.removeprefix("the condition of restart does not hold: ")


@pytest.mark.parametrize(
    ("when", "said"),
    [
        (DOWN, "its health is up, not down"),
        (Condition(health=frozenset({Health.STARTING, Health.DOWN})), "its health is up, not down or starting"),
        (FAULT, "its category is none, not fault"),
        (SLOW, "its reason is none, not slow"),
        (Condition(down=TagQuantifier("any", "core")), "no dependency with the tag core is down"),
        (
            Condition(down=TagQuantifier("all", "core")),
            "not all with the tag core are down: gateway, postgres are not",
        ),
        (Condition(affected=Affected(share=0.5, of="core")), "0 of 2 core dependencies are affected, not 50%"),
        (Condition(affected=Affected(count=1)), "0 of 3 dependencies are affected, not 1"),
        (Condition(lasting=120.0), "it has lasted 0s, not 2m"),
        (Condition(flapping=True), "it does not flap"),
        (Condition(all=(Condition(flapping=False), DOWN)), "its health is up, not down"),
        (Condition(measure=(users(100),)), "users is not known"),
        (Condition(not_=Condition(flapping=False)), "what it excludes is so"),
        (
            Condition(not_=Condition(measure=(users(100),))),
            "what it excludes is not known not to be so: users is not known",
        ),
    ],
)
def test_of_what_is_up_it_is_said_what_it_is_not(when: Condition, said: str) -> None:
    """Each kind of part; the platform is well, and nobody has measured anything."""
    assert why_not(world_with(when)) == said


def test_its_own_category_and_reason_are_named() -> None:
    world = world_with(Condition(category=frozenset({Category.BUSY})))
    world.fail("gateway", Reason.REFUSED)
    assert why_not(world) == "its category is fault, not busy"
    world = world_with(SLOW)
    world.fail("gateway", Reason.REFUSED)
    assert why_not(world) == "its reason is refused, not slow"


def test_how_long_it_has_lasted_is_said() -> None:
    world = world_with(Condition(lasting=120.0))
    world.crash("gateway")
    world.wait(60.0)
    assert why_not(world) == "it has lasted 1m, not 2m"


def test_those_that_are_affected_are_counted() -> None:
    """Of those with the tag, or of all."""
    world = world_with(Condition(affected=Affected(share=0.75, of="core")))
    world.fail("gateway")
    assert why_not(world) == "1 of 2 core dependencies are affected, not 75%"
    world = world_with(Condition(affected=Affected(count=3)))
    world.fail("gateway")
    assert why_not(world) == "1 of 3 dependencies are affected, not 3"


def test_who_is_not_down_is_named() -> None:
    world = world_with(Condition(down=TagQuantifier("all", "core")))
    world.fail("gateway")
    assert why_not(world) == "not all with the tag core are down: postgres is not"


@pytest.mark.parametrize(
    ("others", "end"), [("abcd", "a, b, c, d are not"), ("abcde", "a, b, c, d and 1 more are not")]
)
def test_no_more_than_five_are_named(others: str, end: str) -> None:
    """The rest are counted."""
    world = world_with(Condition(down=TagQuantifier("all", "core")), *others)
    world.fail("gateway")
    assert why_not(world) == f"not all with the tag core are down: postgres, {end}"


def test_the_measurement_that_is_not_so_is_the_one_that_is_named() -> None:
    """Not the one before it, which is."""
    world = world_with(Condition(measure=(users(5), users(100))))
    world.look("users", ok("12", {"prometheus_query_value": 12.0, 'prometheus_query_value{at="b"}': 3.5}))
    assert why_not(world) == "users is 3.5, 12, not > 100"


@pytest.mark.parametrize("why", ["never looked", "too long ago"])
def test_what_nobody_has_measured_is_said_not_to_be_known(why: str) -> None:
    world = world_with(Condition(measure=(users(100),)))
    if why == "never looked":
        world.kill_daemon()
    else:
        world.look("users", ok("12", {"prometheus_query_value": 12.0}))
        world.pass_time(60.0)
    assert why_not(world) == "users is not known"


def test_that_it_flaps_is_said_where_it_must_not() -> None:
    """Docker has started it again and again."""
    world = world_with(Condition(flapping=False))
    for restarts in range(1, 6):
        world.run("gateway", restarts=restarts)
        world.wait(1.0)
        world.succeed("gateway")
    assert why_not(world) == "it flaps"


@pytest.mark.parametrize(
    ("when", "said"),
    [
        (
            Condition(down=TagQuantifier("any", "core")),
            "it is none of the core dependencies that are down",
        ),
        (
            Condition(down=TagQuantifier("any", "numbers")),
            "no dependency with the tag numbers is down",
        ),
        (
            Condition(affected=Affected(count=1, of="core")),
            "it is not down, needs nothing that is, or does not carry the tag",
        ),
        (
            Condition(affected=Affected(count=2, of="core")),
            "1 of 2 core dependencies are affected, not 2",
        ),
    ],
)
def test_a_rule_about_the_platform_says_that_it_is_not_about_a_bystander(when: Condition, said: str) -> None:
    """It is true of the platform: the gateway is down, and `users`, which is slow, has no part in it."""
    plan = world_with(Condition()).engine.policy
    supposed = Supposition(replace(plan, classification=(Rule("it", plan.classification[0].severity, when),)), NOON)
    supposed.suppose("gateway", Health.DOWN, Reason.REFUSED, 0.0, {})
    supposed.suppose("users", Health.DEGRADED, Reason.SLOW, 0.0, {})
    (of_users,) = [each for each in supposed.judge().verdicts if each.dependency == "users"]
    assert [passed.why for passed in of_users.passed] == [said]
