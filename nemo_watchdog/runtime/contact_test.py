"""One contact is sent an example on the way of every message: the same texts, templates and services.

A service that keeps incidents is told right after that it is over, so that nobody is called for long.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from nemo_watchdog.channel import Letter, Sent
from nemo_watchdog.durations import duration
from nemo_watchdog.engine.oncall import only_itself
from nemo_watchdog.engine.page_now import PageNow
from nemo_watchdog.engine.pages import TEST
from nemo_watchdog.model import Notification, NotificationKind, Severity, Standing
from nemo_watchdog.people_views import AddressAnswerView, ContactTestView
from nemo_watchdog.policy.people import Address, Apprise
from nemo_watchdog.ports import Delivery
from nemo_watchdog.runtime.core import Core
from nemo_watchdog.runtime.rendering import Rendering

WITHIN = 25.0
"""Seconds for an address; longer than what a service is given for one letter."""

SUBJECT = "Test: nothing is wrong"

Send = Callable[[Address, Letter, str], Awaitable[Sent]]
"""To an address, a letter, with what the last one of its thread left there."""


@dataclass(frozen=True, slots=True)
class ContactTest:
    """`people_of` says who a contact is now, where people take turns."""

    core: Core
    rendering: Rendering
    send: Send
    people_of: Callable[[str], Sequence[str]] = only_itself

    def addresses(self, contact: str) -> list[tuple[str, int, int, Address]]:
        """Of each person who is reached by it: the name, which address of how many, the address."""
        contacts, found = self.core.engine.policy.contacts, []
        for name in self.people_of(contact):
            own = contacts[name].addresses if name in contacts else ()
            found += [(name, number, len(own), each) for number, each in enumerate(own, start=1)]
        return found

    async def run(self, contact: str, by: str) -> ContactTestView:
        """What each address answered. The contact has one at least."""
        now = self.core.clock.now().utc
        page = f"{TEST}{now:%Y%m%d-%H%M%S-%f}"
        opened = Notification(
            key=f"{page}:1",
            kind=NotificationKind.OPENED,
            incident=page,
            severity=Severity.SEV4,
            root="nemo-watchdog",
            title=f"[SEV4] {SUBJECT}",
            body=f"This is a test: nothing is wrong. {by} asked for it with `nemo-watchdog test-notify {contact}`.",
            contacts=(contact,),
            at=now,
            since=now,
            incidents=(page,),
        )
        answers = await asyncio.gather(*(self._try(opened, *each) for each in self.addresses(contact)))
        return ContactTestView(contact, opened.title, all(each.delivered for each in answers), tuple(answers))

    async def _try(self, opened: Notification, name: str, number: int, of: int, address: Address) -> AddressAnswerView:
        try:
            async with asyncio.timeout(WITHIN):
                delivery = await self._tell(opened, name, address)
        except TimeoutError:
            delivery = Delivery(delivered=False, detail=f"no answer within {duration(WITHIN)}")
        except Exception as error:  # noqa: BLE001 - the edge: a bug in a channel is an answer, not a failed request
            delivery = Delivery(delivered=False, detail=f"the channel raised {type(error).__name__}")
        service, detail = type(address).__name__.lower(), self.core.redact(delivery.detail)
        return AddressAnswerView(name, number, of, service, delivery.delivered, detail)

    async def _tell(self, opened: Notification, name: str, address: Address) -> Delivery:
        sent = await self.send(address, self.rendering.render(opened, name, PageNow(Standing.FIRING)), "")
        if not sent.delivery.delivered or isinstance(address, Apprise):
            return sent.delivery
        over = Notification(
            key=opened.key.replace(":1", ":2"),
            kind=NotificationKind.RESOLVED,
            incident=opened.incident,
            severity=opened.severity,
            root=opened.root,
            title=f"{opened.title}, and over",
            body="The test is over.\nNext: nothing to do.",
            contacts=opened.contacts,
            at=opened.at,
            since=opened.since,
            incidents=opened.incidents,
        )
        ended = await self.send(address, self.rendering.render(over, name, PageNow(Standing.OVER)), sent.memo)
        if ended.delivery.delivered:
            return sent.delivery
        why = f"it took that it began, and not that it is over: {ended.delivery.detail}"
        return Delivery(delivered=False, detail=why)
