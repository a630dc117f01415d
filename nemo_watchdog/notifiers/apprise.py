"""Delivers through Apprise. Its addresses hold tokens, so no text that Apprise or its libraries write leaves here.

Apprise blocks, and a mail server can block it for minutes: each contact has at most one thread, which nobody waits for
longer than the deadline. The threads are daemons, so a stuck one does not keep the watchdog from stopping.
"""

from __future__ import annotations

import asyncio
import difflib
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache

import apprise
from apprise.logger import LOGGER_NAME

from nemo_watchdog.durations import duration
from nemo_watchdog.model import Notification, NotificationKind, Severity
from nemo_watchdog.notifiers.log import LogNotifier
from nemo_watchdog.policy.lint import Advice
from nemo_watchdog.policy.people import Contact, apprise_urls
from nemo_watchdog.policy.secret_value import Secret
from nemo_watchdog.ports import Delivery, Notifier

DEADLINE = 20.0
"""Seconds for one delivery to one contact; longer than Apprise's own connect and read timeouts (4 s each) together."""

REMEMBERED = 1000
"""Deliveries to single addresses that are remembered, so that a retry does not tell the others again."""

# Apprise logs the whole address that it cannot parse, and urllib3 logs paths, which hold tokens.
logging.getLogger(LOGGER_NAME).disabled = True
logging.getLogger("urllib3").setLevel(logging.CRITICAL)

_TYPES = {
    Severity.SEV1: apprise.NotifyType.FAILURE,
    Severity.SEV2: apprise.NotifyType.FAILURE,
    Severity.SEV3: apprise.NotifyType.WARNING,
    Severity.SEV4: apprise.NotifyType.INFO,
}


@dataclass(slots=True)
class _Tally:
    """What became of one delivery. `failed` and `unusable` hold the numbers of the addresses, counted from 1."""

    total: int
    failed: list[int] = field(default_factory=list)
    unusable: list[int] = field(default_factory=list)


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
        self._sending: set[str] = set()
        self._told: OrderedDict[tuple[str, str, Secret], None] = OrderedDict()
        self._told_guard = threading.Lock()

    async def deliver(self, notification: Notification, contact: str) -> Delivery:
        """A contact without an address is logged. Several addresses count as delivered when each of them accepted."""
        addresses = tuple(address for address in self._contacts().get(contact, ()) if address)
        if not addresses:
            return await self._fallback.deliver(notification, contact)
        if contact in self._sending:
            return Delivery(delivered=False, retryable=True, detail="the delivery before this one is still under way")
        done = self._start(notification, contact, addresses)
        if done is None:
            return Delivery(delivered=False, retryable=True, detail="the system gave no thread to send it")
        try:
            async with asyncio.timeout(self._deadline):
                result = await done
        except TimeoutError:
            return Delivery(delivered=False, retryable=True, detail=f"not accepted within {duration(self._deadline)}")
        if isinstance(result, str):
            return Delivery(delivered=False, retryable=True, detail=f"Apprise failed: {result}")
        return _delivery(result)

    async def close(self) -> None:
        """Waits for nobody: threads that still send end by themselves or with the process."""
        await self._fallback.close()

    def _start(
        self, notification: Notification, contact: str, addresses: Sequence[Secret]
    ) -> asyncio.Future[_Tally | str] | None:
        """Sends in a thread. The future gets the tally, or the name of what Apprise raised; None without a thread."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[_Tally | str] = loop.create_future()

        def settle(result: _Tally | str) -> None:
            self._sending.discard(contact)
            if not done.done():
                done.set_result(result)

        def work() -> None:
            result: _Tally | str
            try:
                result = self._send(notification, contact, addresses)
            except Exception as error:  # noqa: BLE001 - the edge of the thread; a plugin of Apprise may raise anything
                result = type(error).__name__
            # A loop that has closed has nobody left who waits.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(settle, result)

        try:
            threading.Thread(target=work, name=f"apprise-{contact}", daemon=True).start()
        except RuntimeError:
            return None
        self._sending.add(contact)
        return done

    def _send(self, notification: Notification, contact: str, addresses: Sequence[Secret]) -> _Tally:
        tally = _Tally(len(addresses))
        for number, address in enumerate(addresses, start=1):
            fact = (notification.key, contact, address)
            if self._was_told(fact):
                continue
            service = _service(address)
            if service is None:
                tally.unusable.append(number)
                continue
            # An Apprise of its own for each address: one refusal must not hide which of them accepted.
            client = apprise.Apprise(asset=_asset())
            client.add(service)
            kind = _TYPES[notification.severity]
            if notification.kind is NotificationKind.RESOLVED:
                kind = apprise.NotifyType.SUCCESS
            if client.notify(
                body=notification.body or notification.title,
                title=notification.title,
                notify_type=kind,
                body_format=apprise.NotifyFormat.TEXT,
            ):
                self._remember(fact)
            else:
                tally.failed.append(number)
        return tally

    def _was_told(self, fact: tuple[str, str, Secret]) -> bool:
        with self._told_guard:
            return fact in self._told

    def _remember(self, fact: tuple[str, str, Secret]) -> None:
        with self._told_guard:
            self._told[fact] = None
            while len(self._told) > REMEMBERED:
                self._told.popitem(last=False)


def unusable_addresses(contacts: Mapping[str, Contact]) -> list[Advice]:
    """What can never be delivered, asked of Apprise without sending anything. No address shows: it may hold a token."""
    found = []
    for name, addresses in apprise_urls(contacts).items():
        kept = [address for address in addresses if address]
        for number, address in enumerate(kept, start=1):
            if _is_unknown(address):
                what = f"address {number} of {len(kept)} {_mistake(address)}: what is sent to it never arrives"
                found.append(Advice(f"contacts.{name}", what))
    return found


def _is_unknown(address: Secret) -> bool:
    try:
        return _service(address) is None
    except Exception:  # noqa: BLE001 - a plugin of Apprise may raise anything; that says nothing of the address
        return False


def _mistake(address: Secret) -> str:
    """What is wrong with it. Of the address only a scheme that Apprise knows is named: all else may be a secret."""
    scheme, separator, _ = address.reveal().partition("://")
    manuals = _manuals()
    if not separator:
        return "begins with no scheme, such as `slack://` or `mailto://`"
    if manual := manuals.get(scheme.lower()):
        return f"is not what `{scheme.lower()}://` wants, see {manual}"
    meant = difflib.get_close_matches(scheme.lower(), manuals, n=1)
    return "is not one that Apprise knows" + (f" (did you mean `{meant[0]}://`?)" if meant else "")


@cache
def _manuals() -> dict[str, str]:
    """Where each scheme of Apprise is explained. It reads all that Apprise has, some half a second."""
    services = apprise.Apprise().details()["schemas"]
    return {
        scheme: service["setup_url"]
        for service in services
        for scheme in (*(service["protocols"] or ()), *(service["secure_protocols"] or ()))
    }


def _service(address: Secret) -> apprise.NotifyBase | None:
    return apprise.Apprise.instantiate(address.reveal(), asset=_asset())


def _asset() -> apprise.AppriseAsset:
    # With these settings the service sends in the thread that asks: Python waits at its end for the pool that Apprise
    # would use otherwise.
    return apprise.AppriseAsset(async_mode=False, service_timeout=0)


def _delivery(tally: _Tally) -> Delivery:
    if not tally.failed and not tally.unusable:
        return Delivery(delivered=True)
    parts = [f"address {number} of {tally.total} is not one that Apprise knows" for number in tally.unusable]
    parts += [f"address {number} of {tally.total} did not accept the message" for number in tally.failed]
    return Delivery(delivered=False, retryable=bool(tally.failed), detail="; ".join(parts))
