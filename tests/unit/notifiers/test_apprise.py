"""Apprise behind a deadline: a real Apprise, talking to a server on loopback."""

from __future__ import annotations

import asyncio
import logging
import threading
from dataclasses import replace

import pytest

from nemo_watchdog.channel import Letter
from nemo_watchdog.model import Severity, Standing
from nemo_watchdog.notifiers import unusable_addresses
from nemo_watchdog.notifiers.apprise import AppriseChannel
from nemo_watchdog.policy.people import Apprise, Contact
from nemo_watchdog.policy.secret_value import Secret
from tests.unit.notifiers.parts import Server, serving
from tests.unit.notifiers.services.letters import OPENED

# A plugin of Apprise imports a module that Python 3.13 drops, and has its own in reserve.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


def address(server: Server, path: str = "token-of-ours") -> Secret:
    return Secret(f"json://127.0.0.1:{server.port}/{path}")


def letter(severity: Severity = Severity.SEV2, standing: Standing = Standing.FIRING) -> Letter:
    return replace(OPENED, severity=severity, standing=standing, title="redis is down", body="connection refused")


@pytest.mark.parametrize(
    ("severity", "standing", "word"),
    [
        (Severity.SEV1, Standing.FIRING, "failure"),
        (Severity.SEV3, Standing.FIRING, "warning"),
        (Severity.SEV4, Standing.FIRING, "info"),
        (Severity.SEV1, Standing.ACKNOWLEDGED, "info"),
        (Severity.SEV1, Standing.OVER, "success"),
        (Severity.SEV1, Standing.NO_PAGE, "info"),
    ],
)
async def test_the_message_arrives(severity: Severity, standing: Standing, word: str) -> None:
    """Title, body and how grave it is now reach the address; what it was given to remember stays."""
    async with serving() as server:
        channel = AppriseChannel(address(server))
        result = await channel.send(letter(severity, standing), "memo")
        await channel.close()
    assert (result.delivery.delivered, result.memo) == (True, "memo")
    ((path, body),) = server.got
    assert path == "/token-of-ours"
    assert (body["title"], body["message"], body["type"]) == ("redis is down", "connection refused", word)


async def test_a_letter_without_a_body_says_its_title() -> None:
    async with serving() as server:
        await AppriseChannel(address(server)).send(replace(letter(), body=""), "")
    assert server.got[0][1]["message"] == "redis is down"


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


def contact(*urls: str) -> dict[str, Contact]:
    return {"on-call": Contact(tuple(Apprise(Secret(url)) for url in urls))}


@pytest.mark.parametrize(
    "wrong", ["nothing-like-a-url", "smoke-signal://s3cret-token@hill", "json://", "tgram://s3cret-token"]
)
async def test_an_address_that_apprise_does_not_know(wrong: str, caplog: pytest.LogCaptureFixture) -> None:
    """A wrong address is not worth retrying, and neither the result nor any log shows it."""
    caplog.set_level(logging.DEBUG)
    delivery = (await AppriseChannel(Secret(wrong)).send(letter(), "")).delivery
    assert not delivery.delivered
    assert not delivery.retryable
    assert delivery.detail == "it is not one that Apprise knows"
    assert "s3cret-token" not in caplog.text


async def test_a_refusal_is_retryable_and_leaks_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """A server that refuses gives a retry; the token in the address shows nowhere."""
    caplog.set_level(logging.DEBUG)
    async with serving(500) as server:
        delivery = (await AppriseChannel(address(server, "s3cret-token")).send(letter(), "")).delivery
    assert not delivery.delivered
    assert delivery.retryable
    assert delivery.detail == "it did not accept the message"
    assert "s3cret-token" not in caplog.text


async def test_a_stuck_server_costs_the_deadline_and_one_thread() -> None:
    """A letter that hangs is left at its deadline; the address gets no second thread until the first has ended.

    What it accepted when nobody waited any more is not sent again.
    """
    async with serving(stalled=True) as server:
        channel = AppriseChannel(address(server), deadline=0.3)
        hung = (await channel.send(letter(), "")).delivery
        again = (await channel.send(letter(), "")).delivery
        threads = [thread for thread in threading.enumerate() if thread.name == "apprise-on-call"]
        assert len(threads) == 1
        server.gate.set()
        await asyncio.to_thread(threads[0].join, 10)
        await asyncio.sleep(0)  # what the thread left for the loop runs now
        late = (await channel.send(letter(), "")).delivery
        other = (await channel.send(replace(letter(), key="i-1:2"), "")).delivery
    assert (hung.delivered, hung.retryable, hung.detail) == (False, True, "not accepted within 300ms")
    assert (again.delivered, again.retryable) == (False, True)
    assert "still under way" in again.detail
    assert (late.delivered, late.detail) == (True, "accepted late")
    assert other.delivered
    assert len(server.got) == 2


async def test_messages_in_a_row_are_not_in_each_others_way() -> None:
    """An address is free as soon as it has answered."""
    async with serving() as server:
        channel = AppriseChannel(address(server))
        results = [await channel.send(replace(letter(), key=f"k{n}"), "") for n in range(20)]
    assert all(each.delivery.delivered for each in results)
    assert len(server.got) == 20


async def test_a_system_without_threads_is_a_result(monkeypatch: pytest.MonkeyPatch) -> None:
    """When no thread can be started the letter is kept for later, and the address stays free."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async with serving() as server:
        channel = AppriseChannel(address(server))
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", refuse)
            refused = (await channel.send(letter(), "")).delivery
        accepted = (await channel.send(letter(), "")).delivery
    assert (refused.delivered, refused.retryable) == (False, True)
    assert accepted.delivered


async def test_a_broken_plugin_is_a_result(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever Apprise raises is a failed delivery without its text."""

    def broken(*_: object, **__: object) -> object:
        raise RuntimeError("json://s3cret-token")

    monkeypatch.setattr("apprise.Apprise.notify", broken)
    delivery = (await AppriseChannel(Secret("json://127.0.0.1:9/s3cret-token")).send(letter(), "")).delivery
    assert (delivery.delivered, delivery.retryable) == (False, True)
    assert delivery.detail == "Apprise failed: RuntimeError"
