"""A dockerd that hangs: one incident, no action, and the event loop does not notice."""

from __future__ import annotations

from pathlib import Path

from nemo_watchdog.demo import faults
from nemo_watchdog.engine.incidents import BLIND_IS_TOLD_AFTER
from tests.integration.conftest import StartPlatform
from tests.integration.daemon import Daemon
from tests.integration.scenarios.docker_socket import DockerSocket
from tests.integration.scenarios.starts import Starts

LONGEST_LAG = 0.1
"""Seconds."""


async def test_a_docker_that_hangs_is_one_incident_and_holds_everything(
    start_platform: StartPlatform, tmp_path: Path
) -> None:
    """What is looked at through Docker is unknown, what fails meanwhile is not restarted, and then it is."""
    platform = await start_platform("gateway")
    policy = platform.policy_text().replace(
        "dependencies:\n",
        "dependencies:\n"
        "  docker: {probe: docker}\n"
        f"  worker: {{probe: docker, container: {platform.name('gateway')}, needs: [docker]}}\n",
        1,
    )
    async with (
        DockerSocket(tmp_path / "docker.sock") as way,
        Daemon(policy, tmp_path, environ={"DOCKER_HOST": way.url}) as daemon,
        Starts(platform) as starts,
    ):
        await daemon.wait_until(lambda s: all(d["health"] == "up" for d in s["dependencies"].values()), within=20.0)
        way.stall()
        opened = await daemon.event("incident_opened", within=BLIND_IS_TOLD_AFTER + 30.0)
        assert (opened["category"], opened["reason"]) == ("blind", "docker_unreachable")
        await daemon.wait_for_health("worker", "unknown", within=30.0)
        await daemon.wait_until(lambda s: [i["root"] for i in s["incidents"]] == ["docker"])
        await faults.switch(platform, "gateway", "500")
        await daemon.wait_for_health("gateway", "down", within=30.0)
        await daemon.more_looks(10)
        assert await starts.of("gateway") == 0
        lags = [await lag(daemon) for _ in range(5)]
        assert max(lags) < LONGEST_LAG
        status = await daemon.status()
        assert [i["root"] for i in status["incidents"] if "worker" in i["members"]] == ["docker"]
        way.heal()
        await daemon.wait_until(lambda s: all(d["health"] == "up" for d in s["dependencies"].values()), within=60.0)
        assert await starts.of("gateway") == 1


async def lag(daemon: Daemon) -> float:
    """What the daemon measures of its own loop, in seconds."""
    await daemon.more_looks(2)
    (line,) = [
        line
        for line in (await daemon.metrics()).splitlines()
        if line.startswith("nemo_watchdog_event_loop_lag_seconds ")
    ]
    return float(line.rsplit(" ", 1)[1])
