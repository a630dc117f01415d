"""What was: read from the journal and the archive in a thread, one read at a time, and never in the writer's way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from typing import TypeVar

from aiohttp import web

from nemo_watchdog.errors import ArchiveError, JournalError
from nemo_watchdog.evidence import Evidence
from nemo_watchdog.journal.reader import JournalReader
from nemo_watchdog.one_thread import OneThread, StillBusy
from nemo_watchdog.stores import LookRun

Value = TypeVar("Value")
LooksOf = Callable[[str, datetime, datetime], Awaitable[Sequence[LookRun]]]
EvidenceOf = Callable[[str], Awaitable[Sequence[Evidence]]]

ANSWERED_WITHIN = 10.0
"""Seconds that a read and those before it may take."""

NO_ANSWER = "the disk of the journal does not answer, or much is read from it: ask again later"


async def no_evidence(_incident: str) -> Sequence[Evidence]:
    """Where none is kept."""
    return ()


async def no_looks(_dependency: str, _since: datetime, _until: datetime) -> Sequence[LookRun]:
    """Likewise."""
    return ()


class Past:
    """`evidence_of` and `looks_of` raise `ArchiveError` when they cannot tell."""

    def __init__(
        self, reader: JournalReader, evidence_of: EvidenceOf = no_evidence, looks_of: LooksOf = no_looks
    ) -> None:
        self._reader = reader
        self._evidence_of = evidence_of
        self._looks_of = looks_of
        self._thread = OneThread("nemo-watchdog-reader")
        self._turn = asyncio.Lock()

    async def read(self, call: Callable[[JournalReader], Value]) -> Value:
        """What the call makes of the journal, in the thread. Raises 503 when it cannot be read."""
        try:
            async with asyncio.timeout(ANSWERED_WITHIN), self._turn:
                return await self._thread.run(partial(call, self._reader))
        except JournalError as error:
            raise web.HTTPServiceUnavailable(text=str(error)) from error
        except (TimeoutError, StillBusy):
            raise web.HTTPServiceUnavailable(text=NO_ANSWER) from None

    async def looks(self, dependency: str, since: datetime, until: datetime) -> Sequence[LookRun]:
        """The runs with a look between the two times, oldest first. Raises 503 when they cannot be read."""
        try:
            return await self._looks_of(dependency, since, until)
        except ArchiveError as error:
            raise web.HTTPServiceUnavailable(text=str(error)) from error

    async def evidence(self, incident: str) -> Sequence[Evidence]:
        """All that was taken in it, oldest first. Raises 503 when it cannot be read."""
        try:
            return await self._evidence_of(incident)
        except ArchiveError as error:
            raise web.HTTPServiceUnavailable(text=str(error)) from error

    async def part(self, incident: str, number: int, name: str) -> str:
        """The text of one part of what was taken at that number. Raises `ArchiveError`, also when there is none."""
        taken = await self._evidence_of(incident)
        found = (
            (part.text for part in taken[number - 1].parts if part.name == name) if number <= len(taken) else iter(())
        )
        if (text := next(found, None)) is None:
            raise ArchiveError(f"the archive has no part {name} any more")
        return text
