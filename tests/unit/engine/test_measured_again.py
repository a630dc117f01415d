"""A look that measures anew, or measures nothing any more: what that changes for others, in that moment."""

from __future__ import annotations

from dataclasses import replace

from nemo_watchdog.model import Reason, Severity, failed, ok
from nemo_watchdog.policy.condition import Bound, Condition, Measure
from nemo_watchdog.policy.policy import Rule
from tests.unit.engine.test_conditions import DOWN, NO_TAGS, measured, rule, severity_of, users, watched, world_with
from tests.unit.engine.world import World, policy


def test_a_measurement_that_is_not_known_any_more_lets_severity_rise() -> None:
    """In that moment: who was known to be alone at night may not be."""
    few = Measure("users", "prometheus_query_value", Bound("<", 10, "< 10"), "users")
    world = World(
        replace(
            policy(watched("gateway"), watched("users", tags=NO_TAGS, probe="prometheus")),
            classification=(Rule("few", Severity.SEV4, Condition(measure=(few,))), Rule("else", Severity.SEV2)),
        )
    )
    world.look("users", ok("3", measured(3)))
    world.crash("gateway")
    assert severity_of(world, "gateway") is Severity.SEV4
    world.look("users", failed(Reason.REPORTED_BLIND, "no data"))
    assert severity_of(world, "gateway") is Severity.SEV2


def test_a_measurement_is_news_for_all_whatever_it_is_for_its_own() -> None:
    """One rule asks for the users, and another for the same number of whichever is ill."""
    own = Measure(None, "prometheus_query_value", Bound(">", 100, "> 100"), "prometheus_query_value")
    world = world_with(
        rule(replace(DOWN, measure=(users(100),))), Rule("own", Severity.SEV2, Condition(measure=(own,)))
    )
    world.look("users", ok("12", measured(12)))
    world.crash("gateway")
    world.look("users", ok("250", measured(250)))
    assert severity_of(world, "gateway") is Severity.SEV1
