"""Situations in which its data or its memory are at risk, which a restart mends for nobody."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping
from contextlib import AsyncExitStack

from nemo_watchdog.demo.parts import Part, Postgres, Redis
from nemo_watchdog.demo.platform import Platform
from tests.suites.acts import add_to
from tests.suites.situations import Situation, Stage


async def failed_save(platform: Platform, _: AsyncExitStack) -> None:
    script = "mkdir -p /data/dump.rdb/x; redis-cli config set save '1 1'; redis-cli set a b; redis-cli bgsave"
    await platform.exec("redis", "sh", "-c", script)
    async with asyncio.timeout(20.0):
        while "rdb_last_bgsave_status:err" not in await platform.exec("redis", "redis-cli", "info", "persistence"):
            await asyncio.sleep(0.1)


async def full_memory(platform: Platform, _: AsyncExitStack) -> None:
    fill = "for n = 1, 100000 do if redis.pcall('SET', n, string.rep('x', 1000)).err then return n end end"
    await platform.exec("redis", "redis-cli", "EVAL", fill, "0")


async def replica(platform: Platform, _: AsyncExitStack) -> None:
    await platform.exec("redis", "redis-cli", "replicaof", "127.0.0.1", "1")


class CheckedRedis(Redis):
    """Docker's own health check writes, as some images' do."""

    def options(self, others: Mapping[str, Part]) -> list[str]:
        check = (
            "--health-cmd",
            "redis-cli set health 1 | grep OK",
            "--health-interval",
            "0.5s",
            "--health-retries",
            "2",
        )
        return [*super().options(others), *check]


def checked_by_docker(text: str, platform: Platform) -> str:
    """A second look at the same container, which believes Docker's health check."""
    check = f"""
  check:
    probe: docker
    container: {platform.name("redis")}
    startup_grace: 1s
    remedy: restart-database
"""
    return text.replace("\nseverities:\n", f"{check}\nseverities:\n")


async def cannot_save(stage: Stage) -> None:
    """Nor does it take writes for that, so that the health check fails."""
    await failed_save(stage.platform, stage.stack)
    await stage.daemon.wait_until(lambda s: s["dependencies"]["check"]["health"] == "down", within=40.0)


async def cannot_save_and_hangs(stage: Stage) -> None:
    await failed_save(stage.platform, stage.stack)
    await stage.daemon.wait_until(lambda s: s["dependencies"]["redis"]["reason"] == "persistence_failed", within=20.0)
    os.kill(int((await stage.platform.state("redis"))["Pid"]), signal.SIGSTOP)
    await stage.daemon.more_looks(8)


async def twin_is_paused(stage: Stage) -> None:
    await stage.daemon.post("/api/v1/pause", {"scope": "redis", "reason": "restoring a dump", "by": "ops"})
    await stage.platform.exec("redis", "redis-cli", "config", "set", "min-replicas-to-write", "1")


AT_RISK = (
    Situation(
        "redis cannot save, and Docker's health check fails for it",
        [CheckedRedis()],
        "check",
        "gate:category",
        cannot_save,
        rewrites=checked_by_docker,
    ),
    Situation("redis cannot save, and then hangs", ["redis"], "redis", "gate:category", cannot_save_and_hangs),
    Situation(
        "redis is paused, and Docker's health check fails",
        [CheckedRedis()],
        "check",
        "gate:pause",
        twin_is_paused,
        rewrites=checked_by_docker,
    ),
    Situation("redis cannot save", ["redis"], "redis", "persistence_failed", prepares=failed_save, starts_up=False),
    Situation(
        "redis is full",
        [Redis(settings={"maxmemory": "3mb"})],
        "redis",
        "memory_full",
        prepares=full_memory,
        rewrites=add_to("redis", "write: true"),
        starts_up=False,
    ),
    Situation(
        "postgres takes no writes",
        [Postgres(settings={"default_transaction_read_only": "on"})],
        "postgres",
        "read_only",
        rewrites=add_to("postgres", "role: primary"),
        starts_up=False,
    ),
    Situation(
        "redis is a replica",
        ["redis"],
        "redis",
        "read_only",
        prepares=replica,
        rewrites=add_to("redis", "role: primary"),
        starts_up=False,
    ),
)
