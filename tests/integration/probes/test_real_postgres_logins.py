"""New sessions of a real Postgres hang at their login while it serves those that it has, and what a kept one costs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from time import monotonic
from urllib.parse import quote

import asyncpg
import pytest

from nemo_watchdog.model import Category, Finding, Reason
from nemo_watchdog.ports import Probe
from nemo_watchdog.probes.postgres import sessions
from tests.integration.probes.looking import is_ok, look_until
from tests.integration.probes.servers import PASSWORD, Postgres, short_folder
from tests.unit.probes.making import probing

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("postgres-logins")]  # one cluster for all of them

TIMEOUT = 1.0
OURS = "postgres: postgres postgres"
STATE = "select state, xact_start from pg_stat_activity where application_name = 'nemo-watchdog'"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Postgres]:
    with short_folder() as folder:
        postgres = Postgres(folder)
        postgres.create()
        yield postgres
        postgres.stop()


@pytest.fixture
async def postgres(cluster: Postgres) -> AsyncIterator[Postgres]:
    cluster.start()
    async with watching(cluster):
        pass
    yield cluster
    await asyncio.to_thread(cluster.stop)


@asynccontextmanager
async def watching(postgres: Postgres) -> AsyncIterator[Probe]:
    """A probe that has seen it well, and has a session."""
    async with probing("postgres", {"dsn": postgres.dsn()}, TIMEOUT) as probe:
        await look_until(probe, is_ok)
        yield probe


@asynccontextmanager
async def locked(postgres: Postgres, catalog: str) -> AsyncIterator[None]:
    session = await asyncpg.connect(postgres.dsn())
    try:
        async with session.transaction():
            await session.execute(f"lock table {catalog} in access exclusive mode")
            yield
    finally:
        await session.close()


@pytest.mark.parametrize("lasts", [30.0, 0.0], ids=["kept", "due to be renewed"])
@pytest.mark.parametrize("catalog", ["pg_authid", "pg_database", "pg_class"])
async def test_a_lock_on_a_catalog_is_busy(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch, catalog: str, lasts: float
) -> None:
    """The session that we have is served: it is the witness, look after look, and one login at a time is tried."""
    monkeypatch.setattr(sessions, "SESSION_LASTS", lasts)
    async with watching(postgres) as probe:
        async with locked(postgres, catalog):
            found = [await probe.look() for _ in range(4)]
            hanging = len(postgres.backend_pids(OURS)) - 2  # ours and the one that has the lock
        monkeypatch.setattr(sessions, "LOGIN_AGAIN", 0.0)
        await look_until(probe, is_ok)
    if (catalog, lasts) == ("pg_class", 30.0):  # nothing of it is read for a session that is there
        assert all(map(is_ok, found))
    else:
        assert [finding.reason for finding in found] == [Reason.LOGINS_BLOCKED] * 4
        assert hanging == 1
    assert Reason.LOGINS_BLOCKED.category is Category.BUSY


async def test_without_a_witness_a_login_that_hangs_is_a_fault(postgres: Postgres) -> None:
    """Nobody says that it serves anybody."""
    async with locked(postgres, "pg_authid"), probing("postgres", {"dsn": postgres.dsn()}, TIMEOUT) as probe:
        assert (await probe.look()).reason is Reason.TIMEOUT


@pytest.mark.parametrize("lasts", [30.0, 0.0], ids=["kept", "due to be renewed"])
async def test_a_server_that_hangs_with_our_session_is_a_fault_as_soon_as_without(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch, lasts: float
) -> None:
    """A witness that says nothing is none, and asking it costs no time beyond the look's own."""
    monkeypatch.setattr(sessions, "SESSION_LASTS", lasts)
    async with watching(postgres) as probe:
        found: list[Finding] = []
        began = monotonic()
        with postgres.frozen():
            found = [await probe.look() for _ in range(2)]
            took = monotonic() - began
        await look_until(probe, is_ok)
    assert [finding.reason for finding in found] == [Reason.TIMEOUT] * 2
    assert took < 2 * TIMEOUT


async def test_a_session_is_renewed_beside_the_old_one_and_never_two_are_left(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds no transaction, ends with the probe, and a restart of the server costs it nothing but its session."""
    monkeypatch.setattr(sessions, "SESSION_LASTS", 0.0)
    admin = await asyncpg.connect(postgres.dsn())
    async with watching(postgres) as probe:
        for _ in range(3):
            assert is_ok(await probe.look())
            (ours,) = await admin.fetch(STATE)
            assert (ours["state"], ours["xact_start"]) == ("idle", None)
        await admin.close()
        await asyncio.to_thread(postgres.stop)
        postgres.start()
        found = await look_until(probe, is_ok)
        assert {finding.reason for finding in found} <= {None, Reason.REFUSED, Reason.STARTING, Reason.RECOVERING}
        assert len(postgres.backend_pids(OURS)) == 1
    await none_is_left(postgres)


async def none_is_left(postgres: Postgres) -> None:
    async with asyncio.timeout(10.0):
        while postgres.backend_pids(OURS):
            await asyncio.sleep(0.01)


async def test_a_unix_socket_is_as_good_and_as_bad_as_a_port(postgres: Postgres) -> None:
    """It is asked for the same handshake: a postmaster that hangs there is told from a login that does."""
    dsn = f"postgresql://postgres:{PASSWORD}@{quote(str(postgres.folder), safe='')}:{postgres.port}/postgres"
    async with probing("postgres", {"dsn": dsn}, TIMEOUT) as probe:
        assert is_ok(await probe.look())
        async with locked(postgres, "pg_authid"):
            assert (await probe.look()).reason is Reason.LOGINS_BLOCKED
        with postgres.frozen():
            assert (await probe.look()).reason is Reason.TIMEOUT


async def test_the_last_connection_is_not_asked_for_twice(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where every connection is taken, and one of them is ours, ours is given up before a new one is asked for."""
    monkeypatch.setattr(sessions, "SESSION_LASTS", 0.0)
    async with watching(postgres) as probe:
        others = [await asyncpg.connect(postgres.dsn()) for _ in range(9)]
        try:
            assert is_ok(await probe.look())
            await probe.close()
            others.append(await asyncpg.connect(postgres.dsn()))
            assert (await probe.look()).reason is Reason.TOO_MANY_CONNECTIONS
        finally:
            for other in others:
                await other.close()
