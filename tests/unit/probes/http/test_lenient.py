"""Answers that real clients read: what curl accepts is no fault, and what is odd about it is told."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
from yarl import URL

from nemo_watchdog.model import Finding, Outcome, Reason
from nemo_watchdog.probes.http.lenient import Request, read_again
from tests.parts import need
from tests.unit.probes.certificates import make_authority
from tests.unit.probes.making import probing
from tests.unit.probes.servers import Handler, Server

OK = b"HTTP/1.1 200 OK\r\n"
LENGTH = b"Content-Length: 2\r\n"
BODY = b"\r\nok"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
CHUNKS = b"\r\n2\r\nok\r\n0\r\n\r\n"

WELL = {
    "a header of 9 KiB": OK + b"Content-Security-Policy: " + b"x" * 9_000 + b"\r\n" + LENGTH + BODY,
    "a header of 90 KiB": OK + b"Content-Security-Policy: " + b"x" * 90_000 + b"\r\n" + LENGTH + BODY,
    "300 headers": OK + b"".join(b"X-%d: y\r\n" % number for number in range(300)) + LENGTH + BODY,
    "60 cookies": OK + b"Set-Cookie: a=%s\r\n" % (b"x" * 3_900) * 60 + LENGTH + BODY,
    "204 with a length": b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
    "a folded header": OK + b"X-A: b\r\n  c\r\n" + LENGTH + BODY,
    "bare LF": (OK + LENGTH + BODY).replace(b"\r\n", b"\n"),
    "no reason phrase": b"HTTP/1.1 200\r\n" + LENGTH + BODY,
    "letters beyond ASCII": OK + b"X-A: D\xe9j\xe0\r\n" + LENGTH + BODY,
    "HTTP/1.0 without a length": b"HTTP/1.0 200 OK\r\n\r\nok",
    "early hints": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK + LENGTH + BODY,
}
ODD = {
    "one length twice": OK + LENGTH + LENGTH + BODY,
    "one length in a list": OK + b"Content-Length: 2, 2\r\n" + BODY,
    "a length with a sign": OK + b"Content-Length: +2\r\n" + BODY,
    "a space before a colon": OK + b"X-A : b\r\n" + LENGTH + BODY,
    "a space in a name": OK + b"X A: b\r\n" + LENGTH + BODY,
    "no name": OK + b": b\r\n" + LENGTH + BODY,
    "204 with a body": b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok",
    "204 in chunks": b"HTTP/1.1 204 No Content\r\n" + CHUNKED + b"\r\n0\r\n\r\n",
    "more than its length": OK + LENGTH + BODY + b" and more",
    "a length and chunks": OK + LENGTH + CHUNKED + CHUNKS,
    "chunks with bare LF": OK + CHUNKED + b"\r\n2\nok\n0\n\n",
    "a coding that is none": OK + b"Transfer-Encoding: identity\r\n" + LENGTH + BODY,
    "two spaces": b"HTTP/1.1  200  OK\r\n" + LENGTH + BODY,
    "small letters": b"http/1.1 200 OK\r\n" + LENGTH + BODY,
    "a carriage return in a value": OK + b"X-A: a\rb\r\n" + LENGTH + BODY,
    "3,000 headers": OK + b"".join(b"X-%d: y\r\n" % number for number in range(3_000)) + LENGTH + BODY,
    "a coding that is not what it says": OK + b"Content-Encoding: gzip\r\n" + LENGTH + BODY,
    "a coding that we do not have": OK + b"Content-Encoding: br\r\n" + LENGTH + BODY,
}
UNCLEAR = {
    "two lengths": OK + LENGTH + b"Content-Length: 3\r\n" + BODY,
    "a length that is none": OK + b"Content-Length: two\r\n" + BODY,
    "a line without a colon": OK + b"nonsense\r\n" + LENGTH + BODY,
    "a NUL in a value": OK + b"X-A: a\x00b\r\n" + LENGTH + BODY,
    "a header of 150 KiB": OK + b"X-A: " + b"x" * 150_000 + b"\r\n" + LENGTH + BODY,
    "a size that is none": OK + CHUNKED + b"\r\nzz\r\nok\r\n0\r\n\r\n",
}
NONE = {
    "another protocol": b"SSH-2.0-OpenSSH_9.2\r\n",
    "a page without a head": b"<html>well</html>",
    "no status": b"HTTP/1.1 nonsense\r\n\r\n",
    "a status of two digits": b"HTTP/1.1 20 OK\r\n" + LENGTH + BODY,
    "nothing readable": b"\x00\xff\x01" * 400 + b"\r\n\r\n",
}


def answering(answer: bytes, *, stays: bool = False) -> Handler:
    """Answers one request on each connection, and ends it unless it `stays`."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        if stays:
            await reader.read()

    return handler


async def look(answer: bytes, *, stays: bool = False, kind: str = "http", **options: object) -> Finding:
    async with Server(answering(answer, stays=stays)).running() as server:
        async with probing(kind, {"url": f"http://127.0.0.1:{server.port}/", **options}) as probe:
            finding = await probe.look()
        await server.wait_open(0)
    return finding


async def curl(answer: bytes) -> int:
    """Its exit status: 0 for an answer that it takes."""
    async with Server(answering(answer)).running() as server:
        command = (need("curl"), "--silent", "--max-time", "10", f"http://127.0.0.1:{server.port}/")
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
        return await process.wait()


@pytest.mark.parametrize("name", [*WELL, *ODD])
async def test_these_are_answers_that_curl_takes(name: str) -> None:
    """The real one: the tables below are about what clients accept every day."""
    assert await curl((WELL | ODD)[name]) == 0


@pytest.mark.parametrize("name", WELL)
async def test_what_is_in_order_is_well(name: str) -> None:
    """However long its head is, in the bounds of what clients read."""
    assert (await look(WELL[name])).outcome is Outcome.OK


@pytest.mark.parametrize("stays", [False, True])
@pytest.mark.parametrize("name", [*ODD, *UNCLEAR])
async def test_what_is_odd_is_degraded(name: str, stays: bool) -> None:
    """A status line was read: HTTP is spoken there, and no restart changes how."""
    finding = await look((ODD | UNCLEAR)[name], stays=stays)
    assert (finding.outcome, finding.reason) == (Outcome.DEGRADED, Reason.PROTOCOL_ERROR)
    assert "answered as expected, in HTTP that not all can read: " in finding.detail


@pytest.mark.parametrize("name", NONE)
async def test_what_is_no_http_is_a_protocol_error(name: str) -> None:
    """As it was: another protocol listens there, or something broken."""
    finding = await look(NONE[name], stays=True)
    assert (finding.outcome, finding.reason) == (Outcome.FAILED, Reason.PROTOCOL_ERROR)


@pytest.mark.parametrize("name", ["one length twice", "a length and chunks", "chunks with bare LF", "two spaces"])
@pytest.mark.parametrize(("contains", "outcome"), [("ok", Outcome.DEGRADED), ("ko", Outcome.FAILED)])
async def test_an_odd_answer_is_judged(name: str, contains: str, outcome: Outcome) -> None:
    """Its body too: the odd head hides no wrong answer."""
    finding = await look(ODD[name], expect={"contains": contains})
    assert finding.outcome is outcome
    assert finding.reason is (Reason.PROTOCOL_ERROR if outcome is Outcome.DEGRADED else Reason.WRONG_ANSWER)


@pytest.mark.parametrize(
    ("status", "reason"),
    [(b"503 No", Reason.WRONG_STATUS), (b"429 Slow", Reason.OVERLOADED), (b"401 Who", Reason.AUTH_FAILED)],
)
async def test_an_odd_answer_has_its_status(status: bytes, reason: Reason) -> None:
    """The reason is what it says."""
    assert (await look(b"HTTP/1.1 " + status + b"\r\nX A: b\r\n" + LENGTH + BODY)).reason is reason


@pytest.mark.parametrize("name", ["a length that is none", "a size that is none", "two lengths"])
async def test_a_body_without_a_clear_end_says_nothing(name: str) -> None:
    """It is not taken for a wrong one."""
    finding = await look(UNCLEAR[name], expect={"contains": "nowhere"})
    assert finding.outcome is Outcome.DEGRADED
    assert "so its body says nothing" in finding.detail


async def test_a_body_in_a_coding_of_its_own_says_nothing() -> None:
    """Nobody asked for gzip, and what it holds cannot be told where it is damaged."""
    packed = gzip.compress(b"ok")[:-9] + b"damaged!!"
    answer = OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed
    assert (await look(answer, expect={"contains": "nowhere"})).outcome is Outcome.DEGRADED


async def test_what_is_odd_repeats_nothing_of_the_answer() -> None:
    """It may hold a secret."""
    for secret in (b"X hunter2: b\r\n", b"Content-Length: hunter2\r\n", b"hunter2\r\n", b"X-A: \x00hunter2\r\n"):
        assert "hunter2" not in repr(await look(OK + secret + BODY))


async def test_a_longer_body_than_is_read_is_told() -> None:
    """Also where the head is odd, and the server never ends."""
    answer = OK + b"X A: b\r\n\r\n" + b"x" * 100_000
    assert (await look(answer, stays=True)).outcome is Outcome.DEGRADED
    assert (await look(answer, stays=True, expect={"contains": "x"})).reason is Reason.WRONG_ANSWER


HEAD = OK + b"X A: b\r\n"


@pytest.mark.parametrize(
    ("begins", "goes_on", "read"),
    [
        (b"", b"HTTP/1.1 100 Go on\r\n\r\n", False),
        (HEAD + CHUNKED + b"\r\n", b"1\r\nx\r\n", True),
        (HEAD + CHUNKED + b"\r\nfffffffff\r\n", b"x", True),
        (HEAD + CHUNKED + b"\r\n1;", b"x", True),
        (HEAD, b"X: y\r\n", True),
        (HEAD + b"X: ", b"x", True),
        (HEAD + b"\r\n", b"x", True),
        (b"", b"\r\n", False),
        (b"HTTP/", b"x", False),
    ],
)
async def test_an_answer_without_an_end_is_read_no_further(begins: bytes, goes_on: bytes, read: bool) -> None:
    """Whatever its bytes are, it takes neither memory nor time."""
    sent = 0

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(begins)
        while not writer.is_closing() and sent < 64 * 2**20:
            writer.write(goes_on * (65536 // len(goes_on)))
            sent += 65536
            await writer.drain()

    async with Server(handler).running() as server, asyncio.timeout(10):
        request = Request("GET", URL(f"http://127.0.0.1:{server.port}/"), {})
        answer = await read_again(aiohttp.ClientPayloadError("odd"), request, 65536, 5.0)
        await server.wait_open(0)
    assert (answer is not None) is read
    assert sent < 16 * 2**20


async def test_an_odd_answer_that_is_cut_is_no_answer() -> None:
    """The connection ended within the body: that is no oddness."""
    answer = OK + b"X A: b\r\nContent-Length: 10\r\n\r\nok"
    assert (await look(answer)).outcome is Outcome.FAILED
    assert (await look(OK + b"Content-Length: 10\r\n\r\nok")).reason is Reason.CONNECTION_LOST


async def test_an_odd_answer_is_asked_for_in_the_same_way(tmp_path: Path) -> None:
    """Over TLS or a unix socket, with the same method, path and headers, after a redirect too."""
    heads: list[bytes] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(head := await reader.readuntil(b"\r\n\r\n"))
        moved = b"HTTP/1.1 302 There\r\nX A: b\r\nLocation: /there?x=1\r\nContent-Length: 0\r\n\r\n"
        writer.write(ODD["one length twice"] if b" /there?x=1 " in head else moved)
        await writer.drain()
        writer.close()

    authority = await asyncio.to_thread(make_authority, tmp_path / "authority")
    side = await asyncio.to_thread(authority.server, timedelta(days=30))
    path = tmp_path / "app.sock"
    options = {
        "method": "HEAD",
        "redirects": 1,
        "headers": {"X-Key": "hunter2"},
        "basic": {"user": "u", "password": "p"},
    }
    for listening, more in (
        (asyncio.start_server(handler, "127.0.0.1", 0), {"url": "http://127.0.0.1:{port}/here"}),
        (
            asyncio.start_server(handler, "127.0.0.1", 0, ssl=side),
            {"url": "https://127.0.0.1:{port}/here", "ca_file": str(authority.file)},
        ),
        (asyncio.start_unix_server(handler, path), {"url": "http://app.internal/here", "socket": str(path)}),
    ):
        heads.clear()
        async with await listening as server:
            name = server.sockets[0].getsockname()
            url = more["url"].replace("{port}", str(name[1]))
            async with probing("http", {**options, **more, "url": url}) as probe:
                finding = await probe.look()
        assert (finding.outcome, finding.reason) == (Outcome.DEGRADED, Reason.PROTOCOL_ERROR)
        first, again, *_ = ({line.lower() for line in head.splitlines()} for head in heads)
        assert first | {b"connection: close"} == again | {b"connection: close"}
        assert b"x-key: hunter2" in first
        assert len(heads) == 4


async def test_a_model_server_is_read_the_same_way() -> None:
    """Its health page: odd is degraded, and what it says counts."""
    assert (await look(ODD["one length twice"], kind="llm")).outcome is Outcome.DEGRADED
    loading = b"HTTP/1.1 503 Busy\r\nX A: b\r\nContent-Length: 13\r\n\r\nloading model"
    assert (await look(loading, kind="llm")).reason is Reason.LOADING
    assert (await look(NONE["another protocol"], kind="llm")).reason is Reason.PROTOCOL_ERROR


async def test_a_canary_that_is_answered_oddly_is_degraded() -> None:
    """Its health page was read, so HTTP is spoken there; the canary itself is not asked twice."""
    asked = 0

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        head = await reader.readuntil(b"\r\n\r\n")
        asked += head.startswith(b"POST ")
        writer.write(ODD["one length twice"] if head.startswith(b"POST ") else OK + LENGTH + BODY)
        await writer.drain()

    async with Server(handler).running() as server:
        address = f"http://127.0.0.1:{server.port}/"
        options: dict[str, object] = {"url": address, "metrics_path": None, "canary": {}}
        async with probing("llm", options) as probe:
            finding = await probe.look()
    assert (finding.outcome, finding.reason) == (Outcome.DEGRADED, Reason.PROTOCOL_ERROR)
    assert asked == 1


async def test_a_canary_is_sent_though_the_kept_connection_has_just_ended() -> None:
    """The server answered the health page on it and closed: that says nothing about tokens."""
    tokens = b'{"choices": [{"text": "one", "finish_reason": "length"}]}'
    answer = OK + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(tokens) + tokens
    async with Server(answering(answer)).running() as server:
        url = f"http://127.0.0.1:{server.port}/"
        async with probing("llm", {"url": url, "metrics_path": None, "canary": {}}) as probe:
            finding = await probe.look()
    assert (finding.outcome, finding.reason) == (Outcome.OK, None)
    assert "first token" in finding.detail


@pytest.mark.parametrize(
    ("kind", "stays"),
    # A body that hangs is busy of a model server anyway: it may say in it what it does.
    [("http", False), ("http", True), ("llm", False)],
)
@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (b"429 Slow\r\n", Reason.OVERLOADED),
        (b"503 Busy\r\nRetry-After: 9\r\n", Reason.OVERLOADED),
        (b"401 Who\r\n", Reason.AUTH_FAILED),
        (b"403 No\r\n", Reason.AUTH_FAILED),
    ],
)
async def test_a_status_is_the_reason_though_its_body_never_comes(
    head: bytes, reason: Reason, kind: str, stays: bool
) -> None:
    """What it said first counts, whatever happens to the connection after that."""
    answer = b"HTTP/1.1 " + head + b"Content-Length: 100\r\n\r\nso"
    assert (await look(answer, kind=kind, stays=stays)).reason is reason


async def test_a_status_before_a_reset_is_the_reason() -> None:
    """A server that is full answers at the accept and closes with our request unread, which is a reset."""

    async def handler(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 503 Full\r\nRetry-After: 1\r\nConnection: close\r\n\r\nfull")
        await writer.drain()
        await asyncio.sleep(0.05)

    for kind in ("http", "llm"):
        async with Server(handler).running() as server:
            async with probing(kind, {"url": f"http://127.0.0.1:{server.port}/"}) as probe:
                assert (await probe.look()).reason is Reason.OVERLOADED
