"""What one row of Postgres's own statistics means. It does no IO.

Sources: PostgreSQL manual, "The Cumulative Statistics System", "Preventing Transaction ID Wraparound Failures",
"System Administration Functions" (recovery information).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nemo_watchdog.durations import duration
from nemo_watchdog.model import Finding, Reason, degraded, failed, ok
from nemo_watchdog.policy.policy import Budget
from nemo_watchdog.probes.postgres import progress

# A user without pg_read_all_stats sees other users' backend_type and xact_start as NULL, but still their datid.
# A standby that has replayed all that it received is not behind, however long nothing has come; without a receiver
# (it replays an archive, or has lost its primary) only the age of the last replayed transaction is known, or, when
# there was none yet, how long the server runs.
_QUERY = """
select pg_is_in_recovery() as standby,
       current_setting('transaction_read_only')::bool as read_only,
       current_setting('max_connections')::int as most,
       pg_has_role('pg_read_all_stats', 'usage') as sees_all,
       clients.used,
       extract(epoch from now() - least(clients.oldest, (select min(prepared) from pg_prepared_xacts)))::float8
         as oldest_transaction,
       (select max(age(datfrozenxid)) from pg_database)::float8 as xid_age,
       (select sum(deadlocks) from pg_stat_database)::float8 as deadlocks,
       (select sum(checksum_failures) from pg_stat_database)::float8 as checksum_failures,
       case when not pg_is_in_recovery()
              then (select extract(epoch from max(greatest(
                             replay_lag, case when replay_lsn < pg_current_wal_lsn() then now() - reply_time end)))
                      from pg_stat_replication)::float8
            when pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn()
                 and exists (select from pg_stat_wal_receiver)
              then 0::float8
            else extract(
              epoch from now() - coalesce(pg_last_xact_replay_timestamp(), pg_postmaster_start_time()))::float8
       end as replication_lag,
       {work} as work
  from (select count(*)::int as used,
               min(xact_start) filter (where pid <> pg_backend_pid()) as oldest
          from pg_stat_activity
         where datid is not null and coalesce(backend_type, 'client backend') = 'client backend') as clients
"""


def query(version: int) -> str:
    """For a server of this major version."""
    return _QUERY.format(work=progress.column(version))


BASIC_QUERY = """
select pg_is_in_recovery() as standby,
       current_setting('transaction_read_only')::bool as read_only,
       current_setting('max_connections')::int as most,
       (select count(*) from pg_stat_activity
         where datid is not null and coalesce(backend_type, 'client backend') = 'client backend')::int as used,
       false as sees_all, null as oldest_transaction, null as xid_age, null as deadlocks, null as checksum_failures,
       null as replication_lag, null as work
"""
"""For a server that lacks one of those functions, or lets this user call them not."""

REFUSES_WRITES_NEAR = 2_000_000_000
"""Age in transactions that leaves days at most: Postgres stops giving out transaction ids at about 2.1 billion."""

_MEASURED = {
    "oldest_transaction": "postgres_oldest_transaction_seconds",
    "xid_age": "postgres_transaction_id_age",
    "deadlocks": "postgres_deadlocks",
    "checksum_failures": "postgres_checksum_failures",
    "replication_lag": "postgres_replication_lag_seconds",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """The operator's: a ratio of 1, seconds, transactions, deadlocks in a window."""

    connections: float | None = None
    transaction: float | None = None
    xid_age: float | None = None
    lag: float | None = None
    deadlocks: Budget | None = None


class Deadlocks:
    """Counts deadlocks in a window, from a counter that begins again when the statistics are reset."""

    def __init__(self, limit: Budget) -> None:
        self._limit = limit
        self._total: float | None = None
        self._new: deque[tuple[float, float]] = deque()

    def saw(self, total: float, now: float) -> Finding | None:
        before, self._total = self._total, total
        if before is not None and total > before:
            self._new.append((now, total - before))
        while self._new and now - self._new[0][0] > self._limit.window:
            self._new.popleft()
        count = sum(new for _, new in self._new)
        if count < self._limit.count:
            return None
        return degraded(Reason.DEADLOCKS, f"{count:.0f} deadlocks in {duration(self._limit.window)}")


def judge(row: Mapping[str, Any], role: str, limits: Limits, deadlocks: Finding | None) -> Finding:
    """The gravest thing that the row says. What this user may not read is NULL, and left out."""
    measured = _measured(row)
    found = _wrong_role(row, role) or _at_risk(row, limits) or _worse_than_wanted(row, limits) or deadlocks
    if found is None:
        found = ok(f"{row['used']} of {row['most']} connections in use{_unseen(row, limits)}")
    return Finding(found.outcome, found.reason, found.detail, measured, work=progress.in_words(row["work"]))


def _measured(row: Mapping[str, Any]) -> Mapping[str, float]:
    measured = {name: float(row[key]) for key, name in _MEASURED.items() if row[key] is not None}
    return {"postgres_connections_used_ratio": row["used"] / row["most"], **measured}


def _wrong_role(row: Mapping[str, Any], role: str) -> Finding | None:
    if role == "primary" and row["standby"]:
        return failed(Reason.READ_ONLY, "it is a standby, and a primary is expected")
    if role == "primary" and row["read_only"]:
        return failed(Reason.READ_ONLY, "its transactions are read-only")
    if role == "standby" and not row["standby"]:
        return failed(Reason.WRONG_TARGET, "it is a primary, and a standby is expected")
    return None


def _at_risk(row: Mapping[str, Any], limits: Limits) -> Finding | None:
    age = row["xid_age"] or 0.0
    if age > REFUSES_WRITES_NEAR:
        return failed(Reason.WRAPAROUND_NEAR, f"its oldest transaction id is {age:.0f} old: it will soon refuse writes")
    if row["checksum_failures"]:
        count = f"{row['checksum_failures']:.0f}"
        return degraded(Reason.DATA_CORRUPTED, f"{count} of its data pages had a wrong checksum when they were read")
    if limits.xid_age is not None and age > limits.xid_age:
        return degraded(
            Reason.WRAPAROUND_NEAR, f"its oldest transaction id is {age:.0f} old, more than {limits.xid_age:.0f}"
        )
    return None


def _worse_than_wanted(row: Mapping[str, Any], limits: Limits) -> Finding | None:
    ratio = row["used"] / row["most"]
    if limits.connections is not None and ratio > limits.connections:
        detail = f"{row['used']} of {row['most']} connections in use, more than {limits.connections:.0%}"
        return degraded(Reason.TOO_MANY_CONNECTIONS, detail)
    oldest = row["oldest_transaction"]
    if limits.transaction is not None and oldest is not None and oldest > limits.transaction:
        detail = f"a transaction has been open for {duration(oldest)}, more than {duration(limits.transaction)}"
        return degraded(Reason.LONG_TRANSACTION, detail)
    lag = row["replication_lag"]
    if limits.lag is not None and lag is not None and lag > limits.lag:
        whose = "it" if row["standby"] else "a standby of it"
        return degraded(Reason.REPLICATION_LAG, f"{whose} is {duration(lag)} behind, more than {duration(limits.lag)}")
    return None


def _unseen(row: Mapping[str, Any], limits: Limits) -> str:
    if row["xid_age"] is None:
        return "; its statistics cannot be read, and are left out"
    if row["sees_all"] or (limits.transaction is None and limits.lag is None):
        return ""
    return "; other users' transactions and standbys are not seen (grant pg_monitor)"
