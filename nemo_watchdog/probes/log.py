"""A pattern in the lines that a container writes, counted over a window. What was written before the first look is old.

Nothing of a line is shown: a log may hold what nobody may read.
"""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Literal

from nemo_watchdog.durations import duration
from nemo_watchdog.errors import ContainersUnreachable, QuestionRefused
from nemo_watchdog.model import Finding, Reason, failed, ok
from nemo_watchdog.policy.policy import Budget
from nemo_watchdog.policy.units import BudgetText
from nemo_watchdog.ports import MOST_LOG_LINES, Containers, ProbeContext
from nemo_watchdog.probes.shared.docker_refusal import refusal
from nemo_watchdog.probes.shared.options import ProbeOptions
from nemo_watchdog.probes.shared.pattern import Pattern, find
from nemo_watchdog.probes.shared.reported import REPORTED

PATIENCE = 0.75
"""The part of the look's timeout that Docker gets: an Engine that hangs must not look like a container that does."""

ALIVE_WITHIN = 0.15
"""The part in which it may say that it lives: reading waits for who writes, and how much that is is not its doing."""

_TOO_MANY = f"; of what it has written since the last look, the newest {MOST_LOG_LINES} lines were read"

_STEPS = 1000
"""Steps in which the window moves on: that many numbers are kept, however many lines match."""


class LogOptions(ProbeOptions):
    needs_container: ClassVar[bool] = True

    pattern: Pattern
    """A regular expression, searched for in each line."""
    alarm_at: BudgetText = Budget(1, 60.0)
    """So many lines in the window are too many."""
    category: Literal["fault", "busy", "integrity"] = "busy"
    """What so many lines mean; only a `fault` may be restarted."""


class _Step:
    """Lines that match, close to each other."""

    __slots__ = ("first", "last", "lines")

    def __init__(self, first: datetime) -> None:
        self.first = self.last = first
        self.lines = 0


class LogProbe:
    def __init__(self, options: LogOptions, context: ProbeContext) -> None:
        if context.containers is None or context.container is None:
            raise ValueError("the log probe needs a dependency with a container")
        self._options = options
        self._is_match = find(options.pattern)
        self._containers: Containers = context.containers
        self._container = context.container
        self._patience = context.timeout * PATIENCE
        self._alive_within = context.timeout * ALIVE_WITHIN
        self._since: datetime | None = None
        self._matches: deque[_Step] = deque()
        self._step = timedelta(seconds=options.alarm_at.window / _STEPS)

    async def look(self) -> Finding:
        now = datetime.now(UTC)
        since = self._since or now
        try:
            async with asyncio.timeout(self._patience):
                lines = await self._containers.log(self._container, since)
        except TimeoutError:
            return await self._untold(f"Docker did not tell the log within {duration(self._patience)}")
        except QuestionRefused as error:
            return refusal(error)
        except ContainersUnreachable as error:
            return await self._untold(str(error))
        self._since = lines[-1].at + timedelta(microseconds=1) if lines else since
        for line in lines:
            if self._is_match(line.text):
                self._count(line.at)
        return self._judge(now, "" if len(lines) < MOST_LOG_LINES else _TOO_MANY)

    async def close(self) -> None:
        """The way to Docker is not ours to close."""

    async def _untold(self, why: str) -> Finding:
        try:
            async with asyncio.timeout(self._alive_within):
                await self._containers.ping()
        except (TimeoutError, ContainersUnreachable):
            return failed(Reason.DOCKER_UNREACHABLE, why)
        return failed(Reason.REPORTED_BLIND, f"{why}, and answers: the container may write more than it can read")

    def _count(self, at: datetime) -> None:
        if not self._matches or at - self._matches[-1].first >= self._step:
            self._matches.append(_Step(at))
        step = self._matches[-1]
        step.last = at
        step.lines += 1

    def _judge(self, now: datetime, unread: str) -> Finding:
        limit = self._options.alarm_at
        while self._matches and (now - self._matches[0].last).total_seconds() >= limit.window:
            self._matches.popleft()
        count = sum(step.lines for step in self._matches)
        measured = {"log_matching_lines": float(count)}
        if count >= limit.count:
            said = f"{count} line{'s' if count != 1 else ''} in {duration(limit.window)} match the pattern{unread}"
            return failed(REPORTED[self._options.category], said, measured)
        return ok(f"the log is as it should be{unread}", measured)
