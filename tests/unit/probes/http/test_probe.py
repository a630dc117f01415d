"""The http probe against real aiohttp servers and raw sockets."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from nemo_watchdog.model import Category, Outcome, Reason
from nemo_watchdog.policy.secret_value import Secret
from nemo_watchdog.ports import ProbeContext
from nemo_watchdog.probes.http import client
from nemo_watchdog.probes.http.client import BODY_LIMIT, http_failure
from nemo_watchdog.probes.http.probe import HttpOptions, HttpProbe
from tests.parts import need
from tests.unit.probes.making import make, probing
from tests.unit.probes.servers import Server, say


@contextlib.asynccontextmanager
async def serving(handler: Any, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """The address of an aiohttp server whose every path is answered by the handler."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{port}/health"
    finally:
        await runner.cleanup()


def answering(status: int = 200, headers: Mapping[str, str] | None = None, **body: Any) -> Any:
    async def handler(request: web.Request) -> web.Response:
        return web.json_response(status=status, headers=headers, **(body or {"data": {}}))

    return handler


@pytest.mark.parametrize("status", [200, 204, 299])
async def test_any_2xx_is_well_by_default(status: int) -> None:
    """Without an expectation every 2xx is a good answer."""
    async with serving(answering(status)) as url, probing("http", {"url": url}) as probe:
        assert (await probe.look()).outcome is Outcome.OK


@pytest.mark.parametrize(
    ("status", "headers", "reason"),
    [
        (302, {"Location": "/elsewhere"}, Reason.WRONG_STATUS),
        (404, {}, Reason.WRONG_STATUS),
        (500, {}, Reason.WRONG_STATUS),
        (503, {}, Reason.WRONG_STATUS),
        (401, {}, Reason.AUTH_FAILED),
        (403, {}, Reason.AUTH_FAILED),
        (429, {}, Reason.OVERLOADED),
        (503, {"Retry-After": "5"}, Reason.OVERLOADED),
        (502, {}, Reason.UPSTREAM_UNAVAILABLE),
        (504, {}, Reason.UPSTREAM_UNAVAILABLE),
    ],
)
async def test_wrong_status_has_its_reason(status: int, headers: Mapping[str, str], reason: Reason) -> None:
    """What is not expected is a fault, unless it says that we may not look, or speaks of load or of another server."""
    async with serving(answering(status, headers)) as url, probing("http", {"url": url}) as probe:
        finding = await probe.look()
    assert finding.reason is reason
    assert f"answered {status}" in finding.detail


@pytest.mark.parametrize(("expected", "status"), [(401, 401), ([200, 503], 503), ("204", 204)])
async def test_expected_status_is_well_whatever_it_is(expected: Any, status: int) -> None:
    """A status that the policy expects is well, even one that is an error elsewhere."""
    options = {"expect": {"status": expected}}
    async with serving(answering(status)) as url, probing("http", {"url": url, **options}) as probe:
        assert (await probe.look()).outcome is Outcome.OK


@pytest.mark.parametrize(
    ("expected", "detail"),
    [
        ({"status": "ok", "checks.0.alive": True, "count": 1}, None),
        ({"status": "degraded"}, "key status has another value"),
        ({"checks.1.alive": True}, "key checks.1.alive is missing"),
        ({"checks.x": True}, "key checks.x is missing"),
        ({"status.deeper": 1}, "key status.deeper is missing"),
        ({"checks.0.alive": 1}, "key checks.0.alive has another value"),
        ({"count": True}, "key count has another value"),
    ],
)
async def test_json_expectations(expected: Mapping[str, Any], detail: str | None) -> None:
    """Every dotted key must be there with its value; true is not 1."""
    body = {"status": "ok", "checks": [{"alive": True}], "count": 1}
    options = {"expect": {"json": expected}}
    async with serving(answering(data=body)) as url, probing("http", {"url": url, **options}) as probe:
        finding = await probe.look()
    if detail is None:
        assert finding.outcome is Outcome.OK
    else:
        assert finding.reason is Reason.WRONG_ANSWER
        assert detail in finding.detail


@pytest.mark.parametrize("body", ["{", "", "[" * 30000, "\udcff"])
async def test_body_that_is_not_json_is_a_wrong_answer(body: str) -> None:
    """Broken, empty, absurdly deep or undecodable JSON is a wrong answer and no exception."""
    raw = body.encode("utf-8", "surrogateescape")

    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=raw)

    options = {"expect": {"json": {"a": 1}}}
    async with serving(handler) as url, probing("http", {"url": url, **options}) as probe:
        finding = await probe.look()
    assert finding.reason is Reason.WRONG_ANSWER


@pytest.mark.parametrize(("text", "outcome"), [("grün", Outcome.OK), ("rot", Outcome.FAILED)])
async def test_contains_looks_for_text(text: str, outcome: Outcome) -> None:
    """The body must contain the expected text."""
    options = {"expect": {"contains": text}}
    async with serving(answering(text="alles grün")) as url, probing("http", {"url": url, **options}) as probe:
        assert (await probe.look()).outcome is outcome


@pytest.mark.parametrize(("options", "outcome"), [({}, Outcome.OK), ({"expect": {"contains": "x"}}, Outcome.FAILED)])
async def test_large_body_is_wrong_only_when_it_is_read(options: Mapping[str, Any], outcome: Outcome) -> None:
    """A body beyond the limit is not read on; it is an error only when the policy expects something of it."""
    async with (
        serving(answering(text="x" * (BODY_LIMIT * 4))) as url,
        probing("http", {"url": url, **options}) as probe,
    ):
        assert [(await probe.look()).outcome for _ in range(2)] == [outcome, outcome]


async def test_body_of_exactly_the_limit_is_read() -> None:
    """The limit itself is still allowed."""
    text = "x" * (BODY_LIMIT - 3) + "end"
    options = {"expect": {"contains": "end"}}
    async with serving(answering(text=text)) as url, probing("http", {"url": url, **options}) as probe:
        assert (await probe.look()).outcome is Outcome.OK


async def test_slow_answer_is_degraded() -> None:
    """A good answer after slow_after is degraded as slow."""
    async with serving(answering()) as url, probing("http", {"url": url, "slow_after": 0}) as probe:
        finding = await probe.look()
    assert (finding.outcome, finding.reason) == (Outcome.DEGRADED, Reason.SLOW)


async def test_headers_method_and_credentials_are_sent() -> None:
    """The request carries the policy's method, headers and the address's user and password, and no cookies."""
    seen: list[web.Request] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request)
        return web.Response(headers={"Set-Cookie": "a=b"})

    async with serving(handler) as address:
        url = address.replace("://", "://me:secret@")
        async with probing("http", {"url": url, "method": "HEAD", "headers": {"X-Key": "k"}}) as probe:
            await probe.look()
            await probe.look()
    assert [request.method for request in seen] == ["HEAD", "HEAD"]
    assert seen[1].headers["X-Key"] == "k"
    assert seen[1].headers["Authorization"] == aiohttp.encode_basic_auth("me", "secret")
    assert "Cookie" not in seen[1].headers


async def test_looks_share_one_connection_and_probes_one_session() -> None:
    """After the first, looks reuse a connection; all probes share sessions that the last close closes."""
    async with Server(say(b"HTTP/1.1 204 No Content\r\n\r\n")).running() as server:
        url = f"http://127.0.0.1:{server.port}/"
        first = HttpProbe(HttpOptions.model_validate({"url": url}), ProbeContext("it", timeout=2.0, interval=10.0))
        second = make("llm", {"url": url, "metrics_path": None})
        for _ in range(3):
            await first.look()
            await second.look()
        assert server.accepted == 3
        (shared,) = client._shared.values()
        sessions = [shared.kept, shared.new]
        await first.close()
        assert [session.closed for session in sessions] == [False, False]
        await second.close()
        assert [session.closed for session in sessions] == [True, True]
        assert not client._shared


@pytest.mark.parametrize("kind", ["http", "llm"])
async def test_what_takes_no_new_connection_is_not_well(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However well it serves those that it has: a new client is asked for now and then, and after each failure."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    more = {"metrics_path": None} if kind == "llm" else {}
    async with probing(kind, {"url": f"http://127.0.0.1:{port}/", **more}) as probe:
        assert [(await probe.look()).outcome for _ in range(3)] == [Outcome.OK] * 3
        server.close()
        assert (await probe.look()).outcome is Outcome.OK  # so soon, it is still asked by the kept one
        with monkeypatch.context() as patch:
            patch.setattr(client, "NEW_EVERY", 0.0)
            assert (await probe.look()).reason is Reason.REFUSED
        assert [(await probe.look()).reason for _ in range(3)] == [Reason.REFUSED] * 3
        again = await asyncio.start_server(serve, "127.0.0.1", port)
        assert [(await probe.look()).outcome for _ in range(2)] == [Outcome.OK] * 2
        again.close()


async def test_server_that_closed_the_kept_connection_is_asked_again() -> None:
    """A kept connection that the server closed between two looks is no failure."""

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")

    async with Server(once).running() as server, probing("http", {"url": f"http://127.0.0.1:{server.port}/"}) as probe:
        for count in range(1, 4):
            assert (await probe.look()).outcome is Outcome.OK
            assert server.accepted == count


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", Reason.CONNECTION_LOST),
        (b"SSH-2.0-OpenSSH_9.2\r\n", Reason.PROTOCOL_ERROR),
        (b"HTTP/1.1 nonsense\r\n\r\n", Reason.PROTOCOL_ERROR),
        (b"", Reason.CONNECTION_LOST),
    ],
)
async def test_broken_answers(answer: bytes, reason: Reason) -> None:
    """An answer that ends early is a lost connection; one that is no HTTP is a protocol error."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        writer.write(answer)

    options = {"expect": {"contains": "x"}}
    async with (
        Server(handler).running() as server,
        probing("http", {"url": f"http://127.0.0.1:{server.port}/", **options}) as probe,
    ):
        assert (await probe.look()).reason is reason


async def test_certificate_that_nobody_signed_is_a_wrong_target(tmp_path: Path) -> None:
    """A certificate that does not verify says nothing about the server's health: blind."""
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2", "-nodes"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    command = [need("openssl"), "req", "-x509", "-newkey", "rsa:2048", *subject, *files]
    await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    async with serving(answering(), tls) as url, probing("http", {"url": url}) as probe:
        finding = await probe.look()
    assert finding.reason is Reason.WRONG_TARGET
    assert "certificate" in finding.detail


async def test_https_to_a_port_without_tls_is_a_wrong_target() -> None:
    """A port that does not speak TLS is a mistake of the policy, not a fault of the target."""
    async with serving(answering()) as url, probing("http", {"url": url.replace("http:", "https:")}) as probe:
        assert (await probe.look()).reason is Reason.WRONG_TARGET


async def test_name_that_does_not_resolve_is_blind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an address there is nothing to judge."""

    async def unknown(*args: Any, **more: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", unknown)
    async with probing("http", {"url": "http://no-such-host.invalid/"}) as probe:
        finding = await probe.look()
    assert finding.reason is Reason.NAME_UNRESOLVED
    assert finding.reason.category is Category.BLIND


def test_timeout_of_the_client_itself_is_a_timeout() -> None:
    """Should aiohttp ever time out by itself, that is a timeout and not a lost connection."""
    assert http_failure(aiohttp.SocketTimeoutError()).reason is Reason.TIMEOUT


def test_head_cannot_expect_a_body() -> None:
    """HEAD with an expectation about the body is refused when the policy is read."""
    with pytest.raises(ValueError, match="an answer to HEAD has no body"):
        make("http", {"url": "http://127.0.0.1/", "method": "HEAD", "expect": {"contains": "x"}})


@pytest.mark.parametrize("headers", [{"X-Key": "a\r\nEvil: b"}, {"X Key": "a"}, {"": "a"}])
def test_header_that_would_break_the_request_is_refused(headers: Mapping[str, str]) -> None:
    """A header that HTTP does not allow is refused when the policy is read, without its value."""
    with pytest.raises(ValueError, match="expected") as caught:
        make("http", {"url": "http://127.0.0.1/", "headers": headers})
    assert caught.value.errors()[0]["type"] == "policy_secret"  # type: ignore[attr-defined]


@pytest.mark.parametrize("options", [{"retries": 3}, {"expect": {"body": "x"}}, {"expect": {"status": 42}}])
def test_unknown_or_absurd_options_are_refused(options: Mapping[str, Any]) -> None:
    """Unknown keys and impossible statuses are mistakes."""
    with pytest.raises(ValueError, match="validation error"):
        make("http", {"url": "http://127.0.0.1/", **options})


def test_secret_address_is_revealed_only_to_the_client() -> None:
    """The credentials leave the address before anything could print it."""
    url, headers = client.split_credentials(Secret("http://me:pw@127.0.0.1/x?y=1#z"), {})
    assert str(url) == "http://127.0.0.1/x?y=1"
    assert headers is not None
    assert headers["authorization"].startswith("Basic ")
