"""Situations about who ended a container, or is ending it: a person, from outside or from inside, however we look.

Where data are at stake they are compared afterwards: what a person stopped in good order has lost nothing.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress

import asyncpg
from redis import asyncio as redis_client

from nemo_watchdog.demo.docker_cli import DockerError
from nemo_watchdog.demo.parts import Redis
from nemo_watchdog.engine import signals
from tests.integration.daemon import DaemonError
from tests.suites.acts import in_turn, person
from tests.suites.situations import Happens, Situation, Stage

KEYS = 500
SAVES = Redis(settings={"save": "3600 1"})
GATEWAY = ["gateway"]


def slow_to_save(seconds: float) -> Happens:
    """Fresh keys, and a save that takes so long: `rdb-key-save-delay` in microseconds is Redis's own, for its tests."""

    async def act(stage: Stage) -> None:
        async with redis_client.Redis(port=stage.platform.port("redis")) as client:
            await client.mset({f"fresh:{n}": n for n in range(KEYS)})
            await client.config_set("rdb-key-save-delay", int(seconds * 1e6 / KEYS))

    return act


def stopped_slowly(meanwhile: Callable[[Stage], Awaitable[None]], wait: int = 300) -> Happens:
    """`docker stop -t WAIT` of a Redis that saves, and what happens meanwhile; afterwards nothing is lost."""

    async def act(stage: Stage) -> None:
        stopping = asyncio.create_task(stage.platform.docker("stop", "-t", str(wait), stage.platform.name("redis")))
        stage.stack.push_async_callback(asyncio.wait, {stopping})
        await asyncio.sleep(0.3)  # the signal is sent
        await meanwhile(stage)
        await stage.daemon.wait_until(lambda s: bool(s["dependencies"]["redis"]["held"]), within=30.0)
        await stopping
        await stage.daemon.more_looks(3)
        await nothing_is_lost(stage)

    return act


async def nothing_is_lost(stage: Stage) -> None:
    state = await stage.platform.state("redis")
    if state["Running"]:
        raise DaemonError("it runs, and a person had stopped it")
    await stage.platform.docker("start", stage.platform.name("redis"))
    await stage.platform.ready("redis")
    async with redis_client.Redis(port=stage.platform.port("redis")) as client:
        kept = [key async for key in client.scan_iter("fresh:*", count=KEYS)]
    if len(kept) != KEYS:
        raise DaemonError(f"{KEYS - len(kept)} of {KEYS} fresh keys are lost")


async def daemon_starts(stage: Stage) -> None:
    await stage.daemon.restart(kill=True)


async def looks_fail(stage: Stage) -> None:
    await stage.daemon.more_looks(8)


async def the_rest_of_a_minute(stage: Stage) -> None:
    """Longer than any fixed time that a stop might be thought to take."""
    await asyncio.sleep(65.0)


def cut_for(seconds: float, act: Happens) -> Happens:
    """The way to Docker is cut while it happens, and for so long after it."""

    async def cut(stage: Stage) -> None:
        stage.way.cut()
        await act(stage)
        await asyncio.sleep(seconds)
        stage.way.heal()

    return cut


async def cut_while_the_signal_is_sent(stage: Stage) -> None:
    """The stream is lost for 0.6 s, in which somebody sends the signal."""
    stage.way.cut()
    stopping = asyncio.create_task(stage.platform.docker("stop", "-t", "300", stage.platform.name("redis")))
    stage.stack.push_async_callback(asyncio.wait, {stopping})
    await asyncio.sleep(0.6)
    stage.way.heal()
    await stage.daemon.more_looks(6)
    await stopping
    await stage.daemon.more_looks(3)
    await nothing_is_lost(stage)


async def docker_forgets(stage: Stage) -> None:
    stage.way.forget()


async def a_child_is_killed_for_memory(stage: Stage) -> None:
    """Docker's flag for it is seen when the container, which goes on, ends one day."""
    name = stage.platform.name("gateway")
    await stage.platform.docker("update", "--memory", "64m", "--memory-swap", "64m", name)
    with suppress(DockerError):  # 137, as it must be
        await stage.platform.docker("exec", name, "/usr/bin/python3", "-c", "b'x' * (256 << 20)")
        raise DaemonError("256 MB fit into 64")
    await asyncio.sleep(signals.OOM_JUST_BEFORE.total_seconds())


async def a_flag_that_does_not_count(stage: Stage) -> None:
    await person("stop", "-t", "1", "gateway")(stage)
    if not (await stage.platform.state("gateway"))["OOMKilled"]:
        raise DaemonError("Docker does not show the flag")


async def waits_for_its_clients(stage: Stage) -> None:
    """A smart shutdown, which ends when the last session does; its transaction is committed, for all that we do."""
    session = await asyncpg.connect(stage.platform.postgres_dsn)
    stage.stack.callback(session.terminate)
    await session.execute("begin; update kept set n = n")
    await stage.platform.docker("kill", "-s", "TERM", stage.platform.name("postgres"))
    await stage.daemon.more_looks(4)
    await stage.daemon.restart(kill=True)
    await stage.daemon.more_looks(8)
    await session.execute("create table late as select 1; commit")
    await session.close()


def inside(part: str, *command: str) -> Happens:
    async def act(stage: Stage) -> None:
        await stage.platform.docker("exec", "-d", stage.platform.name(part), *command)

    return act


async def a_daemon_that_was_away(stage: Stage) -> None:
    await stage.daemon.kill9()
    await person("stop", "-t", "1", "gateway")(stage)
    stage.way.forget()
    await stage.daemon.start()


async def hangs_and_is_being_stopped_unheard(stage: Stage) -> None:
    """`docker stop -t 60` of what hangs, while the daemon is dead; 256 other events follow."""
    await stage.daemon.kill9()
    os.kill(int((await stage.platform.state("gateway"))["Pid"]), signal.SIGSTOP)
    stopping = asyncio.ensure_future(person("stop", "-t", "60", "gateway")(stage))
    stage.stack.push_async_callback(asyncio.wait, {stopping})
    await asyncio.sleep(0.6)
    stage.way.forget()
    await stage.daemon.start()


ENDINGS = (
    Situation(
        "redis saves slowly at a person's stop, and the watchdog starts meanwhile",
        [SAVES],
        "redis",
        "health:up",
        in_turn(slow_to_save(12.0), stopped_slowly(daemon_starts)),
    ),
    Situation(
        "redis saves slowly at a person's stop, and its looks fail",
        [SAVES],
        "redis",
        "health:up",
        in_turn(slow_to_save(12.0), stopped_slowly(looks_fail)),
    ),
    Situation(
        "redis saves for longer than a minute at a person's stop",
        [SAVES],
        "redis",
        "health:up",
        in_turn(slow_to_save(70.0), stopped_slowly(the_rest_of_a_minute, 600)),
    ),
    Situation(
        "a person stops postgres, which waits for its clients, and the watchdog starts meanwhile",
        ["postgres"],
        "postgres",
        "gate:human_hold",
        waits_for_its_clients,
    ),
    Situation(
        "the stream is cut while a person's signal is sent",
        [SAVES],
        "redis",
        "health:up",
        in_turn(slow_to_save(12.0), cut_while_the_signal_is_sent),
    ),
    Situation(
        "a person stops it, and Docker has forgotten that",
        GATEWAY,
        "gateway",
        "gate:human_hold",
        in_turn(docker_forgets, cut_for(0.5, person("stop", "-t", "1", "gateway"))),
    ),
    Situation(
        "a person stopped it while the watchdog was dead, and Docker has forgotten that",
        GATEWAY,
        "gateway",
        "gate:human_hold",
        a_daemon_that_was_away,
    ),
    Situation(
        "a person is stopping what hangs, unheard, and Docker has forgotten that",
        GATEWAY,
        "gateway",
        "gate:human_hold",
        hangs_and_is_being_stopped_unheard,
    ),
    Situation(
        "a person stops what had a child killed for memory",
        GATEWAY,
        "gateway",
        "gate:human_hold",
        in_turn(a_child_is_killed_for_memory, a_flag_that_does_not_count),
    ),
    Situation(
        "a person shuts redis down from inside",
        [SAVES],
        "redis",
        "stopped_itself",
        inside("redis", "redis-cli", "SHUTDOWN"),
    ),
    Situation(
        "a person stops postgres from inside",
        ["postgres"],
        "postgres",
        "stopped_itself",
        inside("postgres", "pg_ctl", "-D", "/data/pg", "stop", "-m", "fast"),
    ),
)
