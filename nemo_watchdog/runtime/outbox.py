"""Delivers what the journal says is still to be told. Never in the way of watching: its own tasks, one a contact."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from functools import partial

import structlog

from nemo_watchdog.errors import JournalError
from nemo_watchdog.metrics import Metrics
from nemo_watchdog.ports import Delivery, Journal, Notifier, OutboxItem
from nemo_watchdog.runtime.core import Core

log = structlog.get_logger("nemo_watchdog")

LOOK_EVERY = 5.0
AT_ONCE = 1000
FIRST_RETRY, LONGEST_RETRY = 5.0, 600.0
GIVE_UP_AFTER = 150
"""Tries; with the pauses above that is about a day."""


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
        self._undelivered: set[int] = set()
        """Items that were read and not settled since, those that wait for their next try among them."""

    def poke(self) -> None:
        self._due.set()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            while True:
                self._due.clear()
                try:
                    await self._pass(group)
                except JournalError as error:
                    log.error("outbox cannot be read", error=str(error))
                try:
                    async with asyncio.timeout(LOOK_EVERY):
                        await self._due.wait()
                except TimeoutError:
                    continue

    async def _pass(self, group: asyncio.TaskGroup) -> None:
        busy = set(self._busy)  # before reading: what is read of the others is not being delivered
        items = await self._core.in_journal_thread(lambda: self._journal.pending(AT_ONCE))
        self._undelivered.update(item.item_id for item in items)
        self._metrics.outbox_pending.set(len(self._undelivered))
        by_contact: dict[str, list[OutboxItem]] = defaultdict(list)
        for item in items:
            by_contact[item.contact].append(item)
        for contact in by_contact.keys() - busy:
            self._busy.add(contact)
            group.create_task(self._deliver_all(contact, by_contact[contact]), name=f"contact {contact}")

    async def _deliver_all(self, contact: str, items: list[OutboxItem]) -> None:
        """To one contact, oldest first; the first failure that may pass holds the rest back."""
        try:
            for item in items:
                if not await self._deliver(item):
                    return
            self.poke()  # for what came in meanwhile
        except JournalError as error:
            log.error("delivery not written down: it may be repeated", contact=contact, error=str(error))
        finally:
            self._busy.discard(contact)

    async def _told(self, item: OutboxItem) -> Delivery:
        try:
            return await self._notifier.deliver(item.notification, item.contact)
        except Exception as error:  # noqa: BLE001 - the edge: a bug in a notifier is a failed delivery, not a dead daemon
            return Delivery(delivered=False, retryable=True, detail=f"the notifier raised {type(error).__name__}")

    async def _deliver(self, item: OutboxItem) -> bool:
        delivery = await self._told(item)
        now = self._core.clock.now()
        journal, item_id, detail = self._journal, item.item_id, delivery.detail
        if delivery.delivered:
            outcome = "delivered"
            write = partial(journal.delivered, item_id, now)
        elif delivery.retryable and item.attempts + 1 < GIVE_UP_AFTER:
            outcome = "retry"
            delay = min(FIRST_RETRY * 2 ** min(item.attempts, 20), LONGEST_RETRY)
            write = partial(journal.retry_later, item_id, now, delay, detail)
        else:
            outcome = "failed"
            write = partial(journal.give_up, item_id, now, detail)
        self._metrics.notifications.labels(item.contact, outcome).inc()
        if not delivery.delivered:
            log.warning(
                "notification not delivered",
                contact=item.contact,
                incident=item.notification.incident,
                outcome=outcome,
                error=delivery.detail,
            )
        # A stop must not come between telling somebody and writing it down: they would be told again at the next start.
        await asyncio.shield(self._core.in_journal_thread(write))
        if outcome != "retry":
            self._undelivered.discard(item.item_id)
            self._metrics.outbox_pending.set(len(self._undelivered))
        return outcome != "retry"
