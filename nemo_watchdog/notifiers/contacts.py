"""Tells a contact: each of its addresses gets each message once, and who is not reached is stood in for by another.

What a message says is made up for each address: of what waited, one hears what it has not taken yet and nothing else.
An address that hangs holds up the others for a moment and no longer; it is still waited for, beside them.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace

import structlog

from nemo_watchdog.channel import Channel, Letter, Sent
from nemo_watchdog.durations import duration
from nemo_watchdog.engine.oncall import only_itself
from nemo_watchdog.engine.page_now import ENDS
from nemo_watchdog.model import Notification, NotificationKind
from nemo_watchdog.notifiers.in_order import InOrder
from nemo_watchdog.notifiers.log import LogNotifier
from nemo_watchdog.policy.people import Address, Contact
from nemo_watchdog.policy.secret_value import Secret
from nemo_watchdog.ports import Clock, Delivery, Notifier
from nemo_watchdog.receipts import Memory, Receipt

PATIENCE = 25.0
"""Seconds for one letter to one address; longer than any channel's own deadline."""

GRACE = 5.0
"""Seconds that one address is waited for when another one of the contact has taken the message."""

CLOSE_WITHIN = 1.0
"""Seconds that a stop waits for answers."""

TRIES = 3
"""Failed tries in a row after which a contact cannot be reached."""

_LOG = "log"
"""Where messages go to a contact without an address."""

_HEARD = ENDS | {NotificationKind.ACKNOWLEDGED}
"""Who was told in a contact's stead hears of it also when the contact itself can be reached: so that calls stop."""

_UNDER_WAY = Delivery(delivered=False, retryable=True, detail="the delivery before this one is still under way")

_log = structlog.stdlib.get_logger(__name__)


def address_digest(address: Address, key: str) -> str:
    """What an address is known by: the same as long as it leads to the same place, and nobody can tell where from it.

    A secret that is rotated in its file changes nothing. `key` is this daemon's own secret: what stands in a policy as
    it is may be a token, and could be guessed otherwise.
    """
    parts: list[object] = [type(address).__name__]
    for each in fields(address):
        value = getattr(address, each.name)
        if isinstance(value, Secret):
            parts.append(value.leads_to)
        elif isinstance(value, str):
            parts.append(value)
    return hmac.new(key.encode(), repr(parts).encode(), "sha256").hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class _Place:
    """One address of those of a contact, counted from 1."""

    number: int
    of: int
    digest: str
    address: Address

    @property
    def name(self) -> str:
        return f"address {self.number} of {self.of}"


class ContactNotifier:
    """Satisfies `ports.Notifier`. `contacts` is asked at each delivery, so that a reload of the policy takes effect.

    `letter` makes one message of those that wait, oldest first, and `render` writes it for the contact. `people_of`
    says who has a rota now. `digest` is what an address is known by.
    """

    def __init__(
        self,
        contacts: Callable[[], Mapping[str, Contact]],
        *,
        memory: Memory,
        clock: Clock,
        letter: Callable[[Sequence[Notification]], Notification],
        render: Callable[[Notification, str], Letter],
        channel_for: Callable[[Address], Channel],
        digest: Callable[[Address], str],
        people_of: Callable[[str], Sequence[str]] = only_itself,
        without_address: Notifier | None = None,
    ) -> None:
        self._contacts = contacts
        self._memory = memory
        self._letter = letter
        self._render = render
        self._channel_for = channel_for
        self._digest = digest
        self._people_of = people_of
        self._without_address: Notifier = without_address or LogNotifier()
        self._channels: dict[Address, Channel] = {}
        self._sending: dict[str, asyncio.Task[Delivery]] = {}
        self._order = InOrder(clock)
        self._tried: dict[str, dict[str, Receipt]] = {}
        """Of each address the letters that it did not take in time, by their keys, and what they told."""
        self._failed: dict[str, int] = {}
        """Of each contact how many tries in a row reached nobody."""

    async def deliver(self, notification: Notification, contact: str) -> Delivery:
        """Delivered when each address has it. What no address takes is told to who stands in for the contact."""
        await self._memory.ready()
        await self._close_what_is_gone()
        waiting = (*notification.earlier, replace(notification, earlier=()))
        stand_in = self._stand_in_of(contact)
        if stand_in and not self._places(contact):
            return await self._tell_instead(waiting, contact, stand_in, could_not=True)
        delivery = await self._give(waiting, contact)
        if not delivery.retryable:
            self._order.forget(contact, notification.thread)
        if delivery.delivered or delivery.reached:
            self._failed.pop(contact, None)
            heard = stand_in and waiting[-1].kind in _HEARD and self._was_told_instead(waiting[-1], contact, stand_in)
            return _both(delivery, await self._tell_instead(waiting[-1:], contact, stand_in)) if heard else delivery
        if delivery.waits_for:
            return delivery  # whether the contact can be reached was not tried
        self._failed[contact] = self._failed.get(contact, 0) + 1
        if not stand_in or (delivery.retryable and self._failed[contact] < TRIES):
            return delivery
        instead = await self._tell_instead(waiting, contact, stand_in, could_not=True)
        return replace(delivery, reached=True) if instead.delivered else replace(delivery, retryable=True)

    async def close(self) -> None:
        """What is being sent may have arrived: its answer is waited for for a moment, or it would come twice."""
        if sending := set(self._sending.values()):
            _, hung = await asyncio.wait(sending, timeout=CLOSE_WITHIN)
            for task in hung:
                task.cancel()
        for channel in self._channels.values():
            await channel.close()
        await self._without_address.close()

    # -- who is told instead

    def _stand_in_of(self, contact: str) -> str:
        spec = self._contacts().get(contact)
        return spec.fallback if spec is not None else ""

    async def _tell_instead(
        self, waiting: Sequence[Notification], contact: str, stand_in: str, *, could_not: bool = False
    ) -> Delivery:
        """Each message once, as what it is: that another contact could not be reached, or, later, how that ended."""
        instead = [_instead(each, contact, stand_in, could_not=could_not) for each in waiting]
        if could_not and not self._is_told(instead[-1], stand_in):
            _log.warning("another contact is told instead", contact=contact, fallback=stand_in)
        return await self._give(instead, stand_in, mark=_mark(waiting[-1], contact))

    def _is_told(self, notification: Notification, contact: str) -> bool:
        return any(self._memory.has(notification.key, each) for each in self._digests_of(contact))

    def _was_told_instead(self, notification: Notification, contact: str, stand_in: str) -> bool:
        """And does not hear of the end as who is told anyway."""
        if stand_in in notification.contacts:
            return False
        return any(self._memory.has(_mark(notification, contact), each) for each in self._digests_of(stand_in))

    def _digests_of(self, contact: str) -> list[str]:
        return [place.digest for place in self._places(contact)] or [_LOG]

    # -- the addresses

    def _who_had_it(self, contact: str, over: Notification) -> list[str]:
        """Of a rota those who were told of what is over now before somebody else's turn came."""
        contacts = self._contacts()
        spec = contacts.get(contact)
        if over.kind not in ENDS or spec is None or spec.rota is None:
            return []
        told_elsewhere = {*over.contacts, *(self._stand_in_of(name) for name in over.contacts)}
        others = contacts.keys() - told_elsewhere
        return [
            name
            for name in contacts
            if name in others
            and any(self._memory.knows_of(over.thread, self._digest(each)) for each in contacts[name].addresses)
        ]

    def _places(self, contact: str, also: Iterable[str] = ()) -> list[_Place]:
        """Of whoever has it now, and of others, each once."""
        contacts, found = self._contacts(), dict[str, Address]()
        for person in (*self._people_of(contact), *also):
            spec = contacts.get(person)
            for address in spec.addresses if spec is not None else ():
                found.setdefault(self._digest(address), address)
        return [_Place(number, len(found), *each) for number, each in enumerate(found.items(), start=1)]

    async def _give(self, waiting: Sequence[Notification], contact: str, mark: str = "") -> Delivery:
        """To all addresses at once. `mark` is what is remembered beside the messages."""
        places = self._places(contact, self._who_had_it(contact, waiting[-1]))
        if not places:
            return await self._log_it(waiting, contact, mark)
        busy = {place for place in places if place.digest in self._sending}
        turns = {asyncio.ensure_future(self._turn(place, waiting, contact, mark)): place for place in places}
        left, reached = set(turns), False
        try:
            while left:
                done, left = await asyncio.wait(
                    left, timeout=GRACE if reached else None, return_when=asyncio.FIRST_COMPLETED
                )
                reached = reached or any(_result(each).delivered for each in done)
                if not done or (reached and all(turns[each] in busy for each in left)):
                    break
        finally:
            for each in left:
                each.cancel()
        return _sum([(place, _UNDER_WAY if turn in left else _result(turn)) for turn, place in turns.items()])

    async def _log_it(self, waiting: Sequence[Notification], contact: str, mark: str) -> Delivery:
        if mark and self._memory.has(waiting[-1].key, _LOG):
            return Delivery(delivered=True)
        delivery = await self._without_address.deliver(self._letter(waiting), contact)
        if mark:
            await self._memory.keep(Receipt(_LOG, waiting[-1].thread, (*(each.key for each in waiting), mark)))
        return delivery

    async def _turn(self, place: _Place, waiting: Sequence[Notification], contact: str, mark: str) -> Delivery:
        """One letter at a time to one address; one that has begun goes on when nobody waits for it any more."""
        thread = waiting[-1].thread
        while True:
            if all(self._memory.has(each.key, place.digest) for each in waiting):
                self._order.settled(place.digest, thread)
                return Delivery(delivered=True)
            running = self._sending.get(place.digest)
            if running is None:
                break
            self._order.waits(place.digest, thread, contact)
            await asyncio.wait({running})
        if first := self._order.waits_for(place.digest, thread, contact):
            others = tuple(sorted(first - {contact}))
            return Delivery(
                delivered=False, retryable=True, detail="what came before it was not taken yet", waits_for=others
            )
        task = asyncio.ensure_future(self._send(place, waiting, contact, mark))
        self._sending[place.digest] = task
        task.add_done_callback(lambda _: self._sending.pop(place.digest, None))
        return await asyncio.shield(task)

    async def _send(self, place: _Place, waiting: Sequence[Notification], contact: str, mark: str) -> Delivery:
        await self._learn_what_it_took(place)
        fresh = [each for each in waiting if not self._memory.has(each.key, place.digest)]
        thread = waiting[-1].thread
        if not fresh:
            self._order.settled(place.digest, thread)
            return Delivery(delivered=True)
        self._order.waits(place.digest, thread, contact)
        try:
            async with asyncio.timeout(PATIENCE):
                letter = self._render(self._letter(fresh), contact)
                sent = await self._channel(place.address).send(letter, self._memory.memo(thread, place.digest))
        except TimeoutError:
            sent = Sent(Delivery(delivered=False, retryable=True, detail=f"not accepted within {duration(PATIENCE)}"))
        except Exception as error:  # noqa: BLE001 - the edge: a bug in a channel or a template is a failed delivery
            sent = Sent(
                Delivery(delivered=False, retryable=True, detail=f"it could not be sent: {type(error).__name__}")
            )
        told = (*(each.key for each in fresh), *([mark] if mark else ()))
        keys = told if sent.delivery.delivered else ()
        tried = self._tried.setdefault(place.digest, {})
        if sent.delivery.delivered or not sent.delivery.retryable:
            self._order.settled(place.digest, thread)
            self._tried[place.digest] = {key: each for key, each in tried.items() if each.thread != thread}
        else:
            tried[fresh[-1].key] = Receipt(place.digest, thread, told)
        if keys or sent.memo:
            await self._memory.keep(Receipt(place.digest, thread, keys, sent.memo))
        return sent.delivery

    async def _learn_what_it_took(self, place: _Place) -> None:
        """A letter may have been accepted when nobody waited any more: what it told is not told again with the next."""
        channel, tried = self._channels.get(place.address), self._tried.get(place.digest, {})
        for key in [key for key in tried if channel is not None and channel.took(key)]:
            await self._memory.keep(tried.pop(key))

    # -- the channels

    def _channel(self, address: Address) -> Channel:
        channel = self._channels.get(address)
        if channel is None:
            channel = self._channels[address] = self._channel_for(address)
        return channel

    async def _close_what_is_gone(self) -> None:
        """Channels of addresses that the policy has no more; one that is in use goes later."""
        kept = {address for contact in self._contacts().values() for address in contact.addresses}
        gone = [each for each in self._channels if each not in kept and self._digest(each) not in self._sending]
        for channel in [self._channels.pop(address) for address in gone]:
            await channel.close()


def _mark(notification: Notification, contact: str) -> str:
    """Remembered of who stood in for the contact in that thread."""
    return f"{notification.thread}|{contact}"


def _instead(told: Notification, contact: str, stand_in: str, *, could_not: bool) -> Notification:
    gravity = f"[{told.severity}] "
    gravity = gravity if told.title.startswith(gravity) else ""
    what = told.title.removeprefix(gravity)
    return replace(
        told,
        key=f"{told.key}>{stand_in}",
        title=f"{gravity}{contact} could not be reached: {what}" if could_not else told.title,
        body=f"You are told because {contact} could not be reached.\n{told.body}",
        contacts=(stand_in,),
    )


def _result(turn: asyncio.Future[Delivery]) -> Delivery:
    return _UNDER_WAY if turn.cancelled() else turn.result()


def _sum(deliveries: Sequence[tuple[_Place, Delivery]]) -> Delivery:
    failed = [(place, each) for place, each in deliveries if not each.delivered]
    return Delivery(
        delivered=not failed,
        retryable=any(each.retryable for _, each in failed),
        detail="; ".join(f"{place.name}: {each.detail}" for place, each in failed),
        reached=bool(failed) and len(failed) < len(deliveries),
        waits_for=() if not all(each.waits_for for _, each in failed) else _all_of(each for _, each in failed),
    )


def _all_of(deliveries: Iterable[Delivery]) -> tuple[str, ...]:
    return tuple(sorted({contact for each in deliveries for contact in each.waits_for}))


def _both(own: Delivery, other: Delivery) -> Delivery:
    """The contact has it; who stood in for it must hear of the end as well."""
    if other.delivered or not other.retryable:
        return own
    return Delivery(delivered=False, retryable=True, detail=other.detail, reached=True)
