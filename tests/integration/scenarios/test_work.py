"""Work in progress is not cut short: a restart that is due waits for it, and one follows. Docker is the witness."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from nemo_watchdog.demo import faults
from nemo_watchdog.demo.platform import Platform
from tests.integration.conftest import StartPlatform
from tests.integration.daemon import Daemon
from tests.integration.scenarios.starts import Starts
from tests.unit.runtime.test_busy_signs import another_holds

ASKED = """
  asked:
    probe: command
    command: [/usr/bin/test, -e, {flag}]
    container: {container}
    tags: [core]
    startup_grace: 1s
    remedy: restart-database
"""
"""A second dependency of the container, which is down as soon as the flag is gone."""

PREPARED = """
create function held_up(int) returns int language plpgsql immutable
  as 'begin perform pg_advisory_xact_lock_shared(1); return $1; end';
create table big as select g from generate_series(1, 100) g;
create index held_up on big (held_up(g));
"""
"""Whoever builds that index anew waits for the advisory lock, and is in progress meanwhile."""

Finish = Callable[[], Awaitable[None]]
"""Lets the work go on to its end; raises when it was cut short."""


def policy_with(platform: Platform, part: str, flag: Path) -> str:
    asked = ASKED.format(flag=flag, container=platform.name(part))
    return platform.policy_text().replace("\nseverities:", f"{asked}\nseverities:", 1)


async def execute(platform: Platform, statement: str) -> None:
    session = await asyncpg.connect(platform.postgres_dsn)
    try:
        await session.execute(statement)
    finally:
        await session.close()


async def statement(platform: Platform, words: str) -> Finish:
    holder = await asyncpg.connect(platform.postgres_dsn)
    await holder.execute("select pg_advisory_lock(1)")
    working = asyncio.ensure_future(execute(platform, words))

    async def finish() -> None:
        await holder.close()
        await working

    return finish


async def create_index(platform: Platform) -> Finish:
    return await statement(platform, "create index on big (held_up(g))")


async def vacuum_full(platform: Platform) -> Finish:
    """It builds the index anew."""
    return await statement(platform, "vacuum full big")


async def copy(platform: Platform) -> Finish:
    return await statement(platform, "copy (select held_up(g) from big) to '/dev/null'")


async def base_backup(platform: Platform) -> Finish:
    """Slow enough to be seen, and stopped then. It syncs nothing: of that Postgres knows nothing any more."""
    where = ["-h", "/tmp", "-U", "postgres", "-D", "/data/backup", "-c", "fast", "-X", "none", "--no-sync"]
    backup = platform.exec("postgres", "pg_basebackup", *where, "--max-rate", "16M")
    working = asyncio.ensure_future(backup)
    async with asyncio.timeout(20.0):
        while (sender := await process(platform, "sending backup")) is None:
            await asyncio.sleep(0.01)
    receiver = await process(platform, "pg_basebackup -h")
    assert receiver is not None
    assert sender != receiver
    os.kill(receiver, signal.SIGSTOP)

    async def finish() -> None:
        os.kill(receiver, signal.SIGCONT)
        await working

    return finish


async def process(platform: Platform, title: str) -> int | None:
    """Of Postgres's container, as the host sees it."""
    top = await platform.docker("top", platform.name("postgres"), "-eo", "pid,args")
    return next((int(line.split()[0]) for line in top.splitlines() if title in line), None)


def gate_of(status: dict[str, Any], dependency: str, gate: str) -> dict[str, Any]:
    answers: list[dict[str, Any]] = status["dependencies"][dependency]["explain"]
    return next(each for each in answers if each["gate"] == gate)


@pytest.mark.parametrize(
    ("begin", "said"),
    [
        (create_index, "CREATE INDEX in postgres"),
        (vacuum_full, "VACUUM FULL in postgres"),
        (copy, "COPY TO in postgres"),
        (base_backup, "a base backup"),
    ],
    ids=["create index", "vacuum full", "copy", "base backup"],
)
async def test_what_postgres_does_is_finished_and_one_restart_follows(
    start_platform: StartPlatform, tmp_path: Path, begin: Callable[[Platform], Awaitable[Finish]], said: str
) -> None:
    """The daemon dies meanwhile, and the next one waits on."""
    platform = await start_platform("postgres")
    await execute(platform, PREPARED)
    flag = tmp_path / "flag"
    flag.touch()
    async with Daemon(policy_with(platform, "postgres", flag), tmp_path) as daemon, Starts(platform) as starts:
        await daemon.wait_for_health("asked", "up")
        await daemon.wait_for_health("postgres", "up")
        finish = await begin(platform)
        await daemon.wait_until(lambda s: said in gate_of(s, "postgres", "work")["value"])
        flag.unlink()
        await daemon.event("work_awaited", dependency="asked")
        await daemon.restart(kill=True)
        status = await daemon.wait_for_health("asked", "down")
        assert status["dependencies"]["asked"]["decision"]["gate"] == "work"
        assert said in status["dependencies"]["asked"]["decision"]["value"]
        assert await starts.of("postgres") == 0
        await finish()
        await daemon.event("action_ended", within=60.0)  # it would be left alone, did it answer before
        flag.touch()
        await daemon.event("incident_resolved", within=30.0)
        assert await starts.of("postgres") == 1
        assert len([e for e in daemon.events if e["event"] == "work_awaited"]) == 1


async def test_work_is_known_by_its_title_where_nobody_looks_at_postgres(
    start_platform: StartPlatform, tmp_path: Path
) -> None:
    """What fails is all that is watched, and knows nothing of databases."""
    platform = await start_platform("postgres")
    await execute(platform, PREPARED)
    flag = tmp_path / "flag"
    flag.touch()
    policy = policy_with(platform, "postgres", flag)
    head, _, rest = policy.partition("  postgres:\n")
    policy = head + rest[rest.index("  asked:") :]
    async with Daemon(policy, tmp_path) as daemon, Starts(platform) as starts:
        await daemon.wait_for_health("asked", "up")
        finish = await vacuum_full(platform)
        flag.unlink()
        awaited = await daemon.event("work_awaited", dependency="asked")
        assert awaited["work"] == "VACUUM (by the titles of its processes)"
        assert await starts.of("postgres") == 0
        await finish()
        await daemon.event("action_ended", within=60.0)  # it would be left alone, did it answer before
        flag.touch()
        await daemon.event("incident_resolved", within=30.0)
        assert await starts.of("postgres") == 1


async def test_a_redis_that_hangs_while_its_fork_saves_is_restarted_when_all_is_saved(
    start_platform: StartPlatform, tmp_path: Path
) -> None:
    """Its look fails; the title of the fork says what goes on. Not a key is lost."""
    platform = await start_platform("redis")
    fill = "for i = 1, 1000 do redis.call('SET', i, i) end"
    await platform.exec("redis", "redis-cli", "EVAL", fill, "0")
    policy = platform.policy_text().replace("startup_grace: 30s", "startup_grace: 1s")
    async with Daemon(policy, tmp_path) as daemon, Starts(platform) as starts:
        await daemon.wait_for_health("redis", "up")
        await platform.exec("redis", "redis-cli", "CONFIG", "SET", "rdb-key-save-delay", "15000")
        await platform.exec("redis", "redis-cli", "BGSAVE")
        os.kill(int((await platform.state("redis"))["Pid"]), signal.SIGSTOP)
        awaited = await daemon.event("work_awaited", dependency="redis", within=20.0)
        assert "saving a snapshot" in awaited["work"]
        assert await starts.of("redis") == 0
        await daemon.event("work_over", dependency="redis", within=60.0)
        await daemon.event("incident_resolved", within=60.0)
        assert await starts.of("redis") == 1
        assert await platform.exec("redis", "redis-cli", "DBSIZE") == "1000"


@pytest.mark.parametrize("sign", ["file", "lock"])
async def test_who_is_at_work_with_what_has_ended_keeps_it_down(
    start_platform: StartPlatform, tmp_path: Path, sign: str
) -> None:
    """A restore into a database that died: `busy_while` holds also what Docker reports exited."""
    platform = await start_platform("redis")
    mark = tmp_path / "restore"
    policy = platform.policy_text().replace(
        "    startup_grace: 30s", f"    busy_while: [{{{sign}: {mark}}}]\n    startup_grace: 2s"
    )
    async with Daemon(policy, tmp_path) as daemon, Starts(platform) as starts:
        await daemon.wait_for_health("redis", "up")
        with another_holds(mark):
            await faults.sigkill(platform, "redis")
            await daemon.event("work_awaited", dependency="redis")
            await daemon.restart(kill=True)
            status = await daemon.wait_until(
                lambda s: (s["dependencies"]["redis"]["decision"] or {"value": ""})["value"].startswith("in progress")
            )
            assert str(mark) in status["dependencies"]["redis"]["decision"]["value"]
            await daemon.more_looks(5)
            assert await starts.of("redis") == 0
        if sign == "file":
            mark.unlink()
        await daemon.event("incident_resolved", within=30.0)
        assert await starts.of("redis") == 1
