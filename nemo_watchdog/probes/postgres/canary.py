"""A tiny write: a full disk, a lost volume or a read-only file system shows itself only to those who write.

It waits for no standby (`synchronous_commit = local`): a synchronous standby that is gone holds every commit, and no
restart of the primary brings it back.
"""

from __future__ import annotations

import asyncpg

_SETTINGS = "set local synchronous_commit = local; set local lock_timeout = '1s'"
_WRITE = """
insert into nemo_watchdog.canary (one, written_at) values (1, now())
on conflict (one) do update set written_at = excluded.written_at
"""
_CREATE = """
create schema if not exists nemo_watchdog;
create table if not exists nemo_watchdog.canary (one int primary key check (one = 1), written_at timestamptz not null)
"""
_TEMPORARY = """
create temporary table if not exists nemo_watchdog_canary (written_at timestamptz not null) on commit drop;
insert into nemo_watchdog_canary values (now())
"""


async def write(session: asyncpg.Connection[asyncpg.Record], where: str) -> None:
    """Writes one row, `schema` into a table of our own (made when it is missing), `temporary` into one that goes again.

    Raises asyncpg.PostgresError.
    """
    if where == "temporary":
        async with session.transaction():
            await session.execute(_TEMPORARY)
        return
    try:
        await _write_row(session)
    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
        await session.execute(_CREATE)
        await _write_row(session)


async def _write_row(session: asyncpg.Connection[asyncpg.Record]) -> None:
    async with session.transaction():
        await session.execute(_SETTINGS)
        await session.execute(_WRITE)
