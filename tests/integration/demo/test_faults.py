"""Each fault produces the symptom that it announces, as the clients of the part see it."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg
import pytest
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from nemo_watchdog.demo import faults, story
from nemo_watchdog.demo.docker_cli import DockerError, docker, said
from nemo_watchdog.demo.load import PostgresLoad
from nemo_watchdog.demo.parts import Gateway, Gemma
from nemo_watchdog.demo.platform import Platform, PlatformError
from tests.integration.conftest import StartPlatform


async def health(platform: Platform, part: str = "gateway") -> tuple[int, object]:
    status, body = await platform.http(part, "/health", within=5)
    return status, json.loads(body)


async def until(holds: Callable[[], Awaitable[bool]], within: float = 20) -> None:
    async with asyncio.timeout(within):
        while True:
            if await holds():
                return
            await asyncio.sleep(0.05)


async def restart(platform: Platform, part: str) -> None:
    await docker("restart", "-t", "2", platform.name(part))


async def test_500_is_cured_by_a_restart(start_platform: StartPlatform) -> None:
    """The gateway answers 500 while its container runs, and is well after a restart, which SIGTERM makes quick."""
    platform = await start_platform("gateway")
    await story.gateway_answers_500(platform)
    assert await health(platform) == (500, {"error": "Internal Server Error"})
    assert (await platform.state("gateway"))["Running"]
    await docker("stop", "-t", "5", platform.name("gateway"))
    assert (await platform.state("gateway"))["ExitCode"] == 0, "SIGTERM was not obeyed within five seconds"
    await docker("start", platform.name("gateway"))
    await platform.ready()


async def test_hang_accepts_and_never_answers(start_platform: StartPlatform) -> None:
    """The gateway's port accepts connections, no answer comes, and a restart cures it."""
    platform = await start_platform("gateway")
    await story.gateway_hangs(platform)
    with pytest.raises(TimeoutError):
        await platform.http("gateway", "/health", within=0.5)
    await restart(platform, "gateway")
    await platform.ready()


async def test_slow_answers_late_and_well(start_platform: StartPlatform) -> None:
    """A slow gateway answers 200 after its `slow_seconds`."""
    platform = await start_platform(Gateway(slow_seconds=0.4))
    await faults.switch(platform, "gateway", "slow")
    began = time.monotonic()
    assert await health(platform) == (200, {"status": "ok"})
    assert time.monotonic() - began >= 0.4


async def test_exit_and_sigkill_end_the_container(start_platform: StartPlatform) -> None:
    """`exit` ends the gateway with code 1, a SIGKILL from outside with 137, and neither shows as an API stop."""
    platform = await start_platform("gateway")
    since = str(int(time.time()))
    await faults.switch(platform, "gateway", "exit")
    await until(lambda: exited(platform, 1))
    await docker("start", platform.name("gateway"))
    await platform.ready()
    await story.gateway_crashes(platform)
    await until(lambda: exited(platform, 137))
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        await platform.http("gateway", "/health")
    with pytest.raises(PlatformError, match="nothing to kill"):
        await faults.sigkill(platform, "gateway")
    chosen = (
        "--since",
        since,
        "--until",
        str(int(time.time()) + 1),
        "--filter",
        f"container={platform.name('gateway')}",
    )
    events = (await docker("events", *chosen, "--format", "{{.Action}}")).split()
    assert events.count("die") == 2
    assert not {"kill", "stop"} & set(events)


async def exited(platform: Platform, code: int) -> bool:
    state = await platform.state("gateway")
    return bool((state["Status"], state["ExitCode"]) == ("exited", code))


async def test_sigkill_without_the_right_to_signal_goes_through_a_container(
    start_platform: StartPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the process may not be signalled from here, a container in the host's PID namespace does it."""
    platform = await start_platform("redis")

    def refused(pid: int, number: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "kill", refused)
    await faults.sigkill(platform, "redis")
    assert (await platform.state("redis"))["ExitCode"] == 137


async def test_never_healthy_survives_restarts(start_platform: StartPlatform) -> None:
    """A gateway that is told never to be healthy answers 500 after a restart too, until a person mends it."""
    platform = await start_platform("gateway")
    await story.gateway_never_healthy(platform)
    await restart(platform, "gateway")
    await until(lambda: answers(platform, 500))
    await story.gateway_mended(platform)
    await restart(platform, "gateway")
    await platform.ready()


async def answers(platform: Platform, status: int) -> bool:
    try:
        return (await health(platform))[0] == status
    except (ConnectionError, http.client.HTTPException):
        return False


async def test_an_unknown_mode_is_an_error(start_platform: StartPlatform) -> None:
    """The control endpoint refuses a mode that does not exist and changes nothing."""
    platform = await start_platform("gateway")
    with pytest.raises(PlatformError, match="no such mode: 'asleep'"):
        await faults.switch(platform, "gateway", "asleep")
    assert (await health(platform))[0] == 200


async def test_the_gateway_names_what_fails(start_platform: StartPlatform) -> None:
    """`/health` is 503 with the names of the upstreams that fail, and 200 once they serve again."""
    platform = await start_platform("postgres", "redis", "gateway")
    await docker("pause", platform.name("redis"))
    status, body = await health(platform)
    assert isinstance(body, dict)
    assert (status, body["status"], body["failing"]) == (503, "degraded", ["redis"])
    await faults.sigkill(platform, "postgres")
    status, body = await health(platform)
    assert isinstance(body, dict)
    assert (status, body["failing"]) == (503, ["postgres", "redis"])
    await docker("unpause", platform.name("redis"))
    await docker("start", platform.name("postgres"))
    await platform.ready()


async def test_what_is_not_said_before_the_end_is_an_error(start_platform: StartPlatform) -> None:
    """Who waits for a line hears at once that it can come no more."""
    platform = await start_platform("redis")
    waiting = asyncio.create_task(said(platform.name("redis"), "no such words", since="0"))
    await docker("stop", "-t", "5", platform.name("redis"))
    with pytest.raises(DockerError, match="without 'no such words'"):
        async with asyncio.timeout(10.0):
            await waiting


async def test_postgres_recovers_for_long_under_load(start_platform: StartPlatform) -> None:
    """After the crash Postgres refuses with 57P03 for about as long as asked, makes progress, and keeps its rows."""
    platform = await start_platform("postgres", "gateway")
    async with PostgresLoad(platform.postgres_dsn) as load:
        await faults.postgres_long_recovery(platform, 4)
        assert (await platform.state("postgres"))["ExitCode"] == 137
        written = load.done
        assert written > 0
        await docker("start", platform.name("postgres"))
        began = time.monotonic()
        await until(lambda: refuses_for_now(platform))
        status, body = await health(platform)
        assert isinstance(body, dict)
        assert (status, body["failing"]) == (503, ["postgres"])
        await platform.ready(within=60)
        assert time.monotonic() - began >= 3
        await until(lambda: wrote_more(load, written))
    assert load.errors["CannotConnectNowError"] > 0
    positions = [
        line.rpartition(" ")[2] for line in (await platform.logs("postgres", 2000)).splitlines() if "redo in" in line
    ]
    assert len(set(positions)) == len(positions) > 0, "the redo made no progress that its log shows"
    connection = await asyncpg.connect(platform.postgres_dsn, timeout=5)
    try:
        assert await connection.fetchval("SELECT count(*) FROM load") >= written
    finally:
        await connection.close()


async def refuses_for_now(platform: Platform) -> bool:
    try:
        connection = await asyncpg.connect(platform.postgres_dsn, timeout=2)
    except asyncpg.CannotConnectNowError:  # SQLSTATE 57P03
        return True
    except (OSError, asyncpg.PostgresError):
        return False
    await connection.close()
    raise AssertionError("Postgres serves: there was nothing to recover")


async def wrote_more(load: PostgresLoad, than: int) -> bool:
    return load.done > than


async def test_redis_loads_for_long(start_platform: StartPlatform) -> None:
    """After the crash Redis answers LOADING for about as long as asked, its percentage grows, and has its keys."""
    platform = await start_platform("redis")
    await faults.redis_long_loading(platform, 3)
    await docker("start", platform.name("redis"))
    began = time.monotonic()
    client = redis.asyncio.from_url(platform.redis_url, socket_timeout=2, retry=Retry(NoBackoff(), 0))
    try:
        await until(lambda: says_loading(client))
        first = (await client.info("persistence"))["loading_loaded_perc"]
        await until(lambda: loaded_more(client, first))
        await platform.ready(within=20)
        assert time.monotonic() - began >= 2
        assert await client.dbsize() == faults.LOADED_KEYS
    finally:
        await client.aclose()
    await until(lambda: extra_configuration_gone(platform))


async def says_loading(client: redis.asyncio.Redis) -> bool:
    try:
        await client.ping()
    except redis.exceptions.BusyLoadingError:
        return True
    except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError):
        return False
    raise AssertionError("Redis serves: there was nothing to load")


async def loaded_more(client: redis.asyncio.Redis, than: float) -> bool:
    return bool((await client.info("persistence")).get("loading_loaded_perc", 0) > than)


async def extra_configuration_gone(platform: Platform) -> bool:
    return await platform.exec("redis", "cat", "/data/extra.conf") == ""


async def test_a_persons_stop_is_an_api_stop(start_platform: StartPlatform) -> None:
    """`docker stop` of the model server gives the events of a person's stop; a start brings it back, loading first."""
    platform = await start_platform(Gemma(load_seconds=1.0))
    since = str(int(time.time()))
    await story.person_stops_gemma(platform)
    assert (await platform.state("gemma"))["Status"] == "exited"
    chosen = ("--since", since, "--until", str(int(time.time()) + 1), "--filter", f"container={platform.name('gemma')}")
    events = (await docker("events", *chosen, "--format", "{{.Action}}")).split()
    assert {"kill", "die", "stop"} <= set(events)
    await story.person_starts_gemma(platform)
    await until(lambda: answers_loading(platform))
    await platform.ready()
    assert await health(platform, "gemma") == (200, {"status": "ok"})


async def answers_loading(platform: Platform) -> bool:
    try:
        status, body = await health(platform, "gemma")
    except (ConnectionError, http.client.HTTPException):
        return False
    assert isinstance(body, dict)
    return status == 503 and body["error"]["message"] == "Loading model"


async def complete(platform: Platform, max_tokens: int) -> list[str]:
    """The data lines of a streamed completion."""

    def ask() -> list[str]:
        connection = http.client.HTTPConnection("127.0.0.1", platform.port("gemma"), timeout=10)
        try:
            request = {"model": "gemma", "prompt": "ping", "max_tokens": max_tokens, "stream": True}
            connection.request("POST", "/v1/completions", json.dumps(request), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            assert answer.headers["Content-Type"] == "text/event-stream"
            return [line[6:] for line in answer.read().decode().splitlines() if line.startswith("data: ")]
        finally:
            connection.close()

    return await asyncio.to_thread(ask)


async def metric(platform: Platform, name: str) -> float:
    _, body = await platform.http("gemma", "/metrics")
    lines = [line for line in body.decode().splitlines() if line.startswith(f"vllm:{name}{{")]
    return float(lines[0].rpartition(" ")[2])


async def test_the_model_server_streams_and_counts(start_platform: StartPlatform) -> None:
    """A streamed completion has a chunk for each token and an end, and the token counter grows by as many."""
    platform = await start_platform(Gemma(load_seconds=0, tokens_per_second=200))
    chunks = await complete(platform, 4)
    assert chunks[-1] == "[DONE]"
    assert "".join(json.loads(chunk)["choices"][0]["text"] for chunk in chunks[:-1]) == "the database is not"
    assert await metric(platform, "generation_tokens_total") == 4
    assert await metric(platform, "num_requests_running") == 0


async def test_a_stalled_model_server_is_green_and_makes_no_tokens(start_platform: StartPlatform) -> None:
    """In mode `stall` a request runs, the token counter stands still and `/health` answers 200."""
    platform = await start_platform(Gemma(load_seconds=0, tokens_per_second=200))
    await faults.switch(platform, "gemma", "stall")
    request = asyncio.create_task(complete(platform, 2))

    async def running() -> bool:
        return await metric(platform, "num_requests_running") == 1

    await until(running)
    assert (await health(platform, "gemma"))[0] == 200
    assert await metric(platform, "generation_tokens_total") == 0
    await faults.switch(platform, "gemma", "ok")
    assert (await request)[-1] == "[DONE]"


def test_the_story_names_each_part_and_each_expectation() -> None:
    """The demo breaks every part, shows every kind of judgement, and each fault is told in words."""
    assert {fault.part for fault in story.STORY} == {"postgres", "redis", "gateway", "gemma"}
    assert {fault.expected for fault in story.STORY} == set(story.Expected)
    for fault in story.STORY:
        fewest, most = fault.restarts
        assert 0 <= fewest <= most
        assert fault.announced.endswith(".")
        assert fault.break_.__doc__


def test_what_runs_inside_containers_imports_the_standard_library_only() -> None:
    """The modules that run under the host's Python import nothing that has to be installed."""
    import ast
    import sys

    folder = Path(faults.__file__).parent
    inside = {"gateway", "model_server", "serving", "wire"}
    for name in inside:
        for node in ast.walk(ast.parse((folder / f"{name}.py").read_text())):
            if isinstance(node, ast.Import):
                modules = {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module == "nemo_watchdog.demo":
                assert {alias.name for alias in node.names} <= inside
                continue
            elif isinstance(node, ast.ImportFrom):
                modules = {node.module or ""}
            else:
                continue
            for module in modules:
                own = module.startswith("nemo_watchdog.demo.") and module.rpartition(".")[2] in inside
                assert own or module.partition(".")[0] in sys.stdlib_module_names, f"{name} imports {module}"
