"""What it costs to keep how each look went: bytes on disk, CPU of a look, and the time to read three months back.

On a clock that the benchmark moves: ninety days pass in minutes. The looks go through the same `History`, `Archiving`
and SQLite file as in the daemon; those of a thousand are written every minute, those of three months every quarter of
an hour, which leaves the same rows. Fails when a limit is not kept.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from nemo_watchdog.archive import SqliteArchive, size_of
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.engine import Engine
from nemo_watchdog.metrics import Metrics
from nemo_watchdog.model import Finding, Moment, Observation, Reason, failed, ok
from nemo_watchdog.policy.compiler import RUNBOOK_SEVERITIES
from nemo_watchdog.policy.policy import Dependency, Policy
from nemo_watchdog.runtime.archiving import Archiving
from nemo_watchdog.runtime.core import Core
from nemo_watchdog.runtime.history import History
from nemo_watchdog.testing import ManualClock, MemoryJournal

FEW, DAYS = 10, 90
MANY, HOURS = 1000, 3
INTERVAL = 10.0
INCIDENTS_A_DAY = 3
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)

LARGEST = 30e6
MOST_AN_HOUR = 1e6
LONGEST_READ = 0.05
LOOKS = 200_000


class Life:
    """A history as the daemon has it, and the file that it writes."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "archive.sqlite3"
        self.clock = ManualClock(utc=BEGIN)
        metrics, journal = Metrics(), MemoryJournal(self.clock)
        engine = Engine(Policy({}, RUNBOOK_SEVERITIES, ()))
        self.archiving = Archiving(
            lambda: SqliteArchive(self.path), Core(engine, journal, self.clock, metrics), metrics
        )
        self.history = History(self.archiving, self.clock, metrics)

    async def live(self, names: Sequence[str], seconds: float, luck: random.Random, ticks_a_write: int = 6) -> float:
        """Every look of that time; CPU seconds of the longest step of the loop in a write."""
        troubles = {name: trouble(luck, seconds) for name in names}
        down = {name: next(each) for name, each in troubles.items()}
        moment, longest = self.clock.now(), 0.0
        for tick in range(int(seconds / INTERVAL)):
            at = tick * INTERVAL
            now = Moment(moment.monotonic + at, moment.utc + timedelta(seconds=at))
            for name in names:
                begin, end, finding = down[name]
                if at >= end:
                    begin, end, finding = down[name] = next(troubles[name])
                seen = finding if begin <= at < end else ok()
                self.history.saw(name, Observation(seen, luck.lognormvariate(-5.0, 0.6), now))
            if tick % ticks_a_write == ticks_a_write - 1:
                longest = max(longest, await stall(self.history))
        self.clock.advance(seconds)
        return longest


def trouble(luck: random.Random, seconds: float) -> Iterator[tuple[float, float, Finding]]:
    """When it fails, and with what: some incidents a day, some of which flap for a while."""
    at = 0.0
    while at < seconds:
        at += luck.expovariate(INCIDENTS_A_DAY / 86400)
        for _ in range(luck.choice((1, 1, 2, 5))):
            lasts = luck.choice((30.0, 60.0, 300.0, 1800.0))
            yield at, at + lasts, failed(luck.choice((Reason.TIMEOUT, Reason.REFUSED, Reason.WRONG_STATUS)), "")
            at += lasts + luck.uniform(20.0, 120.0)
    while True:
        yield float("inf"), float("inf"), ok()


async def stall(history: History) -> float:
    """CPU seconds of the loop's longest step while all is written; what the archive's thread does is not its own."""
    longest, writing = 0.0, asyncio.create_task(history.write())
    while not writing.done():
        began = time.thread_time()
        await asyncio.sleep(0)
        longest = max(longest, time.thread_time() - began)
    return longest


def size(path: Path) -> int:
    """On disk, when the write-ahead log is empty."""
    SqliteArchive(path).close()
    return size_of(path)


async def few(folder: Path) -> tuple[int, float, int]:
    """Bytes of ninety days of ten, seconds to read one of them (the best of ten), and how many runs that is."""
    life = Life(folder)
    names = [f"dependency-{number}" for number in range(FEW)]
    await life.live(names, DAYS * 86400.0, random.Random(1), ticks_a_write=90)
    took, runs = list[float](), 0
    archive = SqliteArchive(life.path)
    for name in names:
        began = time.perf_counter()
        runs = len(archive.looks(name, BEGIN, life.clock.now().utc))
        took.append(time.perf_counter() - began)
    archive.close()
    await life.archiving.close(10.0)
    return size(life.path), min(took), runs


async def many(folder: Path) -> tuple[float, float]:
    """Bytes an hour of a thousand, by the last hours, and the longest step of the loop (CPU seconds) in a write."""
    life, names = Life(folder), [f"dependency-{number}" for number in range(MANY)]
    sizes, longest = list[int](), 0.0
    for hour in range(HOURS):
        longest = max(longest, await life.live(names, 3600.0, random.Random(hour)))
        sizes.append(size(life.path))
    await life.archiving.close(10.0)
    return (sizes[-1] - sizes[0]) / (HOURS - 1), longest


async def cost(folder: Path) -> tuple[float, float]:
    """CPU seconds of one look in the history, and of the same look in the engine and the metrics, without its probe."""
    life, spec = Life(folder), Dependency("gateway", "http", None)
    metrics = Metrics()
    engine = Engine(Policy({"gateway": spec}, RUNBOOK_SEVERITIES, ()))
    core = Core(engine, MemoryJournal(life.clock), life.clock, metrics)
    numbers = metrics.dependency("gateway")
    at = life.clock.now()
    looks = [
        Observation(ok(), 0.004, Moment(at.monotonic + number, at.utc + timedelta(seconds=number * 10)))
        for number in range(LOOKS)
    ]
    began = time.process_time()
    for each in looks:
        life.history.saw("gateway", each)
    kept = time.process_time() - began
    core.tell(ev.Started())
    began = time.process_time()
    for each in looks:
        numbers.looked(each, 0.0)
        core.tell(ev.Observed("gateway", each))
    judged = time.process_time() - began
    return kept / LOOKS, judged / LOOKS


def main() -> int:
    with (
        tempfile.TemporaryDirectory() as one,
        tempfile.TemporaryDirectory() as two,
        tempfile.TemporaryDirectory() as go,
    ):
        bytes_of_few, read, runs = asyncio.run(few(Path(one)))
        an_hour, longest = asyncio.run(many(Path(two)))
        kept, judged = asyncio.run(cost(Path(go)))
    print(
        f"{DAYS} days of {FEW}, {INCIDENTS_A_DAY} incidents a day each: {bytes_of_few / 1e6:.1f} MB, {runs} runs of one"
    )
    print(f"reading all of one: {read * 1000:.0f} ms")
    print(f"{MANY} every {INTERVAL:g} s: {an_hour / 1e6:.2f} MB an hour, longest step {longest * 1000:.1f} ms of CPU")
    print(f"a look: {kept * 1e6:.2f} µs of CPU, beside {judged * 1e6:.1f} µs for the engine and the metrics")
    kept_all = bytes_of_few < LARGEST and an_hour <= MOST_AN_HOUR and read <= LONGEST_READ
    print("all limits are kept" if kept_all else "a limit is NOT kept")
    return 0 if kept_all else 1


if __name__ == "__main__":
    sys.exit(main())
