"""What the postgres probe reads, from a real Postgres in each of those states."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from nemo_watchdog.model import Category, Finding, Outcome, Reason
from tests.integration.probes.looking import is_ok, look_until
from tests.integration.probes.servers import Postgres, short_folder
from tests.unit.probes.making import probing

pytestmark = pytest.mark.integration


@asynccontextmanager
async def running(*initdb: str, **settings: object) -> AsyncIterator[Postgres]:
    """A cluster of its own, answering."""
    with short_folder() as folder:
        postgres = Postgres(folder)
        await asyncio.to_thread(postgres.create, *initdb)
        postgres.start(**settings)
        try:
            await answers(postgres)
            yield postgres
        finally:
            await asyncio.to_thread(postgres.stop)


async def answers(postgres: Postgres) -> None:
    async with probing("postgres", {"dsn": postgres.dsn()}) as probe:
        await look_until(probe, is_ok)


def has(reason: Reason) -> Any:
    return lambda finding: finding.reason is reason


@asynccontextmanager
async def session(postgres: Postgres) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    opened = await asyncpg.connect(postgres.dsn())
    try:
        yield opened
    finally:
        opened.terminate()


async def test_open_transactions_deadlocks_and_transaction_ids() -> None:
    """Each with its own limit; none of them is a fault of the database."""
    async with running(deadlock_timeout="50ms", max_prepared_transactions=2) as postgres:
        async with session(postgres) as one, session(postgres) as two:
            await one.execute("begin; select pg_current_xact_id()")
            options = {"dsn": postgres.dsn(), "max_transaction_age": "300ms"}
            async with probing("postgres", options) as probe:
                findings = await look_until(probe, has(Reason.LONG_TRANSACTION))
                assert findings[-1].outcome is Outcome.DEGRADED
                assert findings[-1].measurements["postgres_oldest_transaction_seconds"] > 0.3
                await one.execute("commit")
                await look_until(probe, is_ok)
                await one.execute("begin; select pg_current_xact_id(); prepare transaction 'forgotten'")
                await look_until(probe, has(Reason.LONG_TRANSACTION))
                await one.execute("rollback prepared 'forgotten'")

            await one.execute("create table t (i int primary key); insert into t values (1), (2)")
            async with probing("postgres", {"dsn": postgres.dsn(), "deadlocks_alarm_at": "1 per 1m"}) as probe:
                assert is_ok(await probe.look())
                await one.execute("begin; update t set i = i where i = 1")
                await two.execute("begin; update t set i = i where i = 2")
                clash = asyncio.create_task(one.execute("update t set i = i where i = 2"))
                results = await asyncio.gather(
                    clash, two.execute("update t set i = i where i = 1"), return_exceptions=True
                )
                assert any(isinstance(result, asyncpg.DeadlockDetectedError) for result in results)
                await one.execute("rollback")
                await two.execute("rollback")
                for each in (one, two):  # a session tells what it counted some time after its transaction is over
                    await each.execute("select pg_stat_force_next_flush()")
                findings = await look_until(probe, has(Reason.DEADLOCKS))
                assert findings[-1].measurements["postgres_deadlocks"] == 1.0

            async with probing("postgres", {"dsn": postgres.dsn(), "max_xid_age": 100_000}) as probe:
                assert is_ok(await probe.look())
                await one.execute(
                    "do $$ begin for i in 1..100100 loop perform pg_current_xact_id(); commit; end loop; end $$"
                )
                finding = await probe.look()
    assert (finding.outcome, finding.reason) == (Outcome.DEGRADED, Reason.WRAPAROUND_NEAR)
    assert Reason.WRAPAROUND_NEAR.category is Category.INTEGRITY


async def test_a_standby_that_is_behind() -> None:
    """Seen from both ends; a standby that has replayed all is not behind, however quiet its primary."""
    async with running(max_wal_senders=3) as primary:
        with short_folder() as folder:
            standby = Postgres(folder)
            await asyncio.to_thread(standby.copy, primary)
            standby.start(max_wal_senders=3, wal_receiver_status_interval="1s")
            try:
                options = {"max_replication_lag": "500ms"}
                async with (
                    session(primary) as there,
                    probing("postgres", {"dsn": standby.dsn(), "role": "standby", **options}) as behind,
                    probing("postgres", {"dsn": primary.dsn(), "role": "primary", **options}) as ahead,
                ):
                    await look_until(behind, is_ok)
                    await there.execute("create table t ()")
                    await look_until(behind, lambda finding: "postgres_replication_lag_seconds" in finding.measurements)
                    async with session(standby) as here:
                        await here.execute("select pg_wal_replay_pause()")
                        await there.execute("create table u ()")
                        told = (await look_until(behind, has(Reason.REPLICATION_LAG)))[-1]
                        assert told.measurements["postgres_replication_lag_seconds"] > 0.5
                        await here.execute("select pg_wal_replay_resume()")
                        await look_until(behind, is_ok)
                    await look_until(ahead, is_ok)
                    (receiver,) = standby.backend_pids("walreceiver")
                    os.kill(receiver, signal.SIGSTOP)
                    try:
                        await there.execute("create table v ()")
                        told = (await look_until(ahead, has(Reason.REPLICATION_LAG)))[-1]
                        assert "a standby of it" in told.detail
                    finally:
                        os.kill(receiver, signal.SIGCONT)
                assert Reason.REPLICATION_LAG.category is Category.BUSY
            finally:
                await asyncio.to_thread(standby.stop)


async def test_a_damaged_page_is_data_at_risk() -> None:
    """Postgres counts pages whose checksum was wrong; whoever reads one gets XX001."""
    async with running("--data-checksums") as postgres:
        async with session(postgres) as one:
            await one.execute("create table t as select generate_series(1, 1000) as i; checkpoint")
            path = postgres.data / await one.fetchval("select pg_relation_filepath('t')")
        await asyncio.to_thread(postgres.stop)
        with path.open("r+b") as file:
            file.seek(4000)
            file.write(os.urandom(100))
        postgres.start()
        await answers(postgres)
        async with session(postgres) as one, probing("postgres", {"dsn": postgres.dsn()}) as probe:
            with pytest.raises(asyncpg.DataCorruptedError):
                await one.fetch("select * from t")
            finding = (await look_until(probe, has(Reason.DATA_CORRUPTED)))[-1]
    assert finding.outcome is Outcome.DEGRADED
    assert Reason.DATA_CORRUPTED.category is Category.INTEGRITY


async def look(postgres: Postgres, **options: object) -> Finding:
    async with probing("postgres", {"dsn": postgres.dsn(), **options}) as probe:
        return await probe.look()


@pytest.mark.parametrize("where", ["schema", "temporary"])
async def test_a_write(where: str) -> None:
    """It makes what it needs, once, leaves one row, and sees what a query does not."""
    async with running(synchronous_standby_names="gone", synchronous_commit="local") as postgres:
        async with session(postgres) as one:
            await one.execute("alter system set synchronous_commit = 'on'")
            await one.execute("select pg_reload_conf()")
        async with probing("postgres", {"dsn": postgres.dsn(), "write": where}) as probe:
            assert [(await probe.look()).outcome for _ in range(3)] == [Outcome.OK] * 3
        async with session(postgres) as one:
            if where == "schema":
                assert await one.fetchval("select count(*) from nemo_watchdog.canary") == 1
            await one.execute("alter system set default_transaction_read_only = on")
            await one.execute("select pg_reload_conf()")
        async with probing("postgres", {"dsn": postgres.dsn(), "write": where}) as probe:
            await look_until(probe, has(Reason.READ_ONLY))
        assert is_ok(await look(postgres))


async def test_a_write_that_hangs_is_busy_and_one_without_the_right_is_blind() -> None:
    """A lock that somebody holds, and a user that may not write: no restart helps either."""
    async with running() as postgres:
        assert is_ok(await look(postgres, write="schema"))
        async with session(postgres) as one:
            await one.execute("create role poor login password 'correct-horse'")
            await one.execute("begin; lock table nemo_watchdog.canary")
            for timeout, detail in ((0.6, "has not ended"), (5.0, "locked")):
                async with probing("postgres", {"dsn": postgres.dsn(), "write": "schema"}, timeout) as probe:
                    finding = await probe.look()
                assert finding.reason is Reason.OVERLOADED
                assert detail in finding.detail
            await one.execute("rollback")
        poor = postgres.dsn().replace("//postgres:", "//poor:")
        assert (await look(postgres, dsn=poor, write="schema")).reason is Reason.PERMISSION_DENIED
        finding = await look(postgres, dsn=poor, max_transaction_age="1s")
    assert is_ok(finding)
    assert "grant pg_monitor" in finding.detail


async def test_statistics_that_may_not_be_read_are_left_out() -> None:
    """A server that forbids one of the functions, or does not have it, is well all the same, and is asked once."""
    async with running(log_min_error_statement="error") as postgres:
        async with session(postgres) as one:
            await one.execute("revoke execute on function pg_last_wal_receive_lsn() from public")
            await one.execute("create role poor login password 'correct-horse'")
        poor = postgres.dsn().replace("//postgres:", "//poor:")
        async with probing("postgres", {"dsn": poor, "role": "primary", "max_connections_used": "90%"}) as probe:
            findings = [await probe.look() for _ in range(3)]
        log = (postgres.data.parent / "log").read_text()
    assert all(map(is_ok, findings))
    assert "cannot be read" in findings[-1].detail
    assert set(findings[-1].measurements) == {"postgres_connections_used_ratio"}
    assert log.count("permission denied for function") == 1
