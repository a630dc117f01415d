"""One Apprise address as a channel. Other services are not spoken to here."""

from __future__ import annotations

from nemo_watchdog.channel import Channel, Letter, Sent
from nemo_watchdog.model import Notification
from nemo_watchdog.notifiers.apprise import AppriseNotifier
from nemo_watchdog.policy.people import Address, Apprise
from nemo_watchdog.policy.secret_value import Secret
from nemo_watchdog.ports import Delivery

_IT = "address"


class AppriseChannel:
    """Satisfies `channel.Channel`."""

    def __init__(self, url: Secret) -> None:
        self._notifier = AppriseNotifier(lambda: {_IT: (url,)})

    async def send(self, letter: Letter, memo: str) -> Sent:
        notification = Notification(
            letter.key,
            letter.kind,
            letter.thread,
            letter.severity,
            letter.root,
            letter.title,
            letter.body,
            (letter.contact,),
            letter.at,
        )
        delivery = await self._notifier.deliver(notification, _IT)
        detail = delivery.detail.removeprefix("address 1 of 1 ")
        return Sent(Delivery(delivery.delivered, delivery.retryable, detail), memo)

    async def close(self) -> None:
        await self._notifier.close()


class _Unspoken:
    """Of a service that nobody speaks to here."""

    def __init__(self, service: str) -> None:
        self._service = service

    async def send(self, letter: Letter, memo: str) -> Sent:  # noqa: ARG002 - nothing is sent
        return Sent(Delivery(delivered=False, detail=f"{self._service} is not spoken to"))

    async def close(self) -> None:
        """Nothing is open."""


def apprise_channel(address: Address) -> Channel:
    return AppriseChannel(address.url) if isinstance(address, Apprise) else _Unspoken(type(address).__name__)
