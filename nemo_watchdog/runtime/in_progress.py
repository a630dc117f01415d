"""Is somebody at work there, though a look at it fails? Asked of others than the server: processes, files and locks.

The last good look's word is old when the next one fails: what a server does then, the titles of its processes say.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Protocol

from nemo_watchdog.engine.events import Signs
from nemo_watchdog.errors import ContainersUnreachable
from nemo_watchdog.model import Finding, Outcome
from nemo_watchdog.policy.policy import Dependency
from nemo_watchdog.runtime.busy_signs import BusySigns
from nemo_watchdog.runtime.titles import work_in

ASKED_FOR = 1.0
"""Seconds that Docker has for the titles."""


class DockerEngine(Protocol):
    """Of `ports.Containers` what is asked here."""

    async def titles(self, name: str, /) -> Sequence[str]: ...


class InProgress:
    """Asked after each look at one dependency.

    Docker runs a program to list processes, which costs the machine more than a look: it is asked where a restart may
    be near, and not at the first look that fails.
    """

    def __init__(self, spec: Dependency, engine: DockerEngine) -> None:
        self._container = spec.container if spec.remedy is not None else None
        self._engine = engine
        self._signs = BusySigns(spec.busy_while)
        self._count = spec.down_after.count
        self._failed: deque[bool] = deque(maxlen=spec.down_after.window)

    async def beside(self, finding: Finding) -> Signs:
        """What speaks of work in progress beside that look."""
        self._failed.append(finding.outcome is Outcome.FAILED)
        titles, marks = await asyncio.gather(self._titles(finding), self._signs.seen())
        return Signs(titles, marks)

    async def _titles(self, finding: Finding) -> str | None:
        if finding.outcome is not Outcome.FAILED or finding.work or self._container is None:
            return None
        if sum(self._failed) < self._count:
            return None
        try:
            async with asyncio.timeout(ASKED_FOR):
                return work_in(await self._engine.titles(self._container))
        except (ContainersUnreachable, TimeoutError):
            return None
