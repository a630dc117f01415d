"""The locks that somebody waits for: on what, in which mode, who waits and who holds it.

Source: PostgreSQL manual, "pg_locks". Who waits for a row waits for the transaction that has changed it; which table
the row is in tells a lock on the row itself that the first in its queue holds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from nemo_watchdog.probes.postgres.activity import utc
from nemo_watchdog.probes.postgres.sessions import Session
from nemo_watchdog.probes.shared.table import and_more, cell, table

_WAITING = 100
_HOLDERS = 10
_HELD = 500
_ON = 12
"""Locked things that are named for each mode of a blocker."""

# A name is known of this database's relations alone, and of those that all databases share.
_OBJECT = """
case when database not in (0, (select oid from pg_database where datname = current_database()))
       then format('%s %s in database %s', locktype, coalesce(relation, objid),
                   coalesce((select datname::text from pg_database as d where d.oid = l.database), l.database::text))
     when locktype = 'tuple' then format('row (%s,%s) of %s', page, tuple, relation::regclass)
     when relation is not null then format('%s%s', nullif(locktype, 'relation') || ' of ', relation::regclass)
     when locktype = 'transactionid' then format('transaction %s', transactionid)
     when locktype = 'virtualxid' then format('virtual transaction %s', virtualxid)
     when locktype = 'advisory' then format('advisory lock %s/%s/%s', classid, objid, objsubid)
     when locktype = 'object' then format('object %s of catalog %s', objid, classid::regclass)
     else locktype end
"""

_QUERY = """
with locks as materialized (
  select l.*, concat_ws('/', locktype, database, relation, page, tuple, virtualxid, transactionid, classid, objid,
                        objsubid) as what
    from pg_locks as l),
waiting as materialized (
  select *, {object} as object, {since} as since, count(*) over () as everyone
    from locks as l where not granted order by pid limit {waiting})
select w.pid, w.mode, w.object, w.since, w.everyone, a.application_name as application, a.usename::text as user_name,
       a.query_start, pg_blocking_pids(w.pid)::text[] as blocked_by,
       (select format('row (%s,%s) of %s', t.page, t.tuple, t.relation::regclass)
          from locks as t
         where w.locktype = 'transactionid' and t.pid = w.pid and t.locktype = 'tuple' and t.granted
           and t.database = (select oid from pg_database where datname = current_database())
         limit 1) as row_of,
       array(select format('%s has %s', coalesce(h.pid::text, 'a prepared transaction'), h.mode)
               from locks as h
              where h.what = w.what and h.granted and h.pid is distinct from w.pid
              order by h.pid limit {holders}) as held
  from waiting as w left join pg_stat_activity as a on a.pid = w.pid
 order by w.object, w.since, w.pid
"""

_HELD_QUERY = f"""
select l.pid, l.mode, {_OBJECT} as object, a.application_name as application, a.state, a.xact_start
  from pg_locks as l left join pg_stat_activity as a on a.pid = l.pid
 where l.granted and l.pid::text = any($1::text[]) and l.locktype <> 'virtualxid'
 order by l.pid, l.mode, l.relation limit {_HELD}
"""  # noqa: S608 - all of it is ours

_HAS_WAIT_START = 14
_HEAD = ["waits", "application", "user", "since", "for", "mode", "held by", "blocked by"]


async def told(session: Session) -> str:
    """The text."""
    since = "waitstart" if session.get_server_version().major >= _HAS_WAIT_START else "null::timestamptz"
    query = _QUERY.format(object=_OBJECT, since=since, waiting=_WAITING, holders=_HOLDERS)
    waiting = [dict(row) for row in await session.fetch(query)]
    blockers = sorted({pid for row in waiting for pid in row["blocked_by"]})
    held = [dict(row) for row in await session.fetch(_HELD_QUERY, blockers)] if blockers else []
    return in_words(waiting, held)


def in_words(waiting: Sequence[Mapping[str, Any]], held: Sequence[Mapping[str, Any]]) -> str:
    if not waiting:
        return "Nobody waits for a lock.\n"
    everyone = waiting[0]["everyone"]
    lines = table(_HEAD, map(_line, waiting)) + and_more(len(waiting), everyone, "that wait")
    return f"Locks that are waited for: {everyone}.\n\n{lines}\n{_of_blockers(held)}"


def _line(row: Mapping[str, Any]) -> Sequence[str]:
    wanted = row["object"] if row["row_of"] is None else f"{row['row_of']} ({row['object']})"
    return (
        str(row["pid"]),
        cell(row["application"]),
        cell(row["user_name"]),
        utc(row["since"] or row["query_start"]),
        cell(wanted, 100),
        cell(row["mode"]),
        cell(", ".join(row["held"]), 200),
        cell(", ".join(sorted(set(row["blocked_by"]), key=int)), 100),
    )


def _of_blockers(held: Sequence[Mapping[str, Any]]) -> str:
    """For each of them what it holds, a line for each mode."""
    by_pid: dict[int, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    who: dict[int, str] = {}
    for row in held:
        by_pid[row["pid"]][row["mode"]].append(cell(row["object"], 100))
        since = f", transaction since {utc(row['xact_start'])}" if row["xact_start"] is not None else ""
        who[row["pid"]] = f"pid {row['pid']} ({cell(row['application'])}, {cell(row['state'])}{since}) holds"
    text = ""
    for pid, modes in by_pid.items():
        text += f"{who[pid]}\n"
        for mode, objects in modes.items():
            named = ", ".join(objects[:_ON])
            more = f" and {len(objects) - _ON} more" if len(objects) > _ON else ""
            text += f"  {mode} on {named}{more}\n"
    return text + (f"and perhaps more: no more than {_HELD} locks are read\n" if len(held) == _HELD else "")
