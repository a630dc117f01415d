"""Titles as real servers wrote them: what they say, what they do not, and what a client can make of them."""

from __future__ import annotations

import pytest

from nemo_watchdog.runtime.titles import work_in

POSTGRES = (
    "postgres -D /data/pg -c listen_addresses=* -c max_wal_senders=4",
    "postgres: checkpointer",
    "postgres: walwriter",
    "postgres: autovacuum launcher",
    "postgres: autovacuum worker shop",
    "postgres: walsender app [local] streaming 0/2F0000D8",
    "postgres: app shop 172.19.0.1(46702) idle",
)
REDIS = ("redis-server 0.0.0.0:6379",)


@pytest.mark.parametrize(
    ("title", "what"),
    [
        ("postgres: app shop 172.19.0.1(46728) VACUUM", "VACUUM"),
        ("postgres: app shop 172.19.0.1(57068) VACUUM waiting", "VACUUM"),
        ("postgres: app shop [local] COPY", "COPY"),
        ("postgres: app shop ::1(5) CREATE INDEX", "CREATE INDEX"),
        ("postgres: blue: app shop 10.0.0.1(5) CLUSTER", "CLUSTER"),
        ("postgres: app shop 172.19.0.1(52024) REINDEX", "REINDEX"),
        ('postgres: walsender app [local] sending backup "pg_basebackup base backup"', "a base backup"),
        ("redis-rdb-bgsave 0.0.0.0:6379", "saving a snapshot"),
        ("redis-aof-rewrite 0.0.0.0:6379", "rewriting the append-only file"),
        ("valkey-rdb-to-slaves *:6379", "sending a snapshot to replicas"),
    ],
)
def test_what_is_in_progress(title: str, what: str) -> None:
    assert work_in([*POSTGRES, *REDIS, title]) == f"{what} (by the titles of its processes)"


def test_the_same_of_two_is_said_once() -> None:
    copies = [f"postgres: app shop [local] {what}" for what in ("COPY", "VACUUM", "COPY")]
    assert work_in(copies) == "COPY, VACUUM (by the titles of its processes)"


@pytest.mark.parametrize(
    "titles", [(), POSTGRES, REDIS, ("nginx: worker process",), ("pg_dump -h db shop", "sh -c redis-rdb-bgsave")]
)
def test_what_is_none(titles: tuple[str, ...]) -> None:
    """A statement of a client, what a server does all the time, and what another program is called."""
    assert work_in([*titles, "postgres: app shop 10.0.0.1(5) SELECT"]) == ""


def test_titles_that_are_not_kept_up_do_not_tell() -> None:
    """`update_process_title = off`: nobody knows what that one does."""
    assert work_in([*POSTGRES, "postgres: app shop 172.19.0.1(57078)"]) is None


@pytest.mark.parametrize(
    "title",
    [
        "postgres: x [local] VACUUM shop 10.0.0.1(5) authentication",
        'postgres: walsender x [local] sending backup "y" shop 10.0.0.1(5) startup',
        "postgres: x 10.0.0.1(5) COPY shop 10.0.0.1(5) idle",
    ],
)
def test_a_login_that_calls_itself_work_is_none(title: str) -> None:
    """A name stands there before its password was asked for."""
    assert work_in([title]) == ""
