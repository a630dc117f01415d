"""Delivers what the journal says is still to be told. Never in the way of watching: its own tasks, one a contact.

To one contact all is told in the order in which it was made: what is newer never overtakes what waits, and what could
not be told of one thread in its time is told in one letter (see `engine.letters`). Only what is not taken for half an
hour, while something else is, holds back nothing more: it may be this message that the service does not take. Nor does
what somebody has: at another address, or in the contact's stead.

Nor does it wait for the disk: what the journal cannot take is told from memory, once, and settled on disk when that is
back. Who was told and could not be written down is remembered, so that this process tells nobody twice.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial

import structlog

from nemo_watchdog.engine.letters import LATE_AFTER, told_as_one
from nemo_watchdog.errors import JournalError
from nemo_watchdog.metrics import Metrics
from nemo_watchdog.model import Notification, NotificationKind
from nemo_watchdog.ports import Delivery, Notifier
from nemo_watchdog.runtime.core import Core
from nemo_watchdog.runtime.troubles import Trouble
from nemo_watchdog.stores import Journal, OutboxItem

log = structlog.get_logger("nemo_watchdog")

LOOK_EVERY = 5.0
AT_ONCE = 1000
"""Messages to one contact that are read together."""

FIRST_RETRY, LONGEST_RETRY = 5.0, 600.0
GIVE_UP_AFTER = 86400.0
"""Seconds from when a message was made."""
TRIES_AT_LEAST = 10
"""Before it is given up, however old it is: the daemon may have been away for days."""

HOLDS_BACK_FOR = 1800.0
"""Seconds that a message which is not taken holds back what came after it."""

DISK_WITHIN = 1.0
"""Seconds that telling waits for the disk before it goes on without."""

Key = tuple[str, str]
"""A notification's key, and the contact."""


@dataclass(slots=True)
class _Known:
    """What this process knows of one message to one contact and the disk does not."""

    notification: Notification
    attempts: int = 0
    pause: float = 0.0
    """Seconds from its last try to the next."""
    due: float = 0.0
    """Monotonic seconds before which it is not tried again, unless there is more to tell."""
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
    due: bool


@dataclass(frozen=True, slots=True)
class _Reading:
    busy: frozenset[str]
    """Those who were being told when it began: what was read of them may be told by now."""
    items: asyncio.Future[Sequence[OutboxItem]]
    settled: set[Key] = field(default_factory=set)
    """What was settled since it began, and may be read as if it waited."""


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
        self._reached: set[Key] = set()
        """What somebody has, and the contact has not whole."""
        self._asked: set[str] = set()
        """Contacts whose messages others wait for: they are tried again at once."""
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
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    self._due.clear()
                    await self._pass(group)
                    with suppress(TimeoutError):
                        async with asyncio.timeout(LOOK_EVERY):
                            await self._due.wait()
        finally:
            if self._reading is not None:
                self._reading.items.cancel()
                await asyncio.wait({self._reading.items})

    async def _pass(self, group: asyncio.TaskGroup) -> None:
        busy, items = await self._pending()
        jobs: dict[str, list[_Job]] = defaultdict(list)
        for job in self._jobs_of(items):
            jobs[job.key[1]].append(job)
        self._metrics.outbox_pending.set(len(self._undelivered))
        for contact in jobs.keys() - busy - self._busy:
            self._busy.add(contact)
            group.create_task(self._deliver_all(contact, jobs[contact]), name=f"contact {contact}")

    async def _pending(self) -> tuple[frozenset[str], Sequence[OutboxItem]]:
        """What waits on disk, and who was being told when it was asked; nothing while it does not answer."""
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
        return reading.busy, [item for item in items if (item.notification.key, item.contact) not in reading.settled]

    def _jobs_of(self, items: Sequence[OutboxItem]) -> list[_Job]:
        """First what is on disk, which is older, then what is in memory alone."""
        now = self._core.clock.now().monotonic
        jobs, on_disk = list[_Job](), set[Key]()
        for item in items:
            key = (item.notification.key, item.contact)
            known = self._known.get(key)
            on_disk.add(key)
            attempts, due = (item.attempts, item.due) if known is None else (known.attempts, known.due <= now)
            jobs.append(_Job(key, item.notification, max(item.attempts, attempts), item.item_id, due))
        jobs += [
            _Job(key, known.notification, known.attempts, None, known.due <= now)
            for key, known in self._known.items()
            if key not in on_disk and not known.outcome
        ]
        self._undelivered.update(job.key for job in jobs if not self._is_told(job.key))
        return jobs

    def _letters_of(self, jobs: Sequence[_Job]) -> list[tuple[_Job, ...]]:
        """What is sent to one contact now, in this order. More to tell is a reason to try again all that waits."""
        of_thread: dict[str, list[_Job]] = defaultdict(list)
        for job in jobs:
            if not self._is_told(job.key):
                of_thread[job.notification.thread].append(job)
        letters = list[tuple[_Job, ...]]()
        asked = jobs[0].key[1] in self._asked
        if not asked and not any(job.due for waiting in of_thread.values() for job in waiting):
            return letters
        for waiting in of_thread.values():
            if not asked and all(job.key in self._reached and not job.due for job in waiting):
                continue
            tried = any(job.attempts for job in waiting)
            if told_as_one([job.notification for job in waiting], self._core.clock.now().utc, tried=tried):
                letters.append(tuple(waiting))
            else:
                letters += [(job,) for job in waiting]
        place = {job.key: number for number, job in enumerate(jobs)}
        return sorted(letters, key=lambda each: place[each[0].key])

    def _is_told(self, key: Key) -> bool:
        known = self._known.get(key)
        return known is not None and known.outcome != ""

    async def _deliver_all(self, contact: str, jobs: list[_Job]) -> None:
        """To one contact, oldest first; a failure that may pass holds the rest back."""
        news, began = False, self._core.clock.now().monotonic
        patience = 1
        try:
            letters = self._letters_of(jobs)  # before the memory of what was told is given to the disk
            self._asked.discard(contact)
            await self._write_down([job for job in jobs if self._is_told(job.key)])
            for number, each in enumerate(letters, start=1):
                if await self._deliver(contact, each):
                    news = True
                elif patience and self._holds_nothing_back(each[0]):
                    patience -= 1  # of two that are not taken it is not the message
                else:
                    await self._hold_back([job for held in letters[number:] for job in held], behind=each)
                    return
                took = self._core.clock.now().monotonic - began
                if took > LATE_AFTER and not any(job.key in self._undelivered for job in each):
                    break  # who takes so long hears of the rest in one letter
        finally:
            self._busy.discard(contact)
        if news:
            self.poke()  # for what came in meanwhile

    def _holds_nothing_back(self, oldest: _Job) -> bool:
        return (self._core.clock.now().utc - oldest.notification.at).total_seconds() > HOLDS_BACK_FOR

    async def _hold_back(self, jobs: Sequence[_Job], behind: Sequence[_Job]) -> None:
        """They wait behind one that was not taken, and are tried again when that is."""
        pause = max((self._known[job.key].pause for job in behind if job.key in self._known), default=FIRST_RETRY)
        due = self._core.clock.now().monotonic + pause
        for job in jobs:
            why = "what came before it waits"
            self._known[job.key] = _Known(job.notification, job.attempts, pause, due, detail=why)
        await self._write_down(jobs)

    async def _told(self, notification: Notification, contact: str) -> Delivery:
        try:
            return await self._notifier.deliver(notification, contact)
        except Exception as error:  # noqa: BLE001 - the edge: a bug in a notifier is a failed delivery, not a dead daemon
            return Delivery(delivered=False, retryable=True, detail=f"the notifier raised {type(error).__name__}")

    async def _deliver(self, contact: str, jobs: Sequence[_Job]) -> bool:
        """Sends one letter; whether that is settled, or somebody was reached, and the next may be sent."""
        *earlier, notification = (job.notification for job in jobs)
        notification = replace(notification, earlier=tuple(earlier))
        delivery = await self._told(notification, contact)
        pause = _pause_after(min(job.attempts for job in jobs))
        for job in jobs:
            known = _Known(job.notification, job.attempts + 1, detail=delivery.detail)
            if delivery.delivered:
                known.outcome = "delivered"
            elif delivery.retryable and not self._is_given_up(known):
                known.pause, known.due = pause, self._core.clock.now().monotonic + pause
            else:
                known.outcome = "failed"
            self._known[job.key] = known
            self._metrics.notifications.labels(contact, known.outcome or "retry").inc()
            if delivery.reached:
                self._reached.add(job.key)
            if known.outcome:
                self._undelivered.discard(job.key)
                self._reached.discard(job.key)
                if self._reading is not None:
                    self._reading.settled.add(job.key)
        self._metrics.outbox_pending.set(len(self._undelivered))
        waits = any(not self._is_told(job.key) for job in jobs)
        if delivery.delivered:
            self._core.troubles.over(Trouble.CONTACT, contact)
            if any(to == contact for _, to in self._reached):
                self._asked.add(contact)
        else:
            self._core.troubles.found(Trouble.CONTACT, delivery.detail, contact)
            log.warning(
                "notification not delivered",
                contact=contact,
                incident=notification.incident,
                outcome="retry" if waits else "failed",
                error=delivery.detail,
            )
        await self._write_down(jobs)
        if delivery.waits_for:
            self._asked |= set(delivery.waits_for)
            self.poke()
        return delivery.reached or not waits

    def _is_given_up(self, known: _Known) -> bool:
        age = (self._core.clock.now().utc - known.notification.at).total_seconds()
        return age >= GIVE_UP_AFTER and known.attempts >= TRIES_AT_LEAST

    async def _write_down(self, jobs: Sequence[_Job]) -> None:
        """What is known of them, for the next process, if the disk has them at all."""
        # A stop must not come between telling somebody and writing it down: they would be told again at the next start.
        writings = {writing for writing in map(self._begin_writing_down, jobs) if writing is not None}
        if writings:
            await asyncio.wait(writings, timeout=DISK_WITHIN)

    def _begin_writing_down(self, job: _Job) -> asyncio.Future[None] | None:
        known = self._known.get(job.key)
        if job.item_id is None or known is None:
            return None
        now = self._core.clock.now()
        if known.outcome == "delivered":
            write = partial(self._journal.delivered, job.item_id, now)
        elif known.outcome:
            write = partial(self._journal.give_up, job.item_id, now, known.detail)
        else:
            write = partial(self._journal.retry_later, job.item_id, now, known.pause, known.detail)
        writing = asyncio.ensure_future(self._core.in_journal_thread(write))
        writing.add_done_callback(partial(self._written, job.key, known))
        return writing

    def _written(self, key: Key, known: _Known, writing: asyncio.Future[None]) -> None:
        if writing.cancelled():
            return
        if error := writing.exception():
            log.error("delivery not written down: a restart may repeat it", contact=key[1], error=str(error))
        elif self._known.get(key) is known:
            del self._known[key]
            if known.outcome and self._reading is not None:
                self._reading.settled.add(key)
            self._core.on_changed()


def _heard(reading: asyncio.Future[Sequence[OutboxItem]]) -> None:
    """At a stop nobody asks any more how it ended."""
    if not reading.cancelled():
        reading.exception()


def _pause_after(attempts: int) -> float:
    """Seconds to the next try."""
    return min(FIRST_RETRY * 2.0 ** min(attempts, 20), LONGEST_RETRY)
