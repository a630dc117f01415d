"""A journal in memory, for tests of what is written down and told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from nemo_watchdog.errors import JournalDamaged, JournalError
from nemo_watchdog.model import Moment, Notification
from nemo_watchdog.ports import Clock
from nemo_watchdog.receipts import Receipt, Received
from nemo_watchdog.stores import OutboxItem


@dataclass(slots=True)
class _Queued:
    item: OutboxItem
    due: float
    changed: Moment
    state: str = "pending"
    detail: str = ""


class MemoryJournal:
    """Satisfies `stores.Journal` and `receipts.Receipts`, and forgets everything with the process.

    `trouble` makes every method fail, and `damage` does until `accept`.
    """

    def __init__(self, clock: Clock) -> None:
        self.trouble = ""
        self.damage = ""
        self.closed = 0
        self._clock = clock
        self._records: list[tuple[Moment, Mapping[str, Any]]] = []
        self._outbox: list[_Queued] = []
        self.receipts: list[Receipt] = []

    def types(self) -> list[str]:
        """The type of every record, in order."""
        return [str(body["type"]) for _, body in self._records]

    def outbox(self) -> list[tuple[str, str, str]]:
        """Contact, key and state (`pending`, `delivered`, `given_up`, `pruned`) of every notification, in order."""
        return [(each.item.contact, each.item.notification.key, each.state) for each in self._outbox]

    def append(self, records: Sequence[Mapping[str, Any]], notifications: Sequence[Notification], at: Moment) -> None:
        self._check()
        self._records += [(at, dict(body)) for body in records]
        queued = {(each.item.contact, each.item.notification.key) for each in self._outbox}
        for notification in notifications:
            for contact in notification.contacts:
                if (contact, notification.key) not in queued:
                    item = OutboxItem(len(self._outbox), contact, notification, 0)
                    self._outbox.append(_Queued(item, at.monotonic, at))

    def replay(self, now: Moment) -> Sequence[tuple[Moment, Mapping[str, Any]]]:
        self._check()
        return [(at if at.monotonic <= now.monotonic else now, body) for at, body in self._records]

    def pending(self, limit: int) -> Sequence[OutboxItem]:
        self._check()
        now, of_contact = self._clock.now().monotonic, Counter[str]()
        items = list[OutboxItem]()
        for each in self._outbox:
            if each.state == "pending" and of_contact[each.item.contact] < limit:
                of_contact[each.item.contact] += 1
                items.append(replace(each.item, due=each.due <= now))
        return items

    def delivered(self, item_id: int, at: Moment) -> None:
        self._settle(item_id, "delivered", at, "")

    def retry_later(self, item_id: int, at: Moment, delay: float, detail: str) -> None:
        self._check()
        queued = self._outbox[item_id]
        queued.item = replace(queued.item, attempts=queued.item.attempts + 1)
        queued.due, queued.changed, queued.detail = at.monotonic + delay, at, detail

    def give_up(self, item_id: int, at: Moment, detail: str) -> None:
        self._settle(item_id, "given_up", at, detail)

    def received(self, limit: int) -> Received:
        self._check()
        told = [(key, each.address) for each in self.receipts for key in each.keys]
        memos = {(each.thread, each.address): each.memo for each in self.receipts if each.memo}
        return Received(told[-limit:], memos)

    def keep_receipts(self, kept: Sequence[Receipt], at: Moment) -> None:  # noqa: ARG002 - they are as old as the test
        self._check()
        self.receipts += kept

    def prune(self, before: datetime) -> int:
        """Forgets settled notifications only: what a test asserts on is records."""
        self._check()
        gone = [each for each in self._outbox if each.state not in {"pending", "pruned"} and each.changed.utc < before]
        for each in gone:
            each.state = "pruned"
        return len(gone)

    def check(self) -> None:
        self._check()

    def accept(self, at: Moment) -> str:  # noqa: ARG002 - nothing is put aside here
        """Whole again."""
        damage, self.damage = self.damage, ""
        return damage

    def close(self) -> None:
        self.closed += 1

    def _settle(self, item_id: int, state: str, at: Moment, detail: str) -> None:
        self._check()
        queued = self._outbox[item_id]
        queued.state, queued.changed, queued.detail = state, at, detail

    def _check(self) -> None:
        if self.damage:
            raise JournalDamaged(self.damage)
        if self.trouble:
            raise JournalError(self.trouble)
