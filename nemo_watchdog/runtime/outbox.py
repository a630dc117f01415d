"""Delivers what the journal says is still to be told. Never in the way of watching: its own tasks, one a contact.

Nor does it wait for the disk: what the journal cannot take is told from memory, once, and settled on disk when that is
back. Who was told and could not be written down is remembered, so that this process tells nobody twice.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import structlog

from nemo_watchdog.errors import JournalError
from nemo_watchdog.metrics import Metrics
from nemo_watchdog.model import Notification, NotificationKind
from nemo_watchdog.ports import Delivery, Journal, Notifier, OutboxItem
from nemo_watchdog.runtime.core import Core

log = structlog.get_logger("nemo_watchdog")

LOOK_EVERY = 5.0
AT_ONCE = 1000
FIRST_RETRY, LONGEST_RETRY = 5.0, 600.0
GIVE_UP_AFTER = 150
"""Tries; with the pauses above that is about a day."""

DISK_WITHIN = 1.0
"""Seconds that telling waits for the disk before it goes on without."""

Key = tuple[str, str]
"""A notification's key, and the contact."""


@dataclass(slots=True)
class _Known:
    """What this process knows of one message to one contact and the disk does not."""

    notification: Notification
    attempts: int = 0
    due: float = 0.0
    """Monotonic seconds before which it is not tried again."""
    outcome: str = ""
    """`delivered` or `failed` for good; empty while it is still to be told."""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class _Job:
    key: Key
    notification: Notification
    attempts: int
    item_id: int | None
    """None for what is in memory alone."""


@dataclass(frozen=True, slots=True)
class _Reading:
    busy: frozenset[str]
    """Those who were being told when it began: what was read of them may be told by now."""
    items: asyncio.Future[Sequence[OutboxItem]]


class Outbox:
    """One pass takes what is due and gives it to one task a contact; a poke starts the next pass at once.

    A pass leaves a contact alone that is still being told: who hangs holds up nobody else and is told in order.
    """

    def __init__(self, journal: Journal, notifier: Notifier, core: Core, metrics: Metrics) -> None:
        self._journal = journal
        self._notifier = notifier
        self._core = core
        self._metrics = metrics
        self._due = asyncio.Event()
        self._busy: set[str] = set()
        self._undelivered: set[Key] = set()
        """What was found and not settled since, what waits for its next try among it."""
        self._known: dict[Key, _Known] = {}
        self._reading: _Reading | None = None
        self._unreadable = ""

    def poke(self) -> None:
        self._due.set()

    def tell_from_memory(self, notifications: Sequence[Notification]) -> None:
        """Without the disk. Of an action that was announced nobody hears: without the disk it is not carried out."""
        for each in notifications:
            done = "delivered" if each.kind is NotificationKind.ACTION_STARTED else ""
            for contact in each.contacts:
                self._known.setdefault((each.key, contact), _Known(each, outcome=done))
        self.poke()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            while True:
                self._due.clear()
                await self._pass(group)
                try:
                    async with asyncio.timeout(LOOK_EVERY):
                        await self._due.wait()
                except TimeoutError:
                    continue

    async def _pass(self, group: asyncio.TaskGroup) -> None:
        busy, items = await self._pending()
        jobs: dict[str, list[_Job]] = defaultdict(list)
        for job in self._due_of(items):
            jobs[job.key[1]].append(job)
        self._metrics.outbox_pending.set(len(self._undelivered))
        for contact in jobs.keys() - busy - self._busy:
            self._busy.add(contact)
            group.create_task(self._deliver_all(contact, jobs[contact]), name=f"contact {contact}")

    async def _pending(self) -> tuple[frozenset[str], Sequence[OutboxItem]]:
        """What the disk says is due, and who was being told when it was asked; nothing while it does not answer."""
        if self._reading is None:
            read = self._core.in_journal_thread(lambda: self._journal.pending(AT_ONCE))
            self._reading = _Reading(frozenset(self._busy), asyncio.ensure_future(read))
            self._reading.items.add_done_callback(_heard)
        reading = self._reading
        await asyncio.wait({reading.items}, timeout=DISK_WITHIN)
        if not reading.items.done():
            return frozenset(), ()
        self._reading = None
        try:
            items = reading.items.result()
        except JournalError as error:
            if str(error) != self._unreadable:
                self._unreadable = str(error)
                log.error("outbox cannot be read", error=self._unreadable)
            return frozenset(), ()
        self._unreadable = ""
        return reading.busy, items

    def _due_of(self, items: Sequence[OutboxItem]) -> list[_Job]:
        """First what is on disk, which is older, then what is in memory alone."""
        now = self._core.clock.now().monotonic
        jobs, on_disk = list[_Job](), set[Key]()
        for item in items:
            key = (item.notification.key, item.contact)
            known = self._known.get(key) or _Known(item.notification)
            on_disk.add(key)
            if known.outcome or known.due <= now:
                jobs.append(_Job(key, item.notification, max(item.attempts, known.attempts), item.item_id))
        jobs += [
            _Job(key, known.notification, known.attempts, None)
            for key, known in self._known.items()
            if key not in on_disk and not known.outcome and known.due <= now
        ]
        self._undelivered.update(job.key for job in jobs if not self._is_told(job.key))
        return jobs

    def _is_told(self, key: Key) -> bool:
        known = self._known.get(key)
        return known is not None and known.outcome != ""

    async def _deliver_all(self, contact: str, jobs: list[_Job]) -> None:
        """To one contact, oldest first; the first failure that may pass holds the rest back."""
        news = False
        try:
            for job in jobs:
                if self._is_told(job.key):
                    await self._write_down(job)
                elif await self._deliver(job):
                    news = True
                else:
                    return
        finally:
            self._busy.discard(contact)
        if news:
            self.poke()  # for what came in meanwhile

    async def _told(self, job: _Job) -> Delivery:
        try:
            return await self._notifier.deliver(job.notification, job.key[1])
        except Exception as error:  # noqa: BLE001 - the edge: a bug in a notifier is a failed delivery, not a dead daemon
            return Delivery(delivered=False, retryable=True, detail=f"the notifier raised {type(error).__name__}")

    async def _deliver(self, job: _Job) -> bool:
        """Whether that is settled, and the next may be told."""
        delivery = await self._told(job)
        known = _Known(job.notification, job.attempts + 1, detail=delivery.detail)
        if delivery.delivered:
            known.outcome = "delivered"
        elif delivery.retryable and known.attempts < GIVE_UP_AFTER:
            known.due = self._core.clock.now().monotonic + _pause_after(job.attempts)
        else:
            known.outcome = "failed"
        self._known[job.key] = known
        outcome = known.outcome or "retry"
        self._metrics.notifications.labels(job.key[1], outcome).inc()
        if not delivery.delivered:
            log.warning(
                "notification not delivered",
                contact=job.key[1],
                incident=job.notification.incident,
                outcome=outcome,
                error=delivery.detail,
            )
        if known.outcome:
            self._undelivered.discard(job.key)
            self._metrics.outbox_pending.set(len(self._undelivered))
        await self._write_down(job)
        return known.outcome != ""

    async def _write_down(self, job: _Job) -> None:
        """What is known of it, for the next process, if the disk has it at all."""
        known = self._known.get(job.key)
        if job.item_id is None or known is None:
            return
        now = self._core.clock.now()
        if known.outcome == "delivered":
            write = partial(self._journal.delivered, job.item_id, now)
        elif known.outcome:
            write = partial(self._journal.give_up, job.item_id, now, known.detail)
        else:
            write = partial(self._journal.retry_later, job.item_id, now, _pause_after(job.attempts), known.detail)
        # A stop must not come between telling somebody and writing it down: they would be told again at the next start.
        writing = asyncio.ensure_future(self._core.in_journal_thread(write))
        writing.add_done_callback(partial(self._written, job.key, known))
        await asyncio.wait({writing}, timeout=DISK_WITHIN)

    def _written(self, key: Key, known: _Known, writing: asyncio.Future[None]) -> None:
        if writing.cancelled():
            return
        if error := writing.exception():
            log.error("delivery not written down: a restart may repeat it", contact=key[1], error=str(error))
        elif self._known.get(key) is known:
            del self._known[key]


def _heard(reading: asyncio.Future[Sequence[OutboxItem]]) -> None:
    """At a stop nobody asks any more how it ended."""
    if not reading.cancelled():
        reading.exception()


def _pause_after(attempts: int) -> float:
    """Seconds to the next try."""
    return min(FIRST_RETRY * 2.0 ** min(attempts, 20), LONGEST_RETRY)
