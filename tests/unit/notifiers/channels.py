"""Channels that record and answer what the test says, a memory without a disk, and a contact notifier of both."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC
from functools import partial

from nemo_watchdog.channel import Channel, Letter, Sent
from nemo_watchdog.engine.letters import letter
from nemo_watchdog.engine.oncall import only_itself
from nemo_watchdog.engine.page_now import PageNow
from nemo_watchdog.model import Notification, Standing
from nemo_watchdog.notifiers.contacts import ContactNotifier, address_digest
from nemo_watchdog.policy.people import Address, Apprise, Contact
from nemo_watchdog.policy.secret_value import Secret
from nemo_watchdog.ports import Clock, Delivery
from nemo_watchdog.receipts import Receipt
from nemo_watchdog.testing import ManualClock

TAKEN = Delivery(delivered=True)
BUSY = Delivery(delivered=False, retryable=True, detail="HTTP 503")
WRONG = Delivery(delivered=False, retryable=False, detail="HTTP 404")


def contact(*names: str, fallback: str = "") -> Contact:
    """With an address for each name."""
    return Contact(tuple(Apprise(Secret(name)) for name in names), fallback=fallback)


class Line(Channel):
    """`got` are the letters that it took, `asked` all that it was given."""

    def __init__(self) -> None:
        self.answer: Delivery | Exception = TAKEN
        self.got: list[Letter] = []
        self.asked: list[Letter] = []
        self.memos: list[str] = []
        self.memo = ""
        self.free = asyncio.Event()
        self.free.set()
        self.closed = 0
        self.late: set[str] = set()
        """Keys of letters that it took when nobody waited any more."""

    def took(self, key: str) -> bool:
        return key in self.late

    async def send(self, letter: Letter, memo: str) -> Sent:
        self.asked.append(letter)
        self.memos.append(memo)
        await self.free.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        if self.answer.delivered:
            self.got.append(letter)
        return Sent(self.answer, self.memo)

    async def close(self) -> None:
        self.closed += 1


class Lines:
    """By the name of the address."""

    def __init__(self) -> None:
        self.by_name: dict[str, Line] = {}

    def __getitem__(self, name: str) -> Line:
        return self.by_name.setdefault(name, Line())

    def of(self, address: Address) -> Line:
        assert isinstance(address, Apprise)
        return self[address.url.reveal()]

    def keys(self, name: str) -> list[str]:
        return [each.key for each in self[name].got]

    def titles(self, name: str) -> list[str]:
        return [each.title for each in self[name].got]


class Remembers:
    """Satisfies `receipts.Memory`."""

    def __init__(self) -> None:
        self.told: set[tuple[str, str]] = set()
        self.memos: dict[tuple[str, str], str] = {}

    async def ready(self) -> None:
        """It is."""

    def has(self, key: str, address: str) -> bool:
        return (key, address) in self.told

    def knows_of(self, thread: str, address: str) -> bool:
        return any(each == address and key.startswith(f"{thread}:") for key, each in self.told)

    def memo(self, thread: str, address: str) -> str:
        return self.memos.get((thread, address), "")

    async def keep(self, receipt: Receipt) -> None:
        self.told |= {(key, receipt.address) for key in receipt.keys}
        if receipt.memo:
            self.memos[receipt.thread, receipt.address] = receipt.memo


class People:
    """Contacts, the lines to them, and who tells them."""

    def __init__(self, contacts: Mapping[str, Contact], clock: Clock | None = None) -> None:
        self.contacts = dict(contacts)
        self.clock = clock or ManualClock()
        self.lines = Lines()
        self.memory = Remembers()
        self.now = PageNow(Standing.FIRING)
        self.rota: dict[str, Sequence[str]] = {}
        self.notifier = self.another_process()

    def another_process(self) -> ContactNotifier:
        """With the same memory."""
        self.notifier = ContactNotifier(
            lambda: self.contacts,
            memory=self.memory,
            clock=self.clock,
            letter=lambda waiting: letter(waiting, self.clock.now().utc, self.now, UTC),
            render=partial(plain_letter, lambda _: self.now),
            channel_for=self.lines.of,
            digest=partial(address_digest, key="key"),
            people_of=lambda name: self.rota.get(name, only_itself(name)),
        )
        return self.notifier

    async def tell(self, *waiting: Notification, to: str = "on-call") -> Delivery:
        """All of it as one letter."""
        *earlier, newest = waiting
        return await self.notifier.deliver(replace(newest, earlier=tuple(earlier)), to)


def plain_letter(page_now: Callable[[Notification], PageNow], notification: Notification, contact: str) -> Letter:
    """The message as it is."""
    page = page_now(notification)
    return Letter(
        key=notification.key,
        thread=notification.thread,
        contact=contact,
        kind=notification.kind,
        standing=page.standing,
        severity=notification.severity,
        root=notification.root,
        title=notification.title,
        body=notification.body,
        at=notification.at,
        since=notification.since,
        incidents=notification.incidents,
        owner=page.owner,
    )
