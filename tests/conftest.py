"""What all tests share: a unit test that blocks its event loop fails, and what failed is told last."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from nemo_watchdog.testing import cores

hypothesis.settings.register_profile(
    "without a clock", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("without a clock")

LONGEST_STEP = 0.2
"""Seconds that one step of an event loop may compute, and on a machine with nobody else on it may take.

Not counted is the garbage collector's walk through all that a run of some thousand tests has on its heap: 0.2 s at
340,000 objects, whichever test happens to be running. What a step waits for is its own fault only where nobody on the
machine waited meanwhile: a program that it starts, or a thread, gets no core as soon on one that is busy.
"""
WAITING_READ_EVERY = 0.01
"""Seconds before a step whose waits for a core may be taken for the step's own: reading them takes some 0.05 ms."""
UNIT_TESTS = Path(__file__).parent / "unit"


class CollectorTime:
    """How long the garbage collector has held this process so far. Source: Python's gc.callbacks."""

    def __init__(self) -> None:
        self._ended = 0.0
        self._began: float | None = None
        self._computing_since = 0.0
        self._computed = dict[int, float]()

    def __call__(self, phase: str, _info: dict[str, int]) -> None:
        now, computed, thread = time.perf_counter(), time.thread_time(), threading.get_ident()
        if phase == "start":
            self._began, self._computing_since = now, computed
        elif self._began is not None:
            self._ended, self._began = self._ended + now - self._began, None
            self._computed[thread] = self.computed_here + computed - self._computing_since

    @property
    def seconds(self) -> float:
        """Also of a collection whose end is not told yet: it may have run in a thread that now waits for this one."""
        began = self._began
        return self._ended + (time.perf_counter() - began if began is not None else 0.0)

    @property
    def computed_here(self) -> float:
        """Seconds that this thread has computed for it."""
        return self._computed.get(threading.get_ident(), 0.0)


class StepWatch:
    """Runs the steps of event loops, and keeps those that took too long."""

    def __init__(self, collector: CollectorTime) -> None:
        self.too_long: list[str] = []
        self._collector = collector
        self._run = asyncio.Handle._run
        self._read()

    def run(self, handle: asyncio.Handle) -> None:
        if time.perf_counter() - self._read_at > WAITING_READ_EVERY:
            self._read()
        began, collected = time.perf_counter(), self._collector.seconds
        computed = time.thread_time() - self._collector.computed_here
        runs = getattr(handle._callback, "__self__", handle)  # type: ignore[attr-defined]  # its task, if it is of one
        self._run(handle)
        computed = time.thread_time() - self._collector.computed_here - computed
        took = time.perf_counter() - began - (self._collector.seconds - collected)
        if computed > LONGEST_STEP:
            self.too_long.append(f"{computed:.3f} s by computing in {runs!r}")
        elif took > LONGEST_STEP and took - self._waited() > LONGEST_STEP:
            self.too_long.append(f"{took:.3f} s by waiting in {runs!r}")

    def _read(self) -> None:
        self._read_at = time.perf_counter()
        self._waits, self._others = cores.waits_for_a_core(), cores.seconds_anybody_waited()

    def _waited(self) -> float:
        """Seconds, since they were read, of this process and of the others."""
        return cores.seconds_without_a_core(self._waits) + cores.seconds_anybody_waited() - self._others


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
    if UNIT_TESTS not in request.path.parents:
        yield []
        return
    watch = StepWatch(collector)

    def run(handle: asyncio.Handle) -> None:
        watch.run(handle)

    monkeypatch.setattr(asyncio.Handle, "_run", run)
    yield watch.too_long
    if watch.too_long:
        pytest.fail("the event loop was blocked for " + "; ".join(watch.too_long), pytrace=False)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Iterator[None]:
    """The last words are what failed, one line a test, behind their output: who sees only the end sees that."""
    yield
    for outcome in ("failed", "error"):
        for report in terminalreporter.getreports(outcome):
            terminalreporter.write_line(f"{outcome.upper()} {report.nodeid}", red=True)
