"""Attempts, budgets and backoff on real containers: what is counted, what is given back, what waits and what ends."""

from __future__ import annotations

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
