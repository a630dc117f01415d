"""The watch over blocked event loops, which every unit test is under, sees what blocks and nothing else."""

from __future__ import annotations

import asyncio
import time

import pytest

from nemo_watchdog.testing import cores
from tests import conftest
from tests.conftest import LONGEST_STEP, CollectorTime

TOO_LONG = LONGEST_STEP + 0.05


async def test_a_step_that_sleeps_is_seen(blocked_steps: list[str], request: pytest.FixtureRequest) -> None:
    request.addfinalizer(blocked_steps.clear)
    time.sleep(TOO_LONG)  # noqa: ASYNC251 - blocking is what is tested
    await asyncio.sleep(0)
    assert len(blocked_steps) == 1


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
