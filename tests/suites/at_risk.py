"""Situations in which its data or its memory are at risk, which a restart mends for nobody."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from nemo_watchdog.demo.parts import Postgres, Redis
from nemo_watchdog.demo.platform import Platform
from tests.suites.acts import add_to
from tests.suites.situations import Situation


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


AT_RISK = (
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
