"""What all tests share: a unit test that blocks its event loop fails."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

LONGEST_STEP = 0.2
"""Seconds that one step of an event loop may take.

Not counted is what the machine gave to other processes, and the garbage collector's walk through all that a run of
some thousand tests has on its heap: 0.2 s at 340,000 objects, whichever test happens to be running.
"""
UNIT_TESTS = Path(__file__).parent / "unit"


def seconds_without_a_core() -> float:
    """How long this thread has waited for a core so far; 0 where the kernel does not tell.

    Source: Linux, Documentation/scheduler/sched-stats.rst, "/proc/<pid>/schedstat", second field, nanoseconds.
    """
    try:
        return int(Path("/proc/thread-self/schedstat").read_text(encoding="ascii").split()[1]) / 1e9
    except OSError:
        return 0.0


class CollectorTime:
    """How long the garbage collector has held this process so far. Source: Python's gc.callbacks."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._began = 0.0

    def __call__(self, phase: str, _info: dict[str, int]) -> None:
        if phase == "start":
            self._began = time.perf_counter()
        else:
            self.seconds += time.perf_counter() - self._began


@pytest.fixture(scope="session")
def collector() -> Iterator[CollectorTime]:
    collector = CollectorTime()
    gc.callbacks.append(collector)
    yield collector
    gc.callbacks.remove(collector)


@pytest.fixture(autouse=True)
def blocked_steps(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, collector: CollectorTime
) -> Iterator[list[str]]:
    """The steps of asyncio's event loop that took too long; in a unit test there may be none."""
    steps: list[str] = []
    if UNIT_TESTS not in request.path.parents:
        yield steps
        return
    run = asyncio.Handle._run
    waited_before = seconds_without_a_core()

    def timed(handle: asyncio.Handle) -> None:
        began, collected = time.perf_counter(), collector.seconds
        run(handle)
        took = time.perf_counter() - began - (collector.seconds - collected)
        if took > LONGEST_STEP and took - (seconds_without_a_core() - waited_before) > LONGEST_STEP:
            steps.append(f"{took:.3f} s in {handle!r}")

    monkeypatch.setattr(asyncio.Handle, "_run", timed)
    yield steps
    if steps:
        pytest.fail("the event loop was blocked for " + "; ".join(steps), pytrace=False)
