"""The platform starts, refuses taken names, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import subprocess
import sys
import textwrap

import asyncpg
import pytest
import redis.asyncio

from nemo_watchdog.demo.docker_cli import DockerError, docker
from nemo_watchdog.demo.parts import Gateway, Gemma, Postgres, Redis
from nemo_watchdog.demo.platform import LABEL, Platform, PlatformError
from tests.integration.conftest import TEST_LABEL, StartPlatform, make_platform


async def left_of(prefix: str) -> list[str]:
    """Containers and networks with the platform's label."""
    chosen = ("--filter", f"label={LABEL}={prefix}")
    containers = await docker("ps", "-aq", *chosen)
    networks = await docker("network", "ls", "-q", *chosen)
    return [*containers.split(), *networks.split()]


async def first_trace(prefix: str) -> None:
    """Returns once the platform has made something."""
    while True:
        if await left_of(prefix):
            return
        await asyncio.sleep(0.02)


async def test_everything_is_ready_and_gone_at_the_end(real_parts: str) -> None:
    """All four parts serve, each on its own port of 127.0.0.1, and none is left after the block."""
    async with make_platform("postgres", "redis", "gateway", "gemma") as platform:
        await platform.ready()
        status, body = await platform.http("gateway", "/health")
        assert (status, json.loads(body)) == (200, {"status": "ok"})
        assert len({platform.port(part) for part in platform.parts}) == 4
        published = await docker("port", platform.name("redis"))
        assert published == f"6379/tcp -> 127.0.0.1:{platform.port('redis')}"
    assert await left_of(platform.prefix) == []


async def test_a_taken_name_is_refused_and_left_untouched(real_parts: str) -> None:
    """A container of that name that somebody else made stops the platform, is named in the error, and stays."""
    platform = make_platform("redis")
    async with make_platform("gemma") as other:
        await docker("rename", other.name("gemma"), platform.name("redis"))
        try:
            with pytest.raises(PlatformError, match=platform.name("redis")):
                await platform.__aenter__()
            assert await docker("inspect", "-f", "{{.State.Running}}", platform.name("redis")) == "true"
        finally:
            await docker("rename", platform.name("redis"), other.name("gemma"))


async def test_a_platform_that_is_still_here_is_named_with_the_command_that_removes_it(
    start_platform: StartPlatform,
) -> None:
    """A second platform of the same prefix is refused and takes nothing of the first with it."""
    first = await start_platform("redis")
    with pytest.raises(PlatformError, match=f"docker rm -fv {first.name('redis')}"):
        await Platform(first.prefix, ("gemma",), labels=TEST_LABEL).__aenter__()
    assert await first.check("redis") is None


async def test_a_part_that_cannot_start_takes_the_others_with_it(real_parts: str) -> None:
    """Nothing is left of a platform that failed while it started, and the error is Docker's own."""
    broken = make_platform("redis", _Impossible())
    with pytest.raises(DockerError, match="no-such-mode"):
        await broken.__aenter__()
    assert await left_of(broken.prefix) == []


class _Impossible(Gateway):
    """Asks Docker for a network mode that it does not have."""

    def options(self, others: object) -> list[str]:
        return ["--ipc", "no-such-mode"]


async def test_an_exception_inside_the_block_removes_everything(real_parts: str) -> None:
    """What the block raises comes out, and the containers are gone."""
    platform = make_platform("redis", "gateway")
    with pytest.raises(LookupError, match="on purpose"):
        async with platform:
            raise LookupError("on purpose")
    assert await left_of(platform.prefix) == []


@pytest.mark.parametrize("when", ["starting", "ready"])
async def test_ctrl_c_removes_everything(real_parts: str, when: str) -> None:
    """A process that gets SIGINT, while it starts the platform or later, removes what it made."""
    prefix = f"nemo-test-{secrets.token_hex(4)}"
    program = textwrap.dedent(
        f"""
        import asyncio
        import signal
        from nemo_watchdog.demo.platform import Platform
        async def main():
            print("starting", flush=True)
            async with Platform({prefix!r}, ("redis", "gateway"), labels={TEST_LABEL!r}) as platform:
                await platform.ready()
                print("ready", flush=True)
                await asyncio.Event().wait()
        # What a shell starts in the background inherits an ignored SIGINT, and these tests may have been.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        asyncio.run(main())
        """
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    assert process.stdout is not None
    async with asyncio.timeout(30):
        while (await process.stdout.readline()).decode().strip() != when:
            pass
        if when == "starting":
            await first_trace(prefix)
        os.killpg(process.pid, signal.SIGINT)
        _, errors = await process.communicate()
    assert b"KeyboardInterrupt" in errors
    assert await left_of(prefix) == []


async def test_keep_leaves_it_running(real_parts: str) -> None:
    """With `keep` the containers outlive the block, on the same ports."""
    prefix = f"nemo-test-{secrets.token_hex(4)}"
    async with Platform(prefix, ("redis",), labels=TEST_LABEL, keep=True) as platform:
        await platform.ready()
    try:
        assert await platform.check("redis") is None
    finally:
        platform.keep = False
        await platform.__aexit__(None, None, None)
    assert await left_of(prefix) == []


async def test_a_restart_keeps_port_and_data(start_platform: StartPlatform) -> None:
    """After `docker restart` Postgres serves on the same port and has its rows."""
    platform = await start_platform("postgres")
    port = platform.port("postgres")
    await platform.exec("postgres", "psql", "-qU", "postgres", "-c", "CREATE TABLE kept AS SELECT 42 AS answer")
    await platform.docker("restart", platform.name("postgres"))
    await platform.ready()
    connection = await asyncpg.connect(platform.postgres_dsn, timeout=5)
    try:
        assert await connection.fetchval("SELECT answer FROM kept") == 42
        assert platform.port("postgres") == port
    finally:
        await connection.close()


async def test_passwords_are_asked_for(start_platform: StartPlatform) -> None:
    """With a password Postgres and Redis refuse another one, and the gateway, which has it, is healthy."""
    platform = await start_platform(Postgres(password="right"), Redis(password="right"), "gateway")
    connection = await asyncpg.connect(platform.postgres_dsn, timeout=5)
    await connection.close()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(platform.postgres_dsn.replace("right", "wrong"), timeout=5)
    client = redis.asyncio.from_url(platform.redis_url.replace("right", "wrong"))
    with pytest.raises(redis.exceptions.AuthenticationError):
        await client.ping()
    await client.aclose()


async def test_not_ready_says_which_part_and_why(start_platform: StartPlatform) -> None:
    """The error of a part that does not come names it and what it answered last."""
    platform = await start_platform(Gemma(load_seconds=0.1))
    await platform.http("gemma", "/break?mode=500", method="POST")
    with pytest.raises(PlatformError, match="gemma: 500"):
        await platform.ready(within=0.5)


async def test_a_part_that_is_not_there_is_an_error_with_those_that_are(start_platform: StartPlatform) -> None:
    """Asking for a part by a wrong name tells the right ones."""
    platform = await start_platform("redis")
    with pytest.raises(PlatformError, match="no 'postgres'; it has redis"):
        platform.port("postgres")


async def test_two_platforms_live_side_by_side(start_platform: StartPlatform) -> None:
    """Two prefixes share nothing but the image: the end of one leaves the other well."""
    first = await start_platform("redis")
    async with make_platform("redis") as second:
        await second.ready()
    assert await first.check("redis") is None
    async with make_platform("redis") as third:
        await third.ready()
