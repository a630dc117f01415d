"""The HTTP side of a real daemon against what is no request, half a request, and too many of them."""

from __future__ import annotations

import asyncio
import http.client
import io
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.integration.daemon import Daemon
from tests.integration.service.parts import Service, tcp_policy

TOKEN = "planted-token-0123456789"
POLICY = f"""
version: 1
autonomy: observe
dependencies:
  backup: {{probe: push, token: {TOKEN}, period: 1h, interval: 1s, timeout: 500ms}}
"""

PUSH = f"/api/v1/push/backup?token={TOKEN}".encode()
SILENCE = 0.05
CLOSES_WITHIN = 20.0
"""Seconds until a connection is ended from here, and until the daemon must have ended it then."""

_junk = st.binary(max_size=40)
_methods = st.sampled_from([b"GET", b"POST", b"HEAD", b"PUT", b"OPTIONS", b"CONNECT", b"get", TOKEN.encode(), b"PRI"])
_paths = st.sampled_from(
    [
        b"/api/v1/push/backup", b"/api/v1/push/TOKEN", b"/api/v1/pause", b"/api/v1/status", b"/metrics", b"/TOKEN",
        b"//[TOKEN]/x", b"http://TOKEN:TOKEN@[::1/x", b"http://TOKEN/x", b"http://x:TOKEN/x", b"*", b"TOKEN:443", b"",
    ]
)  # fmt: skip
_queries = st.sampled_from(
    [b"", b"?token=TOKEN", b"?token=TOKEN&msg=no space", b"?msg=TOKEN&token=TOKEN", b"?token=TOKEN&status=TOKEN"]
)
_fill = st.sampled_from([b"", b"x" * 9_000, b"\xff\xfe", b" ", b"\x00", b"%", b"%zz", "ü".encode(), b"x" * 300_000])
_versions = st.sampled_from([b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"HTTP/9.TOKEN", b"TOKEN", b""])
_headers = st.lists(
    st.one_of(
        st.sampled_from(
            [
                b"Connection: close", b"Authorization: Basic TOKEN", b"Authorization: Bearer TOKEN",
                b"Authorization: Bearer TOKEN" + b"x" * 40_000, b"Authorization: \x01TOKEN", b"Cookie: a=TOKEN",
                b"Cookie: TOKEN\x00", b"TOKEN", b"TOKEN TOKEN: x", b"X: TOKEN\n folded", b"Expect: TOKEN",
                b"Expect: 100-continue", b"Content-Length: TOKEN", b"Content-Length: 10", b"Content-Length: 100000",
                b"Transfer-Encoding: chunked", b"Transfer-Encoding: TOKEN", b"Content-Encoding: gzip",
                b"Content-Encoding: TOKEN", b"Content-Type: application/json", b"Content-Type: TOKEN",
                b"Content-Type: application/x-www-form-urlencoded",
                b"Upgrade: websocket\r\nConnection: upgrade", b"Sec-WebSocket-Key1: TOKEN", b"Accept: TOKEN",
            ]
        ),
        _junk.map(lambda junk: b"X-Junk: TOKEN" + junk),
    ),
    max_size=6,
)  # fmt: skip
_bodies = st.sampled_from(
    [
        b"token=TOKEN&msg=TOKEN&status=TOKEN",
        b"TOKEN",
        b"5\r\nTOKEN\r\n",
        b"TOKEN\r\n\r\n",
        b'{"reason": "TOKEN"}',
        b"ffffffffffffffffffff\r\n",
    ]
)


def _mostly(good: bytes, strange: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """So that what is strange about a request is not everything."""
    return st.integers(0, 2).flatmap(lambda which: strange if which == 0 else st.just(good))


@st.composite
def _requests(draw: st.DrawFn) -> bytes:
    """Something like a request, with the token in it; perhaps two, perhaps not all of it, perhaps with junk in it."""
    target = draw(_mostly(b"/api/v1/push/backup", _paths)) + draw(_queries) + draw(_mostly(b"", _fill))
    line = b" ".join([draw(_mostly(b"GET", _methods)), target, draw(_mostly(b"HTTP/1.1", _versions))])
    host = draw(_mostly(b"Host: localhost", st.sampled_from([b"Host: TOKEN", b"Host: [TOKEN", b"X: y"])))
    whole = b"\r\n".join([line, host, *draw(_headers), b"", draw(_mostly(b"", _bodies))])
    if draw(st.integers(0, 2)) == 0:
        at = draw(st.integers(0, len(whole)))
        whole = whole[:at] + draw(_junk) + whole[at + draw(st.integers(0, 3)) :]
    if draw(st.integers(0, 4)) == 0:
        whole = whole[: draw(st.integers(0, len(whole)))]
    return whole.replace(b"TOKEN", TOKEN.encode())


class _Sent(io.BytesIO):
    def makefile(self, *_: object) -> _Sent:
        return self


def answers(sent: bytes) -> list[tuple[int, str, bytes]]:
    """Status, content type and body of each answer on one connection; raises where it is none."""
    sent = sent.replace(b"HTTP/2.0 ", b"HTTP/1.1 ")  # aiohttp answers in the version that it was asked in
    found, stream = [], _Sent(sent)
    stream.close = lambda: None  # type: ignore[method-assign]
    while stream.tell() < len(sent):
        answer = http.client.HTTPResponse(stream)  # type: ignore[arg-type]
        answer.begin()
        if answer.status == 100:
            continue
        found.append((answer.status, answer.headers.get_content_type(), answer.read()))
    return found


def ask(port: int, request: bytes) -> bytes:
    """All that comes back for these bytes; the end of what we send comes after a moment of silence."""
    back = b""
    with socket.create_connection(("127.0.0.1", port)) as connection, suppress(ConnectionError, BrokenPipeError):
        connection.settimeout(SILENCE)
        try:
            connection.sendall(request)
            while more := connection.recv(65536):
                back += more
        except TimeoutError:
            connection.settimeout(CLOSES_WITHIN)
            connection.shutdown(socket.SHUT_WR)
            while more := connection.recv(65536):
                back += more
    return back


async def test_no_byte_of_a_request_reaches_the_log(tmp_path: Path) -> None:
    """Whatever comes, each line is JSON without the token in it, each error is a problem, and the daemon lives."""
    async with Daemon(POLICY, tmp_path, environ={"PYTHONASYNCIODEBUG": ""}) as daemon:
        seen: set[int] = set()

        @settings(max_examples=300, suppress_health_check=list(HealthCheck))
        @given(_requests())
        @example(
            b"POST " + PUSH + b" HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\nplanted-t"
        )
        @example(b"GET " + PUSH + b"&msg=no space HTTP/1.1\r\nHost: x\r\n\r\n")
        @example(b"GET " + PUSH + b"&msg=" + b"x" * 9_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        @example(
            b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nAuthorization: "
            + TOKEN.encode()
            + b"x" * 17_000
            + b"\r\n\r\n"
        )
        def nothing_leaks(request: bytes) -> None:
            back = ask(daemon.port, request)
            if request[:4] == b"HEAD" or b"HEAD " in request:
                return
            for status, kind, body in answers(back):
                seen.add(status)
                assert status < 500
                if status >= 400:
                    assert kind == "application/problem+json"
                    assert json.loads(body)["status"] == status

        await asyncio.to_thread(nothing_leaks)
        assert (await daemon.status())["dependencies"]
        assert await daemon.terminate() == 0
        assert [line for line in daemon.events if line["event"] in ("not json", "a request met a bug")] == []
        assert TOKEN not in str(daemon.events)
        assert seen >= {200, 400, 403}, "too little was tried"


@asynccontextmanager
async def half_sent(port: int, count: int) -> AsyncIterator[None]:
    """So many connections whose requests never end."""
    writers: list[asyncio.StreamWriter] = []
    try:
        for _ in range(count):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /api/v1/status HTTP/1.1\r\nHost: ")
            writers.append(writer)
        yield
    finally:
        for writer in writers:
            writer.transport.abort()


async def test_half_sent_requests_blind_nobody(tmp_path: Path) -> None:
    """With 256 file descriptors and 700 requests that never end, every look goes well and the status answers."""
    async with Service() as service, Daemon(tcp_policy(service.port), tmp_path, files=256) as daemon:
        await daemon.wait_for_health("service", "up")
        async with half_sent(daemon.port, 700):
            await asyncio.sleep(1.5)  # the age at which a client that sends nothing has to go for one that does
            await daemon.more_looks(20)
            used = value(await daemon.metrics(), "nemo_watchdog_open_files")
            assert used < 128
        metrics = await daemon.metrics()
        assert 'outcome="failed"' not in metrics
        assert value(metrics, 'nemo_watchdog_connections_refused_total{why="full"}') >= 500
        assert value(metrics, "nemo_watchdog_open_files_limit") == 256
        assert [line for line in daemon.events if line["event"] == "not json"] == []


async def test_reads_answer_to_the_names_that_were_allowed(tmp_path: Path) -> None:
    """And to this machine's own; a name of somebody else's is told how to be allowed."""
    async with (
        Service() as service,
        Daemon(tcp_policy(service.port), tmp_path, more=["--allow-host", "Watchdog.example.com"]) as daemon,
        aiohttp.ClientSession() as session,
    ):

        async def status(host: str) -> int:
            async with session.get(f"{daemon.url}/metrics", headers={"Host": host}) as answer:
                return answer.status

        names = ["127.0.0.1", f"localhost:{daemon.port}", "watchdog.example.com:1", socket.gethostname()]
        assert [await status(name) for name in names] == [200] * 4
        assert await status("evil.example") == 421


def value(metrics: str, series: str) -> float:
    """Of one series on the page."""
    (found,) = [line for line in metrics.splitlines() if line.startswith(f"{series} ")]
    return float(found.rsplit(" ", 1)[1])
