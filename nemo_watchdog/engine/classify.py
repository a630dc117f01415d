"""How grave: the first rule that matches decides. Pure, and always with the name of the rule."""

from __future__ import annotations

from collections.abc import Mapping

from nemo_watchdog.engine.health import State, Tracker
from nemo_watchdog.model import Health, Severity
from nemo_watchdog.policy.policy import Condition, Dependency, Policy, Rule, TagQuantifier

Outlook = Mapping[TagQuantifier, bool]
"""Whether each `down:` of the policy holds now. It changes with a dependency's health, and with nothing else."""

UNCLASSIFIED = Rule("unclassified", Severity.SEV4)


def outlook(policy: Policy, trackers: Mapping[str, Tracker]) -> Outlook:
    """Looks at every dependency once, so that no rule has to."""
    conditions = [*(rule.when for rule in policy.classification), *(remedy.when for remedy in policy.remedies.values())]
    return {when.down: _down(when.down, trackers) for when in conditions if when.down is not None}


def classify(policy: Policy, spec: Dependency, state: State, down: Outlook) -> Rule:
    """The rule for a dependency in this state; `UNCLASSIFIED` (SEV4) when none matches."""
    for rule in policy.classification:
        if holds(rule.when, spec, state, down):
            return rule
    return UNCLASSIFIED


def holds(when: Condition, spec: Dependency, state: State, down: Outlook) -> bool:
    """Whether every part of the condition that is given holds."""
    return (
        (not when.health or state.health in when.health)
        and (not when.category or state.category in when.category)
        and (not when.reason or state.reason in when.reason)
        and when.tags <= spec.tags
        and (not when.dependencies or spec.name in when.dependencies)
        and (when.down is None or down[when.down])
    )


def _down(quantifier: TagQuantifier, trackers: Mapping[str, Tracker]) -> bool:
    down = [t.state.health is Health.DOWN for t in trackers.values() if quantifier.tag in t.spec.tags]
    if not down:
        return False  # nothing selected means nothing
    return all(down) if quantifier.quantifier == "all" else any(down)
