"""The demo judges honestly: what ends as announced passes, and what does not is said and fails."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from nemo_watchdog.demo.platform import Platform
from nemo_watchdog.demo.runner import Result, Runner, policy_file, summary
from nemo_watchdog.demo.story import STORY, Fault
from nemo_watchdog.demo.watchdog import Watchdog
from tests.integration.conftest import StartPlatform

ANSWERS_500 = next(fault for fault in STORY if fault.name == "gateway answers 500")


async def run(platform: Platform, folder: Path, *story: Fault) -> tuple[list[Result], str]:
    console = Console(file=io.StringIO(), width=160)
    runner = Runner(platform, console, story)
    async with Watchdog(policy_file(platform, folder), folder / "state", "127.0.0.1:0", runner.hear) as watchdog:
        results = await runner.run(watchdog)
    console.print(summary(results))
    assert isinstance(console.file, io.StringIO)
    return results, console.file.getvalue()


async def test_a_fault_that_ends_as_announced_passes(start_platform: StartPlatform, tmp_path: Path) -> None:
    """One restart, with the times told and in the table."""
    platform = await start_platform("gateway")
    (result,), told = await run(platform, tmp_path, ANSWERS_500)
    assert result.problems == ()
    assert result.starts == 1
    assert result.noticed is not None
    assert result.over is not None
    assert result.noticed <= result.over
    assert "incident resolved" in told
    assert "as announced" in told


async def test_a_restart_that_was_not_announced_fails_the_demo(start_platform: StartPlatform, tmp_path: Path) -> None:
    """Docker's events are the witness, whatever the watchdog says."""
    platform = await start_platform("gateway")
    (result,), told = await run(platform, tmp_path, replace(ANSWERS_500, restarts=(0, 0)))
    assert result.problems == ("gateway was started 1 times, announced were 0 to 0",)
    assert "as announced" not in told
