"""What the titles of a container's processes say of work in progress: a witness when the server itself does not answer.

Titles are what the server's own processes write over their command lines. Measured with `docker top` on PostgreSQL
15.18 and Redis 7.0.15:

    postgres: app shop 172.19.0.1(46728) VACUUM              also of VACUUM FULL; `... VACUUM waiting` for a lock
    postgres: app shop [local] COPY                          pg_dump is one; likewise CREATE INDEX, REINDEX, CLUSTER
    postgres: walsender app [local] sending backup "pg_basebackup base backup"
    postgres: app shop 172.19.0.1(46702) idle
    postgres: app shop 172.19.0.1(57078)                     with `update_process_title = off`
    redis-rdb-bgsave 0.0.0.0:6379
    redis-aof-rewrite 0.0.0.0:6379

What runs inside a function or a DO block has the title of that. A client's user and database stand before its address,
which the server writes: only what follows the last address is believed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_CLIENT = r"postgres: .* (?:\S*\(\d+\)|\[local\])"
_STATEMENT = re.compile(_CLIENT + r" (?P<what>VACUUM|CREATE INDEX|REINDEX|CLUSTER|COPY)(?: waiting)?")
_BACKUP = re.compile(_CLIENT + r' sending backup ".*"')
_UNTITLED = re.compile(_CLIENT)
"""It does not say what it does."""

_FORKS = (
    (re.compile(r"(?:redis|valkey)-rdb-bgsave(?: .*)?"), "saving a snapshot"),
    (re.compile(r"(?:redis|valkey)-aof-rewrite(?: .*)?"), "rewriting the append-only file"),
    (re.compile(r"(?:redis|valkey)-rdb-to-slaves(?: .*)?"), "sending a snapshot to replicas"),
)
"""The last is a fork too (redis, src/rdb.c: rdbSaveToSlavesSockets)."""


def work_in(titles: Sequence[str]) -> str | None:
    """One line for people; empty when nothing is in progress, None when the titles do not tell."""
    said = list(dict.fromkeys(filter(None, map(_work_of, titles))))
    if said:
        return f"{', '.join(said)} (by the titles of its processes)"
    return None if any(_UNTITLED.fullmatch(title) for title in titles) else ""


def _work_of(title: str) -> str:
    if statement := _STATEMENT.fullmatch(title):
        return statement["what"]
    if _BACKUP.fullmatch(title):
        return "a base backup"
    return next((what for fork, what in _FORKS if fork.fullmatch(title)), "")
