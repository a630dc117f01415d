"""The counters of a Postgres that a crash or a lost volume resets: of this database, and of all of them together.

Every column that this version has is told. Source: PostgreSQL manual, "pg_stat_database", "pg_stat_database_conflicts".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import asyncpg

from nemo_watchdog.probes.postgres.activity import utc
from nemo_watchdog.probes.postgres.sessions import Session
from nemo_watchdog.probes.shared.table import cell, table

_DATABASES = 500

_SERVER = """
select current_setting('server_version') as version, current_database()::text as database,
       pg_postmaster_start_time() as started, pg_is_in_recovery() as standby, now() as at,
       case when pg_is_in_recovery() then pg_last_xact_replay_timestamp() end as replayed
"""
_STATISTICS = f"select * from pg_stat_database where datname is not null order by datname limit {_DATABASES}"  # noqa: S608 - ours
_CONFLICTS = "select * from pg_stat_database_conflicts where datname = current_database()"
# pg_database_size looks at each file: on a disk that hangs it would too, and nothing would end it.
_SIZE = """
select pg_size_pretty(sum(relpages::int8) * current_setting('block_size')::int8) as size from pg_class
"""
_NO_COUNTERS = frozenset({"datid", "datname", "stats_reset"})


async def told(session: Session) -> str:
    """The text."""
    server = await session.fetchrow(_SERVER)
    rows = await session.fetch(_STATISTICS)
    conflicts = await session.fetchrow(_CONFLICTS)
    try:
        size = await session.fetchval(_SIZE)
    except asyncpg.PostgresError:
        size = None
    return in_words(dict(server or {}), [dict(row) for row in rows], dict(conflicts or {}), size)


def in_words(
    server: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], conflicts: Mapping[str, Any], size: str | None
) -> str:
    kind = f"a standby, replayed until {utc(server['replayed'])}" if server["standby"] else "a primary"
    mine: Mapping[str, Any] = next((row for row in rows if row["datname"] == server["database"]), {})
    names = [name for name in (rows[0] if rows else {}) if name not in _NO_COUNTERS]
    lines = [(name, _shown(mine.get(name)), _shown(_sum(rows, name))) for name in names]
    lines.append(("stats_reset", _shown(mine.get("stats_reset")), cell(None)))
    text = (
        f"PostgreSQL {cell(server['version'], 80)}, {kind}, up since {utc(server['started'])}, "
        f"asked at {utc(server['at'])}.\n"
        f"Size of database {cell(server['database'])} as VACUUM and ANALYZE last counted it: {cell(size)}.\n\n"
        + table(("", "this database", f"all {len(rows)} databases"), lines)
    )
    cancelled = [(name, _shown(count)) for name, count in conflicts.items() if name not in _NO_COUNTERS]
    if server["standby"] and cancelled:
        text += "\n" + table(("queries that recovery cancelled", "this database"), cancelled)
    return text


def _sum(rows: Sequence[Mapping[str, Any]], name: str) -> float | int | None:
    values = [row[name] for row in rows if isinstance(row[name], int | float)]
    return sum(values) if values else None


def _shown(value: object) -> str:
    if isinstance(value, datetime):
        return utc(value)
    return cell(f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else value)
