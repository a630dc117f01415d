"""A contact with several Apprise addresses."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from structlog.testing import capture_logs

from nemo_watchdog.notifiers import AppriseNotifier
from nemo_watchdog.policy.secret_value import Secret
from tests.unit.notifiers.parts import Server, notification, serving

# A plugin of Apprise imports a module that Python 3.13 drops, and has its own in reserve.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

Contacts = Mapping[str, tuple[Secret, ...]]


def address(server: Server) -> Secret:
    return Secret(f"json://127.0.0.1:{server.port}/token-of-ours")


@pytest.mark.parametrize("contacts", [{}, {"on-call": ()}, {"on-call": (Secret(""),)}])
async def test_a_contact_without_an_address_is_logged(contacts: Contacts) -> None:
    """A contact that the policy gives no address still leaves a line."""
    notifier = AppriseNotifier(lambda: contacts)
    with capture_logs() as lines:
        delivery = await notifier.deliver(notification(), "on-call")
    await notifier.close()
    assert delivery.delivered
    assert [line["event"] for line in lines] == ["notification"]


async def test_a_retry_tells_only_those_who_were_not_told() -> None:
    """When one of two addresses refused, the retry goes to that one alone."""
    async with serving(200) as good, serving(500, 200) as bad:
        contacts: Contacts = {"on-call": (address(good), address(bad))}
        notifier = AppriseNotifier(lambda: contacts)
        first = await notifier.deliver(notification(), "on-call")
        second = await notifier.deliver(notification(), "on-call")
        other = await notifier.deliver(notification(key="another fact"), "on-call")
        await notifier.close()
    assert (first.delivered, first.retryable) == (False, True)
    assert first.detail == "address 2 of 2: it did not accept the message"
    assert second.delivered
    assert other.delivered
    assert (len(good.got), len(bad.got)) == (2, 3)


async def test_a_reload_of_the_contacts_takes_effect() -> None:
    """The addresses are asked for at each delivery."""
    contacts: dict[str, tuple[Secret, ...]] = {}
    notifier = AppriseNotifier(lambda: contacts)
    async with serving() as server:
        await notifier.deliver(notification(), "on-call")
        contacts["on-call"] = (address(server),)
        await notifier.deliver(notification(), "on-call")
    await notifier.close()
    assert len(server.got) == 1
