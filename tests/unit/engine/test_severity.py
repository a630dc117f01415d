"""Severity: which rule matches, one condition at a time, and that the first one decides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from nemo_watchdog.engine.incidents import BLIND_IS_TOLD_AFTER
from nemo_watchdog.model import Category, Health, Reason, Severity
from nemo_watchdog.policy.condition import Condition, TagQuantifier
from nemo_watchdog.policy.policy import Remedy, Rule
from tests.unit.engine.world import World, dependency, policy, remedy

CORE, DATA = frozenset({"core"}), frozenset({"core", "data"})


def world_with(*rules: Rule) -> World:
    """Two that need nothing: postgres (core, data) and gateway (core)."""
    plan = policy(dependency("postgres", tags=DATA, remedy=None), dependency("gateway", tags=CORE, remedy=None))
    return World(replace(plan, classification=rules))


def refused(world: World) -> None:
    world.fail("gateway", Reason.REFUSED)


def loading(world: World) -> None:
    world.fail("gateway", Reason.LOADING)


def unseen(world: World) -> None:
    world.fail("gateway", Reason.AUTH_FAILED)


def slow(world: World) -> None:
    world.slow("gateway")


def postgres_refused(world: World) -> None:
    world.fail("postgres", Reason.REFUSED)


@pytest.mark.parametrize(
    ("when", "happens", "matches"),
    [
        (Condition(), refused, True),
        (Condition(health=frozenset({Health.DOWN})), refused, True),
        (Condition(health=frozenset({Health.DOWN})), slow, False),
        (Condition(health=frozenset({Health.DOWN, Health.DEGRADED})), slow, True),
        (Condition(health=frozenset({Health.UNKNOWN})), unseen, True),
        (Condition(category=frozenset({Category.FAULT})), refused, True),
        (Condition(category=frozenset({Category.FAULT})), loading, False),
        (Condition(category=frozenset({Category.BUSY, Category.BLIND})), loading, True),
        (Condition(reason=frozenset({"refused"})), refused, True),
        (Condition(reason=frozenset({"refused"})), loading, False),
        (Condition(tags=frozenset({"core"})), refused, True),
        (Condition(tags=frozenset({"core", "data"})), refused, False),
        (Condition(tags=frozenset({"core", "data"})), postgres_refused, True),
        (Condition(dependencies=frozenset({"postgres"})), refused, False),
        (Condition(dependencies=frozenset({"postgres", "gateway"})), refused, True),
        (Condition(down=TagQuantifier("all", "core")), refused, False),
        (Condition(down=TagQuantifier("any", "core")), refused, True),
        (Condition(down=TagQuantifier("all", "data")), postgres_refused, True),
        (Condition(down=TagQuantifier("any", "data")), refused, False),
        (Condition(down=TagQuantifier("all", "nothing-has-it")), refused, False),
        (Condition(down=TagQuantifier("any", "nothing-has-it")), refused, False),
        (Condition(health=frozenset({Health.DOWN}), category=frozenset({Category.BUSY})), refused, False),
        (Condition(health=frozenset({Health.DOWN}), category=frozenset({Category.BUSY})), loading, True),
    ],
)
def test_a_condition_holds_when_every_part_of_it_does(
    when: Condition, happens: Callable[[World], None], matches: bool
) -> None:
    """Otherwise the next rule is asked."""
    world = world_with(Rule("it", Severity.SEV2, when), Rule("else", Severity.SEV3))
    happens(world)
    world.wait(BLIND_IS_TOLD_AFTER)
    (incident,) = world.engine.durable.open()
    expected = ("it", Severity.SEV2) if matches else ("else", Severity.SEV3)
    assert (incident.rule, incident.severity) == expected


def test_all_of_a_tag_means_each_one_that_carries_it() -> None:
    """Degraded is not down, and the second one makes it all."""
    all_core = Rule("outage", Severity.SEV1, Condition(down=TagQuantifier("all", "core")))
    world = world_with(all_core, Rule("else", Severity.SEV3))
    world.fail("gateway")
    world.slow("postgres")
    assert [incident.severity for incident in world.engine.durable.open()] == [Severity.SEV3, Severity.SEV3]
    world.fail("postgres")
    assert [incident.severity for incident in world.engine.durable.open()] == [Severity.SEV1, Severity.SEV1]


def test_the_first_rule_that_matches_decides() -> None:
    """Even when a later one is graver."""
    world = world_with(Rule("first", Severity.SEV4), Rule("second", Severity.SEV1))
    refused(world)
    (incident,) = world.engine.durable.open()
    assert (incident.rule, incident.severity) == ("first", Severity.SEV4)


def test_what_no_rule_matches_is_the_least_grave_and_says_so() -> None:
    """The incident is opened all the same."""
    world = world_with(Rule("never", Severity.SEV1, Condition(reason=frozenset({"oom_killed"}))))
    refused(world)
    (incident,) = world.engine.durable.open()
    assert (incident.rule, incident.severity) == ("unclassified", Severity.SEV4)


@pytest.mark.parametrize("happens", [slow, refused])
def test_what_cannot_be_seen_for_a_while_has_lasted_all_the_same(happens: Callable[[World], None]) -> None:
    """Nobody has seen that it served meanwhile."""
    world = world_with(Rule("long", Severity.SEV1, Condition(lasting=600.0)), Rule("else", Severity.SEV3))
    happens(world)
    began = world.monotonic
    world.wait(300.0)
    unseen(world)
    assert world.health("gateway") is Health.UNKNOWN
    world.wait(100.0)
    happens(world)
    world.wait(began + 598.0 - world.monotonic)
    assert [incident.severity for incident in world.engine.durable.open()] == [Severity.SEV3]
    world.wait(5.0)
    assert [incident.severity for incident in world.engine.durable.open()] == [Severity.SEV1]


@pytest.mark.parametrize(("quantifier", "acts"), [("any", True), ("all", False)])
def test_a_remedy_has_a_condition_of_the_same_kind(quantifier: str, acts: bool) -> None:
    """It is refused, by name, where its condition does not hold."""
    usual = remedy()
    fix = Remedy("restart", usual.steps, usual.budget, Condition(down=TagQuantifier(quantifier, "core")))
    world = World(policy(dependency("postgres"), dependency("gateway"), fix=fix))
    world.crash("gateway")
    assert bool(world.started) is acts
    if not acts:
        decision = world.engine.decision("gateway", world.now)
        assert decision is not None
        assert (
            decision.value
            == "the condition of restart does not hold: not all with the tag core are down: postgres is not"
        )
