"""What is told of the past where a test of the public page wants something else than what was."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from nemo_watchdog.errors import ArchiveError, JournalError
from nemo_watchdog.journal.reader import JournalReader
from nemo_watchdog.stores import LookRun


class Looks:
    """What is told of looks; `since` is what was asked for."""

    def __init__(self) -> None:
        self.runs: list[LookRun] = []
        self.trouble = ""
        self.since: list[datetime] = []
        self.answers = asyncio.Event()
        self.answers.set()

    async def of(self, dependency: str, since: datetime, until: datetime) -> Sequence[LookRun]:
        self.since.append(since)
        await self.answers.wait()
        if self.trouble:
            raise ArchiveError(self.trouble)
        return [each for each in self.runs if each.dependency == dependency and since <= each.last <= until]


class Reader(JournalReader):
    """`trouble` is why it cannot be read; empty while it can."""

    trouble = ""

    def incidents(self, *given: Any, **more: Any) -> Any:
        if self.trouble:
            raise JournalError(self.trouble)
        return super().incidents(*given, **more)
