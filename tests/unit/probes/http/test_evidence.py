"""What is kept of an answer: as it came, as far as it came, and without secrets."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from time import monotonic

import pytest
from aiohttp import web
from yarl import URL

from nemo_watchdog.ports import EvidenceSource
from nemo_watchdog.probes.http.evidence import SHOWN_BODY, answer_text
from nemo_watchdog.probes.http.lenient import Request
from nemo_watchdog.probes.http.raw_answer import RawAnswer
from tests.unit.probes.certificates import make_authority
from tests.unit.probes.http.test_lenient import ODD, OK, UNCLEAR, WELL, answering
from tests.unit.probes.http.test_probe import answering as answering_well
from tests.unit.probes.http.test_probe import serving
from tests.unit.probes.making import probing
from tests.unit.probes.servers import Handler, Server, drop_after_request, free_port, garble, say, stall

SECRET = "hunter2-and-more"


def saying(*parts: bytes) -> Handler:
    """Reads a request and sends these parts, each by itself, then waits for the other side to leave."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for part in parts:
            writer.write(part)
            await writer.drain()
        await stall(reader, writer)

    return handler


async def told_by(
    handler: Handler,
    *,
    within: float = 2.0,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    query: str = "",
) -> str:
    async with Server(handler).running() as server:
        request = Request("GET", URL(f"http://127.0.0.1:{server.port}/health{query}"), headers or {})
        told = await answer_text(request, 0, within)
        await server.wait_open(0)
    return told


async def asked_of(url: str, **options: object) -> str:
    """What the probe itself tells."""
    async with probing("http", {"url": url, **options}) as probe:
        assert isinstance(probe, EvidenceSource)
        (question,) = probe.evidence().items()
        assert question[0] == "answer.txt"
        return await question[1]()


async def test_an_answer_is_told_with_its_status_headers_body_and_times() -> None:
    first, *lines = (await told_by(say(OK + b"Server: nginx\r\nContent-Length: 4\r\n\r\nw\xc3\xa9l"))).splitlines()
    assert first.startswith("GET: connected after ")
    assert ", first byte after " in first
    assert lines == ["HTTP/1.1 200 OK", "Server: nginx", "Content-Length: 4", "", "wél"]


async def test_the_request_is_the_looks() -> None:
    """Method, headers and credentials; what is expected of the answer changes nothing."""
    seen = []

    async def handler(request: web.Request) -> web.Response:
        seen.append((request.method, request.path_qs, request.headers["X-A"], request.headers["Authorization"]))
        return web.Response(status=503)

    async with serving(handler) as url:
        options = {"method": "HEAD", "headers": {"X-A": "b"}, "bearer": SECRET}
        told = await asked_of(f"{url}?deep=1", **options)
        async with probing("http", {"url": f"{url}?deep=1", **options}) as probe:
            await probe.look()
    assert "HTTP/1.1 503 Service Unavailable" in told
    assert seen == [("HEAD", "/health?deep=1", "b", f"Bearer {SECRET}")] * 2


async def test_over_tls_with_the_authority_of_the_policy(tmp_path: Path) -> None:
    """And a certificate that is not accepted is told as such."""
    authority = make_authority(tmp_path)
    async with serving(answering_well(), authority.server(timedelta(days=9))) as url:
        assert "HTTP/1.1 200 OK" in await asked_of(url, ca_file=str(authority.file))
        assert "its TLS certificate is not accepted" in await asked_of(url)
    assert await asked_of(url, ca_file=str(tmp_path / "none.pem")) == (
        "the policy's ca_file cannot be used: No such file or directory"
    )


async def test_on_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "app.sock"

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answering(OK + b"Content-Length: 2\r\n\r\nok")(reader, writer)
        writer.close()

    async with await asyncio.start_unix_server(handler, path):
        assert (await asked_of("http://app/", socket=str(path))).endswith("\n\nok")


async def test_what_hangs_is_given_up() -> None:
    began = monotonic()
    told = await told_by(stall, within=0.3)
    assert monotonic() - began < 2.0
    assert told.splitlines()[0].endswith(", no answer")
    assert re.fullmatch("… nothing came within [0-9.]+m?s", told.splitlines()[1])


@pytest.mark.parametrize(
    ("parts", "kept"),
    [
        ([b"HTTP/1.1 502 Bad Gateway\r\nServer: ng", b"inx"], "HTTP/1.1 502 Bad Gateway\nServer: nginx\n"),
        ([OK + b"Content-Length: 100\r\n\r\nha", b"lf"], "\n\nhalf\n"),
        ([OK + b"Transfer-Encoding: chunked\r\n\r\n2\r", b"\nha\r\n9\r\nlf"], "\n\nhalf\n"),
        ([OK + b"\r\nha", b"lf"], "\n\nhalf\n"),
    ],
    ids=["in its head", "in its body", "in a chunk", "without a length"],
)
async def test_what_drips_is_told_as_far_as_it_came(parts: Iterable[bytes], kept: str) -> None:
    told = await told_by(saying(*parts), within=0.4)
    assert kept in told
    last = "… after [0-9.]+m?s nothing more came, and the answer was not whole after [0-9.]+m?s"
    assert re.fullmatch(last, told.splitlines()[-1])


async def test_a_connection_that_ends_too_early() -> None:
    assert "… it closed the connection after " in await told_by(drop_after_request)
    assert "before the answer was whole" in await told_by(answering(OK + b"Content-Length: 9\r\n\r\nhalf"))
    assert "…" not in await told_by(answering(OK + b"\r\nits end is that of the connection"))


async def test_nobody_listens() -> None:
    request = Request("GET", URL(f"http://127.0.0.1:{free_port()}/"), {})
    told = await answer_text(request, 0)
    assert told.startswith("GET: no connection\n… after ")
    assert told.endswith(": nothing listens there (ECONNREFUSED)")


async def test_of_a_long_body_the_beginning_is_kept_and_no_more_is_read() -> None:
    """One MiB, and one without end."""
    for length in (1 << 20, 1 << 40):
        told = await told_by(say(OK + b"Content-Length: %d\r\n\r\n" % length + b"x" * (1 << 20)))
        assert told.splitlines()[-2:] == ["x" * SHOWN_BODY, "… the rest of the body is left out"]


async def test_what_is_no_text_is_told_in_hex() -> None:
    told = await told_by(say(OK + b"Content-Length: 64\r\n\r\n" + bytes(range(128, 192))))
    assert told.splitlines()[-1].startswith("at least 64 bytes that are no text; they begin with 80 81 82")
    assert "what came is no HTTP:\n\nat least" in await told_by(garble, within=0.3)


async def test_control_characters_are_shown_as_such() -> None:
    told = await told_by(say(OK + b"X-A: \x1b[31m\r\nContent-Length: 40\r\n\r\n" + b"one\r\ntwo\x1b[2J" + b"." * 28))
    assert "X-A: \\x1b[31m" in told
    assert "\none\ntwo\\x1b[2J" in told


async def test_headers_with_secrets_are_left_out() -> None:
    names = ("Set-Cookie", "AUTHORIZATION", "WWW-Authenticate", "Proxy-Authenticate", "Authentication-Info")
    head = b"".join(b"%s: %s\r\n" % (name.encode(), SECRET.encode()) for name in names)
    told = await told_by(say(OK + head + b"Content-Length: 0\r\n\r\n"))
    assert SECRET not in told
    assert all(f"{name}: ***" in told for name in names)


async def test_what_the_request_sends_as_a_secret_is_not_repeated() -> None:
    """A server may show what it was asked with; also where the body is cut."""
    basic = base64.b64encode(f"me:{SECRET}".encode()).decode()
    echo = f"key=other-key token=q-u-e-r-y {basic} {SECRET} application/json ".encode()
    body = echo + b"." * (SHOWN_BODY - len(echo) - 5) + SECRET.encode() * 3
    headers = {"Authorization": f"Basic {basic}", "X-Key": "other-key", "Accept": "application/json"}
    answer = OK + b"X-Key: other-key\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    told = await told_by(say(answer), headers=headers, query="?token=q-u-e-r-y")
    assert not [word for word in ("hunter2", "hunt", "other-key", "q-u-e-r-y", basic) if word in told]
    assert "*** *** *** application/json" in told


async def test_redirects_are_followed_as_the_look_does() -> None:
    """On the same server only, and as often as the policy says."""
    paths = []

    async def handler(request: web.Request) -> web.Response:
        paths.append(request.path)
        where = {"/health": "/two", "/two": "http://elsewhere.example/three"}[request.path]
        return web.Response(status=302, headers={"Location": where})

    async with serving(handler) as url:
        told = await asked_of(url, redirects=5)
        assert paths == ["/health", "/two"]
        assert "Redirected, and asked there:\nGET: connected after" in told
        assert "Redirected" not in await asked_of(url)
    assert paths == ["/health", "/two", "/health"]


@pytest.mark.parametrize("parts", [(), (OK,), (OK + b"Content-Length: 9\r\n\r\nhalf",)], ids=["mute", "head", "body"])
async def test_cancelled_it_leaves_nothing_open(parts: Iterable[bytes]) -> None:
    async with Server(saying(*parts)).running() as server:
        request = Request("GET", URL(f"http://127.0.0.1:{server.port}/"), {})
        asking = asyncio.create_task(answer_text(request, 0, 30.0))
        await server.wait_open(1)
        asking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asking
        await server.wait_open(0)


@pytest.mark.parametrize("answer", [*WELL.values(), *ODD.values(), *UNCLEAR.values()], ids=[*WELL, *ODD, *UNCLEAR])
@pytest.mark.parametrize("size", [1, 1000])
def test_in_whatever_pieces_an_answer_comes_it_is_the_same(answer: bytes, size: int) -> None:
    """Also one that not every client reads: nothing is judged here."""
    whole, pieces = RawAnswer("GET", 1024), RawAnswer("GET", 1024)
    answer = answer[:4096]
    for heard, most in ((whole, len(answer)), (pieces, size)):
        for at in range(0, len(answer), most):
            heard.take(answer[at : at + most])
            if heard.done:
                break
        else:
            heard.closed()
    assert (pieces.head, pieces.body, pieces.end) == (whole.head, whole.body, whole.end)
    assert whole.status in {200, 204}
