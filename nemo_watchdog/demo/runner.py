"""Runs the story: announces each fault, breaks the thing, watches the watchdog, and judges it by what Docker saw."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.table import Table

from nemo_watchdog.demo.narration import sentence
from nemo_watchdog.demo.platform import LABEL, Platform
from nemo_watchdog.demo.story import STORY, Expected, Fault
from nemo_watchdog.demo.watchdog import Line, Watchdog
from nemo_watchdog.durations import duration

WELL_WITHIN = 60.0
"""Seconds for the watchdog to be done with one fault."""

STAYS_QUIET = 5.0
"""Seconds in which a watchdog that ought to do nothing is watched doing nothing."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one fault. Times in seconds since it was done; None when it never came."""

    fault: Fault
    problems: tuple[str, ...]
    noticed: float | None
    acted: float | None
    over: float | None
    starts: int


class Witness:
    """Counts container starts, and notes deaths, as Docker tells them: a witness that the watchdog cannot talk to."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self.starts: Counter[str] = Counter()
        self.died: dict[str, float] = {}
        """When each part first died since the last `clear` (Unix time)."""

    def clear(self) -> None:
        self.starts.clear()
        self.died.clear()

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            "docker",
            "events",
            "--filter",
            f"label={LABEL}={self._platform.prefix}",
            "--filter",
            "event=start",
            "--filter",
            "event=die",
            "--format",
            "{{json .}}",
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        self._reader = asyncio.create_task(self._read())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._reader is not None:
            self._reader.cancel()
            with suppress(asyncio.CancelledError):
                await self._reader
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def _read(self) -> None:
        if self._process is None or self._process.stdout is None:
            return
        async for raw in self._process.stdout:
            event = json.loads(raw)
            part = event["Actor"]["Attributes"]["name"].removeprefix(f"{self._platform.prefix}-")
            if event["Action"] == "start":
                self.starts[part] += 1
            else:
                self.died.setdefault(part, event["timeNano"] / 1e9)


class Runner:
    """One run of the demo on one platform."""

    def __init__(self, platform: Platform, console: Console, story: tuple[Fault, ...] = STORY) -> None:
        self._platform = platform
        self._console = console
        self._story = story
        self._broken_at = time.monotonic()

    def hear(self, line: Line) -> None:
        """Tells one log line of the daemon, with the time since the present fault."""
        if text := sentence(line):
            since = duration(time.monotonic() - self._broken_at)
            self._console.print(f"  [dim]+{since:>6}[/dim]  {text}", highlight=False)

    async def run(self, watchdog: Watchdog) -> list[Result]:
        results = []
        async with Witness(self._platform) as witness:
            await self._all_up(watchdog, 0)
            for number, fault in enumerate(self._story, start=1):
                self._console.rule(f"{number} of {len(self._story)}: {fault.name}", align="left")
                self._console.print(fault.announced)
                results.append(await self._one(fault, watchdog, witness))
        return results

    async def _one(self, fault: Fault, watchdog: Watchdog, witness: Witness) -> Result:
        witness.clear()
        after = len(watchdog.lines)
        self._broken_at = time.monotonic()
        await fault.break_(self._platform)
        began = time.time()
        problems = await self._watch(fault, watchdog, after)
        starts = witness.starts.copy()
        if fault.mend is not None:
            self._console.print("  [dim]A person mends it.[/dim]")
            await fault.mend(self._platform)
        if not await self._settled(watchdog, after):
            problems.append(f"not everything was well again within {duration(WELL_WITHIN)}")
        if fault.mend is None:
            starts = witness.starts.copy()
        problems += _judge_starts(fault, starts)
        lines = watchdog.lines[after:]
        began = min(began, witness.died.get(fault.part, began))  # a crash is over before the fault returns
        return Result(
            fault,
            tuple(problems),
            _first(lines, began, "health_changed", dependency=fault.part),
            _first(lines, began, "action_intended", dependency=fault.part),
            _first(lines, began, "incident_resolved"),
            starts[fault.part],
        )

    async def _watch(self, fault: Fault, watchdog: Watchdog, after: int) -> list[str]:
        """Waits for what was announced; says what did not come."""
        wanted, words = {
            Expected.HEALED: (("incident_resolved",), "the incident was not resolved"),
            Expected.STARTED_THEN_LEFT: (("incident_resolved",), "the incident was not resolved"),
            Expected.HELD: (("touched",), "it was not noticed that a person did this"),
            Expected.ESCALATED: (("escalated",), "nobody was told"),
        }[fault.expected]
        came = await watchdog.line(lambda line: line.get("event") in wanted, after=after, within=WELL_WITHIN)
        if came is None:
            return [f"{words} within {duration(WELL_WITHIN)}"]
        if fault.expected in (Expected.HELD, Expected.ESCALATED):
            acted = await watchdog.line(
                lambda line: line.get("event") == "action_intended", after=len(watchdog.lines), within=STAYS_QUIET
            )
            if acted is not None:
                return [f"it acted on {acted.get('dependency')} where it should have held"]
        opened = [line for line in watchdog.lines[after:] if line.get("event") == "incident_opened"]
        reopened = [line for line in watchdog.lines[after:] if line.get("event") == "incident_reopened"]
        if len(opened) + len(reopened) > 1:
            return [f"{len(opened) + len(reopened)} incidents instead of one"]
        return []

    async def _settled(self, watchdog: Watchdog, after: int) -> bool:
        """Docker, the parts themselves and the watchdog agree that all is well."""
        with suppress(TimeoutError):
            async with asyncio.timeout(WELL_WITHIN):
                await self._platform.ready(within=WELL_WITHIN)
                return await self._all_up(watchdog, after)
        return False

    async def _all_up(self, watchdog: Watchdog, after: int) -> bool:
        """By the last word that the daemon said about each part and each incident."""

        def everything_up(_: Line) -> bool:
            health: dict[Any, Any] = {}
            incidents = set()
            for line in watchdog.lines:
                match line.get("event"):
                    case "health_changed":
                        health[line.get("dependency")] = line.get("health")
                    case "incident_opened" | "incident_reopened":
                        incidents.add(line.get("incident"))
                    case "incident_resolved" | "incident_merged":
                        incidents.discard(line.get("incident"))
            return all(health.get(part) == "up" for part in self._platform.parts) and not incidents

        return await watchdog.line(everything_up, after=max(0, after - 1), within=WELL_WITHIN) is not None


def summary(results: list[Result]) -> Table:
    """Every fault with what was promised and what came."""
    table = Table(
        "fault",
        "announced",
        "noticed",
        "acted",
        "over",
        "restarts",
        "ended",
        title="What was broken, and what became of it",
    )
    for result in results:
        verdict = "[red]" + "; ".join(result.problems) + "[/red]" if result.problems else "[green]as announced[/green]"
        times = [_time(result.noticed), _time(result.acted), _time(result.over)]
        table.add_row(result.fault.name, result.fault.expected, *times, str(result.starts), verdict)
    return table


def _judge_starts(fault: Fault, starts: Counter[str]) -> list[str]:
    fewest, most = fault.restarts
    problems = []
    if not fewest <= starts[fault.part] <= most:
        problems.append(f"{fault.part} was started {starts[fault.part]} times, announced were {fewest} to {most}")
    others = {part: count for part, count in starts.items() if part != fault.part and count}
    problems += [f"{part} was started {count} times for nothing" for part, count in others.items()]
    return problems


def _first(lines: list[Line], began: float, event: str, **fields: str) -> float | None:
    """Seconds from `began` (Unix time) to the first such line, by the daemon's own time stamps."""
    for line in lines:
        if line.get("event") == event and all(line.get(key) == value for key, value in fields.items()):
            return max(0.0, _unix(str(line["timestamp"])) - began)
    return None


def _unix(timestamp: str) -> float:
    return datetime.fromisoformat(timestamp).timestamp()


def _time(value: float | None) -> str:
    return "-" if value is None else duration(value)


def policy_file(platform: Platform, folder: Path) -> Path:
    path = folder / "policy.yaml"
    path.write_text(platform.policy_text(), encoding="utf-8")
    return path
