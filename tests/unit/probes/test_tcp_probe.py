"""The tcp probe and the mapping of socket errors."""

from __future__ import annotations

import errno
import os
import socket
import ssl

import pytest

from nemo_watchdog.model import CATEGORY_OF, Category, Outcome, Reason
from nemo_watchdog.probes.network import os_failure
from nemo_watchdog.probes.tcp import parse_address
from tests.unit.probes.making import make, probing
from tests.unit.probes.servers import Server, drop, free_port, stall


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
    faults = {number for number, reason in reasons.items() if reason and CATEGORY_OF[reason] is Category.FAULT}
    own = {"ECONNREFUSED", "ENOENT", "ECONNRESET", "ECONNABORTED", "EPIPE", "ENOTCONN", "ETIMEDOUT", "ESHUTDOWN"}
    assert faults == {getattr(errno, name) for name in own}
