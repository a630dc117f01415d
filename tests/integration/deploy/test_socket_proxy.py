"""The shipped socket proxy: what the watchdog asks for passes, as if it asked Docker itself, and nothing else does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from nemo_watchdog.containers import DockerContainers
from nemo_watchdog.containers.event_stream import ENGINE_RESTARTED, LOST, RECONNECTED
from nemo_watchdog.errors import ContainersUnreachable, OrderUncertain, QuestionRefused
from nemo_watchdog.model import RunState
from tests.integration.conftest import StartPlatform
from tests.integration.containers.private_engine import PrivateEngine
from tests.integration.deploy.haproxy import Haproxy, SilentEngine

NAME = "app_gateway"
EXEC = "a" * 64
CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"

ALLOWED = [
    "GET /_ping",
    "GET /version",
    "GET /v1.41/version",
    "GET /v1.41/events?filters=%7B%22type%22%3A%5B%22container%22%5D%7D",
    f"GET /containers/{NAME}/json",
    f"GET /v1.50/containers/{NAME}/json",
    f"GET /containers/{NAME}/stats?stream=false&one-shot=true",
    f"GET /containers/{NAME}/logs?stdout=1&stderr=1&tail=200",
    f"GET /containers/{NAME}/top?ps_args=-eo+pid,stat",
    f"GET /containers/{NAME}/top?ps_args=-eo%20pid%2Cargs",
    f"POST /v1.41/containers/{NAME}/restart?t=10",
    f"POST /containers/{NAME}/restart",
]
OF_ACTIONS = [
    f"POST /containers/{NAME}/start",
    f"POST /v1.41/containers/{NAME}/kill?signal=1",
    f"POST /containers/{NAME}/kill?signal=15",
    f"POST /containers/{NAME}/unpause",
]
OF_EXEC = [f"POST /containers/{NAME}/exec", f"POST /exec/{EXEC}/start", f"GET /exec/{EXEC}/json"]
REFUSED = [
    # what else Docker can do
    *(
        "GET /",
        "GET /info",
        "GET /containers/json?all=true",
        "GET /containers/json",
        "GET /images/json",
        "GET /volumes",
        "GET /networks",
        "GET /secrets",
    ),
    *("POST /containers/create", "POST /containers/create?name=x", "POST /build", "POST /images/create?fromImage=x"),
    *("POST /swarm/init", "POST /session", "POST /grpc", "POST /auth", "GET /system/df", "POST /volumes/create"),
    *(f"POST /containers/{NAME}/{verb}" for verb in ("kill", "stop", "start", "pause", "update", "rename?name=x")),
    *(f"POST /containers/{NAME}/{verb}" for verb in ("attach?stream=1", "resize", "wait", "copy", "json", "top")),
    *(f"GET /containers/{NAME}/{what}" for what in ("archive?path=/etc", "export", "changes", "attach/ws", "restart")),
    f"DELETE /containers/{NAME}?force=1",
    f"PUT /containers/{NAME}/archive?path=/",
    # the right path, another method
    *("HEAD /_ping", "POST /version", "OPTIONS *", "TRACE /_ping", "PATCH /_ping", "get /_ping", "GETS /_ping"),
    *(f"{method} /containers/{NAME}/json" for method in ("HEAD", "PUT", "DELETE", "POST")),
    *(f"{method} /containers/{NAME}/restart" for method in ("GET", "PUT", "HEAD")),
    # what is asked of the `ps` of the host, and how a container is stopped
    *(f"GET /containers/{NAME}/top{query}" for query in ("", "?ps_args=eww", "?ps_args=-eo+pid,stat,environ")),
    *(f"GET /containers/{NAME}/top?ps_args=-eo+pid,stat{more}" for more in ("&ps_args=eww", ";x", "%20-e")),
    *(
        f"POST /containers/{NAME}/restart?{query}"
        for query in ("signal=KILL", "t=1&signal=KILL", "t=-1", "t=1;x", "t=x")
    ),
    # another way to write another path
    *(
        "GET /containers/../images/json",
        "GET /containers/x/../json",
        "GET /containers/./json",
        "GET //containers/x/json",
    ),
    *(
        "GET /containers//json",
        "GET /containers/x//json",
        "GET /containers/x/json/",
        "GET /containers/x/json/../../json",
    ),
    *("GET /%2e%2e/images/json", "GET /containers/%2e%2e/json", "GET /containers/x%2f..%2fjson/json", "GET /_ping%00"),
    *("GET /containers/x%2Fjson", "GET /_ping/../images/json", "GET /_ping;/images/json", "GET /v1.41/../images/json"),
    *(
        "GET /v1.41//version",
        "GET /v2/version",
        "GET /v1.41.1/version",
        "GET /V1.41/version",
        "GET /_PING",
        "GET \\_ping",
    ),
    *("GET /containers/-x/json", "GET /containers/.x/json", "GET /containers/x y/json", "GET /containers/x/json#/kill"),
    # a whole address
    *("GET http://docker/_ping", "GET http://docker/images/json", "GET docker/_ping", "CONNECT docker:2375"),
    # commands in containers, and what not every policy does, unless they are asked for
    *OF_EXEC,
    *OF_ACTIONS,
]


def http(request: str, more: str = "") -> bytes:
    host = "docker" if "//docker" in request else "docker:2375" if "CONNECT" in request else "localhost"
    return f"{request} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nConnection: close\r\n{more}\r\n".encode()


def status(answer: bytes) -> int:
    """Of an answer; 0 where there is none."""
    return int(answer.split()[1]) if answer.startswith(b"HTTP/1.1 ") else 0


async def passed(requests: list[str], folder: Path, environ: dict[str, str], more: str = "") -> list[str]:
    """Those of the requests that come to Docker."""
    answer = b"HTTP/1.1 204 No Content\r\n\r\n"
    async with SilentEngine(folder / "engine", answer) as engine, Haproxy(engine.path, environ) as proxy:
        through = []
        for request in requests:
            before = len(engine.asked)
            answered = status(await proxy.raw(http(request, more)))
            if len(engine.asked) > before:
                through.append(request)
            else:
                assert answered in {400, 403, 0}, request
        return through


async def test_what_the_watchdog_asks_for_passes_and_nothing_else(tmp_path: Path) -> None:
    assert await passed([*ALLOWED, *REFUSED], tmp_path, {}) == ALLOWED


async def test_no_header_makes_another_request_of_it(tmp_path: Path) -> None:
    tricks = "X-HTTP-Method-Override: DELETE\r\nX-Original-URL: /containers/json\r\nX-Rewrite-URL: /containers/json\r\n"
    assert await passed(["GET /_ping", "GET /images/json"], tmp_path, {}, tricks) == ["GET /_ping"]


async def test_restarts_can_be_kept_to_the_containers_that_are_named(tmp_path: Path) -> None:
    asked = [f"POST /containers/{name}/restart?t=1" for name in ("redis", "gateway", "redis2", "my_redis", "postgres")]
    environ = {"SOCKET_PROXY_RESTART": "redis|gateway"}
    assert await passed([*asked, "GET /containers/postgres/json"], tmp_path, environ) == [
        *asked[:2],
        "GET /containers/postgres/json",
    ]


async def test_commands_run_in_the_containers_that_are_named(tmp_path: Path) -> None:
    other = "POST /containers/postgres/exec"
    environ = {"SOCKET_PROXY_EXEC": NAME}
    assert (
        await passed([*OF_EXEC, other, f"POST /exec/{EXEC[1:]}/start", "GET /exec/x/json"], tmp_path, environ)
        == OF_EXEC
    )


async def test_what_an_action_orders_passes_for_the_containers_that_are_named(tmp_path: Path) -> None:
    """Each by a word of its own, and a kill with its signal as a number and nothing else."""
    other = [request.replace(NAME, "postgres") for request in OF_ACTIONS]
    kills = ("", "?signal=KILL", "?signal=", "?signal=1&x=1", "?signal=100")
    refused = [*(f"POST /containers/{NAME}/kill{query}" for query in kills), f"GET /containers/{NAME}/start"]
    asked = [*OF_ACTIONS, *other, *refused, f"POST /containers/{NAME}/start?detachKeys=x"]
    environ = {f"SOCKET_PROXY_{verb}": NAME for verb in ("START", "KILL", "UNPAUSE")}
    assert await passed(asked, tmp_path, environ) == OF_ACTIONS
    assert await passed(asked, tmp_path, {"SOCKET_PROXY_UNPAUSE": NAME}) == [OF_ACTIONS[-1]]


async def test_which_containers_there_are_is_told_where_that_is_wanted(tmp_path: Path) -> None:
    told = (("", "?all=true"), ("/v1.41", "?limit=1"), ("", ""))
    asked = [f"GET {version}/containers/json{query}" for version, query in told]
    refused = ["POST /containers/json?all=true", "GET /containers/json?", "GET /containers/json?all=true&size=true"]
    assert await passed([*asked, *refused], tmp_path, {"SOCKET_PROXY_LIST": "1"}) == asked


async def test_nobody_speaks_another_protocol_behind_it(tmp_path: Path) -> None:
    """What would follow an upgrade, or comes after a first request on one connection, is read as well."""
    upgrade = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n"
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    async with SilentEngine(tmp_path / "engine", answer) as engine, Haproxy(engine.path) as proxy:
        first = f"GET /_ping HTTP/1.1\r\nHost: x\r\n{upgrade}\r\n"
        second = "POST /containers/create HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        told = await proxy.raw((first + second).encode())
        assert (told.count(b"HTTP/1.1 200"), told.count(b"HTTP/1.1 403")) == (1, 1)
        (asked,) = engine.asked
        assert "upgrade: h2c" not in asked.lower()
        smuggled = "GET /_ping HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        told = await proxy.raw((smuggled + second).encode())
        assert b"HTTP/1.1 200" not in told.partition(b"HTTP/1.1 403")[2]
        preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9)
        assert status(await proxy.raw(preface)) in {0, 400, 403}
        assert all(head.startswith("GET /_ping ") for head in engine.asked)


async def test_every_question_and_order_of_the_adapter_passes(start_platform: StartPlatform) -> None:
    """With the real Docker behind it: each gives what it gives without, and nothing was refused."""
    platform = await start_platform("gateway")
    name = platform.name("gateway")
    environ = {"SOCKET_PROXY_RESTART": name, "SOCKET_PROXY_EXEC": name, "SOCKET_PROXY_LIST": "y"}
    async with Haproxy(environ=environ) as proxy:
        docker = DockerContainers(proxy.url, timeout=20.0)
        try:
            await ask_everything(docker, name)
            assert await docker.execute(name, ["/bin/sh", "-c", "exit 7"]) == 7
            assert name in await docker.labels()
            assert await docker.largest(1)
        finally:
            await docker.close()
        assert proxy.refused == []


async def ask_everything(docker: DockerContainers, name: str) -> None:
    seen = await docker.inspect(name)
    assert seen.state is RunState.RUNNING
    await docker.ping()
    assert await docker.takes_callers()
    assert (await docker.usage(name)).memory > 0
    assert await docker.titles(name)
    assert await docker.uninterruptible(name) is not None
    assert await docker.last_words(name, 5)
    assert await docker.log(name, datetime.now(UTC) - timedelta(minutes=5)) is not None
    assert await docker.remembers_since() is not None
    assert seen.container_id is not None
    assert await docker.history(name, seen.container_id)
    events = docker.events()
    heard = asyncio.ensure_future(anext(event async for event in events if event.container == name))
    await asyncio.sleep(0)
    while not heard.done():
        await docker.restart(name, 1.0)  # until the stream, which opens beside it, hears one
        await asyncio.wait({heard}, timeout=1.0)
    assert heard.result().container_id == seen.container_id
    await events.aclose()  # type: ignore[attr-defined]
    assert (await docker.inspect("no-such-container")).state is RunState.MISSING


async def test_a_command_that_is_refused_is_in_its_log(start_platform: StartPlatform) -> None:
    """And reads for the watchdog like Docker's own refusal, with words that say who refused."""
    platform = await start_platform("gateway")
    name = platform.name("gateway")
    async with Haproxy(environ={"SOCKET_PROXY_RESTART": "another"}) as proxy:
        docker = DockerContainers(proxy.url, timeout=20.0)
        try:
            assert await docker.execute(name, ["true"]) is None
            with pytest.raises(Exception, match="the socket proxy does not let this through"):
                await docker.restart(name, 1.0)
        finally:
            await docker.close()
        await proxy.has_refused(f"POST /containers/{name}/exec")


async def test_a_silent_stream_stays_open_and_a_client_that_leaves_is_gone(tmp_path: Path) -> None:
    """Longer than a request may take to come, and a connection may be idle; behind it nothing is left open."""
    times = {"http-request 10s": "http-request 200ms", "http-keep-alive 1m": "http-keep-alive 300ms"}
    async with SilentEngine(tmp_path / "engine", CHUNKED) as engine, Haproxy(engine.path, times=times) as proxy:
        stream, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await stream.readuntil(b"\r\n\r\n")
        for _ in range(3):
            idle, beside = await asyncio.open_connection("127.0.0.1", proxy.port)
            beside.write(b"GET /images/json HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"HTTP/1.1 403" in await idle.read()  # until it is closed for being idle
            beside.close()
        engine.say(b"5\r\nnews\n\r\n")
        async with asyncio.timeout(20):
            assert b"news" in await stream.readuntil(b"news\n")
            writer.close()
            while not engine.hung_up:
                await asyncio.sleep(0.02)


async def test_a_docker_that_does_not_answer_is_not_answered_for(tmp_path: Path) -> None:
    """No word from the proxy reads like Docker's: neither that it lives, nor that it did not carry out an order."""
    path = tmp_path / "engine"
    async with Haproxy(path) as proxy:
        docker = DockerContainers(proxy.url, timeout=20.0)
        try:
            for server in (None, SilentEngine(path, None)):
                if server is not None:
                    await server.__aenter__()
                with pytest.raises(ContainersUnreachable) as told:
                    await docker.ping()
                assert not isinstance(told.value, QuestionRefused)
            assert server is not None
            await server.__aexit__(None, None, None)
        finally:
            await docker.close()
        version = (
            b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 21\r\n\r\n{"ApiVersion":"1.41"}'
        )
        answers: Callable[[str], bytes | None] = lambda head: version if "/version" in head else None  # noqa: E731
        async with SilentEngine(path, answers) as engine:
            docker = DockerContainers(proxy.url, timeout=20.0)
            try:
                with pytest.raises(OrderUncertain):
                    await docker.restart(NAME, 1.0)
            finally:
                await docker.close()
            assert [head.split()[0] for head in engine.asked].count("POST") == 1


async def test_a_restart_of_docker_is_outlived(docker_engine: str) -> None:
    """The stream ends, the watchdog is blind, and sees again when Docker answers; the proxy is not touched."""
    async with PrivateEngine() as engine, Haproxy(engine.url.removeprefix("unix://")) as proxy:
        docker = DockerContainers(proxy.url, timeout=20.0)
        try:
            events = docker.events()
            assert (await anext(events)).action == RECONNECTED
            await engine.stop()
            assert (await anext(events)).action == LOST
            with pytest.raises(ContainersUnreachable):
                await docker.ping()
            assert not await docker.takes_callers()
            await engine.start()
            assert (await anext(events)).action == ENGINE_RESTARTED
            assert (await anext(events)).action == RECONNECTED
            assert await docker.takes_callers()
            await events.aclose()  # type: ignore[attr-defined]
        finally:
            await docker.close()
