"""What Postgres is rebuilding, copying or backing up, from its own progress views. It does no IO.

VACUUM without FULL and ANALYZE are left out: they hold nobody up, autovacuum does them all the time, and a restart
costs them little. Source: PostgreSQL manual, "Progress Reporting"; the versions from its release notes. Measured on
15.18: a role without pg_read_all_stats sees a row for each, with its database and NULL in place of all else; one that
waits for its first lock has no row yet.
"""

from __future__ import annotations

from collections.abc import Sequence

_SHOWN = 3

_VIEWS = (
    (12, "cluster", "coalesce(command, 'VACUUM FULL or CLUSTER'), ' in ' || datname, ': ' || phase"),
    (12, "create_index", "coalesce(command, 'CREATE INDEX or REINDEX'), ' in ' || datname, ': ' || phase"),
    (13, "basebackup", "'a base backup', ': ' || phase"),
    (14, "copy", "coalesce(command, 'COPY'), ' in ' || datname"),
)
"""The first major version that has the view, its name, and what is read from it."""


def column(version: int) -> str:
    """An expression of SQL for what is in progress, an array of text, for a server of this major version."""
    queries = [
        f"select concat({said}) from pg_stat_progress_{view}"  # noqa: S608 - all of it is ours
        for since, view, said in _VIEWS
        if version >= since
    ]
    return f"array({' union all '.join(queries)})" if queries else "null::text[]"


def in_words(said: Sequence[str] | None) -> str:
    """One line for people; empty when nothing is in progress, or nobody can tell."""
    each = sorted(" ".join(one.split()) for one in said or ())
    more = f" and {len(each) - _SHOWN} more" if len(each) > _SHOWN else ""
    return ", ".join(each[:_SHOWN]) + more
