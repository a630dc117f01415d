"""The redis probe against a real Redis that this test starts and breaks."""

from __future__ import annotations

import asyncio
import secrets
import signal
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from nemo_watchdog.demo.docker_cli import docker
from nemo_watchdog.demo.images import USR_MOUNTS, ensure_image
from nemo_watchdog.model import Category, Finding, Outcome, Reason
from tests.integration.probes.looking import is_ok, look_until
from tests.integration.probes.servers import Redis, short_folder
from tests.unit.probes.certificates import make_authority
from tests.unit.probes.making import probing
from tests.unit.probes.servers import free_port

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
    """A healthy server is well, with and without a write; what was written is gone."""
    await start(redis)
    assert is_ok(await look(redis))
    assert is_ok(await look(redis, write=True))
    assert await asyncio.to_thread(redis.command, "KEYS", "*") == "\n"


@pytest.mark.parametrize("password", ["", "wrong-battery"])
async def test_wrong_or_missing_password_is_blind(redis: Redis, password: str) -> None:
    """Neither a missing nor a wrong password says anything about the server, nor is it repeated."""
    await start(redis, "--requirepass", "right-staple", password="right-staple")
    finding = await look(redis, password)
    assert finding.reason is Reason.AUTH_FAILED
    assert "wrong-battery" not in repr(finding)


async def test_protected_mode_is_blind(docker_engine: str) -> None:
    """It answers the connect with a refusal and closes: whatever fails after that, the refusal is the reason."""
    name = f"nemo-test-{secrets.token_hex(4)}"
    mine = ("--name", name, "--label", "nemo-watchdog-test.made=1", "--publish", "127.0.0.1::6379")
    server = ("redis-server", "--bind", "0.0.0.0", "--protected-mode", "yes", "--save", "")
    await docker("run", "-d", *mine, *USR_MOUNTS, await ensure_image(), *server)
    try:
        # Its clients come from the bridge, which is not its loopback.
        port = (await docker("port", name, "6379")).splitlines()[0].rpartition(":")[2]
        async with probing("redis", {"url": f"redis://127.0.0.1:{port}/0"}) as probe:
            await look_until(probe, lambda finding: finding.reason is Reason.AUTH_FAILED)
            assert {(await probe.look()).reason for _ in range(20)} == {Reason.AUTH_FAILED}
    finally:
        await docker("rm", "-f", name)


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
    assert Reason.PERSISTENCE_FAILED.category is Category.INTEGRITY


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


@pytest.mark.parametrize("password", ["", "right-staple"])
async def test_paused_clients_are_busy(redis: Redis, password: str) -> None:
    """CLIENT PAUSE answers no question, on a kept connection and on a new one, but a mistake."""
    await start(redis, *(["--requirepass", password] if password else []), password=password)
    who = ["--no-auth-warning", "-a", password] if password else []
    async with probing("redis", {"url": redis.url(password)}, timeout=0.4) as probe:
        assert is_ok(await probe.look())
        await asyncio.to_thread(redis.command, *who, "CLIENT", "PAUSE", "1500", "ALL")
        found = [await probe.look(), await probe.look()]
        await look_until(probe, is_ok)
    assert [finding.reason for finding in found] == [Reason.CLIENTS_PAUSED] * 2
    assert Reason.CLIENTS_PAUSED.category is Category.BUSY


async def test_paused_writes_are_busy_for_who_writes(redis: Redis) -> None:
    """PING is answered, and a write waits."""
    await start(redis)
    await asyncio.to_thread(redis.command, "CLIENT", "PAUSE", "60000", "WRITE")
    assert is_ok(await look(redis))
    async with probing("redis", {"url": redis.url(), "write": True}, timeout=0.4) as probe:
        assert (await probe.look()).reason is Reason.CLIENTS_PAUSED


async def test_a_command_that_holds_it_up_answers_no_mistake_either(redis: Redis) -> None:
    """Of that the probe says what it sees; whether the container works is another's question."""
    await start(redis)
    sleeping = asyncio.create_task(asyncio.to_thread(redis.command, "DEBUG", "SLEEP", "1.5"))
    async with probing("redis", {"url": redis.url()}, timeout=0.4) as probe:
        await look_until(probe, lambda finding: not is_ok(finding))
        assert (await probe.look()).reason is Reason.TIMEOUT
    await sleeping


async def test_restarted_server_is_well_in_the_first_look(redis: Redis) -> None:
    """A kept connection that died with the old server is no failure of the new one; between the two it is refused."""
    await start(redis)
    async with probing("redis", {"url": redis.url()}) as probe:
        assert is_ok(await probe.look())
        await asyncio.to_thread(redis.stop)
        assert (await probe.look()).reason is Reason.REFUSED
        await start(redis)
        assert is_ok(await probe.look())


async def test_clients_against_their_limit(redis: Redis) -> None:
    """Above the operator's part of maxclients it is degraded, before anybody is rejected."""
    await start(redis, "--maxclients", "4")
    async with probing("redis", {"url": redis.url()}) as one, probing("redis", {"url": redis.url()}) as two:
        assert is_ok(await one.look())
        assert is_ok(await two.look())
        finding = await look(redis, max_clients="70%")
    assert (finding.outcome, finding.reason) == (Outcome.DEGRADED, Reason.TOO_MANY_CONNECTIONS)
    assert finding.measurements["redis_clients_used_ratio"] == 0.75


async def test_a_replica_that_hears_nothing(redis: Redis) -> None:
    """Its master hangs: the replica is behind, and so is what the master's own look would say of it."""
    await start(redis, "--repl-ping-replica-period", "1")
    with short_folder() as folder:
        replica = Redis(folder)
        try:
            await start(replica, "--replicaof", "127.0.0.1", str(redis.port))
            async with probing("redis", {"url": replica.url(), "max_replication_lag": "2s"}) as probe:
                await look_until(probe, lambda finding: is_ok(finding) and "lag" in str(finding.measurements))
                redis.send(signal.SIGSTOP)
                try:
                    await look_until(probe, lambda finding: finding.reason is Reason.REPLICATION_LAG)
                finally:
                    redis.send(signal.SIGCONT)
            async with probing("redis", {"url": redis.url(), "max_replication_lag": "2s"}) as probe:
                await look_until(probe, lambda finding: "redis_replication_lag_seconds" in finding.measurements)
                replica.send(signal.SIGSTOP)
                try:
                    await look_until(probe, lambda finding: finding.reason is Reason.REPLICATION_LAG)
                finally:
                    replica.send(signal.SIGCONT)
        finally:
            await asyncio.to_thread(replica.stop)


async def test_sentinels_say_where_the_master_is(redis: Redis) -> None:
    """After a failover the probe looks at the new master, and the old one is no reason for anything."""
    with short_folder() as one, short_folder() as two:
        replica, sentinel = Redis(one), Redis(two)
        try:
            await start(redis)
            await start(replica, "--replicaof", "127.0.0.1", str(redis.port))
            sentinel.start_sentinel(redis, "s3ntinel")
            dead = f"127.0.0.1:{free_port()}"
            options = {
                "url": "redis://ignored.invalid/0",
                "role": "primary",
                "master": "main",
                "sentinels": [dead, sentinel.address],
                "sentinel_password": "s3ntinel",
            }
            async with probing("redis", options) as probe:
                await look_until(probe, lambda finding: is_ok(finding) and "connected_replicas" in str(finding))
                await asyncio.to_thread(redis.stop)
                findings = await look_until(probe, is_ok)
                assert any(finding.reason is Reason.REFUSED for finding in findings)
            for changes, reason in (
                ({"master": "other"}, Reason.WRONG_TARGET),
                ({"sentinel_password": "wrong"}, Reason.AUTH_FAILED),
                ({"sentinels": [dead]}, Reason.NAME_UNRESOLVED),
            ):
                async with probing("redis", {**options, **changes}) as probe:
                    finding = await probe.look()
                assert finding.reason is reason
                assert reason.category is Category.BLIND
        finally:
            await asyncio.to_thread(sentinel.stop)
            await asyncio.to_thread(replica.stop)


async def test_tls(redis: Redis) -> None:
    """By a `rediss://` address with the authority to trust; a certificate that has ended is no fault."""
    authority = await asyncio.to_thread(make_authority, redis.folder / "authority")
    for days, reason in ((30, None), (-1, Reason.CERTIFICATE_EXPIRED)):
        await asyncio.to_thread(authority.server, timedelta(days=days))
        files = ("--tls-cert-file", authority.folder / "cert.pem", "--tls-key-file", authority.folder / "key.pem")
        port = free_port()
        more = ("--tls-port", port, "--tls-ca-cert-file", authority.file, "--tls-auth-clients", "no")
        await start(redis, *map(str, (*files, *more)))
        url = f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={authority.file}"
        async with probing("redis", {"url": url}, timeout=2.0) as probe:
            assert (await probe.look()).reason is reason
            if reason is None:
                await asyncio.to_thread(redis.command, "CLIENT", "PAUSE", "4000", "ALL")
                assert (await probe.look()).reason is Reason.CLIENTS_PAUSED
                await look_until(probe, is_ok)
        async with probing("redis", {"url": f"rediss://127.0.0.1:{port}/0"}) as probe:
            finding = await probe.look()
        assert finding.reason is not None
        assert finding.reason.category is not Category.FAULT
        await asyncio.to_thread(redis.stop)


async def test_an_address_that_does_not_fit_the_servers_tls_is_blind(redis: Redis) -> None:
    """Plain text to a port of TLS, TLS to a plain port, a file that is missing: no restart changes an address."""
    authority = await asyncio.to_thread(make_authority, redis.folder / "authority")
    await asyncio.to_thread(authority.server, timedelta(days=30))
    files = ("--tls-cert-file", authority.folder / "cert.pem", "--tls-key-file", authority.folder / "key.pem")
    port = free_port()
    await start(redis, *map(str, (*files, "--tls-port", port, "--tls-ca-cert-file", authority.file)))
    for url, reason in (
        (f"redis://127.0.0.1:{port}/0", Reason.WRONG_TARGET),
        (redis.url().replace("redis://", "rediss://"), Reason.WRONG_TARGET),
        (f"rediss://127.0.0.1:{port}/0?ssl_ca_certs=/nowhere", Reason.PERMISSION_DENIED),
        (f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={authority.file}", Reason.AUTH_FAILED),  # it wants our certificate
    ):
        async with probing("redis", {"url": url}) as probe:
            finding = await probe.look()
        assert (url, finding.reason) == (url, reason)
        assert reason.category is Category.BLIND


async def test_rotated_certificates_of_an_address_are_read_again(redis: Redis) -> None:
    """The server comes back with a certificate of another authority: once the file has that one, it is well."""
    old, new = [await asyncio.to_thread(make_authority, redis.folder / name) for name in ("old", "new")]
    trusted = redis.folder / "ca.pem"
    trusted.write_bytes(old.file.read_bytes())
    port = free_port()
    async with probing("redis", {"url": f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={trusted}"}) as probe:
        for authority, reason in ((old, None), (new, Reason.WRONG_TARGET)):
            await asyncio.to_thread(redis.stop)
            await asyncio.to_thread(authority.server, timedelta(days=30))
            files = ("--tls-cert-file", authority.folder / "cert.pem", "--tls-key-file", authority.folder / "key.pem")
            more = ("--tls-port", port, "--tls-ca-cert-file", authority.file, "--tls-auth-clients", "no")
            await start(redis, *map(str, (*files, *more)))
            assert (await probe.look()).reason is reason
        trusted.write_bytes(new.file.read_bytes())
        assert is_ok(await probe.look())
