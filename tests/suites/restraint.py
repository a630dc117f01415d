"""The must-not-restart suite: `python -m tests.suites.restraint`. In each situation a restart would be wrong.

Exit code 0 when the watchdog saw each for what it is and Docker saw no restart but those that a person did.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import asyncpg
from aiohttp import ClientResponseError, ClientSession, ClientTimeout
from redis import asyncio as redis_client

from nemo_watchdog.demo import faults
from nemo_watchdog.demo.parts import Gateway, Gemma, Part, Postgres, Redis
from nemo_watchdog.demo.platform import Platform
from nemo_watchdog.testing.servers import Server
from tests.suites import pooler
from tests.suites.acts import add_to, in_turn, person, swap, switch
from tests.suites.addresses import answering, elsewhere
from tests.suites.endings import ENDINGS
from tests.suites.exits import ASKED_THROUGH_IT, EXITS, LONG_LOG
from tests.suites.never_up import NEVER_UP, is_up
from tests.suites.overload import OVERLOADED
from tests.suites.pooler import PgBouncer
from tests.suites.situations import (
    GemmaWithGpu,
    Happens,
    Situation,
    Stage,
    choose,
    instead,
    nvml,
    play_all,
)
from tests.suites.too_long import TOO_LONG
from tests.suites.touched import TOUCHED
from tests.suites.unseen import UNSEEN

FEWEST = 85


def with_docker_restarting(part: str, fault: Callable[[Platform], Awaitable[None]]) -> Happens:
    async def act(stage: Stage) -> None:
        await stage.platform.docker("update", "--restart", "always", stage.platform.name(part))
        await fault(stage.platform)

    return act


async def paused(stage: Stage) -> None:
    await stage.daemon.post("/api/v1/pause", {"reason": "deploying", "by": "ops"})


async def gateway_paused(stage: Stage) -> None:
    await stage.daemon.post("/api/v1/pause", {"scope": "gateway", "reason": "deploying", "by": "ops"})


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


async def docker_cut(stage: Stage) -> None:
    stage.way.cut()
    await stage.daemon.event("docker unreachable: every action is held", within=40.0)


async def docker_stalled(stage: Stage) -> None:
    stage.way.stall()
    await stage.daemon.event("docker unreachable: every action is held", within=40.0)


async def journal_gone(stage: Stage) -> None:
    path = stage.daemon.state_dir / "journal.sqlite3"
    path.rename(path.with_suffix(".away"))
    with suppress(ClientResponseError):  # it says so: 503
        await stage.daemon.post("/api/v1/pause", {"scope": "gateway", "reason": "a write", "by": "ops"})
    await stage.daemon.wait_until(lambda s: s["journal"] != "ok")


async def frozen_daemon(stage: Stage) -> None:
    os.kill(stage.daemon.pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(6.0)
    finally:
        os.kill(stage.daemon.pid, signal.SIGCONT)
    await stage.daemon.more_looks(3)


async def one_bad_answer(stage: Stage) -> None:
    await faults.switch(stage.platform, "gateway", "500")
    await stage.daemon.more_looks(2)
    await faults.switch(stage.platform, "gateway", "ok")
    await stage.daemon.more_looks(4)


async def slow_command(stage: Stage) -> None:
    await stage.platform.exec("redis", "redis-cli", "DEBUG", "SLEEP", "2")
    await stage.daemon.more_looks(3)


async def stopping(stage: Stage) -> None:
    """`docker stop` of a gateway that takes its time: frozen, it ends with the stop timeout."""
    os.kill(int((await stage.platform.state("gateway"))["Pid"]), signal.SIGSTOP)
    task = asyncio.create_task(faults.person_stops(stage.platform, "gateway"))
    stage.stack.push_async_callback(asyncio.wait, {task})


async def daemon_dies_and_a_person_stops(stage: Stage) -> None:
    await faults.switch(stage.platform, "gateway", "500")
    await stage.daemon.kill9()
    await faults.person_stops(stage.platform, "gateway")
    await stage.daemon.start()


async def failed_save(platform: Platform, _: AsyncExitStack) -> None:
    script = "mkdir -p /data/dump.rdb/x; redis-cli config set save '1 1'; redis-cli set a b; redis-cli bgsave"
    await platform.exec("redis", "sh", "-c", script)
    async with asyncio.timeout(20.0):
        while "rdb_last_bgsave_status:err" not in await platform.exec("redis", "redis-cli", "info", "persistence"):
            await asyncio.sleep(0.1)


async def full_memory(platform: Platform, _: AsyncExitStack) -> None:
    fill = "for n = 1, 100000 do if redis.pcall('SET', n, string.rep('x', 1000)).err then return n end end"
    await platform.exec("redis", "redis-cli", "EVAL", fill, "0")


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


async def replica(platform: Platform, _: AsyncExitStack) -> None:
    await platform.exec("redis", "redis-cli", "replicaof", "127.0.0.1", "1")


async def protected(platform: Platform, _: AsyncExitStack) -> None:
    """Only its own loopback may come in; the watchdog comes from the bridge."""
    await platform.exec("redis", "redis-cli", "config", "set", "protected-mode", "yes")


async def heal(stage: Stage) -> None:
    stage.way.heal()


def answers(name: str, sees: str, status: int, **headers: str) -> Situation:
    prepare, rewrite = answering(status, **headers)
    return Situation(name, ["gateway"], "gateway", sees, prepares=prepare, rewrites=rewrite, starts_up=False)


def answering_oddly(name: str, sees: str, answer: bytes) -> Situation:
    """The gateway's address is that of a server that sends these bytes to every request, and ends the connection."""
    where: dict[str, str] = {}

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        writer.write(answer)
        await writer.drain()

    async def prepare(platform: Platform, stack: AsyncExitStack) -> None:
        server = await stack.enter_async_context(Server(handler).running())
        where["old"], where["new"] = f"127.0.0.1:{platform.port('gateway')}", f"127.0.0.1:{server.port}"

    def rewrite(text: str, _: Platform) -> str:
        plain = "expect: {status: 200, json: {status: ok}}"
        return text.replace(where["old"], where["new"]).replace(plain, "expect: {status: 200}")

    return Situation(name, ["gateway"], "gateway", sees, prepares=prepare, rewrites=rewrite, starts_up=False)


class SilentGateway(Gateway):
    """Docker keeps nothing of what it writes."""

    def options(self, others: Mapping[str, Part]) -> list[str]:
        return [*super().options(others), "--log-driver", "none"]


def rotated_password() -> Situation:
    """Redis gets another password and puts everybody out; the file that the policy names gets it a little later."""
    file: list[Path] = []

    async def prepare(_: Platform, stack: AsyncExitStack) -> None:
        file[:] = [Path(stack.enter_context(tempfile.TemporaryDirectory())) / "password"]
        file[0].write_text("right\n")

    async def rotate(stage: Stage) -> None:
        commands = b"CONFIG SET requirepass fresh\nCLIENT KILL TYPE normal SKIPME yes\n"
        await stage.platform.exec("redis", "redis-cli", stdin=commands)
        await stage.daemon.wait_until(lambda s: s["dependencies"]["redis"]["reason"] == "auth_failed", within=30.0)
        await stage.daemon.more_looks(6)
        new = file[0].with_suffix(".new")
        new.write_text("fresh\n")
        new.rename(file[0])
        await stage.daemon.wait_until(lambda s: s["dependencies"]["redis"]["health"] == "up", within=30.0)

    def rewrite(text: str, platform: Platform) -> str:
        return swap(":right@", f":${{file:{file[0]}}}@")(text, platform)

    return Situation(
        "redis's password is rotated", [Redis(password="right")], "redis", "health:up", rotate, prepare, rewrite
    )


FIVE_HUNDRED = switch("gateway", "500")
GATEWAY = ["gateway"]
LOG = "probe: log\n    pattern: nothing like this"
SITUATIONS = (
    # busy
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
    # integrity
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
    # blind
    Situation(
        "wrong password for redis",
        [Redis(password="right")],
        "redis",
        "auth_failed",
        rewrites=swap(":right@", ":wrong@"),
        starts_up=False,
    ),
    Situation(
        "wrong password for postgres",
        [Postgres(password="right")],
        "postgres",
        "auth_failed",
        rewrites=swap(":right@", ":wrong@"),
        starts_up=False,
    ),
    Situation(
        "wrong database",
        ["postgres"],
        "postgres",
        "wrong_target",
        rewrites=swap("/postgres\n", "/nowhere\n"),
        starts_up=False,
    ),
    Situation("redis in protected mode", ["redis"], "redis", "auth_failed", prepares=protected, starts_up=False),
    rotated_password(),
    Situation(
        "a log that Docker does not keep",
        [SilentGateway()],
        "gateway",
        "wrong_target",
        rewrites=instead("gateway", LOG),
        starts_up=False,
    ),
    Situation(
        "the log of a container that is gone",
        GATEWAY,
        "gateway",
        "container_missing",
        person("rm", "-f", "gateway"),
        rewrites=instead("gateway", LOG),
    ),
    answering_oddly(
        "gateway sends its length twice",
        "protocol_error",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
    ),
    answering_oddly(
        "gateway sends a header of 20 KiB",
        "health:up",
        b"HTTP/1.1 200 OK\r\nContent-Security-Policy: " + b"x" * 20_000 + b"\r\nContent-Length: 2\r\n\r\nok",
    ),
    answering_oddly(
        "gateway says that it is full, and its body never comes",
        "overloaded",
        b"HTTP/1.1 503 Full\r\nRetry-After: 9\r\nContent-Length: 100\r\n\r\nso",
    ),
    answers("gateway does not know us", "auth_failed", 401),
    answers("gateway does not let us", "auth_failed", 403),
    Situation(
        "a name without an address",
        GATEWAY,
        "gateway",
        "name_unresolved",
        rewrites=elsewhere("127.0.0.1:{port}", "no-such-host.invalid:{port}"),
        starts_up=False,
    ),
    Situation(
        "TLS where there is none",
        GATEWAY,
        "gateway",
        "wrong_target",
        rewrites=elsewhere("http://127.0.0.1:{port}", "https://127.0.0.1:{port}"),
        starts_up=False,
    ),
    Situation(
        "redis speaks no TLS, and its address wants it",
        ["redis"],
        "redis",
        "wrong_target",
        rewrites=swap("url: redis://", "url: rediss://"),
        starts_up=False,
    ),
    Situation(
        "postgres speaks no TLS, and its address wants it",
        ["postgres"],
        "postgres",
        "wrong_target",
        rewrites=swap("/postgres\n", "/postgres?sslmode=require\n"),
        starts_up=False,
    ),
    Situation("Docker is cut off", GATEWAY, "gateway", "gate:blind", in_turn(docker_cut, FIVE_HUNDRED)),
    Situation("Docker hangs", GATEWAY, "gateway", "gate:blind", in_turn(docker_stalled, FIVE_HUNDRED)),
    Situation("the watchdog was frozen", GATEWAY, "gateway", "health:up", frozen_daemon),
    Situation("the container is gone", GATEWAY, "gateway", "gate:blind", person("rm", "-f", "gateway")),
    # upstream
    Situation(
        "its database was stopped", ["postgres", "gateway"], "gateway", "gate:upstream", person("stop", "postgres")
    ),
    Situation(
        "its cache cannot be seen",
        [Redis(password="right"), "gateway"],
        "gateway",
        "gate:upstream",
        in_turn(is_up("gateway"), FIVE_HUNDRED),
        rewrites=swap(":right@", ":wrong@"),
        starts_up=False,
    ),
    # people
    Situation("a person stops it", GATEWAY, "gateway", "gate:human_hold", person("stop", "-t", "1", "gateway")),
    Situation("a person kills it", ["redis"], "redis", "gate:human_hold", person("kill", "redis")),
    Situation("a person pauses it", GATEWAY, "gateway", "gate:human_hold", person("pause", "gateway")),
    Situation(
        "a person restarts it", GATEWAY, "gateway", "health:up", person("restart", "-t", "1", "gateway"), by_people=1
    ),
    Situation("a person is stopping it", GATEWAY, "gateway", "gate:human_hold", stopping),
    Situation(
        "a person stops it while Docker is cut off",
        GATEWAY,
        "gateway",
        "gate:human_hold",
        in_turn(docker_cut, person("stop", "-t", "1", "gateway"), heal),
    ),
    Situation(
        "a person stops it while the watchdog is dead",
        GATEWAY,
        "gateway",
        "gate:human_hold",
        daemon_dies_and_a_person_stops,
    ),
    *ENDINGS,
    *NEVER_UP,
    *TOO_LONG,
    *OVERLOADED,
    *TOUCHED,
    *UNSEEN,
    *EXITS,
    # the operator's word
    Situation("everything is paused", GATEWAY, "gateway", "gate:pause", in_turn(paused, FIVE_HUNDRED)),
    Situation("this one is paused", GATEWAY, "gateway", "gate:pause", in_turn(gateway_paused, FIVE_HUNDRED)),
    Situation(
        "it may only observe",
        GATEWAY,
        "gateway",
        "gate:autonomy",
        FIVE_HUNDRED,
        rewrites=swap("autonomy: act", "autonomy: observe"),
    ),
    Situation(
        "it may only suggest",
        GATEWAY,
        "gateway",
        "gate:autonomy",
        FIVE_HUNDRED,
        rewrites=swap("autonomy: act", "autonomy: suggest"),
    ),
    Situation(
        "no remedy",
        GATEWAY,
        "gateway",
        "gate:remedy",
        FIVE_HUNDRED,
        rewrites=swap("    remedy: restart-container\n", ""),
    ),
    Situation(
        "a remedy for something else",
        GATEWAY,
        "gateway",
        "gate:condition",
        FIVE_HUNDRED,
        rewrites=swap(
            "restart-container:\n    when: {category: fault}",
            "restart-container:\n    when: {category: fault, reason: exited}",
        ),
    ),
    # what it cannot remember
    Situation("the journal cannot be written", GATEWAY, "gateway", "gate:journal", in_turn(journal_gone, FIVE_HUNDRED)),
    Situation(
        "Docker restarts it by itself",
        GATEWAY,
        "gateway",
        "health:up",
        with_docker_restarting("gateway", lambda platform: faults.switch(platform, "gateway", "exit")),
    ),
)


async def goes_on(stage: Stage, _: Situation) -> None:
    """It has its chances to do something."""
    await stage.daemon.more_looks(6)


def main() -> int:
    if len(SITUATIONS) < FEWEST:
        raise SystemExit(f"{len(SITUATIONS)} situations: fewer than {FEWEST} prove too little")
    title = "Situations in which a restart would be wrong"
    chosen = choose(SITUATIONS, sys.argv[1:])
    well = asyncio.run(play_all(chosen, goes_on, lambda situation: situation.by_people, title))
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
