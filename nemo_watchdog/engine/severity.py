"""How grave: the first rule that matches decides. Pure, and always with the name of the rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from nemo_watchdog.engine.health import State, Tracker
from nemo_watchdog.model import Health, Severity
from nemo_watchdog.policy.policy import Condition, Dependency, Policy, Rule, TagQuantifier

TagConditions = Mapping[TagQuantifier, bool]
"""Whether each `down:` of the policy holds now. It changes with a dependency's health, and with nothing else."""

UNCLASSIFIED = Rule("unclassified", Severity.SEV4)


def tag_conditions(policy: Policy, trackers: Mapping[str, Tracker]) -> TagConditions:
    """Looks at every dependency once, so that no rule has to."""
    conditions = [*(rule.when for rule in policy.classification), *(remedy.when for remedy in policy.remedies.values())]
    return {when.down: _down(when.down, trackers) for when in conditions if when.down is not None}


def classify(policy: Policy, spec: Dependency, state: State, tags: TagConditions) -> Rule:
    """The rule for a dependency in this state; `UNCLASSIFIED` (SEV4) when none matches."""
    for rule in policy.classification:
        if holds(rule.when, spec, state, tags):
            return rule
    return UNCLASSIFIED


def highest_severity(
    policy: Policy, trackers: Mapping[str, Tracker], names: Iterable[str], tags: TagConditions
) -> Rule:
    """The gravest of the rules that these fall under; names must not be empty."""
    rules = [classify(policy, trackers[name].spec, trackers[name].state, tags) for name in names]
    return min(rules, key=lambda rule: rule.severity)


def holds(when: Condition, spec: Dependency, state: State, tags: TagConditions) -> bool:
    """Whether every part of the condition that is given holds."""
    return (
        (not when.health or state.health in when.health)
        and (not when.category or state.category in when.category)
        and (not when.reason or state.reason in when.reason)
        and when.tags <= spec.tags
        and (not when.dependencies or spec.name in when.dependencies)
        and (when.down is None or tags[when.down])
    )


def _down(quantifier: TagQuantifier, trackers: Mapping[str, Tracker]) -> bool:
    down = [t.state.health is Health.DOWN for t in trackers.values() if quantifier.tag in t.spec.tags]
    if not down:
        return False  # nothing selected means nothing
    return all(down) if quantifier.quantifier == "all" else any(down)
