"""Work in progress as real servers show it: to a role with rights, to one without, and in process titles."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress

import asyncpg
import pytest

from nemo_watchdog.containers import DockerContainers
from nemo_watchdog.demo.docker_cli import DockerError
from nemo_watchdog.demo.platform import Platform
from nemo_watchdog.model import Outcome
from nemo_watchdog.runtime.titles import work_in
from tests.integration.conftest import StartPlatform
from tests.integration.probes.looking import look_until
from tests.unit.probes.making import probing

pytestmark = pytest.mark.integration

PLAIN = "plain"
"""A role without any right but to log in."""


@asynccontextmanager
async def titles_of() -> AsyncIterator[DockerContainers]:
    containers = DockerContainers(None)
    try:
        yield containers
    finally:
        await containers.close()


async def prepared(platform: Platform) -> asyncpg.Connection[asyncpg.Record]:
    session = await asyncpg.connect(platform.postgres_dsn)
    await session.execute("create table big as select g, md5(g::text) t from generate_series(1, 2000000) g")
    await session.execute(f"create role {PLAIN} login")
    return session


@pytest.mark.parametrize(
    ("statement", "seen", "unseen", "title"),
    [
        ("vacuum full big", "VACUUM FULL in postgres", "VACUUM FULL or CLUSTER in postgres", "VACUUM"),
        ("create index on big (t)", "CREATE INDEX in postgres", "CREATE INDEX or REINDEX in postgres", "CREATE INDEX"),
        ("copy big from program 'sleep 600'", "COPY FROM in postgres", "COPY in postgres", "COPY"),
    ],
)
async def test_postgres_says_what_it_does(
    start_platform: StartPlatform, statement: str, seen: str, unseen: str, title: str
) -> None:
    """To who may see it all, to who may only log in, and without a word of its own."""
    platform = await start_platform("postgres")
    session = await prepared(platform)
    plain = platform.postgres_dsn.replace("postgres@", f"{PLAIN}@")
    async with (
        titles_of() as containers,
        probing("postgres", {"dsn": platform.postgres_dsn}) as knowing,
        probing("postgres", {"dsn": plain}) as other,
    ):
        assert (await knowing.look()).work == (await other.look()).work == ""
        assert work_in(await containers.titles(platform.name("postgres"))) == ""
        again = asyncio.create_task(repeat(session, statement))
        try:
            await look_until(knowing, lambda finding: finding.work.startswith(seen), within=20.0)
            await look_until(other, lambda finding: finding.work.startswith(unseen), within=20.0)
            async with asyncio.timeout(20.0):
                while title not in (work_in(await containers.titles(platform.name("postgres"))) or ""):
                    await asyncio.sleep(0.01)
        finally:
            again.cancel()
            session.terminate()


async def repeat(session: asyncpg.Connection[asyncpg.Record], statement: str) -> None:
    while True:
        await session.execute(statement)


async def test_a_base_backup_is_seen_by_who_may_log_in_and_in_the_titles(start_platform: StartPlatform) -> None:
    platform = await start_platform("postgres")
    session = await prepared(platform)
    plain = platform.postgres_dsn.replace("postgres@", f"{PLAIN}@")
    backup = ["pg_basebackup", "-h", "/tmp", "-U", "postgres", "-D", "/data/bb", "-c", "fast", "--max-rate", "1M"]
    async with (
        titles_of() as containers,
        probing("postgres", {"dsn": platform.postgres_dsn}) as knowing,
        probing("postgres", {"dsn": plain}) as other,
    ):
        platform.in_background(cut_short(platform.exec("postgres", *backup)))
        await look_until(knowing, lambda finding: finding.work.startswith("a base backup: "), within=20.0)
        assert (await other.look()).work == "a base backup"
        assert (work_in(await containers.titles(platform.name("postgres"))) or "").startswith("a base backup")
    session.terminate()


async def cut_short(work: Awaitable[object]) -> None:
    """It goes on until the platform ends."""
    with suppress(DockerError):
        await work


@pytest.mark.parametrize(
    ("command", "seen"),
    [("BGSAVE", "saving a snapshot"), ("BGREWRITEAOF", "rewriting the append-only file")],
)
async def test_redis_says_what_its_fork_writes(start_platform: StartPlatform, command: str, seen: str) -> None:
    """In INFO, and in the title of the fork, which tells it also of a server that is stopped."""
    platform = await start_platform("redis")
    await platform.exec("redis", "redis-cli", "EVAL", "for i = 1, 20000 do redis.call('SET', i, i) end", "0")
    await platform.exec("redis", "redis-cli", "CONFIG", "SET", "rdb-key-save-delay", "100000")
    async with titles_of() as containers, probing("redis", {"url": platform.redis_url}) as probe:
        assert (await probe.look()).work == ""
        assert work_in(await containers.titles(platform.name("redis"))) == ""
        await platform.exec("redis", "redis-cli", command)
        findings = await look_until(probe, lambda finding: finding.work.startswith(seen))
        assert findings[-1].outcome is Outcome.OK
        assert work_in(await containers.titles(platform.name("redis"))) == f"{seen} (by the titles of its processes)"
