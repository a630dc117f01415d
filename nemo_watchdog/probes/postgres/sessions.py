"""The way to a row: a session that is kept between looks, and a new one where that is old, silent or dead.

A look that is late is judged by what came of it: whoever let us in is alive, and so is whoever serves a session that it
has. A pooler lets clients in by itself, and what is behind it may be full, paused or gone.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from time import monotonic
from typing import TypeAlias

import asyncpg

from nemo_watchdog.durations import duration
from nemo_watchdog.model import Reason
from nemo_watchdog.policy.policy import Secret
from nemo_watchdog.probes.postgres.address import Address, NotServing, shake_hands
from nemo_watchdog.probes.postgres.failures import PROTOCOL_VIOLATION, postgres_failure
from nemo_watchdog.probes.shared.beside import Beside
from nemo_watchdog.probes.shared.deadline import patience_of
from nemo_watchdog.probes.shared.named_files import CANNOT_BE_READ, NamedFiles

Session: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

SESSION_LASTS = 30.0
"""Seconds. A postmaster that is stuck serves the sessions that it has and takes no new one: now and then we are new."""

LOGIN_AGAIN = 10.0
"""Seconds between two tries of a login while logins hang: each leaves the server a process that waits for a minute
(authentication_timeout), and that counts as a connection."""

_KEPT_ALONE = 0.6
"""The part of a look that the kept session has before a new one is asked beside it: a write of ours may take a half."""
_LOGIN_ALONE = 1 / 3
"""The part that a login has before it is asked whether a pooler holds it up."""
_LONGEST_LOCK = 1.0
"""Seconds that a query of ours waits for somebody's lock, or a quarter of the look."""
_CLOSE_WITHIN = 1.0

# Through a pooler the process that we were told at the login is not the one that serves us (measured with PgBouncer
# 1.18, in each of its modes). A setting would stay with a server session that others use: only a server itself gets it.
_SETTLE = "select case when pg_backend_pid() = $1 then set_config('lock_timeout', $2, false) end"

_NO_ROW = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)


class Unreadable(asyncpg.InterfaceError):
    """The server sent what asyncpg cannot read."""


@contextlib.contextmanager
def readable() -> Iterator[None]:
    """For such a message asyncpg raises whatever its parser does: a BufferError of its own, a ValueError, others."""
    try:
        yield
    except (*_NO_ROW, NotServing):
        raise
    except Exception as error:
        raise Unreadable(type(error).__name__) from error


@dataclass(slots=True)
class _Signs:
    """What has come of a look so far."""

    kept_answers: bool = False
    shook_hands: bool = False
    let_us_in: bool = False


class Sessions:
    """`ask` gets the row over a session, which a server's error leaves usable. `timeout` in seconds, of a look."""

    def __init__(
        self, dsn: Secret, address: Address, timeout: float, ask: Callable[[Session], Awaitable[asyncpg.Record]]
    ) -> None:
        self._dsn = dsn
        self._address = address
        self._patience = patience_of(timeout)
        self._ask = ask
        self._session: Session | None = None
        self._began = 0.0
        self._pooler = False
        """A pooler stood between us and the server when it last could be told."""
        self._login_hung: float | None = None
        self._files = NamedFiles(address.files)

    async def row(self, beside: Beside) -> asyncpg.Record:
        """What `ask` gives. Raises NotServing, also when the look is late, and what asyncpg and the socket raise."""
        signs = _Signs()
        try:
            async with asyncio.timeout(self._patience) as limit:
                return await self._row(signs, beside)
        except TimeoutError:
            if not limit.expired():
                raise  # the kernel's, about the connection
            raise self._late(signs) from None

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await _retire(session)

    async def _row(self, signs: _Signs, beside: Beside) -> asyncpg.Record:
        kept, self._session = self._session, None
        if kept is None or kept.is_closed():
            return await self._anew(signs, beside)
        asking = asyncio.create_task(self._query(kept))
        try:
            await asyncio.wait({asking}, timeout=self._patience * _KEPT_ALONE)
            if not asking.done():
                return await self._whichever(asking, self._anew(signs, beside))
            row = _row_of(asking)
        finally:
            await _end(asking)
            if not kept.is_closed():
                signs.kept_answers = True
                await self._keep(kept, beside)
        if row is not None and monotonic() - self._began <= SESSION_LASTS:
            return row
        if signs.kept_answers and self._login_hung is not None and monotonic() - self._login_hung < LOGIN_AGAIN:
            raise _logins_blocked()
        if self._pooler:
            # In session mode the kept session has a place in its pool for itself, which may be the last one.
            await beside.ask(self.close())
        return await self._anew(signs, beside, row)

    async def _whichever(self, asking: asyncio.Task[asyncpg.Record], anew: Awaitable[asyncpg.Record]) -> asyncpg.Record:
        """The row that comes first: of the kept session, which is slow or hangs, or of a new one."""
        entering = asyncio.ensure_future(anew)
        try:
            await asyncio.wait({asking, entering}, return_when=asyncio.FIRST_COMPLETED)
            if asking.done() and (row := _row_of(asking)) is not None:
                return row
            return await entering
        finally:
            await _end(entering)

    async def _anew(self, signs: _Signs, beside: Beside, row: asyncpg.Record | None = None) -> asyncpg.Record:
        """The row, over a new session that is kept from now on; one that was had before stands, once we are in."""
        try:
            session = await self._login(signs, beside)
        except asyncpg.PostgresError as error:
            if self._session is None or postgres_failure(error).reason is not Reason.TOO_MANY_CONNECTIONS:
                raise
            await beside.ask(self.close())  # the one connection that is missing may be ours
            session = await self._login(signs, beside)
        try:
            return await self._query(session) if row is None else row
        finally:
            if not session.is_closed():
                self._began, self._login_hung = monotonic(), None
                await self._keep(session, beside)

    async def _keep(self, session: Session, beside: Beside) -> None:
        other, self._session = self._session, session
        if other is not None:
            await beside.ask(_retire(other))

    async def _query(self, session: Session) -> asyncpg.Record:
        """Ends in a row, a server's error, or a session that is closed: its protocol state would be unknown."""
        try:
            with readable():
                return await self._ask(session)
        except BaseException as error:
            # terminate() needs no answer from the server.
            if not isinstance(error, asyncpg.PostgresError) or session.is_in_transaction():
                session.terminate()
            raise

    async def _login(self, signs: _Signs, beside: Beside) -> Session:
        await shake_hands(self._address)
        signs.shook_hands = True
        connecting = asyncio.create_task(self._connect())
        try:
            await asyncio.wait({connecting}, timeout=self._patience * _LOGIN_ALONE)
            if not (connecting.done() or self._pooler or signs.kept_answers):
                self._pooler = await beside.ask(self._says_that_it_is_a_pooler()) or False
            session = await asyncio.shield(connecting)
        except BaseException:
            await _end(connecting)
            if not connecting.cancelled() and connecting.exception() is None:
                connecting.result().terminate()
            raise
        signs.let_us_in = True
        try:
            await self._settle(session)
        except BaseException:
            session.terminate()
            raise
        return session

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

    async def _says_that_it_is_a_pooler(self) -> bool:
        """Only PgBouncer has a database of that name, and it says so to whom it lets not in ("not allowed") too.

        Source: pgbouncer.org/usage, "Admin console".
        """
        try:
            session = await self._connect("pgbouncer")
        except asyncpg.PostgresError as error:
            return error.sqlstate == PROTOCOL_VIOLATION
        except (*_NO_ROW, NotServing):
            return False
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
        if signs.shook_hands and signs.kept_answers:
            self._login_hung = monotonic()
            return _logins_blocked()
        return NotServing(Reason.TIMEOUT, f"no answer within {within}")


def _logins_blocked() -> NotServing:
    return NotServing(
        Reason.LOGINS_BLOCKED,
        "it serves the session that we have, and new ones hang at their login: a lock on its catalogs, or whatever "
        "checks its passwords",
    )


def _row_of(asking: asyncio.Task[asyncpg.Record]) -> asyncpg.Record | None:
    """None when the session gave none: whatever is wrong may be wrong with this one session, and a new one tells."""
    with contextlib.suppress(*_NO_ROW):
        return asking.result()
    return None


async def _end(task: asyncio.Future[asyncpg.Record] | asyncio.Task[Session]) -> None:
    """It is over when this returns, and what it raised is not of interest."""
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.exception()


async def _retire(session: Session) -> None:
    """Says goodbye, so that the server's log has nothing to complain about, and is gone in a second at most."""
    try:
        async with asyncio.timeout(_CLOSE_WITHIN):
            await session.close()
    except _NO_ROW:
        pass  # it did not say goodbye in time, or was gone already
    finally:
        session.terminate()
