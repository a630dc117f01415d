"""The address of a Redis: which settings it may hold, and whether a failure is its own fault, not the server's."""

from __future__ import annotations

import asyncio
from typing import Any

import redis.asyncio.connection as client
from redis import exceptions

from nemo_watchdog.model import Finding, Reason, failed
from nemo_watchdog.policy.secret_value import Secret
from nemo_watchdog.policy.units import wrong_secret
from nemo_watchdog.probes.shared.named_files import CANNOT_BE_READ, NamedFiles

_SETTINGS = frozenset({"host", "port", "db", "username", "password", "path", "connection_class"})
_TLS_SETTINGS = frozenset(
    {"ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_password", "ssl_cert_reqs", "ssl_check_hostname"}
)
_CERT_REQS = (None, "none", "optional", "required")
_MOST_DATABASE = 2**31 - 1


class WrongAddress(Exception):
    """The failure says nothing of the server; `finding` is blind."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.finding: Finding = failed(reason, detail)


def settings_of(url: str) -> dict[str, Any]:
    """redis-py's connection settings; raises ValueError for one that it would ignore, or trip over later."""
    settings: dict[str, Any] = dict(client.parse_url(url))
    made_by = settings.get("connection_class", client.Connection)
    known = _SETTINGS | _TLS_SETTINGS if made_by is client.SSLConnection else _SETTINGS
    if not settings.keys() <= known:
        raise ValueError("unknown setting")
    if made_by is client.UnixDomainSocketConnection and "path" not in settings:
        raise ValueError("no socket")
    if settings.get("ssl_cert_reqs") not in _CERT_REQS or not 0 <= settings.get("db", 0) <= _MOST_DATABASE:
        raise ValueError("unusable value")
    return settings


def files_of(url: str, look: float) -> NamedFiles:
    settings = settings_of(url)
    return NamedFiles((settings.get(name) for name in ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")), look)


def checked(secret: Secret) -> Secret:
    """For a policy: an address that can be used. Raises an error that does not repeat it."""
    try:
        settings_of(secret.reveal())
    except ValueError:
        raise wrong_secret(
            "expected an address such as `redis://:password@127.0.0.1:6379/0`; of parameters only "
            f"{', '.join(f'`{name}`' for name in sorted(_TLS_SETTINGS))} with rediss://, and `db`"
        ) from None
    return secret


async def connect_over_tls(connection: client.AbstractConnection, host: str, port: int, patience: float) -> None:
    """Connects, in `patience` seconds at most; raises redis-py's errors, `TimeoutError` and `WrongAddress`.

    A Redis without TLS waits for the end of the line that it takes a ClientHello for: it is asked in plain text then.
    """
    try:
        async with asyncio.timeout(patience):
            await connection.connect()  # type: ignore[no-untyped-call]
    except TimeoutError:
        if await _answers_in_plain_text(host, port):
            raise WrongAddress(Reason.WRONG_TARGET, "the port does not speak TLS: use a redis:// address") from None
        raise
    except exceptions.ConnectionError as error:
        if isinstance(error.__cause__ or error.__context__, FileNotFoundError | NotADirectoryError | IsADirectoryError):
            raise WrongAddress(Reason.PERMISSION_DENIED, CANNOT_BE_READ) from None
        raise


async def _answers_in_plain_text(host: str, port: int) -> bool:
    """Whether a Redis without TLS listens there: it answers PING, be it with an error."""
    try:
        reader, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    try:
        writer.write(b"PING\r\n")
        return await reader.read(1) in (b"+", b"-")
    except OSError:
        return False
    finally:
        writer.transport.abort()
        await asyncio.sleep(0)  # the transport closes its socket in the next turn of the loop
