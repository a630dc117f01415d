"""A port accepts a connection and keeps it. Nothing is sent; nothing is read but the end of the stream."""

from __future__ import annotations

import asyncio
from typing import Annotated

from pydantic import AfterValidator

from nemo_watchdog.model import Finding, Reason, failed, ok
from nemo_watchdog.policy.units import wrong
from nemo_watchdog.ports import ProbeContext
from nemo_watchdog.probes.network import os_failure
from nemo_watchdog.probes.options import ProbeOptions

_LINGER = 0.05
"""Seconds that a connection must live. Docker's userland proxy accepts for a container in which nothing listens and
closes at once when its own connection is refused (moby, cmd/docker-proxy/tcp_proxy_linux.go)."""


def parse_address(text: str) -> tuple[str, int]:
    """Host and port from `host:port` or `[::1]:port`; raises ValueError."""
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError("an IPv6 address needs brackets")
    if not colon or not host or not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError("not host:port")
    return host, int(port)


def _checked(text: str) -> str:
    try:
        parse_address(text)
    except ValueError:
        raise wrong("expected an address such as `127.0.0.1:5432` or `[::1]:5432`") from None
    return text


class TcpOptions(ProbeOptions):
    address: Annotated[str, AfterValidator(_checked)]
    """`host:port`."""


class _Watch(asyncio.Protocol):
    """Learns when the connection ends."""

    def __init__(self) -> None:
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        if not self.ended.done():
            self.ended.set_result(None)


class TcpProbe:
    def __init__(self, options: TcpOptions, context: ProbeContext) -> None:
        self._host, self._port = parse_address(options.address)
        self._linger = min(_LINGER, context.timeout / 4)
        self._ok = ok("it accepts connections")

    async def look(self) -> Finding:
        try:
            transport, watch = await asyncio.get_running_loop().create_connection(_Watch, self._host, self._port)
        except OSError as error:
            return os_failure(error)
        try:
            await asyncio.wait({watch.ended}, timeout=self._linger)
            lost = watch.ended.done()
        finally:
            transport.abort()
        if lost:
            return failed(Reason.CONNECTION_LOST, "it accepts a connection and closes it at once")
        await watch.ended
        return self._ok

    async def close(self) -> None:
        """Nothing outlives a look."""
