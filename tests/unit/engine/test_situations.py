"""The tables of situations, through the whole engine: looks in, incidents out, each under the rule that the table says.

`nemo-watchdog classify` reads the same tables: `tests/unit/cli/test_classify.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from nemo_watchdog.actions.catalog import ACTIONS
from nemo_watchdog.engine.incidents import BLIND_IS_TOLD_AFTER
from nemo_watchdog.engine.severity import classify, scene_of
from nemo_watchdog.model import Finding, Health, Outcome, ok
from nemo_watchdog.policy.loader import load_policy
from nemo_watchdog.policy.policy import Policy
from nemo_watchdog.policy.situation import Situation, Supposed, load_situations
from nemo_watchdog.ports import Catalog
from nemo_watchdog.probes import PROBES
from tests.unit.engine.world import World

ROOT = Path(__file__).parents[3]
TABLES = (
    (ROOT / "config" / "policy.yaml", ROOT / "config" / "situations.yaml"),
    (ROOT / "tests" / "situations" / "conditions.policy.yaml", ROOT / "tests" / "situations" / "conditions.yaml"),
)
OUTCOMES = {Health.UP: Outcome.OK, Health.DEGRADED: Outcome.DEGRADED}


def cases() -> Iterator[tuple[Policy, Situation]]:
    for policy_file, table in TABLES:
        policy = load_policy(policy_file, Catalog(PROBES, ACTIONS), environ={})
        yield from ((policy, situation) for situation in load_situations(table, policy))


CASES = list(cases())


def finding(how: Supposed) -> Finding:
    return Finding(OUTCOMES.get(how.health, Outcome.FAILED), how.reason, "supposed", how.measurements)


def becomes(world: World, situation: Situation) -> None:
    """Everything was up; then it came to this, and has lasted as long as the table says."""
    begun = max((how.lasting for how in situation.dependencies.values()), default=0.0)
    unseen = any(how.health is Health.UNKNOWN for how in situation.dependencies.values())
    lasts = max(begun, BLIND_IS_TOLD_AFTER + 1.0 if unseen else 0.0)
    well = Supposed(Health.UP)
    looks = [(name, finding(situation.dependencies.get(name, well))) for name in world.engine.policy.dependencies]
    looks.sort(key=lambda each: each[1].outcome is Outcome.OK)  # what is well is seen to be so after the failure began
    world.utc = situation.at - timedelta(seconds=lasts + 5.0)
    for _ in range(5):
        world.pass_time(1.0)
        for name, look in looks:
            world.look(name, look, every=0.0)
    world.wait(lasts)
    for name, look in looks:
        world.look(name, look, every=0.0)


@pytest.mark.parametrize(("policy", "situation"), CASES, ids=[situation.name for _, situation in CASES])
def test_the_engine_puts_a_situation_under_the_rule_of_the_table(policy: Policy, situation: Situation) -> None:
    """Each dependency by itself, and the gravest of the incidents that were opened."""
    world = World(policy)
    for name in policy.dependencies:
        world.look(name, ok(), times=3)
    for name in [name for name, how in situation.dependencies.items() if how.flapping]:
        world.run(name, age=3600.0)
        for _ in range(3):
            world.fail(name)
            world.succeed(name)
    becomes(world, situation)
    scene = scene_of(world.engine.volatile, world.engine.durable, world.monotonic)
    rules = {rule.name: position for position, rule in enumerate(policy.classification)}
    for name, rule in situation.expected.items():
        assert classify(policy, scene, name).name == rule
    grave = [(incident.severity, rules[incident.rule], incident.rule) for incident in world.engine.durable.open()]
    assert min(grave)[2] == situation.expected_incident


def test_each_rule_of_the_tables_decides_somewhere() -> None:
    """A rule that no situation falls under is one that nobody has tried."""
    for policy_file, table in TABLES:
        policy = load_policy(policy_file, Catalog(PROBES, ACTIONS), environ={})
        expected = {situation.expected_incident for situation in load_situations(table, policy)}
        assert {rule.name for rule in policy.classification} <= expected
