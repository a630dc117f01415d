"""Where a restart would be wrong, none is done: Docker's own events are the witness."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from nemo_watchdog.demo import faults
from nemo_watchdog.demo.load import PostgresLoad
from nemo_watchdog.demo.parts import Redis
from nemo_watchdog.demo.platform import Platform
from nemo_watchdog.engine.incidents import BLIND_IS_TOLD_AFTER
from tests.integration.conftest import StartPlatform
from tests.integration.daemon import Daemon
from tests.integration.scenarios.socket_proxy import EVERYTHING, SocketProxy
from tests.integration.scenarios.starts import Starts


async def kill_a_backend(platform: Platform) -> None:
    """SIGKILL to one client's server process: Postgres drops everybody and recovers by itself."""
    async with asyncio.timeout(10.0):
        while not any(was_killed(backend) for backend in await client_backends(platform)):
            await asyncio.sleep(0.05)


def was_killed(pid: int) -> bool:
    """False for a process that has ended since it was listed: a client under load comes and goes."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


async def client_backends(platform: Platform) -> list[int]:
    """Process ids, as the host sees them."""
    top = await platform.docker("top", platform.name("postgres"), "-eo", "pid,args")
    return [int(line.split()[0]) for line in top.splitlines() if "postgres: postgres" in line]


async def test_postgres_that_recovers_from_a_killed_backend_under_load_is_left_alone(
    start_platform: StartPlatform, tmp_path: Path
) -> None:
    """`in recovery mode` is busy: it is seen, and nothing is restarted."""
    platform = await start_platform("postgres")
    async with (
        Daemon(platform.policy_text(), tmp_path) as daemon,
        Starts(platform) as starts,
        PostgresLoad(platform.postgres_dsn),
    ):
        await daemon.wait_for_health("postgres", "up")
        for _ in range(3):
            await platform.ready("postgres")
            await kill_a_backend(platform)
        await platform.ready("postgres")
        await daemon.wait_for_health("postgres", "up", within=30.0)
        assert await starts.of("postgres") == 0
        assert not [e for e in daemon.events if e["event"] == "action_intended"]


async def says_how_far_it_is(daemon: Daemon) -> bool:
    """From its log."""
    return "nemo_watchdog_postgres_recovery_lsn_bytes{" in await daemon.metrics()


async def test_postgres_killed_under_load_is_started_once_and_not_again_while_it_recovers(
    start_platform: StartPlatform, tmp_path: Path
) -> None:
    """One incident with postgres as its root; the gateway, which fails with it, is not restarted."""
    platform = await start_platform("postgres", "redis", "gateway")
    # Beside other tests Docker may have forgotten the first seconds of its run by then.
    policy = platform.policy_text().replace("  postgres:\n", "  postgres:\n    when_unsure: restart\n")
    async with Daemon(policy, tmp_path) as daemon, Starts(platform) as starts:
        await daemon.wait_until(lambda s: all(d["health"] == "up" for d in s["dependencies"].values()), within=20.0)
        async with PostgresLoad(platform.postgres_dsn):
            # Long enough for several looks to read how far it is: on a busy machine one of them may read too late.
            await faults.postgres_long_recovery(platform, 14.0)
            await daemon.until(lambda: says_how_far_it_is(daemon), 30.0, "not told how far it is")
            joined = await daemon.event("member_joined", within=30.0)
            assert joined["dependency"] == "gateway"
            status = await daemon.status()
            (incident,) = status["incidents"]
            assert incident["root"] == "postgres"
            assert set(incident["members"]) == {"postgres", "gateway"}
            resolved = await daemon.event("incident_resolved", within=60.0)
        assert resolved["root"] == "postgres"
        assert await starts.of("postgres") == 1
        assert await starts.of("gateway") == 0
        assert len([e for e in daemon.events if e["event"] == "incident_opened"]) == 1


async def test_postgres_that_recovers_is_left_alone_however_long_docker_reads_its_log(
    start_platform: StartPlatform, tmp_path: Path
) -> None:
    """A log of gigabytes takes Docker longer to read than a look lasts: the look says all the same that it recovers."""
    platform = await start_platform("postgres")
    policy = platform.policy_text().replace("startup_grace: 30s", "startup_grace: 1s")
    async with (
        SocketProxy(tmp_path / "proxy.sock", EVERYTHING, stalls=re.compile(".*/logs")) as proxy,
        Daemon(policy, tmp_path, environ={"DOCKER_HOST": proxy.url}) as daemon,
        Starts(platform) as starts,
    ):
        await daemon.wait_for_health("postgres", "up")
        await faults.postgres_long_recovery(platform, 6.0)
        await daemon.wait_until(lambda s: s["dependencies"]["postgres"]["reason"] == "recovering", within=60.0)
        await daemon.event("incident_resolved", within=60.0)
        assert proxy.stalled
        assert not [line for line in daemon.events if line.get("reason") == "timeout"]
        assert await starts.of("postgres") == 1  # it had died


async def test_a_container_that_docker_restarts_by_itself_is_not_fought(
    start_platform: StartPlatform, tmp_path: Path
) -> None:
    """With a restart policy of its own, Docker starts it, and the watchdog waits while it recovers."""
    platform = await start_platform("postgres")
    await platform.docker("update", "--restart", "always", platform.name("postgres"))
    async with Daemon(platform.policy_text(), tmp_path) as daemon, Starts(platform) as starts:
        await daemon.wait_for_health("postgres", "up")
        await faults.sigkill(platform, "postgres")
        await daemon.event("health_changed", within=20.0, dependency="postgres", health="starting")
        await daemon.wait_for_health("postgres", "up", within=30.0)
        assert await starts.of("postgres") == 1  # Docker's own
        assert not [e for e in daemon.events if e["event"] == "action_intended"]


async def test_a_wrong_redis_password_in_the_policy_is_blindness(start_platform: StartPlatform, tmp_path: Path) -> None:
    """Unknown and told, never restarted, and the password is nowhere to be read."""
    platform = await start_platform(Redis(password="correct-horse"))
    policy = platform.policy_text().replace(":correct-horse@", ":wrong-s3cret@")
    assert "wrong-s3cret" in policy
    async with Daemon(policy, tmp_path) as daemon, Starts(platform) as starts:
        opened = await daemon.event("incident_opened", within=BLIND_IS_TOLD_AFTER + 20.0)
        assert (opened["category"], opened["reason"]) == ("blind", "auth_failed")
        status = await daemon.wait_for_health("redis", "unknown")
        assert status["dependencies"]["redis"]["decision"]["gate"] == "blind"
        await daemon.more_looks(5)
        assert await starts.of("redis") == 0
        said = str(daemon.events) + await daemon.metrics() + str(await daemon.status())
    journal = b"".join(path.read_bytes() for path in daemon.state_dir.iterdir())
    assert "wrong-s3cret" not in said
    assert b"wrong-s3cret" not in journal


async def test_a_redis_that_loads_a_large_file_is_left_alone(start_platform: StartPlatform, tmp_path: Path) -> None:
    """Started once because it had died, then not touched while it answers LOADING."""
    platform = await start_platform("redis")
    policy = platform.policy_text().replace("startup_grace: 30s", "startup_grace: 1s")
    async with Daemon(policy, tmp_path) as daemon, Starts(platform) as starts:
        await daemon.wait_for_health("redis", "up")
        await faults.redis_long_loading(platform, 6.0)
        down = await daemon.event("health_changed", within=30.0, health="down", reason="loading")
        assert down["category"] == "busy"
        await daemon.event("incident_resolved", within=60.0)
        assert await starts.of("redis") == 1


async def test_a_redis_that_loads_for_long_and_moves_on_is_no_matter_for_a_person(
    start_platform: StartPlatform, tmp_path: Path
) -> None:
    """Longer than it may be busy: the share that it has loaded grows, and the gate says so."""
    platform = await start_platform("redis")
    await platform.docker("update", "--restart", "always", platform.name("redis"))
    policy = platform.policy_text().replace("startup_grace: 30s", "startup_grace: 1s\n    busy_for: 4s")
    async with Daemon(policy, tmp_path) as daemon:
        await daemon.wait_for_health("redis", "up")
        await faults.redis_long_loading(platform, 15.0)
        await daemon.wait_until(
            lambda s: "it moves on" in (s["dependencies"]["redis"]["decision"] or {"value": ""})["value"], within=30.0
        )
        await daemon.wait_for_health("redis", "up", within=60.0)
        assert not [e for e in daemon.events if e["event"] in ("busy_too_long", "action_intended")]


async def test_a_pause_outlives_a_restart_of_the_daemon(start_platform: StartPlatform, tmp_path: Path) -> None:
    """Nothing is done until somebody resumes; then it is healed."""
    platform = await start_platform("gateway")
    async with Daemon(platform.policy_text(), tmp_path) as daemon, Starts(platform) as starts:
        await daemon.wait_for_health("gateway", "up")
        await daemon.post("/api/v1/pause", {"reason": "deploying", "by": "ops"})
        await daemon.restart(kill=True)
        await daemon.wait_for_health("gateway", "up")
        await faults.sigkill(platform, "gateway")
        status = await daemon.wait_for_health("gateway", "down")
        assert status["dependencies"]["gateway"]["decision"]["gate"] == "pause"
        assert await starts.of("gateway") == 0
        await daemon.post("/api/v1/resume", {"by": "ops"})
        await daemon.wait_for_health("gateway", "up", within=20.0)
        assert await starts.of("gateway") == 1


def flip_a_bit(log: Path) -> None:
    """Of the first frame of a write-ahead log: SQLite drops it and all that follow, and says nothing."""
    content = bytearray(log.read_bytes())
    content[32 + 24 + 100] ^= 1
    log.write_bytes(content)


@pytest.mark.parametrize("damage", [flip_a_bit, Path.unlink])
async def test_a_journal_that_has_forgotten_a_pause_lets_nothing_be_done_until_a_person_accepts_it(
    start_platform: StartPlatform, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    """The daemon was killed, and its log was damaged: it starts, watches, tells, and holds."""
    platform = await start_platform("gateway")
    async with Daemon(platform.policy_text(), tmp_path) as daemon, Starts(platform) as starts:
        await daemon.wait_for_health("gateway", "up")
        await daemon.post("/api/v1/pause", {"reason": "deploying", "by": "ops"})
        await daemon.kill9()
        damage(daemon.state_dir / "journal.sqlite3-wal")
        await daemon.start(observing=True)
        status = await daemon.wait_for_health("gateway", "up")
        assert "is missing" in status["journal"]
        assert status["pauses"] == {}
        await faults.sigkill(platform, "gateway")
        status = await daemon.wait_for_health("gateway", "down")
        await daemon.event("incident_opened")
        await daemon.more_looks(5)
        assert (await daemon.status())["dependencies"]["gateway"]["decision"]["gate"] == "journal"
        assert await starts.of("gateway") == 0
        accepted = await daemon.post("/api/v1/journal/accept", {"reason": "nothing is being deployed", "by": "ops"})
        assert (accepted["pauses"], "is missing" in accepted["damage"]) == ({}, True)
        await daemon.event("incident_resolved", within=60.0)
        assert await starts.of("gateway") == 1
