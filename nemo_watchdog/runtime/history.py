"""How every look went, as runs of looks that saw the same: a few words of memory for each, a few bytes on disk.

The last minute is in memory alone, and `kill -9` loses it. What cannot be written waits in memory, up to
`MOST_UNWRITTEN` runs, of which then the oldest are lost and counted.

Runs of one dependency never overlap, whatever the wall clock does. Set back by less than `SMALL_STEP` it stands still
until it has caught up; set back by more, it is right, and what was seen at times that are yet to come is forgotten.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from zlib import crc32

import structlog

from nemo_watchdog.errors import ArchiveError
from nemo_watchdog.metrics import Metrics
from nemo_watchdog.model import Observation
from nemo_watchdog.ports import Clock
from nemo_watchdog.runtime.archiving import Archiving
from nemo_watchdog.stores import LATENCY_BOUNDS, LookRun

log = structlog.get_logger("nemo_watchdog")

WRITE_EVERY = 60.0
AT_ONCE = 500
"""Runs that are made into rows in one step of the event loop, and written in one transaction."""

LONGEST_RUN = 15 * 60 * 1000
"""Milliseconds. Each dependency's runs end at its own place in a quarter of an hour, so that not all end together."""

SMALL_STEP = 60 * 1000
"""Milliseconds."""

MOST_UNWRITTEN = 20_000
"""Runs that are over and wait for the disk: of 1,000 dependencies some five hours, and some 10 MB."""

RECENT = timedelta(days=1)
"""How far back is read for what was last, before all of it is."""


class _Run:
    """Times in milliseconds since the epoch, latencies in seconds."""

    __slots__ = (
        "dependency",
        "ends",
        "first",
        "histogram",
        "last",
        "latency_max",
        "latency_sum",
        "looks",
        "outcome",
        "reason",
        "written",
    )

    def __init__(self, dependency: str, outcome: str, reason: str | None, first: int) -> None:
        self.dependency = dependency
        self.outcome = outcome
        self.reason = reason
        self.first = self.last = first
        place = crc32(dependency.encode()) % LONGEST_RUN
        self.ends = ((first - place) // LONGEST_RUN + 1) * LONGEST_RUN + place
        """From when on a look begins another run."""
        self.looks = 0
        self.latency_sum = self.latency_max = 0.0
        self.histogram = [0] * (len(LATENCY_BOUNDS) + 1)
        self.written = 0
        """How many of its looks are on disk."""

    def add(self, at: int, latency: float) -> None:
        self.last = at
        self.looks += 1
        self.latency_sum += latency
        self.latency_max = max(self.latency_max, latency)
        self.histogram[bisect_left(LATENCY_BOUNDS, latency)] += 1

    def told(self) -> LookRun:
        return LookRun(
            self.dependency,
            str(self.outcome),
            None if self.reason is None else str(self.reason),
            datetime.fromtimestamp(self.first / 1000, UTC),
            datetime.fromtimestamp(self.last / 1000, UTC),
            self.looks,
            self.latency_sum,
            self.latency_max,
            tuple(self.histogram),
        )


class History:
    """Fed with every look, read by whoever asks how it was. All but its writing is in memory."""

    def __init__(self, archiving: Archiving, clock: Clock, metrics: Metrics) -> None:
        self.archiving = archiving
        self._clock = clock
        self._metrics = metrics
        self._open: dict[str, _Run] = {}
        self._over: deque[_Run] = deque()
        """Those that are not written, oldest first."""
        self._writing = asyncio.Lock()
        self._losing = False

    # -- what comes in

    def saw(self, dependency: str, observation: Observation) -> None:
        """One look."""
        at = int(observation.at.utc.timestamp() * 1000)
        finding, run = observation.finding, self._open.get(dependency)
        if run is not None and at < run.last:
            if run.last - at <= SMALL_STEP:
                at = run.last
            else:
                self._set_back(dependency, at)
                run = self._open.get(dependency)
        if run is None or run.outcome != finding.outcome or run.reason != finding.reason or at >= run.ends:
            if run is not None:
                at = max(at, run.last + 1)
            run = self._begin(dependency, finding.outcome, finding.reason, at)
        run.add(at, observation.latency)

    def forget(self, dependency: str) -> None:
        """It is watched no more: its run is over."""
        self._end(dependency)

    # -- what is asked

    async def read(self, dependency: str, since: datetime, until: datetime) -> Sequence[LookRun]:
        """The runs that have a look between the two times, oldest first. Raises `ArchiveError`."""
        here = [run.told() for run in self._in_memory(dependency)]  # first: what is written meanwhile is not missed
        kept = await self.archiving.looks(dependency, since, until)
        return [each for each in _joined(kept, here) if each.first <= until and each.last >= since]

    async def recent(self, dependency: str, most: int) -> Sequence[LookRun]:
        """The last so many runs, newest first; while the archive cannot be read, those that it does not have."""
        now = self._clock.now().utc
        for since in (now - RECENT, datetime.min.replace(tzinfo=UTC)):
            here = [run.told() for run in self._in_memory(dependency)]
            if len(here) >= most:
                break
            try:
                here = _joined(await self.archiving.looks(dependency, since, now), here)
            except ArchiveError:
                break
            if len(here) >= most:
                break
        return here[: -most - 1 : -1]

    # -- what goes out

    async def run(self) -> None:
        """For ever: writes what is new."""
        while True:
            await asyncio.sleep(WRITE_EVERY)
            await self.write()

    async def write(self) -> None:
        """All that is not on disk; what cannot be written is kept for the next time."""
        async with self._writing:
            try:
                await self._write_over()
                await self._write_open()
            except ArchiveError:
                return  # said by `Archiving`, who knows when it works again
        if self._losing:
            self._losing = False
            log.info("history is written again")

    async def stop(self, within: float) -> None:
        """Writes what is new, for at most so many seconds."""
        try:
            async with asyncio.timeout(within):
                await self.write()
        except TimeoutError:
            log.error("history not written completely before the stop")

    async def _write_over(self) -> None:
        while batch := list(islice(self._over, AT_ONCE)):
            await self.archiving.keep_looks([run.told() for run in batch])
            for run in batch:  # some may be lost or forgotten meanwhile, and then they were the first
                if self._over and self._over[0] is run:
                    self._over.popleft()

    async def _write_open(self) -> None:
        changed = [run for run in self._open.values() if run.looks != run.written]
        for start in range(0, len(changed), AT_ONCE):
            batch = changed[start : start + AT_ONCE]
            told = [run.told() for run in batch]
            await self.archiving.keep_looks(told)
            for run, as_written in zip(batch, told, strict=True):
                run.written = as_written.looks

    # -- runs

    def _begin(self, dependency: str, outcome: str, reason: str | None, at: int) -> _Run:
        self._end(dependency)
        run = self._open[dependency] = _Run(dependency, outcome, reason, at)
        return run

    def _end(self, dependency: str) -> None:
        run = self._open.pop(dependency, None)
        if run is None or run.looks == run.written:
            return
        self._over.append(run)
        if len(self._over) > MOST_UNWRITTEN:
            lost = self._over.popleft()
            self._metrics.history_lost.inc(lost.looks - lost.written)
            if not self._losing:
                self._losing = True
                log.error("history is lost: the oldest that waits to be written goes", kept=MOST_UNWRITTEN)

    def _set_back(self, dependency: str, at: int) -> None:
        """The archive does the same with what it has, when it gets the run that begins then."""
        for run in self._in_memory(dependency):
            run.last = min(run.last, at - 1)
        self._end(dependency)
        self._over = deque(run for run in self._over if run.dependency != dependency or run.first < at)

    def _in_memory(self, dependency: str) -> Iterator[_Run]:
        """Those that are not on disk as they are now, and the open one, oldest first."""
        yield from (run for run in self._over if run.dependency == dependency)
        if run := self._open.get(dependency):
            yield run


def _joined(kept: Iterable[LookRun], here: Sequence[LookRun]) -> list[LookRun]:
    """What is here came later, and takes the place of what is kept from then on."""
    if not here:
        return list(kept)
    begin = here[0].first
    before = [run for run in kept if run.first < begin]
    if before and before[-1].last >= begin:
        before[-1] = replace(before[-1], last=begin - timedelta(milliseconds=1))
    return [*before, *here]
