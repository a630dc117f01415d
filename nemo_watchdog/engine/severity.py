"""How grave: the first rule that matches decides. Pure, and always with the name of the rule."""

from __future__ import annotations

from collections.abc import Iterable

from nemo_watchdog.engine.conditions import Question, Scene, holds
from nemo_watchdog.engine.state import Durable
from nemo_watchdog.engine.volatile import Volatile
from nemo_watchdog.model import Severity
from nemo_watchdog.policy.policy import Policy, Rule

UNCLASSIFIED = Rule("unclassified", Severity.SEV4)


def scene_of(volatile: Volatile, durable: Durable, now: float) -> Scene:
    """What conditions may ask about at monotonic seconds `now`."""
    return Scene(volatile.trackers, durable.seen.troubles, volatile.platform, now, volatile.utc(now))


def classify(policy: Policy, scene: Scene, name: str) -> Rule:
    """The rule for a dependency as it is; `UNCLASSIFIED` (SEV4) when none is known to match."""
    for rule in policy.classification:
        if holds(Question(rule.when, scene, name)):
            return rule
    return UNCLASSIFIED


def gravest(policy: Policy, scene: Scene, names: Iterable[str]) -> tuple[Rule, str]:
    """The gravest of the rules that these fall under, and the first of them that does; names must not be empty."""
    found = [(classify(policy, scene, name), name) for name in names]
    return min(found, key=lambda each: each[0].severity)


def title_of(policy: Policy, severity: Severity, rule: str) -> str:
    """What people call it: the rule's own title, or that of its severity."""
    own = next((each.title for each in policy.classification if each.name == rule), "")
    spec = policy.severities.get(severity)
    return own or (spec.title if spec else "")
