"""Silences and maintenance begin when a person says so, or a window of the policy opens, and end at their time."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TypeVar

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.incidents import name_of
from nemo_watchdog.engine.quiet import Maintenance, Quiet
from nemo_watchdog.engine.silence import is_silent_elsewhere
from nemo_watchdog.engine.state import Durable
from nemo_watchdog.engine.turn import Turn

Q = TypeVar("Q", bound=Quiet)

MOST = 100
"""Silences, or maintenance, that may hold: who orders more is a program that has gone astray."""


def hear(turn: Turn, asked: ev.QuietAsked) -> None:
    """Writes it down; what cannot be so changes nothing."""
    quiet = turn.durable.quiet
    match asked:
        case ev.SilenceAsked() if not why_not_silenced(turn.durable):
            identity = name_of("silence", turn.now, quiet.silences)
            turn.record(r.SilenceBegan(identity, *_asked(asked)))
        case ev.MaintenanceAsked() if not why_not_maintained(turn.durable):
            identity = name_of("maintenance", turn.now, quiet.maintenance)
            turn.record(r.MaintenanceBegan(identity, *_asked(asked), public=asked.public))
        case ev.QuietEndAsked() if not why_not_ended(turn.durable, asked.identity):
            if asked.identity in quiet.silences:
                turn.record(r.SilenceEnded(asked.identity, asked.by))
            else:
                turn.record(r.MaintenanceEnded(asked.identity, f"{asked.by} ended it", asked.by))
        case ev.SilencesHeard():
            hear_elsewhere(turn, asked)


def hear_elsewhere(turn: Turn, heard: ev.SilencesHeard) -> None:
    """What it silences no more and is still broken is told now."""
    ones = turn.durable.all_open()
    before = {one.incident for one in ones if is_silent_elsewhere(turn.volatile, one)}
    turn.volatile.silences_elsewhere = heard.silences
    turn.let_go = frozenset(before - {one.incident for one in ones if is_silent_elsewhere(turn.volatile, one)})
    for incident in turn.let_go:
        turn.volatile.agenda.put(incident, turn.now.monotonic)


def keep_time(turn: Turn) -> None:
    """Ends what is over, and writes down which windows of the policy are open."""
    end_silences(turn)
    quiet, now = turn.durable.quiet, turn.now.monotonic
    for work in in_force(quiet.maintenance.values()):
        if work.until <= now:
            turn.record(r.MaintenanceEnded(work.identity, "its time is over"))
    _follow_the_windows(turn)
    ends = [each.until for each in in_force(quiet.each())]
    turn.wake(min((end for end in ends if end != math.inf), default=None))


def end_silences(turn: Turn) -> None:
    """Those whose time is over: before anything is told, for who is silent is asked of the clock."""
    for silence in in_force(turn.durable.quiet.silences.values()):
        if silence.until <= turn.now.monotonic:
            turn.record(r.SilenceEnded(silence.identity))


def _follow_the_windows(turn: Turn) -> None:
    """A window that a reload takes away, or gives to others, ends then."""
    quiet = turn.durable.quiet
    planned = {window.name: window for window in turn.volatile.policy.maintenance if window.dependencies}
    scopes = {name: tuple(sorted(window.dependencies)) for name, window in planned.items()}
    opened = {name for name, window in planned.items() if window.is_open(turn.now.utc)}
    for work in in_force(quiet.maintenance.values()):
        if not work.window:
            continue
        if scopes.get(work.window) != work.scope.dependencies:
            turn.record(r.MaintenanceEnded(work.identity, "the policy does not plan it any more"))
        elif work.window in opened:
            opened.remove(work.window)
        else:
            turn.record(r.MaintenanceEnded(work.identity, "its time is over"))
    for name in sorted(opened):
        identity = name_of(name, turn.now, quiet.maintenance)
        turn.record(r.MaintenanceBegan(identity, list(scopes[name]), [], planned[name].duration, name, "", window=name))


def why_not_silenced(durable: Durable) -> str:
    """Why one more is not taken; empty when it is."""
    return _why_full("silences hold", len(in_force(durable.quiet.silences.values())))


def why_not_maintained(durable: Durable) -> str:
    by_hand = [work for work in in_force(durable.quiet.maintenance.values()) if not work.window]
    return _why_full("times of maintenance hold", len(by_hand))


def why_not_ended(durable: Durable, identity: str) -> str:
    """Why a person cannot end it; empty when he can."""
    one = durable.quiet.silences.get(identity) or durable.quiet.maintenance.get(identity)
    if one is None or one.ended is not None:
        return f"{identity} is over already"
    if isinstance(one, Maintenance) and one.window:
        return f"{identity} is a window of the policy: take `{one.window}` out of `maintenance` there, and reload"
    return ""


def in_force(known: Iterable[Q]) -> list[Q]:
    """Those that are not over."""
    return [each for each in known if each.ended is None]


def _why_full(what: str, many: int) -> str:
    return f"{many} {what}: end those that are not needed before you begin another" if many >= MOST else ""


def _asked(asked: ev.SilenceAsked | ev.MaintenanceAsked) -> tuple[list[str], list[str], float, str, str]:
    return list(asked.dependencies), list(asked.tags), asked.duration, asked.reason, asked.by
