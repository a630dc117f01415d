"""The tcp probe and the mapping of socket errors."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from nemo_watchdog.model import Category, Outcome, Reason
from nemo_watchdog.probes.shared.address import parse_address
from nemo_watchdog.probes.shared.network import os_failure
from tests.unit.probes.certificates import make_authority
from tests.unit.probes.making import make, probing
from tests.unit.probes.servers import Handler, Server, drop, flood, free_port, say, stall


async def test_open_port_is_well_and_the_connection_is_closed() -> None:
    """A port that accepts is well; nothing stays open after the look."""
    async with Server(stall).running() as server, probing("tcp", {"address": f"127.0.0.1:{server.port}"}) as probe:
        assert (await probe.look()).outcome is Outcome.OK
        await server.wait_open(0)


async def test_port_that_closes_at_once_is_not_well() -> None:
    """Docker's proxy accepts for a dead container and closes at once: that is a lost connection."""
    async with Server(drop).running() as server, probing("tcp", {"address": f"127.0.0.1:{server.port}"}) as probe:
        assert (await probe.look()).reason is Reason.CONNECTION_LOST


async def test_name_with_two_addresses_that_both_refuse_is_refused() -> None:
    """Localhost has two addresses; refused by both is refused, though asyncio joins the errors into text."""
    async with probing("tcp", {"address": f"localhost:{free_port()}"}) as probe:
        assert (await probe.look()).reason is Reason.REFUSED


@pytest.mark.parametrize(
    ("text", "address"), [("127.0.0.1:80", ("127.0.0.1", 80)), ("[::1]:5432", ("::1", 5432)), ("db:1", ("db", 1))]
)
def test_addresses(text: str, address: tuple[str, int]) -> None:
    """host:port, with brackets around an IPv6 address."""
    assert parse_address(text) == address


@pytest.mark.parametrize("text", ["80", ":80", "host:", "host:0", "host:65536", "::1:80", "host:x", "host:٣"])
def test_wrong_addresses_are_refused(text: str) -> None:
    """What is not host:port is refused when the policy is read."""
    with pytest.raises(ValueError, match="expected an address such as"):
        make("tcp", {"address": text})


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.ECONNREFUSED, "x"), Reason.REFUSED),
        (OSError("Multiple exceptions: [Errno 101] a, [Errno 111] b"), Reason.REFUSED),
        (OSError("Multiple exceptions: [Errno 101] a, [Errno 113] b"), Reason.NETWORK_UNREACHABLE),
        (OSError(errno.ENETUNREACH, "x"), Reason.NETWORK_UNREACHABLE),
        (OSError(errno.EHOSTUNREACH, "x"), Reason.NETWORK_UNREACHABLE),
        (OSError(errno.ECONNRESET, "x"), Reason.CONNECTION_LOST),
        (OSError(errno.EMFILE, "x"), Reason.WATCHDOG_OVERLOADED),
        (OSError(errno.EACCES, "x"), Reason.PERMISSION_DENIED),
        (OSError(errno.ETIMEDOUT, "x"), Reason.TIMEOUT),
        (OSError(errno.EISDIR, "x"), Reason.NETWORK_UNREACHABLE),
        (OSError("no errno"), Reason.NETWORK_UNREACHABLE),
        (TimeoutError(), Reason.TIMEOUT),
        (ConnectionResetError(), Reason.CONNECTION_LOST),
        (socket.gaierror(socket.EAI_AGAIN, "x"), Reason.NAME_UNRESOLVED),
        (ssl.SSLError("x"), Reason.WRONG_TARGET),
    ],
)
def test_every_socket_error_has_its_reason(error: OSError, reason: Reason) -> None:
    """What the kernel says maps to one reason."""
    assert os_failure(error).reason is reason


def test_unknown_errors_of_the_system_are_never_a_fault_of_the_target() -> None:
    """Of all the kernel's errors only those that the target itself causes are faults."""
    reasons = {number: os_failure(OSError(number, os.strerror(number))).reason for number in errno.errorcode}
    faults = {number for number, reason in reasons.items() if reason and reason.category is Category.FAULT}
    own = {"ECONNREFUSED", "ENOENT", "ECONNRESET", "ECONNABORTED", "EPIPE", "ENOTCONN", "ETIMEDOUT", "ESHUTDOWN"}
    assert faults == {getattr(errno, name) for name in own}


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Greets, then answers each line with itself."""
    writer.write(b"220 hello\r\n")
    while line := await reader.readline():
        writer.write(b"you said " + line)
        await writer.drain()


@pytest.mark.parametrize(
    ("handler", "options", "reason"),
    [
        (echo, {"expect": "220"}, None),
        (echo, {"send": "PING\n", "expect": "you said PING"}, None),
        (say(b"nothing of that kind"), {"send": "x", "expect": "PONG"}, Reason.TIMEOUT),
        (flood, {"send": "x", "expect": "no such text"}, Reason.WRONG_ANSWER),
        (drop, {"expect": "220"}, Reason.CONNECTION_LOST),
        (stall, {"expect": "220"}, Reason.TIMEOUT),
        (echo, {"expect": "no such greeting"}, Reason.TIMEOUT),
    ],
)
async def test_what_it_says(handler: Handler, options: dict[str, str], reason: Reason | None) -> None:
    """A greeting, or an answer to what is sent; findings do not repeat either."""
    async with (
        Server(handler).running() as server,
        probing("tcp", {"address": f"127.0.0.1:{server.port}", **options}, timeout=0.8) as probe,
    ):
        finding = await probe.look()
        await server.wait_open(0)
    assert finding.reason is reason
    assert "hello" not in finding.detail


@pytest.mark.parametrize(
    ("days", "options", "reason"),
    [
        (30, {}, None),
        (3, {}, Reason.CERTIFICATE_EXPIRING),
        (-1, {}, Reason.CERTIFICATE_EXPIRED),
        (-1, {"verify": False}, None),
        (30, {"ca_file": None}, Reason.WRONG_TARGET),
    ],
)
async def test_tls(tmp_path: Path, days: int, options: dict[str, Any], reason: Reason | None) -> None:
    """The certificate is looked at with each connection."""
    authority = await asyncio.to_thread(make_authority, tmp_path)
    context = await asyncio.to_thread(authority.server, timedelta(days=days))
    server = await asyncio.start_server(echo, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    given = {"address": f"127.0.0.1:{port}", "tls": True, "expect": "220", "ca_file": str(authority.file), **options}
    async with server, probing("tcp", {key: value for key, value in given.items() if value is not None}) as probe:
        finding = await probe.look()
    assert finding.reason is reason
    lasts = finding.measurements.get("tcp_certificate_expires_in_seconds")
    assert lasts is None if options or days < 0 else lasts is not None and lasts == pytest.approx(days * 86400, abs=300)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"send": "x"}, "without `expect`"),
        ({"expect": ""}, "some text"),
        ({"verify": False}, "set `tls: true`"),
        ({"ca_file": "/ca.pem"}, "set `tls: true`"),
    ],
)
def test_options_that_prove_nothing_are_refused(options: dict[str, Any], message: str) -> None:
    """When the policy is read."""
    with pytest.raises(ValueError, match=message):
        make("tcp", {"address": "127.0.0.1:1", **options})
