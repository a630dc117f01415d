"""Apprise behind a deadline: a real Apprise, talking to a server on loopback."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Mapping

import pytest
from structlog.testing import capture_logs

from nemo_watchdog.model import NotificationKind, Severity
from nemo_watchdog.notifiers import AppriseNotifier, unusable_addresses
from nemo_watchdog.policy.people import Apprise, Contact
from nemo_watchdog.policy.secret_value import Secret
from tests.unit.notifiers.parts import Server, notification, serving

# A plugin of Apprise imports a module that Python 3.13 drops, and has its own in reserve.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

Contacts = Mapping[str, tuple[Secret, ...]]


def address(server: Server, path: str = "token-of-ours") -> Secret:
    return Secret(f"json://127.0.0.1:{server.port}/{path}")


def notifier_for(*addresses: Secret, deadline: float = 10.0) -> AppriseNotifier:
    contacts: Contacts = {"on-call": addresses}
    return AppriseNotifier(lambda: contacts, deadline=deadline)


@pytest.mark.parametrize(
    ("severity", "kind", "word"),
    [
        (Severity.SEV1, NotificationKind.OPENED, "failure"),
        (Severity.SEV3, NotificationKind.HELD, "warning"),
        (Severity.SEV4, NotificationKind.OPENED, "info"),
        (Severity.SEV1, NotificationKind.RESOLVED, "success"),
    ],
)
async def test_the_message_arrives(severity: Severity, kind: NotificationKind, word: str) -> None:
    """Title, body and gravity reach the address."""
    async with serving() as server:
        notifier = notifier_for(address(server))
        delivery = await notifier.deliver(notification(severity=severity, kind=kind), "on-call")
        await notifier.close()
    assert delivery.delivered
    ((path, body),) = server.got
    assert path == "/token-of-ours"
    assert (body["title"], body["message"], body["type"]) == ("redis is down", "connection refused", word)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ("jsn://127.0.0.1:1/x", "is not one that Apprise knows (did you mean `json://`?)"),
        ("T1JJ3T3L2://x", "is not one that Apprise knows:"),
        ("hello", "begins with no scheme, such as `slack://` or `mailto://`"),
        ("mailto://u:p@127.0.0.1:1?to=a@b.c", "is not what `mailto://` wants, see https://"),
        ("slack://T1JJ3T3L2", "is not what `slack://` wants, see https://"),
    ],
)
def test_what_can_never_be_delivered_is_known_before(wrong: str, why: str) -> None:
    """Without sending, and without the address in the words; an empty one is no address."""
    (advice,) = unusable_addresses(contact("", "json://127.0.0.1:1/x", wrong))
    assert advice.path == "contacts.on-call"
    assert advice.message.startswith(f"address 2 of 2 {why}")
    assert wrong not in str(advice)
    assert "T1JJ3T3L2" not in str(advice)


def test_a_plugin_of_apprise_that_raises_says_nothing_of_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """And stops neither a check nor the daemon's start."""

    def raises(*_: object, **__: object) -> None:
        raise ValueError("hunter2")

    monkeypatch.setattr("apprise.Apprise.instantiate", raises)
    assert unusable_addresses(contact("json://127.0.0.1:1/x")) == []


@pytest.mark.parametrize("contacts", [{}, {"on-call": ()}, {"on-call": (Secret(""),)}])
async def test_a_contact_without_an_address_is_logged(contacts: Contacts) -> None:
    """A contact that the policy gives no address still leaves a line."""
    notifier = AppriseNotifier(lambda: contacts)
    with capture_logs() as lines:
        delivery = await notifier.deliver(notification(), "on-call")
    await notifier.close()
    assert delivery.delivered
    assert [line["event"] for line in lines] == ["notification"]


@pytest.mark.parametrize(
    "wrong", ["nothing-like-a-url", "smoke-signal://s3cret-token@hill", "json://", "tgram://s3cret-token"]
)
async def test_an_address_that_apprise_does_not_know(wrong: str, caplog: pytest.LogCaptureFixture) -> None:
    """A wrong address is not worth retrying, and neither the result nor any log shows it."""
    caplog.set_level(logging.DEBUG)
    notifier = notifier_for(Secret(wrong))
    delivery = await notifier.deliver(notification(), "on-call")
    await notifier.close()
    assert not delivery.delivered
    assert not delivery.retryable
    assert delivery.detail == "address 1 of 1 is not one that Apprise knows"
    assert "s3cret-token" not in caplog.text


def contact(*urls: str) -> dict[str, Contact]:
    return {"on-call": Contact(tuple(Apprise(Secret(url)) for url in urls))}


async def test_a_refusal_is_retryable_and_leaks_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """A server that refuses gives a retry; the token in the address shows nowhere."""
    caplog.set_level(logging.DEBUG)
    async with serving(500) as server:
        notifier = notifier_for(address(server, "s3cret-token"))
        delivery = await notifier.deliver(notification(), "on-call")
        await notifier.close()
    assert not delivery.delivered
    assert delivery.retryable
    assert "s3cret-token" not in delivery.detail + caplog.text


async def test_a_retry_tells_only_those_who_were_not_told() -> None:
    """When one of two addresses refused, the retry goes to that one alone."""
    async with serving(200) as good, serving(500, 200) as bad:
        notifier = notifier_for(address(good), address(bad))
        first = await notifier.deliver(notification(), "on-call")
        second = await notifier.deliver(notification(), "on-call")
        other = await notifier.deliver(notification(key="another fact"), "on-call")
        await notifier.close()
    assert (first.delivered, first.retryable) == (False, True)
    assert first.detail == "address 2 of 2 did not accept the message"
    assert second.delivered
    assert other.delivered
    assert (len(good.got), len(bad.got)) == (2, 3)


async def test_a_stuck_server_costs_the_deadline_and_one_thread() -> None:
    """A delivery that hangs is left at its deadline; the contact gets no second thread until the first has ended."""
    async with serving(stalled=True) as server:
        notifier = notifier_for(address(server), deadline=0.3)
        hung = await notifier.deliver(notification(), "on-call")
        again = await notifier.deliver(notification(), "on-call")
        threads = [thread for thread in threading.enumerate() if thread.name == "apprise-on-call"]
        assert len(threads) == 1
        server.gate.set()
        await asyncio.to_thread(threads[0].join, 10)
        await asyncio.sleep(0)  # what the thread left for the loop runs now
        late = await notifier.deliver(notification(), "on-call")
        await notifier.close()
    assert (hung.delivered, hung.retryable, hung.detail) == (False, True, "not accepted within 300ms")
    assert (again.delivered, again.retryable) == (False, True)
    assert "still under way" in again.detail
    assert late.delivered
    assert len(server.got) == 1


async def test_messages_in_a_row_are_not_in_each_others_way() -> None:
    """A contact is free as soon as its delivery has been answered."""
    async with serving() as server:
        notifier = notifier_for(address(server))
        deliveries = [await notifier.deliver(notification(key=f"k{n}"), "on-call") for n in range(20)]
        await notifier.close()
    assert all(delivery.delivered for delivery in deliveries)


async def test_a_system_without_threads_is_a_result(monkeypatch: pytest.MonkeyPatch) -> None:
    """When no thread can be started the message is kept for later, and the contact stays free."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async with serving() as server:
        notifier = notifier_for(address(server))
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", refuse)
            refused = await notifier.deliver(notification(), "on-call")
        accepted = await notifier.deliver(notification(), "on-call")
        await notifier.close()
    assert (refused.delivered, refused.retryable) == (False, True)
    assert accepted.delivered


async def test_a_broken_plugin_is_a_result(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever Apprise raises is a failed delivery without its text."""

    def broken(*_: object, **__: object) -> object:
        raise RuntimeError("json://s3cret-token")

    monkeypatch.setattr("apprise.Apprise.notify", broken)
    notifier = notifier_for(Secret("json://127.0.0.1:9/s3cret-token"))
    delivery = await notifier.deliver(notification(), "on-call")
    await notifier.close()
    assert (delivery.delivered, delivery.retryable) == (False, True)
    assert delivery.detail == "Apprise failed: RuntimeError"


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
