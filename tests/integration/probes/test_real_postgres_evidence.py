"""What a real Postgres tells before a restart: who blocks whom, as far as the role may see, within our own limits."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager

import asyncpg
import pytest

from nemo_watchdog.errors import EvidenceError
from nemo_watchdog.ports import EvidenceSource, Probe
from nemo_watchdog.probes import PROBES
from nemo_watchdog.probes.postgres import evidence
from nemo_watchdog.testing.conformance import cancels_wherever_it_is, evidence_is_text
from tests.integration.probes.looking import is_ok, look_until
from tests.integration.probes.pgbouncer import PgBouncer
from tests.integration.probes.servers import PASSWORD, Postgres, short_folder
from tests.unit.probes.making import probing

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("postgres-evidence")]  # one cluster for all of them


@pytest.fixture(scope="module")
def cluster() -> Iterator[Postgres]:
    with short_folder() as folder:
        postgres = Postgres(folder)
        postgres.create()
        postgres.start(
            max_prepared_transactions=2,
            max_wal_senders=4,
            archive_mode="on",
            archive_command="true --password=hunter2",
            superuser_reserved_connections=1,
        )
        yield postgres
        postgres.stop()


@pytest.fixture
async def postgres(cluster: Postgres) -> AsyncIterator[Postgres]:
    """The server, answering, with a table of its own and a role without rights."""
    async with probing("postgres", {"dsn": cluster.dsn()}) as probe:
        await look_until(probe, is_ok)
    async with session(cluster, "setup") as admin:
        await admin.execute("create table orders (id int primary key, n int); insert into orders values (1, 1), (2, 2)")
        await admin.execute(f"create role watcher login password '{PASSWORD}'")
        try:
            yield cluster
        finally:
            await admin.execute("drop table orders; drop role watcher")


@asynccontextmanager
async def session(postgres: Postgres, application: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """Gone from the server at the end."""
    opened = await asyncpg.connect(postgres.dsn(), server_settings={"application_name": application})
    pid = opened.get_server_pid()
    try:
        yield opened
    finally:
        os.kill(pid, signal.SIGTERM)  # one that waits for a lock does not see that its client has gone
        opened.terminate()
        await until(lambda: pid not in postgres.backend_pids("postgres"))


async def until(so: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not await asyncio.to_thread(so):
            await asyncio.sleep(0.01)


@asynccontextmanager
async def blocked(postgres: Postgres) -> AsyncIterator[tuple[int, int]]:
    """One that is idle in its transaction holds a row; another one waits for it. Their pids."""
    async with session(postgres, "worker") as holder, session(postgres, "web") as waiter:
        await holder.execute("begin; update orders set n = 7 where id = 1")
        waiting = asyncio.create_task(waiter.execute("update orders\n   set n = 8 where id = 1"))
        try:
            await until(lambda: len(postgres.backend_pids("UPDATE waiting")) == 1)
            yield holder.get_server_pid(), waiter.get_server_pid()
        finally:
            waiting.cancel()
            await asyncio.wait({waiting})


async def told(dsn: str) -> Mapping[str, str]:
    """All parts, and never the password."""
    return await evidence_is_text(PROBES["postgres"], {"dsn": dsn}, [PASSWORD, "hunter2"])


async def ask(probe: Probe, name: str) -> str:
    assert isinstance(probe, EvidenceSource)
    return await probe.evidence()[name]()


def as_watcher(dsn: str) -> str:
    return dsn.replace("//postgres:", "//watcher:")


async def test_who_blocks_others_is_named_with_what_it_holds(postgres: Postgres) -> None:
    """At once: the pid, the application, its state; and in the locks the row's table and the mode."""
    async with blocked(postgres) as (holder, waiter):
        texts = await told(postgres.dsn())
    activity, locks = texts["activity.txt"], texts["locks.txt"]
    assert activity.startswith(f"pid {holder} (worker, idle in transaction for ")
    assert activity.splitlines()[0].endswith("blocks 1 other")
    rows = [line.split() for line in activity.splitlines() if line[:1].isdigit()]
    assert [int(row[0]) for row in rows[:2]] == [holder, waiter]
    assert "update orders set n = 8 where id = 1" in activity
    assert "row (0,1) of orders (transaction " in locks
    assert f"{holder} has ExclusiveLock" in locks
    assert f"pid {holder} (worker, idle in transaction, transaction since " in locks
    assert "  RowExclusiveLock on orders, orders_pkey\n" in locks


async def test_a_role_without_rights_sees_who_blocks_whom(postgres: Postgres) -> None:
    """The server says what it does not show; what is left is enough to end the right session."""
    async with blocked(postgres) as (holder, _):
        texts = await told(as_watcher(postgres.dsn()))
    assert texts["activity.txt"].startswith(f"pid {holder} (worker, in a state that is not shown) blocks 1 other\n")
    assert "<insufficient privilege>" in texts["activity.txt"]
    assert "update orders" not in texts["activity.txt"]
    assert f"pid {holder} (worker, -) holds\n" in texts["locks.txt"]
    assert "\ndeadlocks " in texts["database.txt"]
    assert "\nmax_connections " in texts["settings.txt"]


async def test_the_rest_is_told_without_secrets(postgres: Postgres) -> None:
    """The counters of this database and of all, its size, and the settings that somebody has changed."""
    texts = await told(postgres.dsn())
    assert texts["locks.txt"] == "Nobody waits for a lock.\n"
    assert texts["activity.txt"].startswith("Nobody waits for a lock.\n")
    assert ", a primary, up since " in texts["database.txt"]
    assert "\nSize of database postgres as VACUUM and ANALYZE last counted it: " in texts["database.txt"]
    assert "\ntemp_bytes " in texts["database.txt"]
    assert (
        "archive_command                 command line        (not kept: it may hold a secret)\n"
        in texts["settings.txt"]
    )
    assert "statement_timeout" not in texts["settings.txt"]


async def test_a_prepared_transaction_is_named(postgres: Postgres) -> None:
    """It has no process that could be ended, and it outlives a restart."""
    async with session(postgres, "worker") as one:
        await one.execute("begin; update orders set n = 9 where id = 2; prepare transaction 'forgotten'")
        try:
            async with session(postgres, "web") as two:
                waiting = asyncio.create_task(two.execute("update orders set n = 8 where id = 2"))
                await until(lambda: len(postgres.backend_pids("UPDATE waiting")) == 1)
                texts = await told(postgres.dsn())
                waiting.cancel()
                await asyncio.wait({waiting})
        finally:
            await one.execute("rollback prepared 'forgotten'")
    assert texts["activity.txt"].startswith("a prepared transaction blocks 1 other\n")
    assert "\nforgotten             postgres  postgres  " in texts["activity.txt"]
    assert "a prepared transaction has ExclusiveLock" in texts["locks.txt"]


async def test_locks_in_another_database_and_of_other_kinds(postgres: Postgres) -> None:
    """A relation of another database has no name here; an advisory lock has its numbers."""
    async with session(postgres, "admin") as admin:
        await admin.execute("create database elsewhere")
    there = postgres.dsn(database="elsewhere")
    try:
        one, two, three = [await asyncpg.connect(there) for _ in range(3)]
        try:
            await one.execute("create table t (id int)")
            await one.execute("begin; lock table t; select pg_advisory_xact_lock(3, 4)")
            asking = [
                asyncio.create_task(two.execute("begin; lock table t")),
                asyncio.create_task(three.execute("select pg_advisory_lock(3, 4)")),
            ]
            await until(lambda: len(postgres.backend_pids(" waiting")) == 2)
            texts = await told(postgres.dsn())
        finally:
            for each in (one, two, three):
                each.terminate()
            await asyncio.gather(*asking, return_exceptions=True)
    finally:
        async with session(postgres, "admin") as admin:
            await admin.execute("drop database elsewhere with (force)")
    assert " in database elsewhere" in texts["locks.txt"]
    assert "advisory" in texts["locks.txt"]
    assert texts["activity.txt"].splitlines()[0].endswith("blocks 2 others")


async def test_no_session_is_left_and_each_await_can_be_cancelled(postgres: Postgres) -> None:
    """A statement that is in progress on the server ends by itself there."""
    await cancels_wherever_it_is(PROBES["postgres"], {"dsn": postgres.dsn()}, steps=60)
    async with session(postgres, "count") as counting:
        async with asyncio.timeout(30):
            while await counting.fetchval(
                "select count(*) from pg_stat_activity where application_name = 'nemo-watchdog'"
            ):
                await asyncio.sleep(0.01)


async def test_our_own_statement_ends_on_the_server(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever makes it slow; the words say so."""

    async def slow(asked: asyncpg.Connection[asyncpg.Record]) -> str:
        return str(await asked.fetchval("select pg_sleep(60)"))

    monkeypatch.setattr(evidence, "_QUESTIONS", {"slow.txt": slow})
    async with probing("postgres", {"dsn": postgres.dsn()}) as probe:
        with pytest.raises(EvidenceError, match=r"^it cancelled the query for taking too long \(SQLSTATE 57014\)$"):
            await ask(probe, "slow.txt")


async def test_a_frozen_server_ends_no_question_late(postgres: Postgres) -> None:
    """Each of the four says so within its own time, and is answered again when the server goes on."""
    async with probing("postgres", {"dsn": postgres.dsn()}) as probe:
        with postgres.frozen():
            asking = [asyncio.create_task(ask(probe, name)) for name in ("activity.txt", "locks.txt")]
            async with asyncio.timeout(20):
                told = await asyncio.gather(*asking, return_exceptions=True)
        assert [str(each) for each in told] == ["no answer within 3.75s"] * 2
        assert await ask(probe, "locks.txt") == "Nobody waits for a lock.\n"


async def test_a_server_without_connections_says_so(postgres: Postgres) -> None:
    """To a user without a reserved one; a superuser has its answer through that, all four of them one after another."""
    async with session(postgres, "admin") as admin:
        free = (
            10 - 1 - await admin.fetchval("select count(*) from pg_stat_activity where backend_type = 'client backend'")
        )
        taken = [await asyncpg.connect(as_watcher(postgres.dsn())) for _ in range(free)]
        try:
            async with probing("postgres", {"dsn": as_watcher(postgres.dsn())}) as probe:
                with pytest.raises(EvidenceError, match=r"^all of its connections are in use \(SQLSTATE 53300\)$"):
                    await ask(probe, "activity.txt")
            texts = await told(postgres.dsn())
        finally:
            for each in taken:
                await each.close()
    assert sorted(texts) == ["activity.txt", "database.txt", "locks.txt", "settings.txt"]


async def test_a_standby_tells_as_much(postgres: Postgres) -> None:
    """And what its recovery has cancelled; the way to its primary is not kept."""
    with short_folder() as folder:
        standby = Postgres(folder)
        await asyncio.to_thread(standby.copy, postgres)
        standby.start(max_wal_senders=4, max_prepared_transactions=2)
        try:
            async with probing("postgres", {"dsn": standby.dsn(), "role": "standby"}) as probe:
                await look_until(probe, is_ok)
            texts = await told(standby.dsn())
        finally:
            await asyncio.to_thread(standby.stop)
    assert len(texts) == 4
    assert ", a standby, replayed until " in texts["database.txt"]
    assert "\nconfl_lock " in texts["database.txt"]
    assert "\nprimary_conninfo " in texts["settings.txt"]


@pytest.mark.parametrize("mode", ["session", "transaction", "statement"])
async def test_through_a_pooler_nothing_is_asked(postgres: Postgres, mode: str) -> None:
    """A limit of ours would stay with sessions of others, and the server behind it has a dependency of its own."""
    with short_folder() as folder:
        pooler = PgBouncer(folder, postgres)
        pooler.start(pool_mode=mode)
        try:
            async with probing("postgres", {"dsn": pooler.dsn()}) as probe:
                await look_until(probe, is_ok)
                for name in ("activity.txt", "locks.txt", "database.txt", "settings.txt"):
                    with pytest.raises(EvidenceError, match=r"^a pooler stands before the server: "):
                        await ask(probe, name)
                await pooler.tell("PAUSE")
                with pytest.raises(EvidenceError, match=r"^the pooler let us in, and there was no answer within"):
                    await ask(probe, "activity.txt")
        finally:
            await asyncio.to_thread(pooler.stop)
