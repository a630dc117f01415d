"""Delivers through Apprise. Its addresses hold tokens, so no text that Apprise or its libraries write leaves here.

Apprise blocks, and a mail server can block it for minutes: each address has at most one thread, which nobody waits for
longer than the deadline. The threads are daemons, so a stuck one does not keep the watchdog from stopping.
"""

from __future__ import annotations

import asyncio
import difflib
import logging
import threading
from collections.abc import Mapping
from contextlib import suppress
from functools import cache

import apprise
from apprise.logger import LOGGER_NAME

from nemo_watchdog.channel import DEADLINE, Channel, Letter, Sent
from nemo_watchdog.durations import duration
from nemo_watchdog.model import Severity, Standing
from nemo_watchdog.policy.lint import Advice
from nemo_watchdog.policy.people import Contact, apprise_urls
from nemo_watchdog.policy.secret_value import Secret
from nemo_watchdog.ports import Delivery

# Apprise logs the whole address that it cannot parse, and urllib3 logs paths, which hold tokens.
logging.getLogger(LOGGER_NAME).disabled = True
logging.getLogger("urllib3").setLevel(logging.CRITICAL)

_TYPES = {
    Severity.SEV1: apprise.NotifyType.FAILURE,
    Severity.SEV2: apprise.NotifyType.FAILURE,
    Severity.SEV3: apprise.NotifyType.WARNING,
    Severity.SEV4: apprise.NotifyType.INFO,
}
_TYPES_OF_THE_REST = {
    Standing.ACKNOWLEDGED: apprise.NotifyType.INFO,
    Standing.OVER: apprise.NotifyType.SUCCESS,
    Standing.NO_PAGE: apprise.NotifyType.INFO,
}


class AppriseChannel(Channel):
    """Satisfies `channel.Channel`; it needs no memo.

    The deadline is longer than Apprise's own connect and read timeouts (4 s each) together.
    """

    def __init__(self, url: Secret, deadline: float = DEADLINE) -> None:
        self._url = url
        self._deadline = deadline
        self._sending = False
        self._told_late = ""
        """The key of a letter that was accepted when nobody waited for that any more."""

    async def send(self, letter: Letter, memo: str) -> Sent:
        return Sent(await self._deliver(letter), memo)

    def took(self, key: str) -> bool:
        return key == self._told_late

    async def close(self) -> None:
        """Waits for nobody: a thread that still sends ends by itself or with the process."""

    async def _deliver(self, letter: Letter) -> Delivery:
        if self._sending:
            return Delivery(delivered=False, retryable=True, detail="the delivery before this one is still under way")
        if self.took(letter.key):
            return Delivery(delivered=True, detail="accepted late")
        done = self._start(letter)
        if done is None:
            return Delivery(delivered=False, retryable=True, detail="the system gave no thread to send it")
        try:
            async with asyncio.timeout(self._deadline):
                return await done
        except TimeoutError:
            return Delivery(delivered=False, retryable=True, detail=f"not accepted within {duration(self._deadline)}")

    def _start(self, letter: Letter) -> asyncio.Future[Delivery] | None:
        """Sends in a thread; None without one."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Delivery] = loop.create_future()

        def settle(delivery: Delivery) -> None:
            self._sending = False
            if not done.done():
                done.set_result(delivery)
            elif delivery.delivered:
                self._told_late = letter.key

        def work() -> None:
            try:
                delivery = self._send(letter)
            except Exception as error:  # noqa: BLE001 - the edge of the thread; a plugin of Apprise may raise anything
                delivery = Delivery(delivered=False, retryable=True, detail=f"Apprise failed: {type(error).__name__}")
            # A loop that has closed has nobody left who waits.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(settle, delivery)

        try:
            threading.Thread(target=work, name=f"apprise-{letter.contact}", daemon=True).start()
        except RuntimeError:
            return None
        self._sending = True
        return done

    def _send(self, letter: Letter) -> Delivery:
        service = _service(self._url)
        if service is None:
            return Delivery(delivered=False, retryable=False, detail="it is not one that Apprise knows")
        client = apprise.Apprise(asset=_asset())
        client.add(service)
        accepted = client.notify(
            body=letter.body or letter.title,
            title=letter.title,
            notify_type=_TYPES_OF_THE_REST.get(letter.standing, _TYPES[letter.severity]),
            body_format=apprise.NotifyFormat.TEXT,
        )
        if accepted:
            return Delivery(delivered=True)
        return Delivery(delivered=False, retryable=True, detail="it did not accept the message")


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
