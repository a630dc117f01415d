"""Attempts, budgets and backoff on real containers: what is counted, what is given back, what waits and what ends."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from nemo_watchdog.demo import faults
from tests.integration.conftest import StartPlatform
from tests.integration.daemon import Daemon
from tests.integration.scenarios.docker_socket import DockerSocket
from tests.integration.scenarios.starts import Starts

ONE_ATTEMPT = ("attempts: 6", "attempts: 1")


async def test_what_docker_never_heard_costs_no_attempt(start_platform: StartPlatform, tmp_path: Path) -> None:
    """One attempt and a budget of one; Docker is out of reach at the first order, and the second one heals."""
    platform = await start_platform("gateway")
    policy = platform.policy_text().replace(*ONE_ATTEMPT).replace("budget: 5 per 15m", "budget: 1 per 15m")
    async with (
        DockerSocket(tmp_path / "docker.sock") as way,
        Daemon(policy, tmp_path, environ={"DOCKER_HOST": way.url}) as daemon,
        Starts(platform) as starts,
    ):
        await daemon.wait_for_health("gateway", "up")
        await faults.switch(platform, "gateway", "500")
        way.stall()
        ended = await daemon.event("action_ended", within=60.0)
        assert ended["outcome"] == "refused"
        status = await daemon.status()
        assert status["budgets"]["gateway"]["remaining"] == 1
        assert await starts.of("gateway") == 0
        way.drop()
        way.heal()
        await daemon.event("incident_resolved", within=90.0)
        assert await starts.of("gateway") == 1
        assert not [line for line in daemon.events if line["event"] == "escalated"]


async def test_what_others_spent_only_delays_and_a_raised_budget_helps_at_once(
    start_platform: StartPlatform, tmp_path: Path
) -> None:
    """Redis took the last action of all; the gateway, innocent of that, waits, says so, and is not given up."""
    platform = await start_platform("redis", "gateway")
    policy = platform.policy_text()
    async with Daemon(policy.replace("budget: 20 per 15m", "budget: 1 per 1h"), tmp_path) as daemon:
        async with Starts(platform) as starts:
            await daemon.wait_for_health("gateway", "up")
            await faults.sigkill(platform, "redis")
            await daemon.event("incident_resolved", within=30.0, root="redis")
            await faults.switch(platform, "gateway", "500")
            made = await daemon.event("decision_made", within=30.0, dependency="gateway", gate="budget")
            assert made["verdict"] == "wait"
            await daemon.event("notification", kind="held")
            await daemon.more_looks(5)
            assert await starts.of("gateway") == 0
            daemon.write_policy(policy)
            await daemon.event("incident_resolved", within=30.0, root="gateway")
            assert await starts.of("gateway") == 1
            assert not [line for line in daemon.events if line["event"] == "escalated"]


async def test_a_budget_of_all_that_is_free_again_is_used(start_platform: StartPlatform, tmp_path: Path) -> None:
    """Nobody has to do anything: the window moves on."""
    platform = await start_platform("redis", "gateway")
    policy = platform.policy_text().replace("budget: 20 per 15m", "budget: 1 per 20s")
    async with Daemon(policy, tmp_path) as daemon, Starts(platform) as starts:
        await daemon.wait_for_health("gateway", "up")
        await faults.sigkill(platform, "redis")
        intended = await daemon.event("action_intended", within=30.0, dependency="redis")
        await faults.switch(platform, "gateway", "500")
        await daemon.event("decision_made", within=30.0, dependency="gateway", gate="budget", verdict="wait")
        second = await daemon.event("action_intended", within=30.0, dependency="gateway")
        moved = datetime.fromisoformat(second["timestamp"]) - datetime.fromisoformat(intended["timestamp"])
        assert moved >= timedelta(seconds=19)  # a line is stamped when its record is on disk, sooner or later
        await daemon.event("incident_resolved", within=30.0, root="gateway")
        assert await starts.of("gateway") == 1
