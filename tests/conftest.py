"""What all tests share: a unit test that blocks its event loop fails."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

LONGEST_STEP = 0.2
"""Seconds that one step of an event loop may take; what the machine gave to other processes is not counted."""
UNIT_TESTS = Path(__file__).parent / "unit"


def seconds_without_a_core() -> float:
    """How long this thread has waited for a core so far; 0 where the kernel does not tell.

    Source: Linux, Documentation/scheduler/sched-stats.rst, "/proc/<pid>/schedstat", second field, nanoseconds.
    """
    try:
        return int(Path("/proc/thread-self/schedstat").read_text(encoding="ascii").split()[1]) / 1e9
    except OSError:
        return 0.0


@pytest.fixture(autouse=True)
def blocked_steps(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The steps of asyncio's event loop that took too long; in a unit test there may be none."""
    steps: list[str] = []
    if UNIT_TESTS not in request.path.parents:
        yield steps
        return
    run = asyncio.Handle._run
    waited_before = seconds_without_a_core()

    def timed(handle: asyncio.Handle) -> None:
        began = time.perf_counter()
        run(handle)
        took = time.perf_counter() - began
        if took > LONGEST_STEP and took - (seconds_without_a_core() - waited_before) > LONGEST_STEP:
            steps.append(f"{took:.3f} s in {handle!r}")

    monkeypatch.setattr(asyncio.Handle, "_run", timed)
    yield steps
    if steps:
        pytest.fail("the event loop was blocked for " + "; ".join(steps), pytrace=False)
