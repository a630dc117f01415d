"""What others do to a container while an action of ours on it is under way: who is first is heard, who is undone told.

A restart sends one stop signal, one KILL when the stop timeout is over, and starts what it has ended, also what
somebody else was stopping meanwhile: `docker stop` returns, and the container runs (measured, Engine 20.10).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from nemo_watchdog import records as r
from nemo_watchdog.engine import signals
from nemo_watchdog.engine.pacing import step_that_acted
from nemo_watchdog.engine.paused import PAUSED, is_a_pause
from nemo_watchdog.engine.state import Durable
from nemo_watchdog.engine.touches import Act, Initiator
from nemo_watchdog.engine.turn import Turn
from nemo_watchdog.engine.volatile import Meanwhile, Volatile
from nemo_watchdog.model import ActionOutcome, ActionResult, ContainerEvent, ContainerStatus, Moment, Past, Target

UNDONE_FOR = 86400.0
"""Seconds for which nothing is done to what runs against somebody's will, unless somebody starts it anew."""

TIMERS_DIFFER = 1.0
"""Seconds by which Docker's KILL may come before the stop timeout that we asked for."""


def by_others(
    events: Iterable[ContainerEvent], status: ContainerStatus, ours: float | None, again: Sequence[datetime] = ()
) -> str:
    """What somebody did to a container among these events, for people; "" when all are ours, or it was undone.

    `ours` is the stop timeout of our restart in seconds; None when none was ordered. `again` are the times from which
    there was one more order of ours, each with signals of its own.
    """
    stop: ContainerEvent | None = None
    stops = kills = 0
    orders, begun, theirs = 0, False, ""
    for event in events:
        if event.action == "start":
            begun = True
        elif event.action == "restart":
            orders += 1
            theirs = "" if orders > 1 else theirs  # two restarts: the other one wants it to run, too
        elif event.action == "pause":
            theirs = theirs or PAUSED  # what was stopped before is no less stopped when it is let go on
        elif event.action == "unpause" and theirs == PAUSED:
            theirs = ""
        elif begun or not signals.deadly(event, status):
            continue  # what is sent to the run that we started is judged as any other
        elif ours is not None and event.signal == status.stop_signal and stops < _ordered_by(event, again):
            stop, stops = event, stops + 1
        elif ours is not None and event.signal == signals.KILL and kills < _killed_by(stop, event, ours, again):
            kills += 1
        else:
            theirs = f"somebody stopped the container through Docker (signal {event.signal})"
    return theirs


def _ordered_by(event: ContainerEvent, again: Sequence[datetime]) -> int:
    """How many orders of ours there were by then."""
    return 1 + sum(event.at is None or each <= event.at for each in again)


def _killed_by(stop: ContainerEvent | None, kill: ContainerEvent, ours: float, again: Sequence[datetime]) -> int:
    """How many of them may have come to their KILL by then: of those before the last nobody has heard the signal."""
    return _ordered_by(kill, again) - (0 if again or _has_waited(stop, kill, ours) else 1)


def _has_waited(stop: ContainerEvent | None, kill: ContainerEvent, ours: float) -> bool:
    if stop is None or stop.at is None or kill.at is None:
        return True
    return (kill.at - stop.at).total_seconds() >= ours - TIMERS_DIFFER


def touched(volatile: Volatile, durable: Durable, target: Target, now: Moment) -> str:
    """What somebody has done since the action that is about to be ordered was decided; "" when nobody did anything."""
    hold, act, heard = durable.holds.get(target), durable.acts.get(target), volatile.heard.get(target)
    undoes = act is not None and act.leaves.unpauses and hold is not None and is_a_pause(hold)
    if hold is not None and hold.holds(now.monotonic) and not undoes:
        return hold.what
    if act is None or heard is None or heard.action_id != act.action_id:
        return ""
    theirs = by_others(heard.events, heard.status, None)
    return f"{theirs} since it was judged" if theirs else ""


def hear(turn: Turn, name: str, target: Target, status: ContainerStatus, event: ContainerEvent) -> None:
    """An event of a container on which an action of ours goes on, or has just ended."""
    act, hold = turn.durable.acts.get(target), turn.durable.holds.get(target)
    if act is None or not (act.under_way or (hold is not None and hold.undone) or _may_be_ours(act, status, event)):
        return
    heard = turn.volatile.heard.get(target)
    if heard is None or heard.action_id != act.action_id:
        heard = turn.volatile.heard[target] = Meanwhile(act.action_id, status)
    if not act.leaves.stops:
        heard.events.append(event)
        return  # it starts nothing that somebody else was ending
    before = _by_others(turn, target, heard.status, heard.events)
    heard.events.append(event)
    after = _by_others(turn, target, heard.status, heard.events)
    if after:
        _hold_undone(turn, name, target, after)
    elif before and hold is not None and hold.undone:
        turn.release(name, target)


def _may_be_ours(act: Act, status: ContainerStatus, event: ContainerEvent) -> bool:
    """A signal of a kill of ours may be told after Docker's answer to it."""
    return act.leaves.signal is not None and any(
        who is not Initiator.THEIRS for _, who in act.initiators_of(status, [event])
    )


def with_those_like_it(turn: Turn, target: Target, event: ContainerEvent) -> tuple[ContainerEvent, ...]:
    """That event, after those that were heard while our own signal was under way, if it is the same signal.

    One of them is ours: which, nobody can tell, nor need anybody.
    """
    act, heard = turn.durable.acts.get(target), turn.volatile.heard.get(target)
    if act is None or act.leaves.signal != event.signal or event.action != "kill":
        return (event,)
    before = heard.events if heard is not None and heard.action_id == act.action_id else []
    return (*(each for each in before if each.signal == event.signal and each is not event), event)


def remember(turn: Turn, name: str, target: Target, status: ContainerStatus, past: Past) -> None:
    """What Docker remembers of the time in which a restart of ours went on, and nobody may have listened."""
    act, begun = turn.durable.acts.get(target), status.started_at
    if act is None or begun is None or not act.started(status) or not act.leaves.stops:
        return
    away = past.away
    meanwhile = [
        event
        for event in past.events
        if event.at is not None
        and event.at >= act.began
        and (event.action == "restart" or event.at < begun)
        and not (away and away[0] <= event.at <= away[1])
    ]
    theirs = _by_others(turn, target, status, meanwhile)
    if theirs and target not in turn.durable.holds:
        _hold_undone(turn, name, target, theirs)


def end(turn: Turn, name: str, target: Target, result: ActionResult) -> ActionResult:
    """The result with what somebody did meanwhile, for people. What was certainly not ordered has undone nothing."""
    hold = turn.durable.holds.get(target)
    if hold is None or not hold.undone:
        return result
    if result.outcome is ActionOutcome.REFUSED:
        heard = turn.volatile.heard.get(target)
        what = by_others(heard.events, heard.status, None) if heard is not None else ""
        lasts = signals.A_STOP_TAKES.total_seconds()
        if what:
            turn.record(r.HoldPlaced(name, what, target_kind=target.kind, target=target.name, lasts=lasts))
        else:
            turn.release(name, target)
        return result
    runs = "it runs again because of that, and " if result.outcome is ActionOutcome.SUCCEEDED else ""
    plan = f"{runs}nothing more is done until somebody starts it anew"
    return replace(result, detail=f"{result.detail}; {hold.what}: {plan}")


def is_started_by_us(durable: Durable, target: Target, status: ContainerStatus) -> bool:
    """That run may be the one that the last action of ours on it has started."""
    act = durable.acts.get(target)
    return act is not None and act.started(status)


def _by_others(turn: Turn, target: Target, status: ContainerStatus, events: Iterable[ContainerEvent]) -> str:
    ladder = turn.durable.ladder_of(target)
    step = step_that_acted(turn.volatile.policy, ladder) if ladder is not None else None
    act = turn.durable.acts.get(target)
    again = act.again if act is not None else ()
    return by_others(events, status, step.may_take if step is not None else 0.0, again)


def _hold_undone(turn: Turn, name: str, target: Target, theirs: str) -> None:
    """What was undone is left alone; once for each."""
    act, hold = turn.durable.acts[target], turn.durable.holds.get(target)
    lasts = UNDONE_FOR - max(0.0, (turn.now.utc - act.began).total_seconds())
    if lasts > 0.0 and not (hold is not None and hold.undone):
        what = f"{theirs} while the watchdog restarted it"
        turn.record(r.HoldPlaced(name, what, target_kind=target.kind, target=target.name, lasts=lasts, undone=True))
