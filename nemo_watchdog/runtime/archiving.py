"""The one way to the archive: off the event loop, with an end to every wait. Nothing that is decided waits for it.

Writes come one after the other in one thread, reads in another: who reads three months holds up no evidence. A disk
that hangs makes both an `ArchiveError`, and nothing piles up behind it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

import structlog

from nemo_watchdog.durations import duration
from nemo_watchdog.errors import ArchiveError
from nemo_watchdog.evidence import Evidence
from nemo_watchdog.metrics import Metrics
from nemo_watchdog.one_thread import OneThread, StillBusy
from nemo_watchdog.runtime.core import Core
from nemo_watchdog.runtime.troubles import Trouble
from nemo_watchdog.stores import Archive, LookRun

T = TypeVar("T")

log = structlog.get_logger("nemo_watchdog")

ANSWER_WITHIN = 10.0
"""Seconds after which a disk that has not answered counts as one that does not."""
HANGS = f"the disk of the archive has not answered for {duration(ANSWER_WITHIN)}"

PRUNE_EVERY = 86400.0
TRY_AGAIN_AFTER = 60.0
"""Seconds from a try to open or prune it that failed to the next."""

PRUNE_AT_SHARE = 8
"""When so much evidence has come that it is this part of what is kept, the daily pruning comes at once."""


class Archiving:
    """Owns the archive and its threads. Every method but `run` and `close` raises `ArchiveError`; the next may succeed.

    It is opened with the first call. `open_archive` raises `ArchiveError` while it cannot be, and is asked again then.
    """

    def __init__(
        self, open_archive: Callable[[], Archive], core: Core, metrics: Metrics, size: Callable[[], int] = int
    ) -> None:
        """`size` tells how many bytes its files have, and may block."""
        self._open = open_archive
        self._core = core
        self._metrics = metrics
        self._size = size
        self._archive: Archive | None = None
        self._writing = _Line("nemo-watchdog-archive")
        self._reading = _Line("nemo-watchdog-archive-reading")
        self._evidence_since_pruned = 0
        self._prune_now = asyncio.Event()
        self._trouble = ""
        metrics.archive_writable.set(0)

    # -- what is kept

    async def keep_evidence(self, evidence: Evidence) -> None:
        """See `stores.Archive.keep_evidence`; on return it is written."""
        await self._write(lambda archive: archive.keep_evidence(evidence))
        self._evidence_since_pruned += sum(len(part.text) for part in evidence.parts)
        if self._evidence_since_pruned > self._core.engine.policy.retention.evidence_size // PRUNE_AT_SHARE:
            self._prune_now.set()

    async def evidence_of(self, incident: str) -> Sequence[Evidence]:
        """See `stores.Archive.evidence_of`."""
        return await self._read(lambda archive: archive.evidence_of(incident))

    async def keep_looks(self, runs: Sequence[LookRun]) -> None:
        """See `stores.Archive.keep_looks`; `History` alone calls it."""
        await self._write(lambda archive: archive.keep_looks(runs))

    async def looks(self, dependency: str, since: datetime, until: datetime) -> Sequence[LookRun]:
        """What is written of them; `History.read` knows of the last minute too."""
        return await self._read(lambda archive: archive.looks(dependency, since, until))

    async def keep_gates(self, dependency: str, at: datetime, gates: str) -> None:
        """See `stores.Archive.keep_gates`."""
        await self._write(lambda archive: archive.keep_gates(dependency, at, gates))

    async def gates(self, dependency: str, until: datetime) -> tuple[datetime, str] | None:
        """See `stores.Archive.gates`."""
        return await self._read(lambda archive: archive.gates(dependency, until))

    # -- its life

    async def run(self) -> None:
        """For ever: opens it, prunes it at once and daily by the policy in force then, and tries again what failed."""
        while True:
            self._prune_now.clear()
            self._evidence_since_pruned = 0
            wait = PRUNE_EVERY
            try:
                await self._prune()
            except ArchiveError:
                wait = TRY_AGAIN_AFTER
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._prune_now.wait()

    async def close(self, within: float) -> None:
        """Lets its file go, after at most so many seconds; loses nothing that was written."""
        archive = self._archive
        if archive is None:
            return
        try:
            async with asyncio.timeout(within):
                await self._writing.run(archive.close)
        except (ArchiveError, TimeoutError) as error:
            log.error("archive not closed", error=str(error) or f"its disk has not answered for {duration(within)}")

    async def _prune(self) -> None:
        retention, now = self._core.engine.policy.retention, self._core.clock.now().utc
        records, evidence = (now - timedelta(seconds=each) for each in (retention.records, retention.evidence))
        rows = 0
        while gone := await self._write(lambda archive: archive.prune(records, evidence, retention.evidence_size)):
            rows += gone
        log.debug("archive pruned", rows=rows)

    async def _write(self, call: Callable[[Archive], T]) -> T:
        try:
            value, size = await self._writing.run(partial(self._written, call))
        except ArchiveError as error:
            self._failed(error)
            raise
        self._works(size)
        return value

    async def _read(self, call: Callable[[Archive], T]) -> T:
        if self._archive is None:
            await self._write(lambda _: None)
        archive = self._archive
        assert archive is not None  # noqa: S101 - or _write had raised
        return await self._reading.run(lambda: call(archive))

    def _written(self, call: Callable[[Archive], T]) -> tuple[T, int]:
        """In its thread: what the call gives, and how large the archive is then."""
        if self._archive is None:
            self._archive = self._open()
        return call(self._archive), self._size()

    def _failed(self, error: ArchiveError) -> None:
        self._metrics.archive_writable.set(0)
        self._core.troubles.found(Trouble.ARCHIVE, str(error))
        if str(error) != self._trouble:
            self._trouble = str(error)
            log.error("archive cannot be written: no evidence and no history is kept", error=self._trouble)

    def _works(self, size: int) -> None:
        self._metrics.archive_writable.set(1)
        self._metrics.archive_bytes.set(size)
        if self._core.troubles.over(Trouble.ARCHIVE):
            self._trouble = ""
            log.info("archive can be written again")


class _Line:
    """Calls one after the other in a thread. Behind one that does not return nobody waits."""

    def __init__(self, name: str) -> None:
        self._thread = OneThread(name)
        self._turn = asyncio.Lock()
        self._late = False

    async def run(self, call: Callable[[], T]) -> T:
        """What it returns or raises, `ArchiveError` after `ANSWER_WITHIN`. What has begun goes on without who asked."""
        if self._late:
            raise ArchiveError(HANGS)
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                await self._turn.acquire()
                work = asyncio.ensure_future(self._thread.run(call))
                work.add_done_callback(self._done)
                return await asyncio.shield(work)
        except TimeoutError:
            self._late = self._turn.locked()
            raise ArchiveError(HANGS) from None
        except StillBusy:
            raise ArchiveError("no thread can be started to ask the archive") from None

    def _done(self, work: asyncio.Future[T]) -> None:
        self._turn.release()
        self._late = False
        if not work.cancelled():
            work.exception()  # nobody may be there any more to hear it
