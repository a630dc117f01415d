"""The gap between attempts: from the verdict on one to the earliest next, by the policy that is in force. Pure."""

from __future__ import annotations

from nemo_watchdog import records as r
from nemo_watchdog.engine.attempts import Ladder
from nemo_watchdog.engine.backoff import delay_after
from nemo_watchdog.engine.ladder import current_step
from nemo_watchdog.engine.phases import Phase
from nemo_watchdog.engine.turn import Turn
from nemo_watchdog.policy.policy import ActionStep, Backoff, Policy

_SAME = 0.0015
"""Seconds by which two gaps may differ through rounding."""


def step_that_acted(policy: Policy, ladder: Ladder) -> ActionStep | None:
    """None when the policy does nothing of the kind any more for whom it was done."""
    spec = policy.dependencies.get(ladder.actor)
    if spec is None or spec.remedy is None:
        return None
    return current_step(policy.remedies[spec.remedy], ladder)


def gap(step: ActionStep | None, ladder: Ladder, refusals: int = 0) -> float:
    """Seconds from the verdict on the last attempt, or on the last of so many refusals in a row, to the next one."""
    return round(delay_after(step.backoff if step else Backoff(), ladder.level + refusals, ladder.action_id), 3)


def keep_pace_with_the_policy(turn: Turn) -> None:
    """Gaps that run are as long as the present policy has them, counted from the same verdict."""
    now = turn.now.monotonic
    for incident in turn.durable.incidents.values():
        for name, ladder in incident.ladders.items():
            step = step_that_acted(turn.volatile.policy, ladder)
            until = ladder.not_before
            if (
                incident.merged_into
                or ladder.actor != name
                or ladder.phase is not Phase.IDLE
                or step is None
                or until is None
                or until <= now
            ):
                continue
            wanted = gap(step, ladder, ladder.refusals)
            if abs(wanted - ladder.backoff) > _SAME:
                remaining = max(0.0, until - ladder.backoff + wanted - now)
                turn.record(r.BackoffChanged(incident.incident, name, wanted, round(remaining, 3), ladder.backoff))
