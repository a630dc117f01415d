"""The watch over blocked event loops, which every unit test is under, sees what blocks and nothing else."""

from __future__ import annotations

import asyncio
import time

import pytest

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
