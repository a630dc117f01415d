"""One session with Postgres, kept between looks, and one query. The SQLSTATE decides, never a message's words.

A kept session that turns out dead is made anew once before anything is judged: a server that was restarted, or that
dropped its sessions after one backend was killed, is not down for that.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from time import monotonic
from typing import Annotated, Literal

import asyncpg
from pydantic import AfterValidator

from nemo_watchdog.durations import duration
from nemo_watchdog.model import Finding, Reason, failed
from nemo_watchdog.policy.units import BudgetText, Duration, Ratio, SecretText, Whole, number_within
from nemo_watchdog.ports import ProbeContext
from nemo_watchdog.probes.postgres.address import NotServing, checked, parse, shake_hands
from nemo_watchdog.probes.postgres.canary import write
from nemo_watchdog.probes.postgres.readings import BASIC_QUERY, QUERY, Deadlocks, Limits, judge
from nemo_watchdog.probes.postgres.recovery import RecoveryWatch
from nemo_watchdog.probes.shared.beside import Beside
from nemo_watchdog.probes.shared.network import os_failure
from nemo_watchdog.probes.shared.options import ProbeOptions

# PostgreSQL manual, appendix A, "PostgreSQL Error Codes".
_REASON_OF = {
    "08P01": (Reason.PROTOCOL_ERROR, "protocol violation"),
    "25006": (Reason.READ_ONLY, "it is read-only"),
    "28000": (Reason.AUTH_FAILED, "pg_hba.conf lets this user or host not in"),
    "28P01": (Reason.AUTH_FAILED, "the password is wrong"),
    "3D000": (Reason.WRONG_TARGET, "there is no such database"),
    "42501": (Reason.PERMISSION_DENIED, "the user lacks a privilege"),
    "53100": (Reason.DISK_FULL, "its disk is full"),
    "53200": (Reason.OVERLOADED, "it is out of memory"),
    "53300": (Reason.TOO_MANY_CONNECTIONS, "all of its connections are in use"),
    "55P03": (Reason.OVERLOADED, "the row of the canary is locked"),
    "57014": (Reason.OVERLOADED, "it cancelled the query for taking too long"),
    "57P01": (Reason.SHUTTING_DOWN, "an administrator ended the session"),
    "57P02": (Reason.RECOVERING, "it ended the session after a crash"),
    "57P04": (Reason.WRONG_TARGET, "the database was dropped"),
}
_REASON_OF_CLASS = {
    "08": (Reason.CONNECTION_LOST, "the connection failed"),
    "53": (Reason.OVERLOADED, "it lacks a resource"),
    "58": (Reason.IO_ERROR, "it cannot read or write its files"),
    "F0": (Reason.WRONG_TARGET, "its configuration file has an error"),
    "XX": (Reason.DATA_CORRUPTED, "internal error"),
}
_CANNOT_CONNECT_NOW = "57P03"
_CLOSE_WITHIN = 1.0


SESSION_LASTS = 30.0
"""Seconds. A postmaster that is stuck serves the sessions that it has and takes no new one: now and then we are new."""


class _Unreadable(asyncpg.InterfaceError):
    """The server sent what asyncpg cannot read."""


@contextlib.contextmanager
def _asyncpg() -> Iterator[None]:
    """For such a message asyncpg raises whatever its parser does: a BufferError of its own, a ValueError, others."""
    try:
        yield
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError):
        raise
    except Exception as error:
        raise _Unreadable(type(error).__name__) from error


class PostgresOptions(ProbeOptions):
    dsn: Annotated[SecretText, AfterValidator(checked)]
    """A libpq URI with one host."""
    role: Literal["primary", "standby", "any"] = "any"
    """`primary`: read-only or in recovery is a failure. `standby`: not in recovery is one."""
    max_connections_used: Ratio | None = None
    """Degraded when client sessions are more than this part of max_connections."""
    max_transaction_age: Duration | None = None
    """Degraded when a transaction is open for longer than these seconds."""
    max_xid_age: Annotated[Whole, AfterValidator(number_within(100_000, 2_000_000_000))] = 1_000_000_000
    """Degraded when the oldest transaction id of a database is older than this; failed above 2,000,000,000."""
    max_replication_lag: Duration | None = None
    """Degraded when it, as a standby, or a standby of it is further behind than these seconds."""
    deadlocks_alarm_at: BudgetText | None = None
    """Degraded with so many deadlocks in the window."""
    write: Literal["schema", "temporary"] | None = None
    """Also writes a row: into `nemo_watchdog.canary`, which it makes, or into a temporary table."""


class PostgresProbe:
    def __init__(self, options: PostgresOptions, context: ProbeContext) -> None:
        self._dsn = options.dsn
        self._address = parse(options.dsn.reveal())
        self._role = options.role
        self._limits = Limits(
            options.max_connections_used,
            options.max_transaction_age,
            options.max_xid_age,
            options.max_replication_lag,
            options.deadlocks_alarm_at,
        )
        self._deadlocks = None if options.deadlocks_alarm_at is None else Deadlocks(options.deadlocks_alarm_at)
        self._write = options.write
        self._reads_statistics = True
        self._recovery = RecoveryWatch(context.containers, context.container)
        self._timeout = context.timeout
        self._session: asyncpg.Connection[asyncpg.Record] | None = None
        self._began = 0.0

    async def look(self) -> Finding:
        beside = Beside(self._timeout)
        return await self._recovery.measured(await self._look(), beside)

    async def _look(self) -> Finding:
        try:
            async with asyncio.timeout(self._timeout):
                row = await self._read()
        except NotServing as error:
            return error.finding
        except asyncpg.PostgresError as error:
            return postgres_failure(error)
        except _Unreadable:
            return failed(Reason.WRONG_TARGET, "it sent a message that is none of Postgres's protocol")
        except (asyncpg.InterfaceError, asyncpg.InternalClientError):
            return failed(Reason.CONNECTION_LOST, "the session ended before the answer")
        except OSError as error:
            return os_failure(error)
        return self._judge(row)

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is None or session.is_closed():
            return
        try:
            async with asyncio.timeout(_CLOSE_WITHIN):
                await session.close()
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            # It did not say goodbye in time, or was gone already: drop it.
            pass
        finally:
            session.terminate()

    async def _read(self) -> asyncpg.Record:
        """The query's row, over the kept session or, when that one is old, dead or dies, over a new one."""
        if monotonic() - self._began > SESSION_LASTS:
            await self.close()
        if self._session is not None and not self._session.is_closed():
            # Whatever is wrong now may be wrong with this one session only: the new one tells.
            with contextlib.suppress(
                asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError
            ):
                return await self._query(self._session)
        return await self._query(await self._connect())

    async def _connect(self) -> asyncpg.Connection[asyncpg.Record]:
        await shake_hands(self._address)
        try:
            with _asyncpg():
                self._session = await asyncpg.connect(
                    self._dsn.reveal(),
                    timeout=self._timeout,
                    statement_cache_size=0,  # a pooler between us may give every statement another server session
                    server_settings={"application_name": "nemo-watchdog"},
                )
        except asyncpg.ClientConfigurationError:
            raise NotServing(Reason.WRONG_TARGET, "asyncpg cannot use the address, or a file that it names") from None
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            if self._address.tcp is None:
                raise  # it is the socket that is missing
            raise NotServing(Reason.PERMISSION_DENIED, "a certificate file of the address cannot be read") from None
        self._began = monotonic()
        return self._session

    async def _query(self, session: asyncpg.Connection[asyncpg.Record]) -> asyncpg.Record:
        try:
            row = await self._fetch(session)
            if self._write is not None and row is not None and not (row["standby"] and self._role != "primary"):
                await self._write_row(session, self._write)
        except BaseException:
            # Cancelled or failed: its protocol state is unknown, and terminate() needs no answer from the server.
            self._session = None
            session.terminate()
            raise
        if row is None:
            raise asyncpg.InterfaceError("no row")
        return row

    async def _fetch(self, session: asyncpg.Connection[asyncpg.Record]) -> asyncpg.Record | None:
        """The row; without what this server does not have or does not show, once that is known."""
        if self._reads_statistics:
            try:
                with _asyncpg():
                    return await session.fetchrow(QUERY)
            except asyncpg.SyntaxOrAccessError:  # class 42
                self._reads_statistics = False
        with _asyncpg():
            return await session.fetchrow(BASIC_QUERY)

    async def _write_row(self, session: asyncpg.Connection[asyncpg.Record], where: str) -> None:
        """A write that hangs where a query was answered is load or a slow disk: busy, whatever the look's timeout."""
        patience = self._timeout / 2
        try:
            async with asyncio.timeout(patience):
                with _asyncpg():
                    await write(session, where)
        except TimeoutError:
            detail = f"it answers queries, and a write has not ended within {duration(patience)}"
            raise NotServing(Reason.OVERLOADED, detail) from None

    def _judge(self, row: asyncpg.Record) -> Finding:
        total = row["deadlocks"]
        too_many = (
            self._deadlocks.saw(total, monotonic()) if self._deadlocks is not None and total is not None else None
        )
        return judge(dict(row), self._role, self._limits, too_many)


def postgres_failure(error: asyncpg.PostgresError) -> Finding:
    """The finding for an error that the server sent. An unknown SQLSTATE is blind: a server that answers is alive."""
    state = error.sqlstate or "?????"
    if state == _CANNOT_CONNECT_NOW:
        return _cannot_connect_now(str(error))
    known = _REASON_OF.get(state) or _REASON_OF_CLASS.get(state[:2])
    if known is None:
        return failed(Reason.WRONG_TARGET, f"it answers with SQLSTATE {state}, which this probe does not know")
    reason, text = known
    return failed(reason, f"{text} (SQLSTATE {state})")


def _cannot_connect_now(message: str) -> Finding:
    """Four states share one SQLSTATE; only the words differ (src/backend/postmaster, CAC_*). All are busy."""
    if "shutting down" in message:
        return failed(Reason.SHUTTING_DOWN, "it is shutting down")
    if "recovery" in message or "not yet accepting" in message or "not accepting" in message:
        return failed(Reason.RECOVERING, "it recovers from a crash or replays its log")
    return failed(Reason.STARTING, "it is starting up")
