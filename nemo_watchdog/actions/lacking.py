"""What this machine lacks for the actions of a policy. It is asked where a person reads it, before the night."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from nemo_watchdog.policy.lint import Advice
from nemo_watchdog.policy.policy import ActionStep, Policy
from nemo_watchdog.ports import ActionKind


def lacking(policy: Policy, actions: Mapping[str, ActionKind]) -> Iterator[Advice]:
    """One piece of advice for each step that could not be done here and now. It may block."""
    for remedy in policy.remedies.values():
        for index, step in enumerate(remedy.steps):
            if isinstance(step, ActionStep) and (lacks := actions[step.action].lacks(step.options)):
                yield Advice(f"remedies.{remedy.name}.steps[{index}]", lacks)
