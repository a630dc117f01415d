"""TLS of a probe: which certificates are trusted, how long the server's lasts, and what each step to it takes."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from time import monotonic
from typing import Annotated

from pydantic import AfterValidator

from nemo_watchdog.durations import duration
from nemo_watchdog.file_state import file_state
from nemo_watchdog.model import Finding, Reason, degraded, failed
from nemo_watchdog.names import Found
from nemo_watchdog.one_thread import OneThread, StillBusy
from nemo_watchdog.policy.units import Duration, duration_within, wrong
from nemo_watchdog.probes.shared.deadline import FOR_FILES
from nemo_watchdog.probes.shared.looked_up import names
from nemo_watchdog.probes.shared.options import ProbeOptions
from nemo_watchdog.regular_file import opened

LOOK_AT_CERTIFICATE_EVERY = 3600.0
"""Seconds: a certificate changes rarely, and looking at it costs a connection."""


def _ca_file(text: str) -> str:
    if not Path(text).is_absolute():
        raise wrong("expected an absolute path such as `/etc/nemo-watchdog/ca.pem`")
    return text


CaFile = Annotated[str, AfterValidator(_ca_file)]


class TlsOptions(ProbeOptions):
    verify: bool = True
    """False trusts any certificate, and sees no end of its validity."""
    ca_file: CaFile | None = None
    """PEM file of the authorities to trust instead of the system's."""
    certificate_warning: Annotated[Duration, AfterValidator(duration_within(0, 365 * 86400))] = 14 * 86400.0
    """Degraded when the certificate ends within these seconds."""


@dataclass(frozen=True, slots=True)
class Handshake:
    """Seconds of each step; `not_after` in seconds since the epoch, None when the certificate was not verified."""

    resolve: float
    connect: float
    tls: float = 0.0
    not_after: float | None = None


class Trust:
    """What a probe's TLS trusts, read again when the file has changed: authorities are replaced while we run.

    A file that cannot be read for a moment, as in the middle of its replacement, takes nothing away. An operator's file
    may lie on a mount that hangs: it is looked at in a thread, and not waited for longer than a look of so many seconds
    can spare.
    """

    def __init__(self, options: TlsOptions, look: float) -> None:
        self._within = look * FOR_FILES
        self._verify = options.verify
        self._ca_file = options.ca_file
        self._watched = _SYSTEM if options.ca_file is None else (Path(options.ca_file),)
        self._thread = OneThread("nemo-watchdog-ca-file")
        self._seen: object = None
        self._context: ssl.SSLContext | None = None

    async def context(self) -> ssl.SSLContext:
        """Raises OSError (ssl.SSLError among them) when `ca_file` cannot be used, and never could."""
        known = self._context
        if self._ca_file is None:
            self._seen, self._context = self._newest()
            return self._context
        try:
            async with asyncio.timeout(self._within):
                self._seen, newest = await self._thread.run(self._newest)
        except (StillBusy, OSError) as error:
            if known is not None:
                return known
            if isinstance(error, StillBusy | TimeoutError):
                raise OSError(errno.EBUSY, "its file system does not answer") from None
            raise
        self._context = newest
        return newest

    def _newest(self) -> tuple[object, ssl.SSLContext]:
        seen = self._look()
        if self._context is not None and seen == self._seen:
            return seen, self._context
        return seen, _make_context(self._ca_file, self._verify, seen)

    def _look(self) -> object:
        return tuple(map(file_state, self._watched))


_SYSTEM = tuple(Path(path) for path in ssl.get_default_verify_paths()[:2] if path is not None)


@lru_cache(maxsize=64)
def _make_context(ca_file: str | None, verify: bool, _seen: object) -> ssl.SSLContext:  # noqa: FBT001 - a cache's key
    """One for all that trust the same: a context of the system's authorities is half a megabyte. Blocks."""
    if ca_file is None:
        context = ssl.create_default_context()
    else:
        with opened(Path(ca_file)) as descriptor:
            context = ssl.create_default_context(cafile=f"/proc/self/fd/{descriptor}")
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def bad_ca_file(error: OSError) -> Finding:
    said = error.strerror if not isinstance(error, ssl.SSLError) else "it holds no certificate"
    return failed(Reason.PERMISSION_DENIED, f"the policy's ca_file cannot be used: {said}")


async def shake_hands(host: str, port: int, context: ssl.SSLContext | None) -> Handshake:
    """Opens and ends a connection of its own. Raises OSError; may be cancelled at any time."""
    loop = asyncio.get_running_loop()
    began = monotonic()
    addresses = await names().resolve(host, port)
    resolved = monotonic()
    connection = await _first_that_connects(addresses)
    connected = monotonic()
    if context is None:
        connection.close()
        return Handshake(resolved - began, connected - resolved)
    try:
        transport, _ = await loop.create_connection(
            asyncio.Protocol, sock=connection, ssl=context, server_hostname=host
        )
    except BaseException:
        connection.close()
        raise
    shaken = monotonic()
    not_after = not_after_of(transport)
    transport.abort()
    return Handshake(resolved - began, connected - resolved, shaken - connected, not_after)


def not_after_of(transport: asyncio.BaseTransport) -> float | None:
    """When the peer's certificate ends, in seconds since the epoch; None without TLS or without verification."""
    certificate = transport.get_extra_info("peercert") or {}
    not_after = certificate.get("notAfter")
    return None if not_after is None else float(ssl.cert_time_to_seconds(not_after))


async def _first_that_connects(addresses: Found) -> socket.socket:
    trouble: OSError = OSError("no address")
    for address in addresses:
        connection = socket.socket(address["family"], socket.SOCK_STREAM, address["proto"])
        connection.settimeout(0)
        try:
            await asyncio.get_running_loop().sock_connect(connection, (address["host"], address["port"]))
        except OSError as error:
            connection.close()
            trouble = error
        except BaseException:
            connection.close()
            raise
        else:
            return connection
    raise trouble


class CertificateWatch:
    """Knows when the server's certificate ends; looks at it once an hour. `warning` in seconds."""

    def __init__(self, warning: float) -> None:
        self._warning = warning
        self._not_after: float | None = None
        self._looked: float | None = None

    @property
    def due(self) -> bool:
        return self._looked is None or monotonic() - self._looked >= LOOK_AT_CERTIFICATE_EVERY

    def saw(self, not_after: float | None) -> None:
        self._looked = monotonic()
        self._not_after = not_after

    @property
    def lasts(self) -> float | None:
        """Seconds until it ends, None when that is not known."""
        return None if self._not_after is None else self._not_after - time.time()

    def finding(self) -> Finding | None:
        lasts = self.lasts
        if lasts is None or lasts >= self._warning:
            return None
        left = duration(float(int(max(lasts, 0.0)) // 60 * 60))
        return degraded(Reason.CERTIFICATE_EXPIRING, f"its TLS certificate ends in {left}: it must be renewed")
