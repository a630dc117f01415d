"""One query to Postgres, perhaps a write, and what the row means."""

from __future__ import annotations

import asyncio
import re
from time import monotonic
from typing import Annotated, Literal

import asyncpg
from pydantic import AfterValidator

from nemo_watchdog.durations import duration
from nemo_watchdog.evidence import Questions
from nemo_watchdog.model import Finding, Reason
from nemo_watchdog.policy.units import BudgetText, Duration, Ratio, SecretText, Whole, number_within
from nemo_watchdog.ports import ProbeContext
from nemo_watchdog.probes.postgres.address import NotServing, checked, parse
from nemo_watchdog.probes.postgres.canary import write
from nemo_watchdog.probes.postgres.evidence import PostgresEvidence
from nemo_watchdog.probes.postgres.readings import BASIC_QUERY, Deadlocks, Limits, judge, query
from nemo_watchdog.probes.postgres.recovery import RecoveryWatch
from nemo_watchdog.probes.postgres.sessions import NOT_SERVED, Session, Sessions, why_not
from nemo_watchdog.probes.shared.beside import Beside
from nemo_watchdog.probes.shared.farewell import Farewell, Goodbye
from nemo_watchdog.probes.shared.options import ProbeOptions

_GOODBYE = Goodbye(
    re.compile(r"\b(?:LOG|WARNING|FATAL|PANIC):  "), "LOG:  shutting down", "LOG:  database system is shut down"
)
"""After an immediate shutdown, and where it gives up, it says the last but has not said the one before."""


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
        self._farewell = Farewell(context.containers, context.container, _GOODBYE)
        self._timeout = context.timeout
        self._sessions = Sessions(options.dsn, parse(options.dsn.reveal()), context.timeout)
        self._evidence = PostgresEvidence(options.dsn)

    async def look(self) -> Finding:
        beside = Beside(self._timeout)
        finding = await self._farewell.judged(await self._look(beside), beside)
        return await self._recovery.measured(finding, beside)

    async def _look(self, beside: Beside) -> Finding:
        try:
            row = await self._sessions.answer(self._ask, beside)
        except NOT_SERVED as error:
            return why_not(error)
        return self._judge(row)

    async def close(self) -> None:
        """No session outlives its look."""

    def evidence(self) -> Questions:
        return self._evidence.questions()

    async def _ask(self, session: Session) -> asyncpg.Record:
        row = await self._fetch(session)
        if row is None:
            raise asyncpg.InterfaceError("no row")
        if self._write is not None and not (row["standby"] and self._role != "primary"):
            await self._write_row(session, self._write)
        return row

    async def _fetch(self, session: Session) -> asyncpg.Record | None:
        """The row; without what this server does not have or does not show, once that is known."""
        if self._reads_statistics:
            try:
                return await session.fetchrow(query(session.get_server_version().major))
            except asyncpg.SyntaxOrAccessError:  # class 42
                self._reads_statistics = False
        return await session.fetchrow(BASIC_QUERY)

    async def _write_row(self, session: Session, where: str) -> None:
        """A write that hangs where a query was answered is load or a slow disk: busy, whatever the look's timeout."""
        patience = self._timeout / 2
        try:
            async with asyncio.timeout(patience):
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
