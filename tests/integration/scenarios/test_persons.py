"""What a person stops stays stopped, whatever the watchdog could see of it and whatever it was about to do."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from nemo_watchdog.demo import faults
from tests.integration.conftest import StartPlatform
from tests.integration.daemon import Daemon
from tests.integration.scenarios.docker_socket import DockerSocket
from tests.integration.scenarios.starts import Starts


async def test_what_a_person_stops_stays_stopped_until_a_person_starts_it(
    start_platform: StartPlatform, tmp_path: Path
) -> None:
    """Also across a restart of the daemon."""
    platform = await start_platform("gateway")
    async with Daemon(platform.policy_text(), tmp_path) as daemon, Starts(platform) as starts:
        await daemon.wait_for_health("gateway", "up")
        await faults.person_stops(platform, "gateway")
        await daemon.event("touched", within=10.0)
        await daemon.restart(kill=True)
        status = await daemon.wait_for_health("gateway", "down")
        assert "stopped" in status["dependencies"]["gateway"]["held"]
        await daemon.more_looks(4)
        assert await starts.of("gateway") == 0
        await faults.person_starts(platform, "gateway")
        await daemon.wait_for_health("gateway", "up")
        assert (await daemon.status())["dependencies"]["gateway"]["held"] is None


@pytest.mark.parametrize("way_out", ["cut", "stall"])
@pytest.mark.parametrize("failing", [True, False], ids=["failing", "healthy"])
async def test_what_a_person_stops_while_docker_cannot_be_seen(
    start_platform: StartPlatform, tmp_path: Path, way_out: str, failing: bool
) -> None:
    """The stream was lost and the inspects failed; Docker's memory tells afterwards who it was."""
    platform = await start_platform("gateway")
    async with (
        DockerSocket(tmp_path / "docker.sock") as way,
        Daemon(platform.policy_text(), tmp_path, environ={"DOCKER_HOST": way.url}) as daemon,
        Starts(platform) as starts,
    ):
        await daemon.wait_for_health("gateway", "up")
        if failing:
            await faults.switch(platform, "gateway", "500")
        getattr(way, way_out)()
        await daemon.event("docker unreachable: every action is held", within=30.0)
        await faults.person_stops(platform, "gateway")
        await daemon.more_looks(2)
        way.heal()
        await daemon.event("touched", within=30.0)
        await daemon.more_looks(4)
        assert await starts.of("gateway") == 0
        assert (await platform.state("gateway"))["Running"] is False


async def test_what_a_person_stops_while_the_daemon_is_dead_in_an_incident(
    start_platform: StartPlatform, tmp_path: Path
) -> None:
    """An open incident and attempts of its own do not make it the watchdog's to start."""
    platform = await start_platform("gateway")
    async with Daemon(platform.policy_text(), tmp_path) as daemon, Starts(platform) as starts:
        await daemon.wait_for_health("gateway", "up")
        await faults.switch(platform, "gateway", "never")
        await daemon.event("action_ended", within=20.0)
        await daemon.kill9()
        await faults.person_stops(platform, "gateway")
        before = await starts.of("gateway")
        await daemon.start()
        await daemon.event("touched", within=20.0)
        await daemon.more_looks(4)
        assert await starts.of("gateway") == before


async def test_a_person_who_is_stopping_it_goes_first(start_platform: StartPlatform, tmp_path: Path) -> None:
    """The signal was sent and the gateway takes its time to end: no restart comes between."""
    platform = await start_platform("gateway")
    async with Daemon(platform.policy_text(), tmp_path) as daemon, Starts(platform) as starts:
        await daemon.wait_for_health("gateway", "up")
        os.kill(int((await platform.state("gateway"))["Pid"]), signal.SIGSTOP)
        stopping = asyncio.create_task(faults.person_stops(platform, "gateway"))
        held = await daemon.wait_until(lambda s: bool(s["dependencies"]["gateway"]["decision"]), within=20.0)
        assert held["dependencies"]["gateway"]["decision"]["gate"] == "human_hold"
        await stopping
        await daemon.event("touched", within=10.0)
        await daemon.more_looks(4)
        assert await starts.of("gateway") == 0


async def test_dockers_memory_is_enough_after_a_crash(start_platform: StartPlatform, tmp_path: Path) -> None:
    """A container that died by itself while the daemon was dead is started, though its exit code is that of a stop."""
    platform = await start_platform("gateway")
    async with Daemon(platform.policy_text(), tmp_path) as daemon, Starts(platform) as starts:
        await daemon.wait_for_health("gateway", "up")
        await daemon.kill9()
        await faults.sigkill(platform, "gateway")
        await platform.docker("wait", platform.name("gateway"))
        await daemon.start()
        await daemon.wait_for_health("gateway", "up", within=30.0)
        assert await starts.of("gateway") == 1
