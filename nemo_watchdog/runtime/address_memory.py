"""Which address has taken what, so that nobody is told twice: known at once, on disk as soon as the disk takes it.

Nobody waits for the disk for longer than a moment. What it did not take is kept and written with what comes next.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from functools import partial

import structlog

from nemo_watchdog.errors import JournalError
from nemo_watchdog.receipts import Receipt, Receipts, Received
from nemo_watchdog.runtime.core import Core

log = structlog.get_logger("nemo_watchdog")

REMEMBERED = 20_000
"""Messages to single addresses that are remembered, and as many threads."""

DISK_WITHIN = 1.0
"""Seconds that telling waits for the disk before it goes on without."""

AGAIN_AFTER = 5.0
"""Seconds from a write that failed to the next."""


class AddressMemory:
    """Satisfies `receipts.Memory`."""

    def __init__(self, journal: Receipts, core: Core) -> None:
        self._journal = journal
        self._core = core
        self._told: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._memos: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._unwritten: list[Receipt] = []
        self._reading: asyncio.Future[Received] | None = None
        self._read = False
        self._writing: asyncio.Future[None] | None = None
        self._again: asyncio.TimerHandle | None = None
        self._trouble = ""

    async def ready(self) -> None:
        """What the disk knows is known; without it when the disk does not answer, until the next call."""
        if self._read:
            return
        if self._reading is None:
            read = self._core.in_journal_thread(partial(self._journal.received, REMEMBERED))
            self._reading = asyncio.ensure_future(read)
            self._reading.add_done_callback(self._have_read)
        await asyncio.wait({self._reading}, timeout=DISK_WITHIN)

    def has(self, key: str, address: str) -> bool:
        """Whether it has taken that message."""
        return (key, address) in self._told

    def knows_of(self, thread: str, address: str) -> bool:
        """Whether it has taken any message of that thread."""
        return any(each == address and key.startswith(f"{thread}:") for key, each in self._told)

    def memo(self, thread: str, address: str) -> str:
        """What its channel wants to be given with the next letter of the thread; empty: nothing."""
        return self._memos.get((thread, address), "")

    async def keep(self, receipt: Receipt) -> None:
        """Remembered at once; on disk at the return, or soon."""
        self._remember(receipt)
        self._unwritten.append(receipt)
        self._write()
        if self._writing is not None:
            await asyncio.wait({self._writing}, timeout=DISK_WITHIN)

    def _have_read(self, reading: asyncio.Future[Received]) -> None:
        self._reading = None
        if reading.cancelled():
            return
        if error := reading.exception():
            self._complain("who was told what cannot be read: it may be told again", error)
            return
        self._read = True
        received, since = reading.result(), (self._told, self._memos)
        self._told, self._memos = OrderedDict.fromkeys(received.told), OrderedDict(received.memos)
        for fact in since[0]:
            self._told[fact] = None
        self._memos.update(since[1])

    def _remember(self, receipt: Receipt) -> None:
        for key in receipt.keys:
            self._told[key, receipt.address] = None
        if receipt.memo:
            self._memos[receipt.thread, receipt.address] = receipt.memo
            self._memos.move_to_end((receipt.thread, receipt.address))
        for memory in (self._told, self._memos):
            while len(memory) > REMEMBERED:
                memory.popitem(last=False)

    def _write(self) -> None:
        """In the journal's thread, one write after the other; all that is not written yet."""
        if self._writing is not None or not self._unwritten:
            return
        batch = tuple(self._unwritten)
        write = partial(self._journal.keep_receipts, batch, self._core.clock.now())
        self._writing = asyncio.ensure_future(self._core.in_journal_thread(write))
        self._writing.add_done_callback(partial(self._written, len(batch)))

    def _written(self, count: int, writing: asyncio.Future[None]) -> None:
        self._writing = None
        if writing.cancelled():
            return
        error = writing.exception()
        if error is None:
            self._trouble = ""
            del self._unwritten[:count]
            self._write()
            return
        self._complain("delivery not written down: a restart may repeat it", error)
        if isinstance(error, JournalError) and (self._again is None or self._again.when() < self._now()):
            self._again = asyncio.get_running_loop().call_later(AGAIN_AFTER, self._write)

    def _complain(self, what: str, error: BaseException) -> None:
        """Once, however often it fails."""
        if str(error) != self._trouble:
            self._trouble = str(error)
            log.error(what, error=self._trouble)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
