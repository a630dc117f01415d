"""What a real Redis tells before a restart, as far as its user may ask."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

import pytest

from nemo_watchdog.errors import EvidenceError
from nemo_watchdog.ports import EvidenceSource, Probe
from nemo_watchdog.probes import PROBES
from nemo_watchdog.testing.conformance import cancels_wherever_it_is, evidence_is_text
from tests.integration.probes.looking import is_ok, look_until
from tests.integration.probes.servers import Redis, short_folder
from tests.unit.probes.making import probing

pytestmark = pytest.mark.integration


@pytest.fixture
async def redis() -> AsyncIterator[Redis]:
    """Answering; killed at the end."""
    with short_folder() as folder:
        server = Redis(folder)
        server.start("--maxclients", "20")
        try:
            async with probing("redis", {"url": server.url()}) as probe:
                await look_until(probe, is_ok)
            yield server
        finally:
            await asyncio.to_thread(server.stop)


async def tell(redis: Redis, *words: str) -> None:
    await asyncio.to_thread(redis.command, *words)


async def ask(probe: Probe, name: str) -> str:
    assert isinstance(probe, EvidenceSource)
    return await probe.evidence()[name]()


async def test_a_slow_command_is_in_the_slow_log(redis: Redis) -> None:
    """With its duration and its first arguments; a password that was set is in none of the parts."""
    await tell(redis, "CONFIG", "SET", "slowlog-log-slower-than", "0")
    await tell(redis, "DEBUG", "SLEEP", "0.05")
    await tell(redis, "SET", "key", "x" * 500)
    await tell(redis, "CONFIG", "SET", "masterauth", "hunter2")
    await tell(redis, "ACL", "SETUSER", "me", ">hunter2")
    texts = await evidence_is_text(PROBES["redis"], {"url": redis.url()}, ["hunter2"])
    slow = texts["slowlog.txt"]
    assert re.search(r"\n\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ +5\d(\.\d)?ms +127\.0\.0\.1:\d+ .* DEBUG SLEEP 0\.05\n", slow)
    assert f"SET key {'x' * 63}…\n" in slow
    assert "CONFIG SET (arguments not kept)\n" in slow
    assert "ACL (arguments not kept)\n" in slow


async def test_info_and_clients(redis: Redis) -> None:
    """Every section of INFO; clients by what they have in common."""
    writers = []
    for number in range(3):
        _, writer = await asyncio.open_connection("127.0.0.1", redis.port)
        writer.write(f"CLIENT SETNAME worker\r\nSUBSCRIBE c{number}\r\n".encode())
        writers.append(writer)
    try:
        async with probing("redis", {"url": redis.url()}) as probe:
            async with asyncio.timeout(30):
                while "\n3        worker\n" not in (text := await ask(probe, "clients.txt")):
                    await asyncio.sleep(0.01)
    finally:
        for writer in writers:
            writer.close()
            await writer.wait_closed()
    assert text.startswith("Clients: 4, this question among them.\n")
    assert "\n4        127.0.0.1\n" in text
    assert "\n3        P\n" in text
    texts = await evidence_is_text(PROBES["redis"], {"url": redis.url()})
    for word in ("# Server\n", "# Memory\n", "# Commandstats\n", "\nredis_version:", "\ncmdstat_subscribe:calls=3,"):
        assert word in texts["info.txt"]


async def test_what_an_acl_forbids_is_said(redis: Redis) -> None:
    """And the rest is told."""
    rules = ("on", ">correct-horse", "+ping", "+info", "+client|list", "-slowlog")
    await tell(redis, "ACL", "SETUSER", "watcher", *rules)
    async with probing("redis", {"url": f"redis://watcher:correct-horse@{redis.address}/2"}) as probe:
        with pytest.raises(EvidenceError, match=r"^the user may not run SLOWLOG GET 32 \(NOPERM\)$"):
            await ask(probe, "slowlog.txt")
        assert "redis_version:" in await ask(probe, "info.txt")
        assert "\n1        watcher\n" in await ask(probe, "clients.txt")


async def test_a_wrong_password_is_said_without_it(redis: Redis) -> None:
    """Nothing is told."""
    async with probing("redis", {"url": f"redis://:wrong-battery@{redis.address}"}) as probe:
        await tell(redis, "CONFIG", "SET", "requirepass", "right-staple")
        with pytest.raises(EvidenceError, match=r"^the user name or password is wrong \(WRONGPASS\)$"):
            await ask(probe, "info.txt")


async def test_no_connection_is_left_and_each_await_can_be_cancelled(redis: Redis) -> None:
    """Also while its clients are paused, when nothing is answered."""
    await cancels_wherever_it_is(PROBES["redis"], {"url": redis.url()}, steps=30)
    await tell(redis, "CLIENT", "PAUSE", "600")
    async with probing("redis", {"url": redis.url()}) as probe:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await ask(probe, "info.txt")
        async with asyncio.timeout(30):
            while "connected_clients:1\n" not in await ask(probe, "info.txt"):
                await asyncio.sleep(0.01)


async def test_a_server_that_is_full_says_so(redis: Redis) -> None:
    """Whatever fails after it has said so, again and again."""
    writers = [(await asyncio.open_connection("127.0.0.1", redis.port))[1] for _ in range(20)]
    try:
        async with probing("redis", {"url": redis.url()}) as probe:
            for _ in range(20):
                with pytest.raises(EvidenceError, match=r"^all of its client connections are in use$"):
                    await ask(probe, "info.txt")
    finally:
        for writer in writers:
            writer.close()
            await writer.wait_closed()
