"""What the rules say of a situation that somebody only supposes; the tables are tried in `unit/cli/test_classify`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nemo_watchdog.engine.suppose import Judged, Supposition
from nemo_watchdog.model import Category, Health, Reason, Severity
from nemo_watchdog.policy.condition import Bound, Condition, Measure
from nemo_watchdog.policy.policy import Rule
from tests.unit.engine.world import NOON, dependency, policy

USERS = Measure(None, "users", Bound(">", 100.0, "> 100"), "users")
RULES = {
    "flaps": Condition(flapping=True),
    "refuses": Condition(reason=frozenset({Reason.REFUSED.value})),
    "busy": Condition(health=frozenset({Health.DOWN}), category=frozenset({Category.BUSY})),
    "many": Condition(measure=(USERS,)),
    "late": Condition(lasting=600.0),
    "slow": Condition(health=frozenset({Health.DEGRADED})),
    "down": Condition(health=frozenset({Health.DOWN})),
}
GRAVE = {"slow": Severity.SEV3}


def supposition() -> Supposition:
    rules = tuple(Rule(name, GRAVE.get(name, Severity.SEV2), when) for name, when in RULES.items())
    made = policy(dependency("gateway"), dependency("postgres"))
    return Supposition(replace(made, classification=rules), NOON)


def ruled(judged: Judged) -> dict[str, str]:
    return {verdict.dependency: verdict.rule.name for verdict in judged.verdicts}


def test_where_nothing_is_supposed_nothing_is_in_trouble() -> None:
    assert supposition().judge() == Judged((), None)


def test_what_is_supposed_to_be_up_is_in_no_trouble() -> None:
    supposed = supposition()
    supposed.suppose("gateway", Health.UP, None, 0.0, {"users": 500.0})
    assert supposed.judge() == Judged((), None)


@pytest.mark.parametrize(
    ("health", "reason", "lasting", "measured", "rule"),
    [
        (Health.DOWN, Reason.WRONG_STATUS, 0.0, {}, "down"),
        (Health.DOWN, Reason.REFUSED, 0.0, {}, "refuses"),
        (Health.DOWN, Reason.LOADING, 0.0, {}, "busy"),
        (Health.DOWN, Reason.WRONG_STATUS, 599.0, {}, "down"),
        (Health.DOWN, Reason.WRONG_STATUS, 600.0, {}, "late"),
        (Health.DEGRADED, Reason.SLOW, 0.0, {}, "slow"),
        (Health.DEGRADED, Reason.SLOW, 600.0, {}, "late"),
        (Health.DOWN, Reason.WRONG_STATUS, 0.0, {"users": 100.0}, "down"),
        (Health.DOWN, Reason.WRONG_STATUS, 0.0, {"users": 101.0}, "many"),
    ],
)
def test_all_that_is_supposed_counts(
    health: Health, reason: Reason, lasting: float, measured: dict[str, float], rule: str
) -> None:
    """How it is, why, for how long, and what was measured."""
    supposed = supposition()
    supposed.suppose("gateway", health, reason, lasting, measured)
    judged = supposed.judge()
    assert ruled(judged) == {"gateway": rule}
    assert judged.incident is not None
    assert judged.incident.name == rule


def test_what_is_supposed_to_flap_does() -> None:
    """And nothing else does."""
    supposed = supposition()
    for name in ("gateway", "postgres"):
        supposed.suppose(name, Health.DOWN, Reason.WRONG_STATUS, 0.0, {})
    supposed.suppose_flapping("postgres")
    assert ruled(supposed.judge()) == {"gateway": "down", "postgres": "flaps"}


def test_the_rules_before_the_one_that_matches_say_why_they_do_not_and_the_gravest_of_all_decides() -> None:
    supposed = supposition()
    supposed.suppose("gateway", Health.DEGRADED, Reason.SLOW, 0.0, {})
    supposed.suppose("postgres", Health.DOWN, Reason.LOADING, 0.0, {})
    judged = supposed.judge()
    assert ruled(judged) == {"gateway": "slow", "postgres": "busy"}
    assert judged.incident is not None
    assert judged.incident.name == "busy"
    slow, busy = judged.verdicts
    assert [passed.rule for passed in slow.passed] == ["flaps", "refuses", "busy", "many", "late"]
    assert [passed.rule for passed in busy.passed] == ["flaps", "refuses"]
    assert all(passed.why for passed in (*slow.passed, *busy.passed))


def test_what_the_policy_does_not_name_cannot_be_supposed() -> None:
    with pytest.raises(KeyError):
        supposition().suppose("redis", Health.DOWN, Reason.WRONG_STATUS, 0.0, {})
