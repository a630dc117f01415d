"""Whether a failure is a mistake about TLS in the policy: plain text sent to a port of TLS, or no certificate of ours.

A server that is asked in the wrong protocol resets the connection, like one that is broken (measured: Redis 7.0,
Python's ssl), or answers 400 (nginx, Go). One that wants a certificate of its clients lets the handshake succeed in
TLS 1.3 and ends the connection afterwards; whether its alert or the reset is seen first is a race. No restart changes
what the policy says, so before such a failure is called a fault the port is asked once more.
"""

from __future__ import annotations

import asyncio
import ssl

from nemo_watchdog.model import Finding, Reason, failed
from nemo_watchdog.probes.shared.network import is_alert, os_failure

_LIKE_A_FAULT = frozenset({Reason.CONNECTION_LOST, Reason.PROTOCOL_ERROR})
_PATIENCE = 2.0
"""Seconds for the second look at most."""


def may_be_tls(finding: Finding) -> bool:
    return finding.reason in _LIKE_A_FAULT


async def unless_it_speaks_tls(finding: Finding, host: str, port: int, patience: float, instead: str) -> Finding:
    """The finding of a plain look, or `wrong_target` with what to write `instead` when the port speaks TLS.

    Takes `patience` seconds at most.
    """
    if patience > 0 and await _speaks_tls(host, port, patience):
        return failed(Reason.WRONG_TARGET, f"the port speaks TLS: use {instead}")
    return finding


async def unless_it_wants_a_certificate(finding: Finding, host: str, port: int, patience: float) -> Finding:
    """The finding of a look over TLS that saw a reset, or the one that it would have made of the alert before it.

    So the answer does not depend on which of the two the look saw first. Takes `patience` seconds at most.
    """
    alert = await _alert(host, port, patience) if patience > 0 else None
    return finding if alert is None else os_failure(alert)


async def _speaks_tls(host: str, port: int, patience: float) -> bool:
    """Whether a handshake succeeds."""
    try:
        async with asyncio.timeout(min(patience, _PATIENCE)):
            _, writer = await asyncio.open_connection(host, port, ssl=_any_certificate())
    except OSError:
        return False
    await _end(writer)
    return True


async def _alert(host: str, port: int, patience: float) -> ssl.SSLError | None:
    """The alert that follows when nothing is sent. A server that is content waits for us to speak."""
    try:
        async with asyncio.timeout(min(patience, _PATIENCE)):
            reader, writer = await asyncio.open_connection(host, port, ssl=_any_certificate())
            try:
                await reader.read(1)
            finally:
                await _end(writer)
    except ssl.SSLError as error:
        return error if is_alert(error) else None
    except OSError:
        return None
    return None


def _any_certificate() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def _end(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()
    await asyncio.sleep(0)  # it closes its socket in the next turn of the loop
