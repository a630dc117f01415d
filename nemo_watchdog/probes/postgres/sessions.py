"""The way to an answer: a session of its own for each look, gone when the look ends.

None is kept between looks: a smart shutdown (SIGTERM, which `docker stop` sends) waits for every session, and Docker
kills what it waits for too long for; DROP DATABASE and the like wait for those in that database.

A look that is late is judged by what came of it. The greeting is the word of a process that the server has made for us:
whoever greets is alive, and so is whoever let us in. A pooler does both by itself, and what is behind it may be full,
paused or gone.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from time import monotonic
from typing import TypeAlias, TypeVar

import asyncpg

from nemo_watchdog.durations import duration
from nemo_watchdog.model import Finding, Reason, failed
from nemo_watchdog.policy.secret_value import Secret
from nemo_watchdog.probes.postgres.address import Address, NotServing, shake_hands
from nemo_watchdog.probes.postgres.failures import PROTOCOL_VIOLATION, postgres_failure
from nemo_watchdog.probes.shared.beside import Beside
from nemo_watchdog.probes.shared.deadline import patience_of
from nemo_watchdog.probes.shared.named_files import CANNOT_BE_READ, NamedFiles
from nemo_watchdog.probes.shared.network import os_failure

Session: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Answer = TypeVar("Answer")

LOGIN_AGAIN = 10.0
"""Seconds between two tries of a login while logins hang: each leaves the server a process that waits for a minute
(authentication_timeout), and that counts as a connection."""

_LOGIN_ALONE = 1 / 3
"""The part that a login has before it is asked whether a pooler holds it up."""
_LONGEST_LOCK = 1.0
"""Seconds that a query of ours waits for somebody's lock, or a quarter of the look."""

# Through a pooler the process that we were told at the login is not the one that serves us (measured with PgBouncer
# 1.18, in each of its modes). A setting would stay with a server session that others use: only a server itself gets it.
_SETTLE = "select case when pg_backend_pid() = $1 then set_config('lock_timeout', $2, false) end"

_NO_ANSWER = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)


NOT_SERVED = (*_NO_ANSWER, NotServing)
"""What `Sessions.answer` raises; `why_not` says what it means."""


class Unreadable(asyncpg.InterfaceError):
    """The server sent what asyncpg cannot read."""


@contextlib.contextmanager
def readable() -> Iterator[None]:
    """For such a message asyncpg raises whatever its parser does: a BufferError of its own, a ValueError, others."""
    try:
        yield
    except NOT_SERVED:
        raise
    except Exception as error:
        raise Unreadable(type(error).__name__) from error


@dataclass(slots=True)
class _Signs:
    """What has come of a look so far."""

    shook_hands: bool = False
    let_us_in: bool = False


class Sessions:
    """`timeout` in seconds, of a look. One look at a time."""

    def __init__(self, dsn: Secret, address: Address, timeout: float) -> None:
        self._dsn = dsn
        self._address = address
        self._patience = patience_of(timeout)
        self._pooler: bool | None = None
        """A pooler stood between us and the server when it last could be told; None before."""
        self._login_hung: float | None = None
        self._files = NamedFiles(address.files, timeout)

    @property
    def pooled(self) -> bool:
        """Whether a pooler stands between us and the server; it is known when there is a session."""
        return self._pooler is True

    async def answer(self, ask: Callable[[Session], Awaitable[Answer]], beside: Beside) -> Answer:
        """What `ask` gets over a session, which a server's error leaves usable.

        Raises NotServing, also when the look is late, and what asyncpg and the socket raise: `NOT_SERVED`.
        """
        signs = _Signs()
        try:
            async with asyncio.timeout(self._patience) as limit:
                try:
                    return await self._answer(ask, signs, beside)
                except NOT_SERVED as error:
                    # One process that dies takes every session with it, ours among them: the next one is told why.
                    if why_not(error).reason is not Reason.CONNECTION_LOST:
                        raise
                return await self._answer(ask, signs, beside)
        except TimeoutError:
            if not limit.expired():
                raise  # the kernel's, about the connection
            raise self._late(signs) from None

    async def _answer(self, ask: Callable[[Session], Awaitable[Answer]], signs: _Signs, beside: Beside) -> Answer:
        try:
            await shake_hands(self._address)
        except (OSError, NotServing):
            self._login_hung = None  # whoever greets after that is another server
            raise
        signs.shook_hands = True
        if self._login_hung is not None and monotonic() - self._login_hung < LOGIN_AGAIN:
            raise _logins_blocked()
        session = await self._login(beside)
        signs.let_us_in = True
        try:
            await self._settle(session)
            with readable():
                answer = await ask(session)
            await beside.ask(_say_goodbye(session))
            return answer
        finally:
            session.terminate()  # it needs no answer from the server

    async def _login(self, beside: Beside) -> Session:
        connecting = asyncio.create_task(self._connect())
        try:
            await asyncio.wait({connecting}, timeout=self._patience * _LOGIN_ALONE)
            if not connecting.done() and self._pooler is None:
                self._pooler = await beside.ask(self._says_that_it_is_a_pooler())
            await asyncio.wait({connecting})
            self._login_hung = None  # whatever it is, it is an answer
            return connecting.result()
        except BaseException:
            connecting.cancel()
            await asyncio.wait({connecting})
            if not connecting.cancelled() and connecting.exception() is None:
                connecting.result().terminate()
            raise

    async def _connect(self, database: str | None = None) -> Session:
        if not await self._files.can_be_opened():
            raise NotServing(Reason.PERMISSION_DENIED, CANNOT_BE_READ)
        try:
            with readable():
                return await asyncpg.connect(
                    self._dsn.reveal(),
                    database=database,
                    timeout=self._patience * 2,  # ours comes first
                    statement_cache_size=0,  # a pooler between us may give every statement another server session
                    server_settings={"application_name": "nemo-watchdog"},
                )
        except asyncpg.ClientConfigurationError:
            raise NotServing(Reason.WRONG_TARGET, "asyncpg cannot use the address, or a file that it names") from None
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            if self._address.tcp is None:
                raise  # it is the socket that is missing
            raise NotServing(Reason.PERMISSION_DENIED, CANNOT_BE_READ) from None

    async def _settle(self, session: Session) -> None:
        """Learns whether a pooler is between us; a server itself is told that no lock may hold a query up for long."""
        longest = min(_LONGEST_LOCK, self._patience / 4)
        try:
            with readable():
                told = await session.fetchval(_SETTLE, session.get_server_pid(), f"{longest * 1000:.0f}ms")
        except asyncpg.PostgresError:
            if session.is_closed():
                raise
            return  # a server of another kind, without these functions
        self._pooler = told is None

    async def _says_that_it_is_a_pooler(self) -> bool | None:
        """Only PgBouncer has a database of that name, and it says so to whom it lets not in ("not allowed") too.

        None when nobody tells.

        Source: pgbouncer.org/usage, "Admin console".
        """
        try:
            session = await self._connect("pgbouncer")
        except asyncpg.PostgresError as error:
            return error.sqlstate == PROTOCOL_VIOLATION
        except NOT_SERVED:
            return None
        told = str(getattr(session.get_settings(), "server_version", ""))
        session.terminate()
        return "bouncer" in told

    def _late(self, signs: _Signs) -> NotServing:
        within = duration(self._patience)
        if signs.let_us_in and self._pooler:
            why = "its pool is full, it is paused, or the server behind it does not answer"
            detail = f"the pooler let us in, and there was no answer within {within}: {why}"
            return NotServing(Reason.OVERLOADED, detail)
        if signs.let_us_in:
            return NotServing(Reason.OVERLOADED, f"it let us in, and there was no answer within {within}")
        if signs.shook_hands and self._pooler:
            detail = f"the pooler answers, and no login has ended within {within}: it waits for the server behind it"
            return NotServing(Reason.UPSTREAM_UNAVAILABLE, detail)
        if signs.shook_hands:
            self._login_hung = monotonic()
            return _logins_blocked()
        return NotServing(Reason.TIMEOUT, f"no answer within {within}")


def why_not(error: Exception) -> Finding:
    """What one of `NOT_SERVED` means."""
    if isinstance(error, NotServing):
        return error.finding
    if isinstance(error, asyncpg.PostgresError):
        return postgres_failure(error)
    if isinstance(error, Unreadable):
        return failed(Reason.WRONG_TARGET, "it sent a message that is none of Postgres's protocol")
    if isinstance(error, OSError):
        return os_failure(error)
    return failed(Reason.CONNECTION_LOST, "the session ended before the answer")


def _logins_blocked() -> NotServing:
    return NotServing(
        Reason.LOGINS_BLOCKED,
        "it greets new clients, and their logins hang: a lock on its catalogs, what checks its passwords, its disk, or "
        "too much to do",
    )


async def _say_goodbye(session: Session) -> None:
    """So that the server's log has nothing to complain about."""
    with contextlib.suppress(*_NO_ANSWER):
        await session.close()
