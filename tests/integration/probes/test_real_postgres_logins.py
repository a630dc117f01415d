"""New sessions of a real Postgres hang at their login while it serves those that it has; no look leaves one behind."""

from __future__ import annotations

import asyncio
import signal
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
    """A probe that has seen it well."""
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


@pytest.mark.parametrize("catalog", ["pg_authid", "pg_database", "pg_class"])
async def test_a_lock_on_a_catalog_is_busy(postgres: Postgres, monkeypatch: pytest.MonkeyPatch, catalog: str) -> None:
    """Whoever greets is alive, look after look, also at the first; one login at a time is tried."""
    async with watching(postgres) as probe:
        async with locked(postgres, catalog):
            found = [await probe.look() for _ in range(4)]
            hanging = len(postgres.backend_pids(OURS)) - 1  # the one that has the lock
            found.append(await first_look(postgres))
        monkeypatch.setattr(sessions, "LOGIN_AGAIN", 0.0)
        await look_until(probe, is_ok)
    assert [finding.reason for finding in found] == [Reason.LOGINS_BLOCKED] * 5
    assert hanging == 1
    assert Reason.LOGINS_BLOCKED.category is Category.BUSY


async def test_a_new_server_is_asked_for_a_login_at_once(postgres: Postgres) -> None:
    """That the logins of the one before it hung says nothing of it."""
    async with watching(postgres) as probe:
        session = await asyncpg.connect(postgres.dsn())
        await session.execute("begin; lock table pg_authid in access exclusive mode")
        assert (await probe.look()).reason is Reason.LOGINS_BLOCKED
        await asyncio.to_thread(postgres.stop)
        session.terminate()
        assert (await probe.look()).reason is Reason.REFUSED
        postgres.start()
        await look_until(probe, is_ok, within=sessions.LOGIN_AGAIN * 0.8)


async def first_look(postgres: Postgres) -> Finding:
    async with probing("postgres", {"dsn": postgres.dsn()}, TIMEOUT) as probe:
        return await probe.look()


async def test_a_server_that_hangs_is_a_fault_also_while_its_logins_did(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look that tries no login asks for the greeting all the same: what greets nobody hangs."""
    async with watching(postgres) as probe:
        async with locked(postgres, "pg_authid"):
            assert (await probe.look()).reason is Reason.LOGINS_BLOCKED
            began = monotonic()
            with postgres.frozen():
                found = [await probe.look() for _ in range(2)]
                took = monotonic() - began
        monkeypatch.setattr(sessions, "LOGIN_AGAIN", 0.0)
        await look_until(probe, is_ok)
    assert [finding.reason for finding in found] == [Reason.TIMEOUT] * 2
    assert took < 2 * TIMEOUT


async def test_no_session_outlives_its_look(postgres: Postgres) -> None:
    """Neither one that went well nor one whose query failed, hung or was cancelled."""
    async with watching(postgres) as probe:
        await none_is_left(postgres)
        looking = asyncio.create_task(probe.look())
        await asyncio.sleep(0.01)
        looking.cancel()
        await asyncio.wait({looking})
        await none_is_left(postgres)


async def test_a_smart_shutdown_does_not_wait_for_us(postgres: Postgres) -> None:
    """SIGTERM waits for every session: looks go on, and it is down at once."""
    async with watching(postgres) as probe:
        postgres.send(signal.SIGTERM)
        found = await look_until(probe, lambda finding: finding.reason is Reason.REFUSED)
    assert {finding.reason for finding in found} <= {None, Reason.SHUTTING_DOWN, Reason.REFUSED}


async def test_the_database_that_is_looked_at_can_be_copied_renamed_and_dropped(postgres: Postgres) -> None:
    """Each of these wants nobody in it; a look that has just begun is waited for by the server itself."""
    admin = await asyncpg.connect(postgres.dsn())
    await admin.execute("create database app")
    async with probing("postgres", {"dsn": postgres.dsn(database="app")}, TIMEOUT) as probe:
        await look_until(probe, is_ok)
        await admin.execute("create database copy template app")
        assert is_ok(await probe.look())
        await admin.execute("alter database app rename to old")
        assert (await probe.look()).reason is Reason.WRONG_TARGET
        await admin.execute("drop database old")
    await admin.execute("drop database copy")
    await admin.close()


async def none_is_left(postgres: Postgres) -> None:
    async with asyncio.timeout(10.0):
        while postgres.backend_pids(OURS):
            await asyncio.sleep(0.01)


async def test_a_unix_socket_is_as_good_and_as_bad_as_a_port(postgres: Postgres) -> None:
    """It is asked for the same handshake: a postmaster that hangs there is told from a login that does."""
    dsn = f"postgresql://postgres:{PASSWORD}@{quote(str(postgres.folder), safe='')}:{postgres.port}/postgres"
    async with probing("postgres", {"dsn": dsn}, TIMEOUT) as probe:
        assert is_ok(await probe.look())
        with postgres.frozen():
            assert (await probe.look()).reason is Reason.TIMEOUT
        async with locked(postgres, "pg_authid"):
            assert (await probe.look()).reason is Reason.LOGINS_BLOCKED
