"""The journal of the simulated daemon: what was written outlives it. In memory, or the real one in a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from nemo_watchdog.errors import JournalError
from nemo_watchdog.journal import codec
from nemo_watchdog.model import Moment, Notification
from nemo_watchdog.ports import Clock
from nemo_watchdog.stores import Journal, OutboxItem


class Rows:
    """Satisfies `stores.Journal` in memory; what it keeps is what the real one writes, as text."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._records: list[tuple[Moment, str]] = []
        self._outbox: dict[int, tuple[str, str, int, float]] = {}
        """Contact, body, attempts and when it is due, of what is pending."""
        self._keys: set[tuple[str, str]] = set()
        self._numbers = 0

    def append(self, records: Sequence[Mapping[str, Any]], notifications: Sequence[Notification], at: Moment) -> None:
        rows = [(at, codec.write_record(record)) for record in records]
        self._records += rows
        for notification in notifications:
            for contact in notification.contacts:
                if (notification.key, contact) not in self._keys:
                    self._keys.add((notification.key, contact))
                    self._numbers += 1
                    body = codec.write_notification(notification)
                    self._outbox[self._numbers] = (contact, body, 0, at.monotonic)

    def replay(self, now: Moment) -> Sequence[tuple[Moment, Mapping[str, Any]]]:
        return [(at, codec.read_record(row, body)) for row, (at, body) in enumerate(self._records)]

    def pending(self, limit: int) -> Sequence[OutboxItem]:
        if not self._outbox:
            return []
        now, of_contact, items = self._clock.now().monotonic, Counter[str](), []
        for number, (contact, body, attempts, due) in self._outbox.items():
            of_contact[contact] += 1
            if of_contact[contact] <= limit:
                notification = codec.read_notification(number, body)
                items.append(OutboxItem(number, contact, notification, attempts, due <= now))
        return items

    def delivered(self, item_id: int, at: Moment) -> None:
        self._outbox.pop(item_id, None)

    def retry_later(self, item_id: int, at: Moment, delay: float, detail: str) -> None:
        contact, body, attempts, _ = self._outbox[item_id]
        self._outbox[item_id] = (contact, body, attempts + 1, at.monotonic + delay)

    def give_up(self, item_id: int, at: Moment, detail: str) -> None:
        self._outbox.pop(item_id, None)

    def check(self) -> None:
        """It can be written."""

    def accept(self, at: Moment) -> str:
        return ""

    def prune(self, before: datetime) -> int:
        return 0

    def close(self) -> None:
        """Nothing is open."""


class Watched:
    """Satisfies `stores.Journal`: another one on a disk that is full when `full` says so. Tells what was written."""

    def __init__(
        self,
        inner: Journal,
        full: Callable[[], bool],
        on_written: Callable[[Sequence[Mapping[str, Any]], Sequence[Notification], Moment], None],
    ) -> None:
        self._inner = inner
        self._full = full
        self._on_written = on_written

    def append(self, records: Sequence[Mapping[str, Any]], notifications: Sequence[Notification], at: Moment) -> None:
        self._write()
        self._inner.append(records, notifications, at)
        self._on_written(records, [replace(each) for each in notifications], at)

    def replay(self, now: Moment) -> Sequence[tuple[Moment, Mapping[str, Any]]]:
        return self._inner.replay(now)

    def pending(self, limit: int) -> Sequence[OutboxItem]:
        return self._inner.pending(limit)

    def delivered(self, item_id: int, at: Moment) -> None:
        self._write()
        self._inner.delivered(item_id, at)

    def retry_later(self, item_id: int, at: Moment, delay: float, detail: str) -> None:
        self._write()
        self._inner.retry_later(item_id, at, delay, detail)

    def give_up(self, item_id: int, at: Moment, detail: str) -> None:
        self._write()
        self._inner.give_up(item_id, at, detail)

    def check(self) -> None:
        self._write()
        self._inner.check()

    def accept(self, at: Moment) -> str:
        return self._inner.accept(at)

    def prune(self, before: datetime) -> int:
        self._write()
        return self._inner.prune(before)

    def close(self) -> None:
        self._inner.close()

    def _write(self) -> None:
        if self._full():
            raise JournalError("the disk is full")
