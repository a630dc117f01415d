"""The address of a Postgres: which settings it may hold, who listens there, and whether a failure is its own fault.

asyncpg 0.32 trusts every length that it reads, and the greeting of another protocol can make its parser spin for ever,
and the event loop with it: a handshake of our own asks first whether Postgres listens there at all.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

from nemo_watchdog.model import Finding, Reason, failed
from nemo_watchdog.policy.secret_value import Secret
from nemo_watchdog.policy.units import wrong_secret
from nemo_watchdog.probes.shared.looked_up import looked_up

_SSL_REQUEST = bytes.fromhex("0000000804d2162f")
"""PostgreSQL manual, "Message Formats": the answer is one byte, S or N, or an error that begins with E."""

_PARAMETERS = frozenset(
    {"host", "dbname", "user", "password", "sslmode", "sslrootcert", "sslcert", "sslkey", "sslpassword"}
)
_FILES = ("sslrootcert", "sslcert", "sslkey")
_WANT_TLS = {"disable": False, "allow": False, "prefer": False, "require": True, "verify-ca": True, "verify-full": True}


class NotServing(Exception):
    """The way to a session came to another end than "Postgres serves us"."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.finding: Finding = failed(reason, detail)


@dataclass(frozen=True, slots=True)
class Address:
    """`tcp` is host and port, or `socket` the path of a unix socket; `wants_tls` when the server must speak it.

    `files` are those that it names, of TLS.
    """

    tcp: tuple[str, int] | None
    wants_tls: bool
    socket: str = ""
    files: tuple[str, ...] = ()


def parse(dsn: str) -> Address:
    """The parts of a libpq URI; raises ValueError for one that asyncpg would read differently, or trip over later."""
    parts = urlsplit(dsn)
    if parts.scheme not in ("postgresql", "postgres"):
        raise ValueError("not a libpq URI")
    given = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    if not given.keys() <= _PARAMETERS:
        raise ValueError("unknown parameter")
    wants_tls = _WANT_TLS.get(given.get("sslmode", "prefer"))
    if wants_tls is None:
        raise ValueError("unknown sslmode")
    host = unquote(parts.hostname or "")
    if "," in host:
        raise ValueError("several hosts")
    if not host and (parts.port is not None or not (host := given.get("host", "")).startswith("/")):
        raise ValueError("no host")
    port = parts.port or 5432
    if host.startswith("/"):  # libpq and asyncpg: no TLS there, whatever sslmode says
        return Address(None, wants_tls=False, socket=host if ".s.PGSQL." in host else f"{host}/.s.PGSQL.{port}")
    return Address((host, port), wants_tls, files=tuple(given[name] for name in _FILES if name in given))


def checked(secret: Secret) -> Secret:
    """For a policy: an address that can be used. Raises an error that does not repeat it."""
    try:
        parse(secret.reveal())
    except ValueError:
        raise wrong_secret(
            "expected an address such as `postgresql://user@127.0.0.1:5432/database`; of parameters only "
            f"{', '.join(f'`{name}`' for name in sorted(_PARAMETERS))}; `sslmode` is one of {', '.join(_WANT_TLS)}"
        ) from None
    return secret


async def shake_hands(address: Address) -> None:
    """Returns when what listens there answers like Postgres, and serves as the address wants.

    Raises NotServing or OSError.
    """
    if address.tcp is None:
        reader, writer = await asyncio.open_unix_connection(address.socket)
    else:
        await looked_up(address.tcp[0])  # asyncpg will look it up again
        reader, writer = await asyncio.open_connection(*address.tcp)
    try:
        writer.write(_SSL_REQUEST)
        answer = await reader.read(64)
    finally:
        writer.transport.abort()
        await asyncio.sleep(0)  # the transport closes its socket in the next turn of the loop
    if answer == b"N" and address.wants_tls:
        raise NotServing(Reason.WRONG_TARGET, "it does not speak TLS, which the address asks for (sslmode)")
    if answer in (b"S", b"N"):
        return
    if not answer:
        raise NotServing(Reason.CONNECTION_LOST, "it closed the connection without an answer")
    if answer.startswith(b"E"):
        raise NotServing(Reason.OVERLOADED, "it cannot start another session")
    raise NotServing(Reason.WRONG_TARGET, "what listens there is not Postgres")
