"""Tells a contact at each of its Apprise addresses. Delivered is what each of them accepted."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping

from nemo_watchdog.channel import DEADLINE, Letter
from nemo_watchdog.model import Notification, NotificationKind, Standing
from nemo_watchdog.notifiers.apprise import AppriseChannel
from nemo_watchdog.notifiers.log import LogNotifier
from nemo_watchdog.policy.secret_value import Secret
from nemo_watchdog.ports import Delivery, Notifier

REMEMBERED = 1000
"""Deliveries to single addresses that are remembered, so that a retry does not tell the others again."""

_STANDINGS = {
    NotificationKind.ACKNOWLEDGED: Standing.ACKNOWLEDGED,
    NotificationKind.RESOLVED: Standing.OVER,
    NotificationKind.UNWATCHED: Standing.OVER,
    NotificationKind.MERGED: Standing.OVER,
    NotificationKind.HEALED: Standing.NO_PAGE,
    NotificationKind.JOURNAL: Standing.NO_PAGE,
}


class AppriseNotifier:
    """Satisfies `ports.Notifier`. `contacts` is asked at each delivery, so that a reload of the policy takes effect."""

    def __init__(
        self,
        contacts: Callable[[], Mapping[str, tuple[Secret, ...]]],
        *,
        deadline: float = DEADLINE,
        fallback: Notifier | None = None,
    ) -> None:
        self._contacts = contacts
        self._deadline = deadline
        self._fallback: Notifier = fallback or LogNotifier()
        self._channels: dict[tuple[str, Secret], AppriseChannel] = {}
        self._told: OrderedDict[tuple[str, str, Secret], None] = OrderedDict()

    async def deliver(self, notification: Notification, contact: str) -> Delivery:
        """A contact without an address is logged."""
        addresses = [address for address in self._contacts().get(contact, ()) if address]
        if not addresses:
            return await self._fallback.deliver(notification, contact)
        letter = _letter(notification, contact)
        deliveries = await asyncio.gather(*(self._send(letter, address) for address in addresses))
        failed = [(number, each) for number, each in enumerate(deliveries, start=1) if not each.delivered]
        return Delivery(
            delivered=not failed,
            retryable=any(each.retryable for _, each in failed),
            detail="; ".join(f"address {number} of {len(addresses)}: {each.detail}" for number, each in failed),
        )

    async def close(self) -> None:
        await self._fallback.close()

    async def _send(self, letter: Letter, address: Secret) -> Delivery:
        fact = (letter.key, letter.contact, address)
        if fact in self._told:
            return Delivery(delivered=True)
        channel = self._channels.setdefault((letter.contact, address), AppriseChannel(address, self._deadline))
        delivery = (await channel.send(letter, "")).delivery
        if delivery.delivered:
            self._told[fact] = None
            while len(self._told) > REMEMBERED:
                self._told.popitem(last=False)
        return delivery


def _letter(told: Notification, contact: str) -> Letter:
    return Letter(
        key=told.key,
        thread=told.incident,
        contact=contact,
        kind=told.kind,
        standing=_STANDINGS.get(told.kind, Standing.FIRING),
        severity=told.severity,
        root=told.root,
        title=told.title,
        body=told.body,
        at=told.at,
        since=told.since,
        incidents=told.incidents,
    )
