"""The redis probe against a real Redis that this test starts and breaks."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator

import pytest

from nemo_watchdog.model import CATEGORY_OF, Category, Finding, Outcome, Reason
from tests.integration.probes.looking import is_ok, look_until
from tests.integration.probes.servers import Redis, short_folder
from tests.unit.probes.making import probing

pytestmark = pytest.mark.integration


@pytest.fixture
async def redis() -> AsyncIterator[Redis]:
    """A Redis that is not started yet, and is killed at the end."""
    with short_folder() as folder:
        server = Redis(folder)
        yield server
        await asyncio.to_thread(server.stop)


async def start(redis: Redis, *options: str, password: str = "") -> None:
    redis.start(*options)
    async with probing("redis", {"url": redis.url(password)}) as probe:
        await look_until(probe, is_ok)


async def look(redis: Redis, password: str = "", **options: object) -> Finding:
    async with probing("redis", {"url": redis.url(password), **options}) as probe:
        return await probe.look()


async def test_healthy_server_is_well_and_may_be_written(redis: Redis) -> None:
    """A healthy server is well, with and without a write; the written key expires by itself."""
    await start(redis)
    assert is_ok(await look(redis))
    assert is_ok(await look(redis, write=True))
    assert 0 < int(await asyncio.to_thread(redis.command, "PTTL", "nemo-watchdog:canary")) <= 60_000


@pytest.mark.parametrize("password", ["", "wrong-battery"])
async def test_wrong_or_missing_password_is_blind(redis: Redis, password: str) -> None:
    """Neither a missing nor a wrong password says anything about the server, nor is it repeated."""
    await start(redis, "--requirepass", "right-staple", password="right-staple")
    finding = await look(redis, password)
    assert finding.reason is Reason.AUTH_FAILED
    assert "wrong-battery" not in repr(finding)


async def test_loading_is_busy(redis: Redis) -> None:
    """While Redis loads its file every look says so, with what is left, and none is a fault."""
    await start(redis)
    await asyncio.to_thread(redis.command, "DEBUG", "POPULATE", "30000", "key", "64")
    await asyncio.to_thread(redis.command, "SAVE")
    await asyncio.to_thread(redis.stop)
    # Redis serves commands now and then while it loads; the delay per key (µs) makes that visible.
    redis.start("--key-load-delay", "20", "--loading-process-events-interval-bytes", "1024")
    async with probing("redis", {"url": redis.url()}) as probe:
        findings = await look_until(probe, lambda finding: finding.reason is Reason.LOADING)
        assert "% loaded, about " in findings[-1].detail
        redis_up = await look_until(probe, is_ok)
    after = findings[-1:] + redis_up
    assert {finding.reason for finding in after} == {Reason.LOADING, None}


async def test_full_client_table_is_busy(redis: Redis) -> None:
    """With every client connection taken, a new look is told so and calls for no restart."""
    await start(redis, "--maxclients", "1")
    _, writer = await asyncio.open_connection("127.0.0.1", redis.port)
    try:
        async with probing("redis", {"url": redis.url()}) as probe:
            findings = await look_until(probe, lambda finding: not is_ok(finding))
    finally:
        writer.close()
        await writer.wait_closed()
    assert findings[-1].reason is Reason.TOO_MANY_CONNECTIONS


async def test_failed_snapshot_is_lost_persistence(redis: Redis) -> None:
    """A Redis that cannot save refuses writes and PING: its data is at risk, and a restart would lose it."""
    await start(redis)
    (redis.folder / "dump.rdb").mkdir()
    await asyncio.to_thread(redis.command, "SET", "a", "b")
    await asyncio.to_thread(redis.command, "CONFIG", "SET", "save", "3600 1")
    await asyncio.to_thread(redis.command, "BGSAVE")
    async with probing("redis", {"url": redis.url()}) as probe:
        refused = (await look_until(probe, lambda finding: finding.reason is Reason.PERSISTENCE_FAILED))[-1]
        await asyncio.to_thread(redis.command, "CONFIG", "SET", "stop-writes-on-bgsave-error", "no")
        served = await probe.look()
    assert refused.outcome is Outcome.FAILED
    assert (served.outcome, served.reason) == (Outcome.DEGRADED, Reason.PERSISTENCE_FAILED)
    assert CATEGORY_OF[Reason.PERSISTENCE_FAILED] is Category.INTEGRITY


async def test_full_memory_is_at_risk(redis: Redis) -> None:
    """At maxmemory without eviction PING stays green and writes fail: both kinds of look see it."""
    await start(redis)
    await asyncio.to_thread(redis.command, "CONFIG", "SET", "maxmemory", "1mb")
    await asyncio.to_thread(redis.command, "CONFIG", "SET", "maxmemory", "100kb")
    assert (await look(redis)).reason is Reason.MEMORY_FULL
    assert (await look(redis, write=True)).reason is Reason.MEMORY_FULL


async def test_replica_without_its_master(redis: Redis) -> None:
    """A replica is read-only to a write and to `role: primary`; without its master it may refuse even PING."""
    await start(redis)
    await asyncio.to_thread(redis.command, "REPLICAOF", "127.0.0.1", "1")
    link_down = await look(redis, role="replica")
    assert (link_down.outcome, link_down.reason) == (Outcome.DEGRADED, Reason.UPSTREAM_UNAVAILABLE)
    assert (await look(redis, role="primary")).reason is Reason.READ_ONLY
    assert (await look(redis, write=True)).reason is Reason.READ_ONLY
    await asyncio.to_thread(redis.command, "CONFIG", "SET", "replica-serve-stale-data", "no")
    refused = await look(redis)
    assert (refused.outcome, refused.reason) == (Outcome.FAILED, Reason.UPSTREAM_UNAVAILABLE)


async def test_user_that_may_not_look_is_blind(redis: Redis) -> None:
    """A user without the right to INFO sees nothing; that is no fault of the server."""
    await start(redis)
    await asyncio.to_thread(redis.command, "ACL", "SETUSER", "default", "-info")
    assert (await look(redis)).reason is Reason.PERMISSION_DENIED


async def test_stopped_server_times_out_and_recovers(redis: Redis) -> None:
    """A frozen server is a timeout, on a kept connection and on a new one, and is well when it runs again."""
    await start(redis)
    async with probing("redis", {"url": redis.url()}, timeout=0.4) as probe:
        assert is_ok(await probe.look())
        redis.send(signal.SIGSTOP)
        try:
            assert [(await probe.look()).reason for _ in range(2)] == [Reason.TIMEOUT, Reason.TIMEOUT]
        finally:
            redis.send(signal.SIGCONT)
        await look_until(probe, is_ok)


async def test_restarted_server_is_well_in_the_first_look(redis: Redis) -> None:
    """A kept connection that died with the old server is no failure of the new one; between the two it is refused."""
    await start(redis)
    async with probing("redis", {"url": redis.url()}) as probe:
        assert is_ok(await probe.look())
        await asyncio.to_thread(redis.stop)
        assert (await probe.look()).reason is Reason.REFUSED
        await start(redis)
        assert is_ok(await probe.look())
