"""What all tests share: a unit test that blocks its event loop fails, and what failed is told last."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from nemo_watchdog.testing import cores

LONGEST_STEP = 0.2
"""Seconds that one step of an event loop may take.

Not counted is what the machine gave to other processes, and the garbage collector's walk through all that a run of
some thousand tests has on its heap: 0.2 s at 340,000 objects, whichever test happens to be running.
"""
WAITING_READ_EVERY = 0.01
"""Seconds before a step whose waits for a core may be taken for the step's own: reading them takes some 0.05 ms."""
UNIT_TESTS = Path(__file__).parent / "unit"


class CollectorTime:
    """How long the garbage collector has held this process so far. Source: Python's gc.callbacks."""

    def __init__(self) -> None:
        self._ended = 0.0
        self._began: float | None = None

    def __call__(self, phase: str, _info: dict[str, int]) -> None:
        now = time.perf_counter()
        if phase == "start":
            self._began = now
        elif self._began is not None:
            self._ended, self._began = self._ended + now - self._began, None

    @property
    def seconds(self) -> float:
        """Also of a collection whose end is not told yet: it may have run in a thread that now waits for this one."""
        began = self._began
        return self._ended + (time.perf_counter() - began if began is not None else 0.0)


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
    read_at, waits = time.perf_counter(), cores.waits_for_a_core()

    def timed(handle: asyncio.Handle) -> None:
        nonlocal read_at, waits
        began, collected = time.perf_counter(), collector.seconds
        if began - read_at > WAITING_READ_EVERY:
            read_at, waits = began, cores.waits_for_a_core()
        runs = getattr(handle._callback, "__self__", handle)  # type: ignore[attr-defined]  # its task, if it is of one
        run(handle)
        took = time.perf_counter() - began - (collector.seconds - collected)
        if took > LONGEST_STEP and took - cores.seconds_without_a_core(waits) > LONGEST_STEP:
            steps.append(f"{took:.3f} s in {runs!r}")

    monkeypatch.setattr(asyncio.Handle, "_run", timed)
    yield steps
    if steps:
        pytest.fail("the event loop was blocked for " + "; ".join(steps), pytrace=False)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Iterator[None]:
    """The last words are what failed, one line a test, behind their output: who sees only the end sees that."""
    yield
    for outcome in ("failed", "error"):
        for report in terminalreporter.getreports(outcome):
            terminalreporter.write_line(f"{outcome.upper()} {report.nodeid}", red=True)
