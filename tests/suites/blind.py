"""Situations in which the watchdog cannot see, or sees what says nothing about the target."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path

from nemo_watchdog.demo.parts import Gateway, Part, Postgres, Redis
from nemo_watchdog.demo.platform import Platform
from nemo_watchdog.testing.servers import Server
from tests.suites.acts import FIVE_HUNDRED, GATEWAY, docker_cut, in_turn, person, swap
from tests.suites.addresses import answers, elsewhere
from tests.suites.situations import Situation, Stage, instead


async def docker_stalled(stage: Stage) -> None:
    stage.way.stall()
    await stage.daemon.event("docker unreachable: every action is held", within=40.0)


async def frozen_daemon(stage: Stage) -> None:
    os.kill(stage.daemon.pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(6.0)
    finally:
        os.kill(stage.daemon.pid, signal.SIGCONT)
    await stage.daemon.more_looks(3)


async def protected(platform: Platform, _: AsyncExitStack) -> None:
    """Only its own loopback may come in; the watchdog comes from the bridge."""
    await platform.exec("redis", "redis-cli", "config", "set", "protected-mode", "yes")


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


LOG = "probe: log\n    pattern: nothing like this"


BLIND = (
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
)
