"""The postgres probe through a real PgBouncer: full, waiting and paused are busy, and so is a server that is gone."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import quote

import asyncpg
import pytest

from nemo_watchdog.model import Category, Finding, Reason
from nemo_watchdog.ports import Probe
from tests.integration.probes.looking import is_ok, look_until
from tests.integration.probes.pgbouncer import PgBouncer
from tests.integration.probes.servers import PASSWORD, Postgres, short_folder
from tests.unit.probes.making import probing

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("pgbouncer")]  # one cluster for all of them

TIMEOUT = 1.5


@pytest.fixture(scope="module")
def cluster() -> Iterator[Postgres]:
    with short_folder() as folder:
        postgres = Postgres(folder)
        postgres.create()
        postgres.start()
        yield postgres
        postgres.stop()


@pytest.fixture
async def postgres(cluster: Postgres) -> Postgres:
    """The cluster's server, answering."""
    async with probing("postgres", {"dsn": cluster.dsn()}) as probe:
        await look_until(probe, is_ok)
    return cluster


@pytest.fixture
def pooler(postgres: Postgres) -> Iterator[PgBouncer]:
    """Not started yet."""
    with short_folder() as folder:
        made = PgBouncer(folder, postgres)
        yield made
        made.stop()


@asynccontextmanager
async def watching(pooler: PgBouncer, user: str = "postgres") -> AsyncIterator[Probe]:
    """A probe that has seen the pooler well."""
    async with probing("postgres", {"dsn": pooler.dsn(user=user)}, TIMEOUT) as probe:
        await look_until(probe, is_ok)
        yield probe


async def first_look(pooler: PgBouncer, **who: str) -> Finding:
    """Of a probe that has never seen it."""
    async with probing("postgres", {"dsn": pooler.dsn(**who)}, TIMEOUT) as probe:
        return await probe.look()


async def client(pooler: PgBouncer, stack: AsyncExitStack) -> asyncpg.Connection[asyncpg.Record]:
    made = await asyncpg.connect(pooler.dsn(), statement_cache_size=0)
    stack.callback(made.terminate)
    return made


@pytest.mark.parametrize("mode", ["session", "transaction"])
async def test_a_pooler_that_serves_is_well(pooler: PgBouncer, mode: str) -> None:
    """Look after look, and no setting of ours stays with a server session that others get."""
    pooler.start(pool_mode=mode)
    async with watching(pooler) as probe:
        assert all([is_ok(await probe.look()) for _ in range(3)])
    async with AsyncExitStack() as stack:
        assert await (await client(pooler, stack)).fetchval("show lock_timeout") == "0"


async def test_a_full_pooler_is_busy(pooler: PgBouncer) -> None:
    """`max_client_conn` is no fault of its protocol. A look has two places for a moment: who greeted us ends first."""
    pooler.start(max_client_conn=4)
    async with watching(pooler) as probe, AsyncExitStack() as stack:
        for _ in range(2):
            await client(pooler, stack)
        assert is_ok(await probe.look())
        for _ in range(2):
            await client(pooler, stack)
        full = await probe.look()
    assert full.reason is Reason.TOO_MANY_CONNECTIONS


async def test_a_saturated_pool_is_busy_and_its_queries_go_on(pooler: PgBouncer) -> None:
    """Whoever is let in at once and waits for an answer waits for others, whether seen well before or not."""
    pooler.start()
    async with watching(pooler) as probe, AsyncExitStack() as stack:
        holder = await client(pooler, stack)
        await holder.execute("begin")
        found = [await probe.look(), await probe.look(), await first_look(pooler)]
        assert await holder.fetchval("select 1") == 1
        await holder.execute("commit")
        assert is_ok((await look_until(probe, is_ok))[-1])
    assert [finding.reason for finding in found] == [Reason.OVERLOADED] * 3


async def test_a_query_that_waited_too_long_is_busy(pooler: PgBouncer) -> None:
    """`query_wait_timeout`: PgBouncer ends the client and says why."""
    pooler.start(query_wait_timeout=1)
    async with watching(pooler), AsyncExitStack() as stack:
        await (await client(pooler, stack)).execute("begin")
        async with probing("postgres", {"dsn": pooler.dsn()}, timeout=10.0) as probe:
            finding = await probe.look()
    assert finding.reason is Reason.OVERLOADED
    assert "08P01" in finding.detail


async def test_a_paused_pooler_is_busy(pooler: PgBouncer) -> None:
    """What an administrator has paused stays so until he resumes it."""
    pooler.start()
    async with watching(pooler) as probe:
        await pooler.tell("PAUSE")
        found = [await probe.look(), await first_look(pooler)]
        await pooler.tell("RESUME")
        await look_until(probe, is_ok)
    assert [finding.reason for finding in found] == [Reason.OVERLOADED] * 2


@pytest.mark.parametrize("number", [signal.SIGQUIT, signal.SIGINT], ids=["crash", "shutdown"])
async def test_the_server_behind_it_is_gone(postgres: Postgres, pooler: PgBouncer, number: signal.Signals) -> None:
    """No look calls for a restart of the pooler, from the first to the last, and soon they say what is the matter."""
    pooler.start()
    async with watching(pooler) as probe:
        await asyncio.to_thread(postgres.stop, number)
        try:
            gone = await look_until(probe, lambda finding: finding.reason is Reason.UPSTREAM_UNAVAILABLE)
            gone += [await probe.look(), await probe.look()]
        finally:
            postgres.start()
        gone += await look_until(probe, is_ok)
    assert Category.FAULT not in {finding.reason.category for finding in gone if finding.reason is not None}


async def test_the_server_behind_it_hangs(postgres: Postgres, pooler: PgBouncer) -> None:
    """The pooler lets us in, and restarting it would mend nothing."""
    pooler.start()
    async with watching(pooler) as probe:
        with postgres.frozen():
            found = [await probe.look() for _ in range(2)]
        await look_until(probe, is_ok)
    assert [finding.reason for finding in found] == [Reason.OVERLOADED] * 2


@pytest.mark.parametrize("user", ["postgres", "watcher"])
async def test_a_pooler_that_has_never_had_its_server_says_that_it_is_one(
    postgres: Postgres, pooler: PgBouncer, user: str
) -> None:
    """Its logins hang too. Its console lets administrators in, and refuses others in its own words."""
    await asyncio.to_thread(postgres.stop)
    try:
        pooler.start()
        async with probing("postgres", {"dsn": pooler.dsn(user=user)}, TIMEOUT) as probe:
            await look_until(probe, lambda finding: finding.reason is not Reason.REFUSED)
            found = [await probe.look() for _ in range(2)]
    finally:
        postgres.start()
    assert [finding.reason for finding in found] == [Reason.UPSTREAM_UNAVAILABLE] * 2


async def test_a_pooler_can_be_paused_in_session_mode(pooler: PgBouncer) -> None:
    """PAUSE waits there for every client that has a server session: none of ours is left."""
    pooler.start(pool_mode="session")
    async with watching(pooler):
        await asyncio.wait_for(pooler.tell("PAUSE"), 10.0)
        await pooler.tell("RESUME")


async def test_a_pooler_that_hangs_or_is_gone_is_a_fault(pooler: PgBouncer) -> None:
    """That it was seen well as a pooler makes it no less broken, and no later."""
    pooler.start()
    async with watching(pooler) as probe:
        pooler.send(signal.SIGSTOP)
        hung = [await probe.look(), await probe.look(), await first_look(pooler)]
        pooler.send(signal.SIGCONT)
        await look_until(probe, is_ok)
        pooler.stop()
        gone = await probe.look()
    assert [finding.reason for finding in hung] == [Reason.TIMEOUT] * 3
    assert gone.reason is Reason.REFUSED
    assert {Reason.TIMEOUT.category, Reason.REFUSED.category} == {Category.FAULT}


async def test_what_the_policy_has_wrong_is_blind(pooler: PgBouncer) -> None:
    """PgBouncer has one SQLSTATE for all of it."""
    pooler.start()
    async with watching(pooler):
        wrong = [await first_look(pooler, password="wrong-battery"), await first_look(pooler, database="nowhere")]
        wrong.append(await first_look(pooler, user="nobody"))
    assert [finding.reason for finding in wrong] == [Reason.AUTH_FAILED, Reason.WRONG_TARGET, Reason.AUTH_FAILED]
    assert "wrong-battery" not in repr(wrong)


async def test_a_pooler_behind_a_unix_socket(pooler: PgBouncer) -> None:
    """It is asked for the same handshake there."""
    pooler.start()
    async with watching(pooler):
        dsn = f"postgresql://postgres:{PASSWORD}@{quote(str(pooler.folder), safe='')}:{pooler.port}/postgres"
        async with probing("postgres", {"dsn": dsn}, TIMEOUT) as probe:
            assert is_ok(await probe.look())
            pooler.send(signal.SIGSTOP)
            assert (await probe.look()).reason is Reason.TIMEOUT
