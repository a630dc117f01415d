"""What is so of each service: its deadline, what is tried again and what is not, and that no secret is told."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from nemo_watchdog.channel import Channel, Sent
from nemo_watchdog.notifiers.opsgenie import OpsgenieChannel
from nemo_watchdog.notifiers.pagerduty import PagerDutyChannel
from nemo_watchdog.notifiers.slack import SlackChannel
from nemo_watchdog.notifiers.webhook import WebhookChannel
from nemo_watchdog.policy.people import Opsgenie, PagerDuty, Slack, Webhook
from nemo_watchdog.policy.secret_value import Secret
from nemo_watchdog.ports import Delivery
from tests.unit.notifiers.services import opsgenie, pagerduty, slack, webhook
from tests.unit.notifiers.services.letters import OPENED
from tests.unit.notifiers.services.server import Service, Wrong, serving
from tests.unit.probes.certificates import make_authority


@dataclass(frozen=True)
class Kind:
    name: str
    service: Callable[[], Service]
    channel: Callable[[str, str, float], Channel]
    """At this address, with this key, and so many seconds."""
    key: str
    strange: tuple[str, ...] = ("", "<html>Welcome</html>", "[]", "null", '{"status": "success"}', "[" * 100_000)
    """What is no answer of it, though it is one of 200."""


def of_webhook(url: str, key: str, deadline: float) -> Channel:
    return WebhookChannel(Webhook(Secret(f"{url}/hooks/{key}?token={key}"), Secret(key)), deadline)


KINDS = [
    Kind(
        "pagerduty",
        pagerduty.PagerDutyService,
        lambda url, key, deadline: PagerDutyChannel(PagerDuty(Secret(key), url), deadline),
        pagerduty.KEY,
    ),
    Kind(
        "opsgenie",
        opsgenie.OpsgenieService,
        lambda url, key, deadline: OpsgenieChannel(Opsgenie(Secret(key), url), deadline),
        opsgenie.KEY,
    ),
    Kind(
        "slack",
        slack.SlackService,
        lambda url, key, deadline: SlackChannel(Slack(Secret(key), "outages", url), deadline),
        slack.TOKEN,
        ('{"ok": true}', '{"ok": true, "ts": 5, "channel": null}', '{"ok": "yes"}', '{"ok": false}', "<html>", ""),
    ),
    Kind("webhook", webhook.WebhookService, of_webhook, webhook.KEY, ()),
]
every_service = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


async def sent(channel: Channel, memo: str = "") -> Sent:
    try:
        return await channel.send(OPENED, memo)
    finally:
        await channel.close()


@every_service
async def test_what_it_takes_is_delivered(kind: Kind) -> None:
    async with serving(kind.service()) as server:
        assert (await sent(kind.channel(server.url + "/", kind.key, 10.0))).delivery.delivered
    assert len(server.got) == 1
    assert server.got[0].headers["content-type"] == "application/json; charset=utf-8"


@every_service
@pytest.mark.parametrize(
    ("status", "retryable"),
    [(302, False), (400, False), (401, False), (404, False), (408, True), (429, True), (500, True), (503, True)],
)
async def test_what_is_tried_again(kind: Kind, status: int, retryable: bool) -> None:
    """A refusal is for good, trouble at their end is not; nobody is followed to another address."""
    said = f"no\n\x1b[31m {kind.key} " + "thanks " * 100
    elsewhere = {"Location": "/elsewhere"} if status == 302 else {}
    async with serving(kind.service(), Wrong(status, said, elsewhere)) as server:
        result = await sent(kind.channel(server.url, kind.key, 10.0))
    assert (result.delivery.delivered, result.delivery.retryable) == (False, retryable)
    assert result.memo == ""
    assert len(server.got) == 1
    assert str(status) in result.delivery.detail
    assert len(result.delivery.detail) <= 300
    assert result.delivery.detail.isprintable()
    assert kind.key not in result.delivery.detail


@every_service
async def test_a_wrong_key_is_a_refusal_for_good(kind: Kind) -> None:
    """And the answer may repeat it: what is told does not."""
    wrong = "wr0ngK3y-9f8a7b6c5d4e3f2a1b0c"
    async with serving(kind.service()) as server:
        result = await sent(kind.channel(server.url, wrong, 10.0))
    assert (result.delivery.delivered, result.delivery.retryable) == (False, False)
    assert wrong not in result.delivery.detail
    assert result.delivery.detail


@every_service
async def test_who_hangs_costs_the_deadline(kind: Kind) -> None:
    async with serving(kind.service(), stalled=True) as server:
        result = await sent(kind.channel(server.url, kind.key, 0.3))
    assert (result.delivery.delivered, result.delivery.retryable) == (False, True)
    assert result.delivery.detail == "not accepted within 300ms"


@every_service
async def test_it_is_left_alone_for_as_long_as_it_asks_and_asked_again(kind: Kind) -> None:
    """Within the deadline."""
    async with serving(kind.service(), Wrong(429, "slow down", {"Retry-After": "1"})) as server:
        began = time.monotonic()
        result = await sent(kind.channel(server.url, kind.key, 10.0))
        took = time.monotonic() - began
    assert result.delivery.delivered
    assert 0.9 < took < 5
    assert len(server.got) == 2


@every_service
async def test_it_is_left_alone_beyond_the_deadline_too(kind: Kind) -> None:
    """Whoever tries before that time gets no further than here."""
    async with serving(kind.service(), Wrong(429, "", {"Retry-After": "2"})) as server:
        channel = kind.channel(server.url, kind.key, 1.5)
        first, told = await channel.send(OPENED, ""), time.monotonic()
        second = await channel.send(OPENED, "")
        assert (first.delivery.retryable, second.delivery.retryable) == (True, True)
        assert second.delivery.detail.startswith("HTTP 429: asked to be left alone for ")
        assert len(server.got) == 1
        async with asyncio.timeout(20):
            while len(server.got) < 2:
                await channel.send(OPENED, "")
                await asyncio.sleep(0.05)
        assert time.monotonic() - told > 1.5
        await channel.close()


@every_service
@pytest.mark.parametrize("value", ["Wed, 21 Oct 2026 07:28:00 GMT", "-1", "soon", "²", "9" * 400])
async def test_a_time_that_nobody_can_read_is_a_failure_that_may_pass(kind: Kind, value: str) -> None:
    headers = {"Retry-After": value} if value.isascii() else {}
    async with serving(kind.service(), Wrong(429, "", headers)) as server:
        result = await sent(kind.channel(server.url, kind.key, 2.0))
    assert (result.delivery.delivered, result.delivery.retryable) == (False, True)
    assert result.delivery.detail.startswith("HTTP 429")
    assert len(server.got) == 1


@every_service
async def test_a_cut_connection_may_be_tried_again(kind: Kind) -> None:
    async with serving(kind.service(), Wrong(0)) as server:
        result = await sent(kind.channel(server.url, kind.key, 10.0))
    assert (result.delivery.delivered, result.delivery.retryable) == (False, True)
    assert result.delivery.detail == "ServerDisconnectedError"


@every_service
async def test_nobody_listens_there(kind: Kind) -> None:
    async with serving(kind.service()) as server:
        gone = server.url
    result = await sent(kind.channel(gone, kind.key, 10.0))
    assert result.delivery.retryable
    assert result.delivery.detail == "Connection refused"


@every_service
async def test_a_name_that_nobody_knows(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    """The resolver's own words, without the name."""

    def unknown(*_: object, **__: object) -> object:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    result = await sent(kind.channel("http://s3cret-host.example", kind.key, 10.0))
    assert result.delivery == Delivery(delivered=False, retryable=True, detail="Name or service not known")


@pytest.fixture(scope="module")
def nobody_trusts(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    return make_authority(tmp_path_factory.mktemp("authority")).server(timedelta(days=1))


@every_service
async def test_who_cannot_prove_who_it_is_gets_no_key(kind: Kind, nobody_trusts: ssl.SSLContext) -> None:
    async with serving(kind.service(), tls=nobody_trusts) as server:
        result = await sent(kind.channel(server.url, kind.key, 10.0))
    assert result.delivery == Delivery(delivered=False, retryable=True, detail="its certificate is not trusted here")
    assert server.got == []


@every_service
async def test_a_key_of_bytes_that_are_no_text(kind: Kind) -> None:
    """As an environment may hold them: a failure, never an exception."""
    async with serving(kind.service()) as server:
        result = await sent(kind.channel(server.url, "k\udcffy-0123456789", 10.0))
    assert (result.delivery.delivered, result.delivery.retryable) == (False, False)
    assert "0123456789" not in result.delivery.detail


@every_service
@pytest.mark.parametrize("url", ["ftp://127.0.0.1", "http://[::1", "nothing", "http://", ""])
async def test_what_is_no_address_is_a_failure_for_good(kind: Kind, url: str) -> None:
    result = await sent(kind.channel(url, kind.key, 10.0))
    assert (result.delivery.delivered, result.delivery.retryable) == (False, False)
    assert result.delivery.detail == "the address is not an HTTP URL"


STRANGE = [pytest.param(kind, text, id=f"{kind.name}-{n}") for kind in KINDS for n, text in enumerate(kind.strange)]


@pytest.mark.parametrize(("kind", "text"), STRANGE)
async def test_what_is_no_answer_of_it_is_no_success(kind: Kind, text: str) -> None:
    """Something else stands at its address: that may pass, and nothing is lost until then."""
    async with serving(kind.service(), Wrong(200, text)) as server:
        result = await sent(kind.channel(server.url, kind.key, 10.0))
    assert (result.delivery.delivered, result.delivery.retryable) == (False, True)
    assert "HTTP 200" in result.delivery.detail
    assert len(result.delivery.detail) <= 300


@every_service
@pytest.mark.parametrize("title", ["\ud83d half a pair", "nul \x00 and \x1b[31m", "😀" * 5000, ""])
async def test_whatever_a_letter_says_it_can_be_sent(kind: Kind, title: str) -> None:
    odd = replace(OPENED, title=title, body=title * 3, root="", thread="a/b c?d#e ü")
    async with serving(kind.service()) as server:
        channel = kind.channel(server.url, kind.key, 10.0)
        result = await channel.send(odd, "")
        await channel.close()
    assert result.delivery.delivered, result.delivery.detail


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize(("kind", "status"), [("webhook", 200), ("webhook", 202), ("pagerduty", 202)])
async def test_where_the_status_says_all_no_end_of_the_answer_is_waited_for(kind: str, status: int, cut: bool) -> None:
    """It took the letter: sent again, it would stand there twice."""
    got = 0
    released = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal got
        await reader.readuntil(b"\r\n\r\n")
        got += 1
        writer.write(f"HTTP/1.1 {status} OK\r\nContent-Length: 100\r\n\r\nok".encode())
        await writer.drain()
        if not cut:
            await released.wait()
        writer.close()

    of = {each.name: each for each in KINDS}[kind]
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        result = await sent(of.channel(f"http://127.0.0.1:{port}", of.key, 30.0))
    finally:
        released.set()
        server.close()
    assert (result.delivery.delivered, got) == (True, 1)
