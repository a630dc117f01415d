"""Two incidents turn out to be one: it is as grave as the graver of them was when people heard of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nemo_watchdog.model import Health, NotificationKind, Reason, Severity
from nemo_watchdog.policy.condition import Condition
from nemo_watchdog.policy.policy import Rule
from nemo_watchdog.records import IncidentMerged, SeverityRaised
from tests.unit.engine.world import World, dependency, policy

GRAVE = Rule("grave", Severity.SEV1, Condition(dependencies=frozenset({"b"}), health=frozenset({Health.DOWN})))


@pytest.mark.parametrize("grave", ["first", "second"])
def test_it_stays_as_grave_though_no_rule_gives_that_any_more(grave: str) -> None:
    """Whichever of them goes on; where it rises by that, people hear of it."""
    watched = [dependency(name, needs=["postgres"], remedy=None) for name in ("a", "b")]
    plan = policy(dependency("postgres", remedy=None), *watched)
    world = World(replace(plan, classification=(GRAVE, *plan.classification[1:])))
    order = ("b", "a") if grave == "first" else ("a", "b")
    for name in order:
        for _ in range(4):
            world.succeed("postgres", times=1)
            world.fail(name, times=1)
    world.slow("b")
    assert [each.severity for each in world.engine.durable.open()] == (
        [Severity.SEV1, Severity.SEV2] if grave == "first" else [Severity.SEV2, Severity.SEV1]
    )
    world.fail("postgres", Reason.REFUSED)
    assert len(world.of(IncidentMerged)) == 1
    (left,) = world.engine.durable.open()
    assert (left.root, left.severity, left.rule) == ("postgres", Severity.SEV1, "grave")
    told = [note.severity for note in world.told(NotificationKind.SEVERITY_CHANGED)]
    assert told == ([] if grave == "first" else [Severity.SEV1])
    world.kill_daemon()
    (left,) = world.engine.durable.open()
    assert (left.severity, left.rule) == (Severity.SEV1, "grave")


def test_of_two_that_are_as_grave_nobody_hears_that_one_rose() -> None:
    """It has not."""
    watched = [dependency(name, needs=["postgres"], remedy=None) for name in ("a", "b")]
    world = World(policy(dependency("postgres", remedy=None), dependency("other"), *watched))
    for name in ("a", "b"):
        for _ in range(4):
            world.succeed("postgres", times=1)
            world.fail(name, times=1)
    world.fail("postgres", Reason.REFUSED)
    assert len(world.of(IncidentMerged)) == 1
    assert world.of(SeverityRaised) == []
