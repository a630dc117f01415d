"""`webhook` against real servers: what is sent, what each end of it means, and where it never goes."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

from nemo_watchdog.actions.webhook import KEY, KIND, SIGNATURE, TIMESTAMP, WebhookOptions, never_reached
from nemo_watchdog.actions.written import LONGEST_KEPT
from nemo_watchdog.model import ActionOutcome, ActionRequest, ActionResult, Category, Target
from nemo_watchdog.ports import ActionContext, Subject
from nemo_watchdog.redaction.redactor import Redactor
from nemo_watchdog.testing import FakeContainers, ManualClock
from nemo_watchdog.testing.servers import (
    Handler,
    Server,
    drop,
    drop_after_request,
    flood,
    free_port,
    garble,
    say,
    stall,
)

SECRET = "hunter2-very-secret"
Answer = Callable[[web.Request], web.StreamResponse]


class Receiver:
    """Takes orders on a real socket; `answer` says what it says."""

    def __init__(self, answer: Answer = lambda _: web.Response(status=202)) -> None:
        self.taken: list[tuple[web.Request, bytes]] = []
        self.url = ""
        self._answer = answer

    async def _take(self, request: web.Request) -> web.StreamResponse:
        self.taken.append((request, await request.read()))
        return self._answer(request)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Receiver]:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._take)
        runner = web.AppRunner(app)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
            yield self
        finally:
            await runner.cleanup()


async def order(
    url: str, within: float = 10.0, redact: Callable[[str], str] = lambda text: text, **more: Any
) -> ActionResult:
    options = WebhookOptions.model_validate({"url": url, "secret": SECRET, **more})
    target = Target("webhook", KIND.target(options, Subject("gateway")))
    said = ("SEV1", "http_status")
    request = ActionRequest("a-1", "i-1", "gateway", "webhook", target, options, None, within, *said, by="dana")
    return await KIND.make(ActionContext(FakeContainers(ManualClock()), redact=redact)).run(request)


async def test_an_order_is_signed_and_says_all_that_is_known_of_it() -> None:
    """Who has the secret can tell that it is ours, and by its time and its key that it is no other one again."""
    async with Receiver().running() as receiver:
        result = await order(receiver.url, target="the queue")
    assert result == ActionResult(ActionOutcome.SUCCEEDED, "ordered: HTTP 202")
    ((request, body),) = receiver.taken
    at = int(request.headers[TIMESTAMP])
    assert abs(at - time.time()) < 60
    signature = hmac.new(SECRET.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    assert request.headers[SIGNATURE] == f"sha256={signature}"
    assert request.headers[KEY] == "a-1"
    assert (request.method, request.path, request.content_type) == ("POST", "/hook", "application/json")
    assert json.loads(body) == {
        "version": 1,
        "action_id": "a-1",
        "action": "webhook",
        "incident": "i-1",
        "dependency": "gateway",
        "target": "the queue",
        "severity": "SEV1",
        "reason": "http_status",
        "by": "dana",
        "at": datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


@pytest.mark.parametrize(
    ("status", "outcome", "detail"),
    [
        (200, ActionOutcome.SUCCEEDED, "ordered: HTTP 200: said so"),
        (202, ActionOutcome.SUCCEEDED, "ordered: HTTP 202: said so"),
        (400, ActionOutcome.FAILED, "HTTP 400: said so"),
        (409, ActionOutcome.FAILED, "HTTP 409: said so"),
        (429, ActionOutcome.FAILED, "HTTP 429: said so"),
        (500, ActionOutcome.FAILED, "HTTP 500: said so"),
        (503, ActionOutcome.FAILED, "HTTP 503: said so"),
    ],
)
async def test_its_status_is_the_outcome(status: int, outcome: ActionOutcome, detail: str) -> None:
    """What it says goes with it, and only once: nothing is tried again by itself."""
    async with Receiver(lambda _: web.Response(status=status, text="{}\nsaid so\n")).running() as receiver:
        result = await order(receiver.url)
    assert result == ActionResult(outcome, detail, "{}\nsaid so\n")
    assert len(receiver.taken) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(status: int) -> None:
    """Not even on the same host: where an order goes is what the policy says."""
    where = {"Location": "/other"}
    async with Receiver(lambda _: web.Response(status=status, headers=where)).running() as receiver:
        result = await order(receiver.url)
    assert result.outcome is ActionOutcome.FAILED
    assert result.detail == f"HTTP {status}, and redirects are not followed: mend the `url`"
    assert [request.path for request, _ in receiver.taken] == ["/hook"]


async def test_what_nobody_listens_for_was_not_ordered() -> None:
    """The connection is refused: certainly nothing was sent."""
    result = await order(f"http://127.0.0.1:{free_port()}/")
    assert result == ActionResult(ActionOutcome.REFUSED, "nothing was sent: Connection refused")


async def test_a_server_that_is_no_tls_server_was_not_ordered() -> None:
    """The order goes nowhere before the certificate was seen."""
    async with Server(garble).running() as server:
        result = await order(f"https://127.0.0.1:{server.port}/")
    assert result.outcome is ActionOutcome.REFUSED
    assert result.detail.startswith("nothing was sent: ")


@pytest.mark.parametrize("server", [drop, drop_after_request, garble])
async def test_what_was_sent_and_has_no_answer_is_unknown(server: Handler) -> None:
    """A connection that is lost, and an answer that is none: the order may have been heard."""
    async with Server(server).running() as lost:
        result = await order(f"http://127.0.0.1:{lost.port}/")
    assert result.outcome is ActionOutcome.UNKNOWN
    assert result.detail.startswith("the connection was lost after the order was sent, without an answer to read (")


async def test_a_reset_connection_is_unknown() -> None:
    """The same where the other side's system ends it in the middle."""

    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()

    async with Server(reset).running() as server:
        assert (await order(f"http://127.0.0.1:{server.port}/")).outcome is ActionOutcome.UNKNOWN


@pytest.mark.parametrize("server", [stall, say(b"HTTP/1.1 2")])
async def test_a_server_that_hangs_times_out(server: Handler) -> None:
    """It has the order, and may still do it."""
    async with Server(server).running() as hung:
        result = await order(f"http://127.0.0.1:{hung.port}/", within=0.3)
    assert result == ActionResult(ActionOutcome.TIMED_OUT, "no answer within 300ms; it may still do it")


async def test_who_takes_no_connection_in_time_was_not_ordered() -> None:
    """A queue that is full: the order never left."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        with socket.socket() as first, socket.socket() as second:
            for each in (first, second):
                each.setblocking(False)
                each.connect_ex(full.getsockname())
            result = await order(f"http://127.0.0.1:{full.getsockname()[1]}/", within=0.3)
    assert result == ActionResult(ActionOutcome.REFUSED, "nothing was sent: no connection within 300ms")


async def test_an_answer_without_an_end_changes_nothing_about_its_status() -> None:
    """The status has said all; so much of the rest is kept."""
    async with Server(flood).running() as server:
        result = await order(f"http://127.0.0.1:{server.port}/", within=20.0)
    assert result.outcome is ActionOutcome.SUCCEEDED
    assert len(result.output) == LONGEST_KEPT


async def test_an_answer_that_is_cut_is_one() -> None:
    """As it came."""
    async with Server(say(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")).running() as server:
        result = await order(f"http://127.0.0.1:{server.port}/", within=1.0)
    assert result == ActionResult(ActionOutcome.SUCCEEDED, "ordered: HTTP 200: half", "half")


async def test_an_answer_that_repeats_a_secret_shows_none() -> None:
    """It is taken out before anything is cut."""
    said = f"{'0' * 180}{SECRET}"
    async with Receiver(lambda _: web.Response(status=500, text=said)).running() as receiver:
        result = await order(receiver.url, redact=Redactor([SECRET]).text)
    assert result.detail == f"HTTP 500: {'0' * 180}[redacted]"
    assert SECRET not in repr(result)


METADATA = (
    "169.254.169.254", "169.254.0.1", "169.254.170.2", "fe80::1", "fe80::1%lo", "febf::1", "fd00:ec2::254",
    "::ffff:169.254.169.254", "::169.254.169.254", "64:ff9b::169.254.169.254", "2002:a9fe:a9fe::1",
)  # fmt: skip


@pytest.mark.parametrize("address", METADATA)
def test_what_is_local_to_the_link_is_never_reached(address: str) -> None:
    """In each form that an address can have."""
    assert never_reached(address)


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.0.0.1", "169.253.1.1", "::1", "fd00:ec2::253", "::ffff:10.0.0.1", "2001:db8::1"]
)
def test_what_is_not_is(address: str) -> None:
    """A platform's own addresses are where its programs are."""
    assert not never_reached(address)


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "[::ffff:a9fe:a9fe]", "[fd00:ec2::254]", "2852039166", "0xa9fea9fe"]
)
async def test_an_address_of_the_link_is_refused(host: str) -> None:
    """However it is written in the policy: nothing is sent, and it is said why."""
    result = await order(f"http://{host}/latest/meta-data/")
    assert result.outcome is ActionOutcome.REFUSED
    assert "where a cloud keeps the credentials of the machine: it is never reached" in result.detail


class NameServer:
    """Gives each name these addresses, one answer after the other; the last one for ever."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = [*answers]
        self.asked = 0
        self._system = socket.getaddrinfo

    def getaddrinfo(self, host: str, port: int, *args: Any, **more: Any) -> Any:
        if not host.endswith(".example"):
            return self._system(host, port, *args, **more)
        self.asked += 1
        addresses = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [found for each in addresses for found in self._system(each, port, type=socket.SOCK_STREAM)]


@pytest.mark.parametrize(
    "addresses", [["169.254.169.254"], ["127.0.0.1", "169.254.169.254"], ["::ffff:169.254.169.254"], ["fd00:ec2::254"]]
)
async def test_a_name_that_leads_there_is_refused(addresses: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """One such address among others is enough: nobody is asked."""
    monkeypatch.setattr(socket, "getaddrinfo", NameServer(addresses).getaddrinfo)
    async with Receiver().running() as receiver:
        result = await order(receiver.url.replace("127.0.0.1", "hook.example"))
    assert result.outcome is ActionOutcome.REFUSED
    assert "never reached" in result.detail
    assert receiver.taken == []


async def test_a_name_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name server that gives another address the second time (DNS rebinding) changes nothing."""
    server = NameServer(["127.0.0.1"], ["169.254.169.254"])
    monkeypatch.setattr(socket, "getaddrinfo", server.getaddrinfo)
    async with Receiver().running() as receiver:
        result = await order(receiver.url.replace("127.0.0.1", "hook.example"))
    assert result.outcome is ActionOutcome.SUCCEEDED
    ((request, _),) = receiver.taken
    assert request.headers["Host"].startswith("hook.example:")
    assert server.asked == 1


async def test_a_name_that_there_is_not_was_not_ordered(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the system's words, without the address."""

    def nothing(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nothing)
    result = await order(f"http://gone.example/{SECRET}")
    said = "nothing was sent: its name is not looked up: Name or service not known"
    assert result == ActionResult(ActionOutcome.REFUSED, said)


@pytest.mark.parametrize(
    "options",
    [
        {"url": f"ftp://x/{SECRET}"},
        {"url": ""},
        {"url": "http://x/", "secret": ""},
        {"url": "http://x/", "target": "two\nlines"},
        {"url": "http://x/", "method": "GET"},
    ],
)
def test_options_that_are_mistakes(options: Mapping[str, Any]) -> None:
    """An order that nobody could take or trust is refused when the policy is read."""
    with pytest.raises(ValueError, match=r"expected|Extra inputs"):
        WebhookOptions.model_validate({"secret": SECRET, **options})


def test_it_acts_on_the_dependency_unless_the_policy_names_something() -> None:
    """Its address is shown nowhere, and it helps with what is busy as well."""
    options = WebhookOptions.model_validate({"url": "http://x/", "secret": SECRET})
    assert KIND.target(options, Subject("gateway")) == "gateway"
    assert KIND.helps == {Category.FAULT, Category.BUSY}
    assert KIND.destroys
    assert KIND.lacks(options) == ""
