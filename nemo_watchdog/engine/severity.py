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
    utc = volatile.moment(now).utc
    return Scene(volatile.trackers, durable.seen.troubles, volatile.platform, now, utc, durable.flaps)


def classify(policy: Policy, scene: Scene, name: str) -> Rule:
    """The rule for a dependency as it is; `UNCLASSIFIED` (SEV4) when none is known to match."""
    for rule in policy.classification:
        if holds(Question(rule.when, scene, name)):
            return rule
    return UNCLASSIFIED


def gravest(policy: Policy, scene: Scene, names: Iterable[str]) -> tuple[Rule, str]:
    """The gravest of the rules that these fall under, and the first of them that does; names must not be empty.

    Of two with the same severity it is the one that stands first.
    """
    found = [(classify(policy, scene, name), name) for name in names]
    return min(found, key=lambda each: (each[0].severity, position(policy, each[0].name)))


def position(policy: Policy, rule: str) -> int:
    """Where a rule stands; after all others when the policy does not have it."""
    names = [each.name for each in policy.classification]
    return names.index(rule) if rule in names else len(names)


def is_graver(policy: Policy, rule: Rule, severity: Severity, present: str) -> bool:
    """Than what an incident is under: a higher severity, or an earlier rule whose own contacts nobody has told."""
    if rule.severity != severity or position(policy, rule.name) >= position(policy, present):
        return rule.severity < severity
    told = next((each.notify for each in policy.classification if each.name == present), ())
    return not set(rule.notify) <= set(told)


def title_of(policy: Policy, severity: Severity, rule: str) -> str:
    """What people call it: the rule's own title, or that of its severity."""
    own = next((each.title for each in policy.classification if each.name == rule), "")
    spec = policy.severities.get(severity)
    return own or (spec.title if spec else "")
