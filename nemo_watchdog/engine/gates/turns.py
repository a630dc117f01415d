"""What failed with the same root is acted on one at a time: each is looked at again before the next one's turn.

Their order is that of `needs`, which the gate `upstream` keeps, and of the policy.
"""

from __future__ import annotations

from dataclasses import replace

from nemo_watchdog.engine.backoff import spread
from nemo_watchdog.engine.gates.evidence import recovered_under
from nemo_watchdog.engine.gates.situation import Situation
from nemo_watchdog.engine.phases import Phase
from nemo_watchdog.model import Decision, Gate, Verdict

BETWEEN = 2.0
"""Seconds at most between the recovery of one and the turn of the next: drawn from the latter's name."""


def turn(s: Situation) -> Decision | None:
    """Holds while another one that failed under what both need is acted on or verified, and a moment beyond."""
    if s.incident is None or recovered_under(s.policy, s.trackers, s.name) is None:
        return None
    for name, ladder in s.incident.ladders.items():
        tracker = s.trackers.get(name)
        if tracker is None or ladder.actor != name or name == s.name or name in s.beside:
            continue
        if ladder.phase is Phase.ACTING:
            return Decision(Verdict.WAIT, Gate.CONCURRENCY, f"{name}, which failed with the same root, has its turn")
        if ladder.phase is Phase.VERIFYING:
            until = replace(s, name=name).verify_until(ladder)
            why = f"{name}, which failed with the same root, is looked at first: {ladder.action} was done"
        elif ladder.acted and tracker.recovered_at is not None:
            until = tracker.recovered_at + BETWEEN * (1.0 + spread(s.name)) / 2.0
            why = f"{name}, which failed with the same root, has just recovered"
        else:
            continue
        if s.now < until:
            return Decision(Verdict.WAIT, Gate.CONCURRENCY, why, until)
    return None
