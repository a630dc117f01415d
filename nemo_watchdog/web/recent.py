"""The last 24 hours of each dependency in half hours, kept in memory and read from the archive beside the answers.

Who asks waits for a reading only for a moment, and otherwise gets what was known before. What is known is read anew at
most once a minute, and of it only what may have changed.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from aiohttp import web

from nemo_watchdog.model import Outcome
from nemo_watchdog.reasons import Category, Reason
from nemo_watchdog.stores import LookRun
from nemo_watchdog.web.past import Past

HALF_HOUR = timedelta(minutes=30)
HALVES = 48

EVERY = 60.0
"""Seconds between two readings of the same."""

RETRY = 10.0
"""Seconds after a reading that failed."""

PIECE = 12
"""Half hours that are read at once: of what flaps there is much."""

IN_A_THREAD = 500
"""Runs from which on they are not summed up on the loop (some 2 ms)."""

WORDS = ("ok", "degraded", "blind", "down")
"""From the best to the worst."""

_BLIND = frozenset(reason.value for reason in Reason if reason.category is Category.BLIND)


@dataclass(frozen=True, slots=True)
class HalfHour:
    """`word` is the worst that looks saw: down, blind, degraded, ok; none where nobody looked. `reason` is its why.

    `bad` of `looks` saw that. `latency` is the mean in seconds of what answered; None where nothing did.
    """

    begin: datetime
    word: str = "none"
    reason: str | None = None
    latency: float | None = None
    looks: int = 0
    bad: int = 0


@dataclass(frozen=True, slots=True)
class RecentView:
    """48 of them, the oldest first; the last one goes on. `complete`: all of it could be read, and lately."""

    halves: tuple[HalfHour, ...]
    complete: bool


@dataclass(slots=True)
class _Known:
    """`read_at` is the loop's time."""

    halves: tuple[HalfHour, ...]
    read_at: float


class Recent:
    """`now` gives aware UTC."""

    def __init__(self, past: Past, now: Callable[[], datetime]) -> None:
        self._past = past
        self._now = now
        self._known: dict[str, _Known] = {}
        self._wanted: dict[str, None] = {}
        self._failed_at: float | None = None
        self._reading: asyncio.Task[None] | None = None

    async def of(self, names: Iterable[str], wait: float = 0.05) -> Mapping[str, RecentView]:
        """Of those that were read before; what is old is read anew, and waited for only so many seconds."""
        asked, at = list(names), asyncio.get_running_loop().time()
        if self._failed_at is None or at - self._failed_at >= RETRY:
            self._wanted |= dict.fromkeys(name for name in asked if self._is_due(name, at))
        if self._wanted and (self._reading is None or self._reading.done()):
            self._reading = asyncio.create_task(self._read_all())
        if self._reading is not None and not self._wanted.keys().isdisjoint(asked):
            await asyncio.wait({self._reading}, timeout=wait)
            if self._reading.done():
                self._reading.result()
        at = asyncio.get_running_loop().time()
        known = {name: self._known[name] for name in asked if name in self._known}
        readable = self._failed_at is None
        return {
            name: RecentView(each.halves, complete=readable and at - each.read_at < 2 * EVERY)
            for name, each in known.items()
        }

    async def close(self) -> None:
        """Nothing is read any more."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait({self._reading})

    def _is_due(self, name: str, at: float) -> bool:
        return name not in self._known or at - self._known[name].read_at >= EVERY

    async def _read_all(self) -> None:
        """One after the other. When one cannot be read, neither can the others."""
        loop = asyncio.get_running_loop()
        day_ago = loop.time() - HALVES * HALF_HOUR.total_seconds()
        self._known = {name: each for name, each in self._known.items() if each.read_at > day_ago}
        self._failed_at = None
        while self._wanted:
            name = next(iter(self._wanted))
            try:
                self._known[name] = _Known(await self._read(name), loop.time())
            except web.HTTPServiceUnavailable:
                self._wanted, self._failed_at = {}, loop.time()
                return
            self._wanted.pop(name, None)

    async def _read(self, name: str) -> tuple[HalfHour, ...]:
        """What is over stays as it was, but for the half hour that went on when it was read."""
        now = self._now()
        begins = _begins(now)
        known = {half.begin: half for half in self._known[name].halves} if name in self._known else {}
        if known:
            went_on = max(known)
            known = {} if went_on > begins[-1] else {at: half for at, half in known.items() if at < went_on}
        missing = [begin for begin in begins if begin not in known or begin >= begins[-2]]
        for first in range(0, len(missing), PIECE):
            piece = missing[first : first + PIECE]
            runs = await self._past.looks(name, piece[0], min(piece[-1] + HALF_HOUR, now))
            if len(runs) < IN_A_THREAD:
                halves = halves_of(runs, piece)
            else:
                halves = await asyncio.to_thread(halves_of, runs, piece)
            known |= {half.begin: half for half in halves}
        return tuple(known[begin] for begin in begins)


def _begins(now: datetime) -> list[datetime]:
    """Of the half hours up to the one that goes on."""
    now = now.astimezone(UTC)
    current = now.replace(minute=now.minute // 30 * 30, second=0, microsecond=0)
    return [current - back * HALF_HOUR for back in range(HALVES - 1, -1, -1)]


# -- from looks to half hours -----------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Sum:
    """Of one half hour."""

    looks: dict[str, float] = field(default_factory=dict)
    """By word."""
    reasons: dict[str, Counter[str | None]] = field(default_factory=dict)
    """How many looks gave each, by word."""
    answered: float = 0.0
    took: float = 0.0


def halves_of(runs: Sequence[LookRun], begins: Sequence[datetime]) -> list[HalfHour]:
    """`begins` follow each other. The looks of a run are taken to lie evenly in its time."""
    sums = [_Sum() for _ in begins]
    for run in runs:
        first = (run.first - begins[0]) // HALF_HOUR
        last = (run.last - begins[0]) // HALF_HOUR
        for place in range(max(first, 0), min(last, len(begins) - 1) + 1):
            _add(sums[place], run, _share(run, begins[place]) if first != last else run.looks)
    return [_half(begin, each) for begin, each in zip(begins, sums, strict=True)]


def _share(run: LookRun, begin: datetime) -> float:
    """How many of its looks are in this half hour, at least one."""
    within = min(run.last, begin + HALF_HOUR) - max(run.first, begin)
    return max(1.0, run.looks * (within / (run.last - run.first)))


def _add(into: _Sum, run: LookRun, looks: float) -> None:
    word = _word(run)
    into.looks[word] = into.looks.get(word, 0.0) + looks
    into.reasons.setdefault(word, Counter())[run.reason] += round(looks)
    if run.outcome != Outcome.FAILED:
        into.answered += looks
        into.took += looks * (run.latency_sum / run.looks if run.looks else 0.0)


def _word(run: LookRun) -> str:
    if run.outcome == Outcome.OK:
        return "ok"
    if run.reason in _BLIND:
        return "blind"
    return "degraded" if run.outcome == Outcome.DEGRADED else "down"


def _half(begin: datetime, each: _Sum) -> HalfHour:
    if not each.looks:
        return HalfHour(begin)
    worst = max(each.looks, key=WORDS.index)
    ((reason, _),) = each.reasons[worst].most_common(1)
    latency = each.took / each.answered if each.answered else None
    bad = 0 if worst == "ok" else round(each.looks[worst])
    return HalfHour(begin, worst, reason, latency, round(sum(each.looks.values())), bad)
