"""Whether the watchdog is healing an incident itself, so that nobody need be called yet. Pure."""

from __future__ import annotations

from nemo_watchdog.engine.gates.order import decide
from nemo_watchdog.engine.gates.situation import Situation
from nemo_watchdog.engine.state import Incident
from nemo_watchdog.engine.turn import Turn
from nemo_watchdog.model import Gate, Health, Verdict

IN_HAND = frozenset(
    {
        Gate.NONE,
        Gate.IN_FLIGHT,
        Gate.VERIFICATION,
        Gate.BACKOFF,
        Gate.EVIDENCE,
        Gate.LAST_LOOK,
        Gate.CONCURRENCY,
        Gate.GRACE,
        Gate.UPSTREAM,
    }
)
"""While no other gate holds, the watchdog is about to heal it, or waits for what it has done."""


def is_in_hand(turn: Turn, incident: Incident) -> bool:
    """For each member that fails something is done, or is about to be."""
    trackers, now = turn.volatile.trackers, turn.now.monotonic
    failing = [name for name in incident.members if name in trackers and trackers[name].state.health is not Health.UP]
    if incident.escalated or not failing:
        return not incident.escalated
    decisions = [decide(Situation(turn.volatile, turn.durable, incident, name, now)) for name in failing]
    return all(each.verdict in {Verdict.ACT, Verdict.WAIT} and each.gate in IN_HAND for each in decisions)
