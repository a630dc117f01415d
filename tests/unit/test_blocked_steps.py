"""The watch over blocked event loops, which every unit test is under, sees what blocks and nothing else."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nemo_watchdog.testing import cores
from tests import conftest
from tests.conftest import LONGEST_STEP, CollectorTime

TOO_LONG = LONGEST_STEP + 0.05
PRESSURE = Path("/proc/pressure/cpu")
anybody_waited = cores.seconds_anybody_waited


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if nobody else were on the machine."""
    monkeypatch.setattr(cores, "seconds_anybody_waited", lambda: 0.0)


async def test_a_step_that_sleeps_is_seen(blocked_steps: list[str], request: pytest.FixtureRequest) -> None:
    request.addfinalizer(blocked_steps.clear)
    time.sleep(TOO_LONG)  # noqa: ASYNC251 - blocking is what is tested
    await asyncio.sleep(0)
    assert len(blocked_steps) == 1


async def test_a_step_that_computes_is_seen_also_on_a_busy_machine(
    blocked_steps: list[str], monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    request.addfinalizer(blocked_steps.clear)
    monkeypatch.setattr(cores, "seconds_anybody_waited", time.perf_counter)
    await asyncio.sleep(2 * conftest.WAITING_READ_EVERY)
    until = time.thread_time() + TOO_LONG
    while time.thread_time() < until:
        pass
    await asyncio.sleep(0)
    (step,) = blocked_steps
    assert "by computing" in step


async def test_what_waits_while_others_do_is_no_step(blocked_steps: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that it starts waits for a core, and is none of our threads."""
    monkeypatch.setattr(cores, "seconds_anybody_waited", time.perf_counter)
    await asyncio.sleep(2 * conftest.WAITING_READ_EVERY)
    time.sleep(TOO_LONG)  # noqa: ASYNC251 - as if for the program
    await asyncio.sleep(0)
    assert blocked_steps == []


@pytest.mark.skipif(not PRESSURE.exists(), reason="this kernel does not tell who waits")
def test_somebody_waits_on_a_machine_with_more_to_do_than_cores() -> None:
    """Two programs for each core, until it is told."""
    before, busy = anybody_waited(), [sys.executable, "-c", "while True: pass"]
    programs = [subprocess.Popen(busy) for _ in range(2 * (os.cpu_count() or 1))]
    try:
        until = time.monotonic() + 30.0
        while anybody_waited() <= before:
            assert time.monotonic() < until, "nobody is said to wait"
            time.sleep(0.01)
    finally:
        for program in programs:
            program.kill()
            program.wait()


async def test_the_collector_is_not_a_step(blocked_steps: list[str], collector: CollectorTime) -> None:
    collector("start", {})
    time.sleep(TOO_LONG)  # noqa: ASYNC251 - as long as a walk through a large heap
    collector("stop", {})
    await asyncio.sleep(0)
    assert blocked_steps == []


async def test_a_collection_whose_end_is_told_late_is_not_a_step(
    blocked_steps: list[str], collector: CollectorTime
) -> None:
    """A thread that has collected gives the interpreter away before it tells: the step that waited ends first."""
    collector("start", {})
    time.sleep(TOO_LONG)  # noqa: ASYNC251 - as long as a walk through a large heap
    await asyncio.sleep(0)
    collector("stop", {})
    assert blocked_steps == []


async def test_a_wait_for_a_core_is_no_step(blocked_steps: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """While one of our threads waits all the time, nothing is known to block."""
    monkeypatch.setattr(cores, "waits_for_a_core", lambda: {"1": time.perf_counter_ns()})
    await asyncio.sleep(2 * conftest.WAITING_READ_EVERY)
    time.sleep(TOO_LONG)  # noqa: ASYNC251 - as if without a core
    await asyncio.sleep(0)
    assert blocked_steps == []


async def test_an_earlier_wait_for_a_core_hides_no_step(
    blocked_steps: list[str], monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """A busy machine at the test's beginning is no pardon for what blocks at its end."""
    request.addfinalizer(blocked_steps.clear)
    monkeypatch.setattr(cores, "waits_for_a_core", lambda: {"1": 10**10})
    await asyncio.sleep(2 * conftest.WAITING_READ_EVERY)
    time.sleep(TOO_LONG)  # noqa: ASYNC251 - blocking is what is tested
    await asyncio.sleep(0)
    assert len(blocked_steps) == 1
