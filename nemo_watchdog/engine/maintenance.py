"""Maintenance: which windows are open for a dependency, until when, and what nobody hears of meanwhile. Pure.

Windows of the policy follow the wall clock and nothing else: policy and clock give the same answer after every start
and every reload, and a clock that is set moves them with it. One that a person opened lasts as long as he said, by the
monotonic clock. How long something fails is counted by that too, so where on the wall clock either began is told from
the time that it is now.

Work on a container concerns all that look at it, and what needs it fails with it: neither is told in the window.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from nemo_watchdog.engine.health import Tracker
from nemo_watchdog.engine.quiet import Maintenance
from nemo_watchdog.engine.state import Durable
from nemo_watchdog.engine.topology import held_by
from nemo_watchdog.engine.turn import Turn
from nemo_watchdog.engine.volatile import Volatile
from nemo_watchdog.model import Health, Moment
from nemo_watchdog.policy.windows import MaintenanceWindow

LOOK_AT_THE_CLOCK_EVERY = 60.0
"""Seconds: the wall clock may be set while nothing happens that would show it."""

_MOST_OVERLAPS = 60
"""How many windows one after the other are looked at for an end; what goes on for longer is asked again then."""


@dataclass(frozen=True, slots=True)
class Spell:
    """Windows that are open now, and when the last of those that follow without a gap ends (UTC)."""

    names: str
    until: datetime


@dataclass(frozen=True, slots=True)
class _Once:
    """Began then, and at no other time."""

    began: datetime

    def last(self, at: datetime) -> datetime | None:
        return self.began if self.began <= at else None

    def next(self, at: datetime) -> datetime | None:
        return self.began if self.began > at else None


def spell_of(volatile: Volatile, durable: Durable, name: str, now: Moment) -> Spell | None:
    """None while nobody works on it."""
    windows = _windows(volatile, durable, name, now)
    names = _names_open(windows, now.utc)
    if not names:
        return None
    until = now.utc
    for _ in range(_MOST_OVERLAPS):
        ends = [end for window in windows if (end := window.end(until)) is not None]
        if not ends:
            break
        until = max(ends)
    return Spell(names, until)


def keeps_quiet(turn: Turn, name: str) -> bool:
    """Whether it began to fail in a window that is open now: its own, or that of what it fails with."""
    volatile, durable, now = turn.volatile, turn.durable, turn.now
    if not volatile.policy.maintenance and not durable.quiet.maintenance:
        return False
    began = _began(volatile.trackers[name], now)
    windows = (_windows(volatile, durable, each, now) for each in (name, *_failing_unheard(turn, name)))
    return any(_names_open(each, now.utc) and _names_open(each, began) for each in windows)


def began_within(volatile: Volatile, durable: Durable, name: str, now: Moment) -> str:
    """The windows in which it began to fail and that are over; empty when it began outside of any."""
    windows = [window for window in _windows(volatile, durable, name, now) if not window.is_open(now.utc)]
    tracker = volatile.trackers.get(name)
    return _names_open(windows, _began(tracker, now)) if windows and tracker is not None else ""


def next_look(volatile: Volatile, now: Moment) -> float | None:
    """When everything must be judged again, for a window may begin or end: monotonic seconds."""
    borders = [border for window in volatile.policy.maintenance if (border := window.border(now.utc)) is not None]
    if not borders:
        return None
    return min(at(min(borders), now), now.monotonic + LOOK_AT_THE_CLOCK_EVERY)


def at(moment: datetime, now: Moment) -> float:
    """A moment of the wall clock in monotonic seconds, if nobody sets it until then."""
    return now.monotonic + (moment - now.utc).total_seconds()


def _windows(volatile: Volatile, durable: Durable, name: str, now: Moment) -> list[MaintenanceWindow]:
    """Those of the dependency, and of all that look at the same container."""
    planned, about = volatile.policy.maintenance, {name, *volatile.beside.get(name, ())}
    windows = [window for window in planned if not about.isdisjoint(window.dependencies)]
    by_hand = (work for work in durable.quiet.maintenance.values() if not work.window)
    concerned = (work for work in by_hand if any(work.scope.has(each, volatile.policy) for each in about))
    return [*windows, *(_by_hand(work, about, now) for work in concerned)]


def _by_hand(work: Maintenance, about: Collection[str], now: Moment) -> MaintenanceWindow:
    """As if it were planned for these."""
    began = now.utc - timedelta(seconds=now.monotonic - work.began.monotonic)
    lasts = work.end - work.began.monotonic
    return MaintenanceWindow(f"{work.reason}, by {work.by}", _Once(began), lasts, frozenset(about))


def _names_open(windows: Iterable[MaintenanceWindow], moment: datetime) -> str:
    return ", ".join(window.name for window in windows if window.is_open(moment))


def _failing_unheard(turn: Turn, name: str) -> Iterator[str]:
    """What it needs that is ill itself, and of which nobody has heard."""
    trackers = turn.volatile.trackers
    blind = (Health.UNKNOWN,) if trackers[name].state.health is Health.UNKNOWN else ()
    explaining = (Health.DOWN, Health.STARTING, *blind)
    for above in held_by(turn.volatile.policy, name, lambda each: trackers[each].state.health in explaining):
        if turn.durable.incident_of(above) is None:
            yield above


def _began(tracker: Tracker, now: Moment) -> datetime:
    """When the present trouble began, as far as anybody saw or Docker tells."""
    seen = [tracker.failing_since, tracker.since.monotonic if tracker.since is not None else None]
    if tracker.state.health is Health.UNKNOWN:
        seen.append(tracker.blind_since)
    first = min((each for each in seen if each is not None), default=now.monotonic)
    began = now.utc - timedelta(seconds=now.monotonic - first)
    ended = tracker.container.finished_at if tracker.container is not None and tracker.exited else None
    return began if ended is None else min(began, ended)
