"""Situations in which it is alive and needs time, or more clients than it takes: a restart would make it start over."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import asyncpg
from aiohttp import ClientSession, ClientTimeout
from redis import asyncio as redis_client

from nemo_watchdog.demo import faults
from nemo_watchdog.demo.parts import Gemma, Postgres, Redis
from nemo_watchdog.demo.platform import Platform
from tests.suites import pooler
from tests.suites.acts import GATEWAY, add_to, in_turn, person, swap, switch, with_docker_restarting
from tests.suites.addresses import answers
from tests.suites.exits import ASKED_THROUGH_IT, LONG_LOG
from tests.suites.pooler import PgBouncer
from tests.suites.situations import GemmaWithGpu, Situation, Stage, instead, nvml


async def crowded(stage: Stage) -> None:
    """More users than slots, for longer than `stall_after`; each waits for its turn, and tokens flow."""
    session = await stage.stack.enter_async_context(ClientSession())
    address = f"http://127.0.0.1:{stage.platform.port('gemma')}/v1/completions"

    async def one() -> None:
        request = {"model": "gemma", "prompt": "count", "max_tokens": 100_000, "stream": True}
        async with session.post(address, json=request, timeout=ClientTimeout()) as response:
            async for _ in response.content:
                pass

    for _ in range(9):
        task = asyncio.create_task(one())
        stage.stack.callback(task.cancel)
    await stage.daemon.more_looks(15)


async def one_bad_answer(stage: Stage) -> None:
    await faults.switch(stage.platform, "gateway", "500")
    await stage.daemon.more_looks(2)
    await faults.switch(stage.platform, "gateway", "ok")
    await stage.daemon.more_looks(4)


async def slow_command(stage: Stage) -> None:
    await stage.platform.exec("redis", "redis-cli", "DEBUG", "SLEEP", "2")
    await stage.daemon.more_looks(3)


async def clients_paused(stage: Stage) -> None:
    await stage.platform.exec("redis", "redis-cli", "CLIENT", "PAUSE", "60000", "ALL")


async def redis_clients(platform: Platform, stack: AsyncExitStack) -> None:
    clients = [redis_client.Redis(port=platform.port("redis"), single_connection_client=True) for _ in range(3)]
    for client in clients:
        stack.push_async_callback(client.aclose)
        await client.initialize()
    await clients[0].config_set("maxclients", 3)


async def postgres_clients(platform: Platform, stack: AsyncExitStack) -> None:
    for _ in range(3):
        connection = await asyncpg.connect(platform.postgres_dsn)
        stack.callback(connection.terminate)


async def dead_master(platform: Platform, _: AsyncExitStack) -> None:
    script = "redis-cli config set replica-serve-stale-data no; redis-cli replicaof 127.0.0.1 1"
    await platform.exec("redis", "sh", "-c", script)


BUSY = (
    Situation(
        "postgres in crash recovery, started by Docker",
        ["postgres"],
        "postgres",
        "recovering",
        with_docker_restarting("postgres", lambda platform: faults.postgres_long_recovery(platform, 5.0)),
        rewrites=swap("startup_grace: 30s", "startup_grace: 1s"),
    ),
    Situation(
        "postgres in crash recovery, with a log that takes Docker long to read",
        ["postgres"],
        "postgres",
        "recovering",
        with_docker_restarting("postgres", lambda platform: faults.postgres_long_recovery(platform, 5.0)),
        prepares=LONG_LOG,
        rewrites=swap("startup_grace: 30s", "startup_grace: 1s"),
        environ=ASKED_THROUGH_IT,
    ),
    Situation(
        "redis loads a big file, started by Docker",
        ["redis"],
        "redis",
        "loading",
        with_docker_restarting("redis", lambda platform: faults.redis_long_loading(platform, 5.0)),
        rewrites=swap("startup_grace: 30s", "startup_grace: 1s"),
    ),
    Situation("redis was told to pause its clients", ["redis"], "redis", "clients_paused", clients_paused),
    Situation(
        "postgres has no connection left",
        [Postgres(settings={"max_connections": "3", "superuser_reserved_connections": "0"})],
        "postgres",
        "too_many_connections",
        prepares=postgres_clients,
        starts_up=False,
    ),
    Situation(
        "postgres lets nobody in, and serves those who are in",
        ["postgres"],
        "postgres",
        "logins_blocked",
        pooler.catalog_locked,
    ),
    Situation(
        "a pooler takes no more clients",
        ["postgres", PgBouncer(settings={"max_client_conn": "3"})],
        "pgbouncer",
        "too_many_connections",
        prepares=pooler.crowded,
        rewrites=pooler.pooled,
        starts_up=False,
    ),
    *(
        Situation(
            name,
            ["postgres", PgBouncer(settings=settings)],
            "pgbouncer",
            sees,
            happens,
            rewrites=pooler.pooled,
        )
        for name, sees, settings, happens in (
            ("a pooler's pool is full", "overloaded", {"default_pool_size": "1"}, pooler.saturated),
            ("a pooler is paused", "overloaded", {}, pooler.paused),
            ("a pooler's database was stopped", "upstream_unavailable", {}, person("stop", "postgres")),
        )
    ),
    Situation(
        "redis has no client left", ["redis"], "redis", "too_many_connections", prepares=redis_clients, starts_up=False
    ),
    Situation(
        "redis waits for its master", ["redis"], "redis", "upstream_unavailable", prepares=dead_master, starts_up=False
    ),
    Situation(
        "one slow command in redis",
        [Redis(settings={"enable-debug-command": "yes"})],
        "redis",
        "health:up",
        slow_command,
    ),
    Situation(
        "gateway is slow",
        GATEWAY,
        "gateway",
        "slow",
        switch("gateway", "slow"),
        rewrites=swap("timeout: 1500ms", "timeout: 4s"),
    ),
    Situation(
        "one bad answer",
        GATEWAY,
        "gateway",
        "health:up",
        one_bad_answer,
        rewrites=swap("down_after: 3", "down_after: 9"),
    ),
    answers("gateway says: too many requests", "overloaded", 429),
    answers("gateway says: come back later", "overloaded", 503, Retry_After="30"),
    Situation(
        "a model loads",
        [Gemma(load_seconds=12.0)],
        "gemma",
        "loading",
        rewrites=swap("startup_grace: 6s", "startup_grace: 0s"),
        happens=person("restart", "gemma"),
        by_people=1,
    ),
    Situation(
        "a model server has more users than slots",
        [Gemma(slots=2)],
        "gemma",
        "overloaded",
        rewrites=add_to(
            "gemma", "stall_after: 10s\n    max_waiting: 3\n    canary: {model: gemma, every: 5s, within: 1s}"
        ),
        happens=crowded,
    ),
    Situation(
        "a model server's canary waits in the queue",
        [Gemma(slots=1)],
        "gemma",
        "overloaded",
        rewrites=add_to(
            "gemma", "metrics_path: null\n    stall_after: 10s\n    canary: {model: gemma, every: 5s, within: 1s}"
        ),
        happens=crowded,
    ),
    *(
        Situation(
            name,
            [GemmaWithGpu(load_seconds=0.0)],
            "gemma",
            sees,
            rewrites=instead("gemma", "probe: gpu\n    container_view: true"),
            environ=nvml(**answers),
            starts_up=False,
        )
        for name, sees, answers in (
            ("the GPU fell off the bus", "gpu_lost", {"nvmlDeviceGetMemoryInfo": 15}),
            ("the GPU wants a reset", "gpu_reset_required", {"action": 1}),
            ("an Xid error that only a reset cures", "gpu_reset_required", {"xid": 119, "xid_number": 1}),
            ("an Xid error of a process that nobody knows", "gpu_application_error", {"xid": 31, "xid_number": 1}),
            ("an Xid error that nobody knows", "gpu_error", {"xid": 4711, "xid_number": 1}),
            ("the GPU's memory had errors", "ecc_error", {"ecc": 3}),
            ("the GPU is throttled", "gpu_throttled", {"clocks": 0x40}),
            ("the driver was upgraded", "driver_mismatch", {"nvmlInitWithFlags": 18}),
            ("the driver hangs", "driver_stuck", {"nvmlDeviceGetMemoryInfo": "0:60000"}),
        )
    ),
    Situation(
        "gateway in its start-up grace",
        GATEWAY,
        "gateway",
        "health:starting",
        in_turn(switch("gateway", "never"), person("restart", "gateway")),
        rewrites=swap("startup_grace: 2s", "startup_grace: 5m"),
        by_people=1,
    ),
)
