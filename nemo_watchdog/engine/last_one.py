"""What is spared because it served last is not left alone for ever: a person is told when nobody else comes back.

That is when nothing more is tried with any other of its group that does not serve, or when it takes too long.
"""

from __future__ import annotations

import math

from nemo_watchdog import records as r
from nemo_watchdog.durations import duration
from nemo_watchdog.engine.gates.redundancy import around
from nemo_watchdog.engine.gates.situation import Situation
from nemo_watchdog.engine.groups import Group, place_of
from nemo_watchdog.engine.ladder import next_contact
from nemo_watchdog.engine.listing import listed
from nemo_watchdog.engine.turn import Turn
from nemo_watchdog.model import Autonomy, Decision, Gate

TOLD_AFTER = 600.0
"""Seconds without the service of any: whatever is being done to the others, it has not helped."""


def watch(turn: Turn, s: Situation, decision: Decision) -> None:
    """Asks for the looks that decide whether it is one of the last, and tells a person when it is one for too long."""
    if decision.gate is not Gate.REDUNDANCY:
        return
    for group in turn.volatile.topology.groups.get(s.name, ()):
        beside = around(s, group)
        if beside.in_doubt:
            turn.await_looks(beside.in_doubt, s.tracker.failing_since)
        elif beside.spares:
            _tell_in_time(turn, s, group, decision)


def _tell_in_time(turn: Turn, s: Situation, group: Group, decision: Decision) -> None:
    """Once for each time that it is down; when another one serves, it is restarted all the same."""
    served = turn.durable.seen.served
    if s.incident is None or s.name in served.told or s.spec.autonomy is Autonomy.OBSERVE:
        return
    at = served.at(s.name)
    since = at if math.isfinite(at) else s.incident.opened.monotonic
    if given_up := _given_up(turn, s, group):
        why = f"nothing more is tried with {given_up}"
    elif turn.now.monotonic >= since + TOLD_AFTER:
        why = f"too few have served for {duration(round(turn.now.monotonic - since))}"
    else:
        turn.wake(since + TOLD_AFTER)
        return
    to = next_contact(s.remedy, s.ladder) if s.remedy is not None else ""
    turn.record(r.SparedTooLong(s.incident.incident, s.name, to, f"{decision.value}, and {why}"))


def _given_up(turn: Turn, s: Situation, group: Group) -> str:
    """The others that do not serve, when the remedy of each has come to its end; "" while one has not."""
    failing = []
    for name in group.touching:
        tracker = turn.volatile.trackers[name]
        if place_of(tracker.spec) == place_of(s.spec) or tracker.serves:
            continue
        other = Situation(turn.volatile, turn.durable, turn.durable.incident_of(name), name, s.now)
        if other.remedy is not None and not other.ladder.ended:
            return ""
        failing.append(name)
    return listed(failing) if failing else ""
