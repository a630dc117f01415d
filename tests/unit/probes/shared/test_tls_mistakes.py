"""A port that speaks TLS, asked in plain text, looks like a server that is broken, and is a mistake of the policy."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from threading import Thread

import pytest
from yarl import URL

from nemo_watchdog.model import Category, Reason, failed
from nemo_watchdog.probes.shared.network import os_failure
from nemo_watchdog.probes.shared.tls_mistakes import (
    _any_certificate,
    unless_it_speaks_tls,
    unless_it_wants_a_certificate,
)
from tests.unit.probes.certificates import Authority, make_authority
from tests.unit.probes.http.test_probe import answering
from tests.unit.probes.http.test_probe import serving as serving_http
from tests.unit.probes.making import probing
from tests.unit.probes.servers import Server, drop, free_port, stall

_TLS_RECORD = b"\x16"
_BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"

PLAIN: Mapping[str, Callable[[int], Mapping[str, object]]] = {
    "http": lambda port: {"url": f"http://127.0.0.1:{port}/health"},
    "llm": lambda port: {"url": f"http://127.0.0.1:{port}", "metrics_path": None},
    "tcp": lambda port: {"address": f"127.0.0.1:{port}", "send": "PING\r\n", "expect": "PONG"},
    "redis": lambda port: {"url": f"redis://127.0.0.1:{port}/0"},
}


LOST = failed(Reason.CONNECTION_LOST, "lost")


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Made before any event loop runs: openssl is a process."""
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def tls(authority: Authority) -> ssl.SSLContext:
    return authority.server(timedelta(days=30))


@contextmanager
def serving(tls: ssl.SSLContext | None, to_plain: bytes) -> Iterator[int]:
    """The port of a server that says `to_plain` to who sends plain text, and shakes hands with who speaks TLS."""

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                with suppress(OSError), connection:
                    connection.settimeout(5.0)
                    if connection.recv(1, socket.MSG_PEEK) == _TLS_RECORD and tls is not None:
                        tls.wrap_socket(connection, server_side=True).close()
                    else:
                        connection.sendall(to_plain)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = Thread(target=serve)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.parametrize("kind", PLAIN)
@pytest.mark.parametrize("to_plain", [b"", b"\x15\x03\x03\x00\x02\x02\x28"], ids=["closes", "alerts"])
async def test_plain_text_to_a_port_of_tls_is_the_policys_mistake(
    kind: str, to_plain: bytes, tls: ssl.SSLContext
) -> None:
    """Whether the server closes, resets or sends a TLS alert; the finding says what to write."""
    with serving(tls, to_plain) as port:
        async with probing(kind, PLAIN[kind](port)) as probe:
            finding = await probe.look()
    assert finding.reason is Reason.WRONG_TARGET
    assert Reason.WRONG_TARGET.category is Category.BLIND
    assert "speaks TLS: use " in finding.detail


@pytest.mark.parametrize("kind", ["http", "llm"])
async def test_a_400_of_a_server_of_https(kind: str, tls: ssl.SSLContext) -> None:
    """Nginx and Go answer plain HTTP with 400. Without TLS behind it, 400 is what it says."""
    for context, reason in ((tls, Reason.WRONG_TARGET), (None, Reason.WRONG_STATUS)):
        with serving(context, _BAD_REQUEST) as port:
            async with probing(kind, PLAIN[kind](port)) as probe:
                assert (await probe.look()).reason is reason


@pytest.mark.parametrize("kind", PLAIN)
async def test_a_server_without_tls_that_fails_stays_a_fault(kind: str) -> None:
    """It closes the TLS connection too."""
    async with Server(drop).running() as server, probing(kind, PLAIN[kind](server.port)) as probe:
        assert (await probe.look()).reason is Reason.CONNECTION_LOST


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        (ssl.TLSVersion.TLSv1_2, Reason.WRONG_TARGET),  # a failed handshake, whose alert does not say why
        (ssl.TLSVersion.TLSv1_3, Reason.AUTH_FAILED),
    ],
)
async def test_a_server_that_wants_our_certificate(
    version: ssl.TLSVersion, reason: Reason, authority: Authority
) -> None:
    """Whether a look sees its alert or the reset behind it is a race; what it says does not depend on that."""
    context = await asyncio.to_thread(authority.server, timedelta(days=30))
    context.maximum_version = version
    context.load_verify_locations(authority.file)
    context.verify_mode = ssl.CERT_REQUIRED
    with serving(context, b"") as port:
        saw_the_reset = await unless_it_wants_a_certificate(LOST, "127.0.0.1", port, 1.0)
        with pytest.raises(ssl.SSLError) as alert:
            await wait_for_the_alert(port)
        saw_the_alert = os_failure(alert.value)
        assert saw_the_reset == saw_the_alert
        assert saw_the_reset.reason is reason
        url = f"https://127.0.0.1:{port}/"
        async with probing("http", {"url": url, "ca_file": str(authority.file)}) as probe:
            findings = [await probe.look() for _ in range(20)]
    assert {finding.reason for finding in findings} == {reason}


async def wait_for_the_alert(port: int) -> None:
    """Says nothing, so that no reset comes before the alert."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=_any_certificate())
    try:
        await reader.read(1)
    finally:
        writer.transport.abort()


async def test_a_server_that_is_content_without_our_certificate(tls: ssl.SSLContext) -> None:
    """What ends a connection over TLS without an alert stays what it is."""
    async with serving_http(answering(), tls) as url:
        port = URL(url).port
        assert port is not None
        assert await unless_it_wants_a_certificate(LOST, "127.0.0.1", port, 0.5) is LOST


@pytest.mark.parametrize("patience", [0.2, 0.0, -1.0])
async def test_a_second_look_ends_in_time_and_leaves_nothing_open(patience: float) -> None:
    """With a server that says nothing, with one that drops, and where nobody listens."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    for handler in (stall, drop):
        async with Server(handler).running() as server:
            address = ("127.0.0.1", server.port, patience)
            assert await unless_it_speaks_tls(LOST, *address, "https://") is LOST
            assert await unless_it_wants_a_certificate(LOST, *address) is LOST
            await server.wait_open(0)
    assert await unless_it_speaks_tls(LOST, "127.0.0.1", free_port(), patience, "https://") is LOST
    assert loop.time() - began < 2.0
