"""What Docker and the kernel know of one container, for people to read: its last lines, its state, what it used.

Nothing is redacted here: an inspect and a command line may hold secrets.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from nemo_watchdog.containers.memory_group import GROUPS, Memory, memory_of
from nemo_watchdog.containers.parse import parse_inspect
from nemo_watchdog.durations import duration
from nemo_watchdog.errors import ContainersUnreachable, in_one_line
from nemo_watchdog.evidence import Asked
from nemo_watchdog.model import ContainerStatus, ContainerUsage, LogLine, RunState
from nemo_watchdog.one_thread import OneThread, StillBusy
from nemo_watchdog.ports import Containers
from nemo_watchdog.sizes import size

Answer = TypeVar("Answer")

LOG_LINES = 100
LOG_WITHIN = timedelta(minutes=10)
LARGEST = 5

_LONGEST_LINE = 2000
_FOR_A_PART = 0.8
"""Seconds for each of two questions that make one text: what one of them tells is kept when the other hangs."""

_FOR_USAGE = 1.2
"""Likewise; longer than the second that an older Docker takes, and no action waits for it."""


def container_questions(containers: Containers, name: str) -> Asked:
    """Each is one call or two of `Containers`, and bounded as those are.

    An older Docker (20.10) looks at what containers use once a second, and whoever asks waits for that: no restart
    does.
    """
    about = _About(containers, name)
    return Asked(
        {"log": about.log, "inspect.json": about.inspect, "processes.txt": about.processes},
        {"usage.txt": about.usage, "largest.txt": about.largest},
    )


class _About:
    def __init__(self, containers: Containers, name: str) -> None:
        self._containers = containers
        self._name = name
        self._thread = OneThread("nemo-watchdog-memory-group")

    async def log(self) -> str:
        """Docker's own UTC time before each line."""
        status = await _unless_refused(self._containers.inspect(self._name), _FOR_A_PART)
        lines = await self._containers.last_words(self._name, LOG_LINES)
        ended = status.finished_at if status is not None else None
        return "\n".join(_log(lines, ended or datetime.now(UTC), "its end" if ended else "now"))

    async def inspect(self) -> str:
        return json.dumps(await self._containers.inspection(self._name), indent=2)

    async def usage(self) -> str:
        inspected = await self._containers.inspection(self._name)
        try:
            status = parse_inspect(inspected)
        except ValueError:
            return "what Docker tells is no container's inspect"
        lines = list(_state(status, inspected))
        if status.state not in {RunState.RUNNING, RunState.PAUSED}:
            return "\n".join([*lines, "it does not run: the kernel keeps no figures of it"])
        group = await self._memory_group(status, inspected)  # first: it is gone with the last process
        used = await _unless_refused(self._containers.usage(self._name), _FOR_USAGE)
        lines += ["what it uses now is not told"] if used is None else _usage(used)
        return "\n".join([*lines, group])

    async def processes(self) -> str:
        """Who waits is told also where titles are not: reading one waits for the memory of its process."""
        waiting, titles = await asyncio.gather(
            _unless_refused(self._containers.uninterruptible(self._name), _FOR_A_PART),
            _unless_refused(self._containers.titles(self._name), _FOR_A_PART),
        )
        lines = ["which of its processes hang in the kernel is not told" if waiting is None else _waiting(waiting)]
        if titles is None:
            return "\n".join([*lines, f"its processes were not told within {duration(_FOR_A_PART)}, or do not run"])
        return "\n".join([*lines, *map(in_one_line, titles)])

    async def largest(self) -> str:
        used = await self._containers.largest(LARGEST)
        lines = [f"{in_one_line(name)}: {_memory(each)}, {_cpu(each)}" for name, each in used]
        return "\n".join(lines or ["no container runs"])

    async def _memory_group(self, status: ContainerStatus, inspected: Mapping[str, Any]) -> str:
        parent = str(_at(inspected, "HostConfig", "CgroupParent") or "")
        try:
            async with asyncio.timeout(_FOR_A_PART):
                memory = await self._thread.run(lambda: memory_of(status.container_id, parent))
        except (TimeoutError, StillBusy):
            memory = None
        return f"its control group cannot be read below {GROUPS}" if memory is None else _group(memory)


async def _unless_refused(question: Awaitable[Answer], within: float) -> Answer | None:
    """None when there is no answer, in that time; of a Docker that does not answer at all somebody else tells."""
    try:
        async with asyncio.timeout(within):
            return await question
    except (TimeoutError, ContainersUnreachable):
        return None


def _log(lines: Sequence[LogLine], end: datetime, which: str) -> Iterator[str]:
    """Docker's clock may be a little before ours: what it dates later than the end is not left out."""
    recent = [line for line in lines if line.at >= end - LOG_WITHIN]
    for line in recent:
        text = line.text if len(line.text) <= _LONGEST_LINE else f"{line.text[:_LONGEST_LINE]}…"
        yield f"{_time(line.at)} {in_one_line(text)}"
    if not recent:
        last = f"; its last line is of {_time(lines[-1].at)}" if lines else ", or ever"
        yield f"it wrote nothing in the {duration(LOG_WITHIN.total_seconds())} before {which}{last}"


def _state(status: ContainerStatus, inspected: Mapping[str, Any]) -> Iterator[str]:
    yield f"{status.state}{f', health {status.health}' if status.health else ''}"
    if status.started_at is not None:
        yield f"started at {_time(status.started_at)}"
    if status.finished_at is not None:
        yield f"ended at {_time(status.finished_at)} with exit code {status.exit_code}"
    if status.detail:
        yield f"Docker's error: {in_one_line(status.detail)}"
    yield f"killed for memory, says Docker (OOMKilled): {'yes' if status.oom_killed else 'no'}"
    yield f"started again by its restart policy: {status.restarts} times"
    limit, with_swap = (_at(inspected, "HostConfig", key) for key in ("Memory", "MemorySwap"))
    if isinstance(limit, int) and limit > 0:
        swap = f", with swap {size(with_swap)}" if isinstance(with_swap, int) and with_swap > 0 else ""
        yield f"its limit of memory: {size(limit)}{swap}"
    else:
        yield "its limit of memory: none"


def _usage(used: ContainerUsage) -> Iterator[str]:
    yield f"memory now: {_memory(used)}"
    yield f"{_cpu(used)} since its start, {used.online_cpus} cores"
    yield f"disk {size(used.disk)} read and written, network {size(used.sent)} sent"


def _memory(used: ContainerUsage) -> str:
    return f"{size(used.memory)} of {size(used.memory_limit)} ({used.memory / (used.memory_limit or 1):.0%})"


def _cpu(used: ContainerUsage) -> str:
    return f"{duration(used.cpu)} of CPU time"


def _group(memory: Memory) -> str:
    peak = "a peak that is not told" if memory.peak is None else f"peak {size(memory.peak)}"
    limit = "no limit" if memory.limit is None else f"limit {size(memory.limit)}"
    kills = "how often the kernel killed in it is not told"
    if memory.kills is not None:
        kills = f"the kernel killed in it {memory.kills} times"
    return f"its control group: {peak} of {limit}, {kills}"


def _waiting(waiting: frozenset[int]) -> str:
    if not waiting:
        return "none of its processes hangs in the kernel"
    return f"in the kernel, and nothing interrupts them (state D): {', '.join(map(str, sorted(waiting)))}"


def _time(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def _at(inspected: Mapping[str, Any], *path: str) -> object:
    found: object = inspected
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found
