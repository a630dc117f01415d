"""Who is at work in a Postgres and who waits for whom: a sentence about those who block others, then the sessions.

A role without pg_read_all_stats sees of others the process, user, database and application, and who waits for a lock,
as pg_locks shows to everyone. A query may hold a secret: of a
session that is idle it is the last one, however long ago. Sources: PostgreSQL manual, "pg_stat_activity",
"pg_blocking_pids".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from nemo_watchdog.durations import duration
from nemo_watchdog.probes.postgres.sessions import Session
from nemo_watchdog.probes.shared.table import and_more, cell, table

_SESSIONS = 200
_PREPARED = 20
_QUERY_CHARACTERS = 300
_NAMED = 5

_SECRET = re.compile(r"passw\w*|secret\w*|\w*token\b|credential\w*|api_?key\w*", re.IGNORECASE)
_QUOTED = re.compile(r"'(?:[^']|'')*(?:'|$)|(\$\w*\$).*?(?:\1|$)", re.DOTALL)
_MASKED = "'***'"

PREPARED = 0
"""The process that pg_blocking_pids gives for a prepared transaction."""

# pg_blocking_pids locks the whole lock table for a moment: it is called for those alone who wait, and not for all of
# many. Arrays and names as text: for other types asyncpg asks the server's catalogs.
_QUERY = f"""
with blocked as materialized (
  select pid, pg_blocking_pids(pid) as by
    from (select distinct pid from pg_locks where not granted limit {_SESSIONS}) as waiting)
select a.pid, a.usename::text as user_name, a.datname::text as database, a.application_name as application,
       coalesce(host(a.client_addr), case when a.client_port = -1 then 'socket' end) as client,
       a.backend_type, a.state, a.state_change, a.wait_event_type, a.wait_event,
       extract(epoch from now() - a.state_change)::float8 as state_seconds,
       extract(epoch from now() - a.xact_start)::float8 as transaction_seconds,
       coalesce(b.by, '{{}}')::text[] as blocked_by,
       left(a.query, {_QUERY_CHARACTERS}) as query,
       count(*) over () as everyone
  from pg_stat_activity as a left join blocked as b using (pid),
       lateral (select count(*) as waiting from blocked as w where a.pid = any(w.by)) as behind
 where a.pid <> pg_backend_pid()
 order by behind.waiting = 0, (b.pid is null) = (behind.waiting = 0), behind.waiting desc,
          coalesce(a.backend_type, 'client backend') <> 'client backend',
          array_position(array['active', 'idle in transaction', 'idle in transaction (aborted)'], a.state),
          a.xact_start, a.pid
 limit {_SESSIONS}
"""  # noqa: S608 - all of it is ours

_COUNTS = """
select coalesce(state, 'in a state that is not shown') as state, count(*) as sessions
  from pg_stat_activity
 where pid <> pg_backend_pid() and coalesce(backend_type, 'client backend') = 'client backend' and datid is not null
 group by 1 order by 2 desc, 1
"""

_PREPARED_QUERY = f"""
select gid, owner::text as user_name, database::text as database,
       extract(epoch from now() - prepared)::float8 as seconds, count(*) over () as everyone
  from pg_prepared_xacts order by prepared limit {_PREPARED}
"""  # noqa: S608 - all of it is ours

_HEAD = (
    *("pid", "user", "database", "application", "client", "state", "since", "transaction", "waits for", "blocked by"),
    "query",
)


async def told(session: Session) -> str:
    """The text."""
    rows = [dict(row) for row in await session.fetch(_QUERY)]
    counts = {row["state"]: row["sessions"] for row in await session.fetch(_COUNTS)}
    prepared = [dict(row) for row in await session.fetch(_PREPARED_QUERY)]
    return in_words(rows, counts, prepared)


def in_words(
    rows: Sequence[Mapping[str, Any]], counts: Mapping[str, int], prepared: Sequence[Mapping[str, Any]]
) -> str:
    parts = [summary(rows), f"{_counted(counts)}\n", table(_HEAD, map(_line, rows)) + _left_out(rows, "sessions")]
    if prepared:
        lines = [
            (cell(each["gid"]), cell(each["user_name"]), cell(each["database"]), duration(each["seconds"]))
            for each in prepared
        ]
        of_prepared = table(("prepared transaction", "user", "database", "since"), lines)
        parts.append(of_prepared + _left_out(prepared, "prepared transactions"))
    return "\n".join(parts)


def summary(rows: Sequence[Mapping[str, Any]]) -> str:
    """A line for each who keeps others waiting and waits for nobody, with how many wait, be it through others."""
    blocked = {row["pid"]: frozenset(map(int, row["blocked_by"])) for row in rows if row["blocked_by"]}
    if not blocked:
        return "Nobody waits for a lock.\n"
    roots = _roots(blocked)
    if not roots:
        return f"{len(blocked)} sessions wait for locks, each for another one of them.\n"
    known = {row["pid"]: row for row in rows}
    shown = roots.most_common(_NAMED)
    lines = [f"{_named(pid, known.get(pid))} blocks {_others(count)}\n" for pid, count in shown]
    return "".join(lines) + and_more(len(shown), len(roots), "that block others")


def _roots(blocked: Mapping[int, frozenset[int]]) -> Counter[int]:
    """Who blocks and is not blocked, with the number of those behind."""
    found: Counter[int] = Counter()
    for pid in blocked:
        seen: set[int] = set()
        ahead = [pid]
        while ahead:
            if (at := ahead.pop()) not in seen:
                seen.add(at)
                ahead.extend(blocked.get(at, ()))
        found.update(seen - blocked.keys())
    return found


def _named(pid: int, row: Mapping[str, Any] | None) -> str:
    if pid == PREPARED:
        return "a prepared transaction"
    if row is None:
        return f"pid {pid}"
    who = row["application"] or row["user_name"] or row["backend_type"]
    state, seconds = row["state"], row["state_seconds"]
    said = "in a state that is not shown" if state is None else state
    lasts = f" for {_lasting(seconds)}" if seconds is not None else ""
    return f"pid {pid} ({cell(who)}, {cell(said)}{lasts})"


def _others(count: int) -> str:
    return f"{count} other{'s' if count != 1 else ''}"


def _counted(counts: Mapping[str, int]) -> str:
    each = ", ".join(f"{count} {cell(state)}" for state, count in counts.items())
    return f"Sessions of clients, without this one: {sum(counts.values())}{f' ({each})' if each else ''}."


def _line(row: Mapping[str, Any]) -> Sequence[str]:
    kind = row["backend_type"]
    serves_nobody = kind is not None and kind != "client backend"
    waits = [each for each in (row["wait_event_type"], row["wait_event"]) if each is not None]
    blockers = ["prepared" if pid == str(PREPARED) else pid for pid in sorted(set(row["blocked_by"]), key=int)]
    return (
        str(row["pid"]),
        cell(row["user_name"]),
        cell(row["database"]),
        cell(row["application"] or (kind if serves_nobody else None)),
        cell(row["client"]),
        cell(row["state"]),
        utc(row["state_change"]),
        _lasting(row["transaction_seconds"]),
        cell(": ".join(waits)),
        cell(", ".join(blockers)),
        cell(without_secrets(row["query"]), _QUERY_CHARACTERS),
    )


def without_secrets(query: str | None) -> str | None:
    """Of a query that speaks of one, such as `ALTER ROLE … PASSWORD '…'`, the beginning, and no text in quotes."""
    if query is None or (found := _SECRET.search(query)) is None:
        return query
    return f"{_QUOTED.sub(_MASKED, query[: found.end()])} (the rest is not kept)"


def utc(at: datetime | None) -> str:
    return cell(at and f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z")


def _lasting(seconds: float | None) -> str:
    """What began after the query's own moment has lasted for no time."""
    return cell(None) if seconds is None else duration(max(0.0, seconds))


def _left_out(rows: Iterable[Mapping[str, Any]], what: str) -> str:
    everyone = [row["everyone"] for row in rows]
    return and_more(len(everyone), everyone[0] if everyone else 0, what)
