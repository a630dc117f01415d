"""The evidence of Postgres: its words, and what a server that lets us in and then hangs does to a question."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from nemo_watchdog.errors import EvidenceError
from nemo_watchdog.evidence import Questions
from nemo_watchdog.ports import EvidenceSource, Probe
from nemo_watchdog.probes.postgres import activity, locks, settings, statistics
from tests.unit.probes.making import probing
from tests.unit.probes.servers import Handler, Server, stall

AT = datetime(2026, 11, 27, 13, 0, 5, tzinfo=UTC)


def session(pid: int, *blocked_by: int, **changes: Any) -> dict[str, Any]:
    return {
        "pid": pid,
        "user_name": "app",
        "database": "shop",
        "application": f"web {pid}",
        "client": "10.0.0.5",
        "backend_type": "client backend",
        "state": "active",
        "state_change": AT,
        "wait_event_type": "Lock" if blocked_by else None,
        "wait_event": "transactionid" if blocked_by else None,
        "state_seconds": 240.0,
        "transaction_seconds": 241.0,
        "blocked_by": [str(each) for each in blocked_by],
        "query": f"select {pid}",
        "everyone": 1,
        **changes,
    }


def test_who_blocks_others_is_named_first() -> None:
    """With how many wait, be it through others who wait themselves."""
    rows = [session(1, application="worker", state="idle in transaction"), session(2, 1), session(3, 2), session(4, 2)]
    assert activity.summary(rows) == "pid 1 (worker, idle in transaction for 4m) blocks 3 others\n"


def test_several_who_block_are_named_the_gravest_first() -> None:
    """A few of them, and then a number."""
    rows = [session(pid) for pid in range(1, 9)]
    rows += [session(10 + pid, pid) for pid in range(1, 9)] + [session(30, 8)]
    lines = activity.summary(rows).splitlines()
    assert lines[0] == "pid 8 (web 8, active for 4m) blocks 2 others"
    assert lines[1] == "pid 1 (web 1, active for 4m) blocks 1 other"
    assert lines[-1] == "and 3 more that block others"
    assert len(lines) == 6


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([session(1)], "Nobody waits for a lock.\n"),
        ([], "Nobody waits for a lock.\n"),
        ([session(1, 2), session(2, 1)], "2 sessions wait for locks, each for another one of them.\n"),
        ([session(1, 0)], "a prepared transaction blocks 1 other\n"),
        ([session(1, 99)], "pid 99 blocks 1 other\n"),
        (
            [session(1, 9), session(9, state=None, state_seconds=None, application="")],
            "pid 9 (app, in a state that is not shown) blocks 1 other\n",
        ),
        ([session(1, 9), session(9, state_seconds=-0.2)], "pid 9 (web 9, active for 0s) blocks 1 other\n"),
    ],
)
def test_whatever_the_server_shows_there_is_a_sentence(rows: list[dict[str, Any]], said: str) -> None:
    """Nobody waits, all in a circle, a prepared transaction, one that is gone, one that this user may not see."""
    assert activity.summary(rows) == said


def test_the_sessions_are_a_table_and_what_is_left_out_is_counted() -> None:
    """A query is one line; a process that serves nobody has its kind where an application has its name."""
    rows = [
        session(7, 0, 3, 3, query="update t\n set x = 1", everyone=40),
        session(8, application="", backend_type="autovacuum worker", state=None, state_change=None, everyone=40),
    ]
    prepared = [{"gid": "tx\n1", "user_name": "app", "database": "shop", "seconds": 90.0, "everyone": 1}]
    text = activity.in_words(rows, {"active": 2, "idle": 1}, prepared)
    assert "Sessions of clients, without this one: 3 (2 active, 1 idle).\n" in text
    assert (
        "10.0.0.5  active  2026-11-27 13:00:05Z  4m01s        Lock: transactionid  prepared, 3  update t set x" in text
    )
    assert "autovacuum worker" in text
    assert "and 38 more sessions\n" in text
    assert "tx 1                  app   shop      1m30s\n" in text


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        (None, None),
        ("select 'a' from t where tokens > 3", "select 'a' from t where tokens > 3"),
        ("create role me login password 'hunter2'", "create role me login password"),
        ("ALTER USER me PASSWORD $$hunter2$$", "ALTER USER me PASSWORD"),
        ("select crypt('hunter2', x), password from users", "select crypt('***', x), password"),
        ("select crypt($a$hunter2$a$, secret_of(x))", "select crypt('***', secret_of"),
        ("select dblink('host=a password=hunter2', 'q')", "select dblink('***'"),
        ("insert into t (n, api_key) values ('it''s', 'hunter2')", "insert into t (n, api_key"),
        ("select 'it''s hunter2', token from t", "select '***', token"),
    ],
)
def test_a_query_that_speaks_of_a_secret_is_cut_there(query: str | None, kept: str | None) -> None:
    """And no text in quotes before that is kept."""
    expected = kept if kept == query else f"{kept} (the rest is not kept)"
    assert activity.without_secrets(query) == expected


def test_locks_name_who_waits_for_what_and_who_holds_it() -> None:
    """A row by its table; of each who blocks, what it holds, the first of many things."""
    waiting = {
        "pid": 2,
        "mode": "ShareLock",
        "object": "transaction 726",
        "since": None,
        "query_start": AT,
        "everyone": 5,
        "application": "web",
        "user_name": "app",
        "blocked_by": ["1", "1"],
        "row_of": "row (0,1) of orders",
        "held": ["1 has ExclusiveLock"],
    }
    holds = {"pid": 1, "mode": "RowExclusiveLock", "application": "worker", "state": "idle", "xact_start": AT}
    text = locks.in_words([waiting], [{**holds, "object": f"t{number}"} for number in range(14)])
    assert text.startswith("Locks that are waited for: 5.\n")
    assert "13:00:05Z  row (0,1) of orders (transaction 726)  ShareLock  1 has ExclusiveLock  1\n" in text
    assert "and 4 more that wait\n" in text
    assert "pid 1 (worker, idle, transaction since 2026-11-27 13:00:05Z) holds\n  RowExclusiveLock on t0, t1," in text
    assert "t11 and 2 more\n" in text
    assert locks.in_words([], []) == "Nobody waits for a lock.\n"


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("max_connections", "100", True),
        ("shared_buffers", "16384", True),
        ("ssl_key_file", "/etc/ssl/private.pem", True),
        ("password_encryption", "scram-sha-256", False),
        ("archive_command", "(disabled)", True),
        ("archive_command", "", True),
        ("archive_command", "curl -u me:hunter2 ...", False),
        ("restore_command", "hunter2", False),
        ("archive_cleanup_command", "hunter2", False),
        ("ssl_passphrase_command", "hunter2", False),
        ("primary_conninfo", "host=a password=hunter2", False),
        ("app.settings.jwt_secret", "hunter2", False),
        ("app.api_key", "hunter2", False),
        ("app.upstream", "https://me:hunter2@host/", False),
        ("app.login", "user=me password=hunter2", False),
    ],
)
def test_settings_that_may_hold_a_secret_are_not_kept(name: str, value: str, *, kept: bool) -> None:
    """By their name, and by what stands in them."""
    row = {"name": name, "setting": value, "unit": None, "source": "configuration file", "pending_restart": False}
    text = settings.in_words([{**row, "everyone": 1}])
    assert ("not kept" in text) is not kept
    assert (value in text) is kept or not value
    assert "hunter2" not in text


def test_settings_have_their_unit_and_what_waits_for_a_restart() -> None:
    """The rest of many is counted."""
    row = {"name": "x", "setting": "16384", "unit": "8kB", "source": "s", "pending_restart": True, "everyone": 3}
    text = settings.in_words([row, {**row, "unit": "MB", "pending_restart": False}])
    assert "16384 x 8kB, another one after a restart\n" in text
    assert "16384 MB\n" in text
    assert "and 1 more settings\n" in text


def test_statistics_are_of_the_database_and_of_all() -> None:
    """Whatever columns this version has; of a standby also what its recovery has cancelled."""
    server = {"version": "17.2", "database": "shop", "started": AT, "standby": True, "at": AT, "replayed": None}
    rows = [
        {"datid": 1, "datname": "shop", "deadlocks": 3, "new_in_18": 1.5, "stats_reset": AT},
        {"datid": 2, "datname": "other", "deadlocks": 4, "new_in_18": None, "stats_reset": None},
    ]
    text = statistics.in_words(server, rows, {"datid": 1, "datname": "shop", "confl_lock": 9}, "7 MB")
    assert text.startswith("PostgreSQL 17.2, a standby, replayed until -, up since 2026-11-27 13:00:05Z,")
    assert "deadlocks    3                     7\n" in text
    assert "new_in_18    1.5                   1.5\n" in text
    assert "stats_reset  2026-11-27 13:00:05Z  -\n" in text
    assert "confl_lock                       9\n" in text
    empty = statistics.in_words({**server, "standby": False}, [], {"confl_lock": 0}, None)
    assert "a primary" in empty
    assert "confl_lock" not in empty


READY = b"R\x00\x00\x00\x08\x00\x00\x00\x00" + b"Z\x00\x00\x00\x05I"


def letting_in(and_then: Handler) -> Handler:
    """Greets, lets in without a password, and does that instead of answering a query."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.read(1024)
        if len(first) == 8:  # the greeting alone; the connection after it begins with the login, as TLS is disabled
            writer.write(b"N")
            return
        writer.write(READY)
        await and_then(reader, writer)

    return handler


async def drip_a_row(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A message of a megabyte, a byte at a time."""
    await reader.read(4096)
    writer.write(b"D\x00\x10\x00\x00")
    while not writer.is_closing():
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.005)


def questions_of(probe: Probe) -> Questions:
    assert isinstance(probe, EvidenceSource)
    return probe.evidence()


@pytest.mark.parametrize("and_then", [stall, drip_a_row])
async def test_a_question_of_a_server_that_hangs_can_be_cancelled(and_then: Handler) -> None:
    """All four at once take one connection, and none is left."""
    async with (
        Server(letting_in(and_then)).running() as server,
        probing("postgres", {"dsn": f"postgresql://u:p@127.0.0.1:{server.port}/d?sslmode=disable"}) as probe,
    ):
        asking = [asyncio.ensure_future(question()) for question in questions_of(probe).values()]
        await server.wait_accepted(2)
        await server.wait_open(1)
        for each in asking:
            each.cancel()
        await asyncio.wait(asking)
        assert all(each.cancelled() for each in asking)
        await server.wait_open(0)
        assert server.accepted == 2


async def test_what_it_says_instead_is_told_without_its_words() -> None:
    """A SQLSTATE has its meaning as in a look."""

    async def full(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.read(1024)
        said = b"SFATAL\x00VFATAL\x00C53300\x00Mhunter2\x00\x00"
        writer.write(b"N" if len(first) == 8 else b"E" + (len(said) + 4).to_bytes(4, "big") + said)

    async with (
        Server(full).running() as server,
        probing("postgres", {"dsn": f"postgresql://u:p@127.0.0.1:{server.port}/d?sslmode=disable"}) as probe,
    ):
        for question in questions_of(probe).values():
            with pytest.raises(EvidenceError, match=r"^all of its connections are in use \(SQLSTATE 53300\)$"):
                await question()
