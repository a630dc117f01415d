"""How an order has ended: an action, or what ends the rest of one. What was seen before says nothing about after it."""

from __future__ import annotations

from nemo_watchdog.engine import attribution, overlap, settling
from nemo_watchdog.engine.events import ActionFinished
from nemo_watchdog.engine.remediation import acting_incident, end_action
from nemo_watchdog.engine.turn import Turn


def hear(turn: Turn, event: ActionFinished) -> bool:
    """Whether it was under way."""
    request, result, name = event.request, event.result, event.request.dependency
    if request.settles:
        if not settling.end(turn, event):
            return False
    else:
        incident = acting_incident(turn.durable, request)
        if incident is None:
            return False
        settling.learn(turn, event)
        end_action(turn, incident, name, overlap.end(turn, name, request.target, result))
    attribution.after_action(turn, request, result)
    trackers = turn.volatile.trackers
    along = [each.dependency for each in request.along]
    for each in (*turn.volatile.sharing.get(name, [name]), *along) if request.helped is not True else ():
        if each in trackers:
            trackers[each].forget_looks(turn.now.monotonic)
            turn.look_soon(each)
    return True
