"""Errors of a Postgres whose data, disk or memory is in trouble, from a real one in each of those states."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from nemo_watchdog.demo.docker_cli import docker
from nemo_watchdog.demo.parts import Postgres as PostgresPart
from nemo_watchdog.demo.platform import Platform
from nemo_watchdog.model import Category, Finding, Reason
from nemo_watchdog.probes.postgres.failures import postgres_failure
from tests.integration.probes.looking import is_ok, look_until
from tests.integration.probes.servers import Postgres, short_folder
from tests.unit.probes.making import probing

pytestmark = pytest.mark.integration


@asynccontextmanager
async def running(address_space: int | None = None) -> AsyncIterator[Postgres]:
    with short_folder() as folder:
        postgres = Postgres(folder)
        postgres.address_space = address_space
        await asyncio.to_thread(postgres.create)
        await started(postgres)
        try:
            yield postgres
        finally:
            await asyncio.to_thread(postgres.stop)


async def started(postgres: Postgres) -> None:
    postgres.start()
    async with probing("postgres", {"dsn": postgres.dsn()}) as probe:
        await look_until(probe, is_ok)


async def failure(dsn: str, query: str) -> Finding:
    """What the probe would say of the error that the query ends in."""
    session = await asyncpg.connect(dsn)
    try:
        with pytest.raises(asyncpg.PostgresError) as caught:
            await session.execute(query)
    finally:
        session.terminate()
    return postgres_failure(caught.value)


def zeroed(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


@pytest.mark.parametrize(
    ("damaged", "damage", "reason"),
    [("t_pkey", zeroed, Reason.DATA_CORRUPTED), ("t", Path.unlink, Reason.IO_ERROR)],
)
async def test_damaged_files(damaged: str, damage: Callable[[Path], None], reason: Reason) -> None:
    """An index of zeros is XX002, a table whose file is gone 58P01: nobody restarts either."""
    async with running() as postgres:
        session = await asyncpg.connect(postgres.dsn())
        await session.execute("create table t (i int primary key); insert into t select generate_series(1, 500)")
        await session.execute("checkpoint")
        path = postgres.data / await session.fetchval("select pg_relation_filepath($1)", damaged)
        session.terminate()
        await asyncio.to_thread(postgres.stop)
        damage(path)
        await started(postgres)
        finding = await failure(postgres.dsn(), "set enable_seqscan = off; select * from t where i = 7")
    assert finding.reason is reason
    assert reason.category is Category.INTEGRITY


async def test_no_memory() -> None:
    """A backend that gets no more memory says 53200: busy."""
    async with running(address_space=600 * 2**20) as postgres:
        finding = await failure(postgres.dsn(), "select length(repeat('x', 900000000))")
    assert finding.reason is Reason.OVERLOADED


class OnSmallDisk(PostgresPart):
    """With a second disk of four megabytes."""

    def options(self, others: object) -> list[str]:
        return [*super().options(others), "--tmpfs", "/small:size=4m,mode=777"]  # type: ignore[arg-type]


async def test_a_full_disk(docker_engine: str) -> None:
    """53100 from a tablespace that is full: integrity, a restart frees nothing."""
    async with Platform(
        f"nemo-test-{secrets.token_hex(4)}", [OnSmallDisk()], labels={"nemo-watchdog-test.made": "1"}
    ) as platform:
        await platform.ready()
        name = platform.name("postgres")
        script = "mkdir /small/t && psql -qU postgres -c \"create tablespace small location '/small/t'\""
        await docker("exec", name, "sh", "-c", script)
        dsn = f"postgresql://postgres@127.0.0.1:{platform.port('postgres')}/postgres"
        finding = await failure(dsn, "create table t tablespace small as select generate_series(1, 1000000)")
    assert finding.reason is Reason.DISK_FULL
    assert Reason.DISK_FULL.category is Category.INTEGRITY
