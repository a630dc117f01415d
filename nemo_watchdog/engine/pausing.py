"""A person has the watchdog leave something alone for a while."""

from __future__ import annotations

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.turn import Turn


def hear(turn: Turn, asked: ev.Pausing) -> None:
    if isinstance(asked, ev.PauseAsked):
        _pause(turn, asked)
    elif asked.scope in turn.durable.pauses:
        turn.record(r.Resumed(asked.scope, asked.by))


def _pause(turn: Turn, asked: ev.PauseAsked) -> None:
    """Beside the pauses that hold it already: the record says which."""
    holding = turn.durable.pauses.get(asked.scope)
    beside = "; ".join(each.said() for each in holding.each(turn.now.monotonic)) if holding else ""
    tracker = turn.volatile.trackers.get(asked.scope)
    container = (tracker.spec.container if tracker is not None else None) or ""
    turn.record(r.Paused(asked.scope, asked.reason, asked.by, asked.duration, beside=beside, container=container))
