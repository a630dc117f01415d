"""A port accepts a connection and keeps it. If the policy wants, it speaks TLS, hears a text and gives another back."""

from __future__ import annotations

import asyncio
import ssl
from typing import Annotated

from pydantic import AfterValidator, model_validator

from nemo_watchdog.durations import duration
from nemo_watchdog.model import Finding, Reason, failed, ok
from nemo_watchdog.policy.units import SecretText, wrong
from nemo_watchdog.ports import ProbeContext
from nemo_watchdog.probes.shared.address import parse_address
from nemo_watchdog.probes.shared.deadline import patience_of
from nemo_watchdog.probes.shared.looked_up import looked_up
from nemo_watchdog.probes.shared.network import os_failure
from nemo_watchdog.probes.shared.tls import CertificateWatch, TlsOptions, Trust, bad_ca_file, not_after_of
from nemo_watchdog.probes.shared.tls_mistakes import unless_it_speaks_tls

_LINGER = 0.05
"""Seconds that a connection must live. Docker's userland proxy accepts for a container in which nothing listens and
closes at once when its own connection is refused (moby, cmd/docker-proxy/tcp_proxy_linux.go)."""

_MOST_HEARD = 16 * 1024
"""Bytes in which `expect` is looked for."""


def _checked(text: str) -> str:
    try:
        parse_address(text)
    except ValueError:
        raise wrong("expected an address such as `127.0.0.1:5432` or `[::1]:5432`") from None
    return text


def _some(text: str) -> str:
    if not text:
        raise wrong("expected some text")
    return text


class TcpOptions(TlsOptions):
    address: Annotated[str, AfterValidator(_checked)]
    """`host:port`."""
    send: SecretText | None = None
    """Text to send (UTF-8), such as `"PING\\r\\n"`."""
    expect: Annotated[str, AfterValidator(_some)] | None = None
    """Text that must be in what comes back (UTF-8), or in the greeting when nothing is sent."""
    tls: bool = False
    """Speaks TLS from the first byte."""

    @model_validator(mode="after")
    def _fits_together(self) -> TcpOptions:
        if not self.tls and (given := self.model_fields_set & TlsOptions.model_fields.keys()):
            raise wrong(f"`{min(given)}` says something about TLS: set `tls: true`")
        if self.send is not None and self.expect is None:
            raise wrong("`send` without `expect` proves nothing: say what must come back")
        return self


class _Watch(asyncio.Protocol):
    """Learns when the connection ends, and when the text that is awaited has come."""

    def __init__(self, awaited: bytes | None) -> None:
        self._awaited = awaited
        self._heard = bytearray()
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.decided: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        if self._awaited is None or self.decided.done():
            return
        self._heard += data
        if self._awaited in self._heard:
            self.decided.set_result(True)
        elif len(self._heard) > _MOST_HEARD:
            self.decided.set_result(False)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        if not self.ended.done():
            self.ended.set_result(None)
        if not self.decided.done():
            self.decided.set_result(False)

    @property
    def heard(self) -> int:
        return len(self._heard)


class TcpProbe:
    def __init__(self, options: TcpOptions, context: ProbeContext) -> None:
        self._options = options
        self._host, self._port = parse_address(options.address)
        self._send = None if options.send is None else options.send.reveal().encode()
        self._expect = None if options.expect is None else options.expect.encode()
        self._patience = patience_of(context.timeout)
        self._linger = min(_LINGER, context.timeout / 4)
        self._trust = Trust(options, context.timeout)
        self._certificate = CertificateWatch(options.certificate_warning)
        self._ok = ok("it accepts connections" if options.expect is None else "it answers as expected")

    async def look(self) -> Finding:
        tls: ssl.SSLContext | None = None
        if self._options.tls:
            try:
                tls = await self._trust.context()
            except OSError as error:
                return bad_ca_file(error)
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            await looked_up(self._host)
            transport, watch = await loop.create_connection(
                lambda: _Watch(self._expect), self._host, self._port, ssl=tls
            )
        except OSError as error:
            return os_failure(error)
        try:
            problem = await self._talk(transport, watch)
            not_after = not_after_of(transport)
        finally:
            transport.abort()
        if not watch.ended.done():
            await watch.ended
        if problem is not None and not self._options.tls:
            patience = self._patience - (loop.time() - began)
            return await unless_it_speaks_tls(problem, self._host, self._port, patience, "`tls: true`")
        if problem is not None:
            return problem
        return self._certified(not_after) if tls is not None else self._ok

    async def close(self) -> None:
        """Nothing outlives a look."""

    async def _talk(self, transport: asyncio.Transport, watch: _Watch) -> Finding | None:
        if self._expect is None:
            await asyncio.wait({watch.ended}, timeout=self._linger)
            if watch.ended.done():
                return failed(Reason.CONNECTION_LOST, "it accepts a connection and closes it at once")
            return None
        if self._send is not None:
            transport.write(self._send)
        await asyncio.wait({watch.decided}, timeout=self._patience)
        if not watch.decided.done():
            what = f"{watch.heard} bytes without the expected text" if watch.heard else "nothing"
            return failed(Reason.TIMEOUT, f"it sent {what} within {duration(self._patience)}")
        if watch.decided.result():
            return None
        if not watch.heard:
            return failed(Reason.CONNECTION_LOST, "it closed the connection without an answer")
        return failed(Reason.WRONG_ANSWER, "what it sent does not contain the expected text")

    def _certified(self, not_after: float | None) -> Finding:
        self._certificate.saw(not_after)
        lasts = self._certificate.lasts
        measured = {} if lasts is None else {"tcp_certificate_expires_in_seconds": lasts}
        finding = self._certificate.finding() or self._ok
        return Finding(finding.outcome, finding.reason, finding.detail, measured)
