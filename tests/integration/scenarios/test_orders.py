"""A start, a kill and an unpause through the daemon: what they heal, and what of people they leave alone."""

from __future__ import annotations

from pathlib import Path

from nemo_watchdog.demo import faults
from tests.integration.conftest import StartPlatform
from tests.integration.daemon import Daemon
from tests.integration.scenarios.starts import Starts

RESTART = """\
      - do: docker.restart
        stop_timeout: 2s
        attempts: 6
        backoff: {initial: 1s, factor: 2, max: 10s, jitter: 0.2}
        verify_within: 6s
"""
STEP = "backoff: {initial: 1s, factor: 2, max: 10s, jitter: 0.2}, verify_within: 10s"


def with_steps(policy: str, *steps: str) -> str:
    """In place of the restart of the gateway."""
    assert RESTART in policy
    return policy.replace(RESTART, "".join(f"      - {{{step}, {STEP}}}\n" for step in steps))


async def test_what_crashed_is_started_and_what_a_person_stopped_is_not(
    start_platform: StartPlatform, tmp_path: Path
) -> None:
    """Its own start is taken for nobody's, so the stop that comes later holds as after any other start."""
    platform = await start_platform("gateway")
    policy = with_steps(platform.policy_text(), "do: docker.start, attempts: 3")
    async with Daemon(policy, tmp_path) as daemon, Starts(platform) as starts:
        await daemon.wait_for_health("gateway", "up")
        await faults.sigkill(platform, "gateway")
        ended = await daemon.event("action_ended", within=30.0)
        assert (ended["action"], ended["outcome"]) == ("docker.start", "succeeded")
        await daemon.wait_for_health("gateway", "up")
        await daemon.event("incident_resolved", within=60.0)
        assert await starts.of("gateway") == 1
        assert not [line for line in daemon.events if line["event"] == "touched"]
        await faults.person_stops(platform, "gateway")
        await daemon.event("touched", within=10.0)
        await daemon.more_looks(4)
        status = await daemon.wait_for_health("gateway", "down")
        assert "stopped" in status["dependencies"]["gateway"]["held"]
        assert await starts.of("gateway") == 1
        await faults.person_starts(platform, "gateway")
        await daemon.wait_for_health("gateway", "up")
        assert (await daemon.status())["dependencies"]["gateway"]["held"] is None


async def test_what_our_signal_ended_is_started_by_the_next_step(start_platform: StartPlatform, tmp_path: Path) -> None:
    """Nobody is told that somebody stopped it, and Docker leaves it down."""
    platform = await start_platform("gateway")
    steps = ("do: docker.kill, signal: KILL, attempts: 1", "do: docker.start, attempts: 2")
    async with Daemon(with_steps(platform.policy_text(), *steps), tmp_path) as daemon, Starts(platform) as starts:
        await daemon.wait_for_health("gateway", "up")
        await faults.switch(platform, "gateway", "500")
        await daemon.event("incident_resolved", within=90.0)
        done = [(line["action"], line["outcome"]) for line in daemon.events if line["event"] == "action_ended"]
        assert done == [("docker.kill", "succeeded"), ("docker.start", "succeeded")]
        assert await starts.of("gateway") == 1
        assert not [line for line in daemon.events if line["event"] == "touched"]


async def test_a_pause_has_its_time_and_is_then_let_go_on(start_platform: StartPlatform, tmp_path: Path) -> None:
    """Its run goes on: nothing is started, and what held it is released."""
    platform = await start_platform("gateway")
    policy = with_steps(platform.policy_text(), "do: docker.unpause, after: 1m, attempts: 1")
    async with Daemon(policy, tmp_path) as daemon, Starts(platform) as starts:
        await daemon.wait_for_health("gateway", "up")
        await platform.docker("pause", platform.name("gateway"))
        await daemon.event("touched", within=10.0)
        status = await daemon.wait_for_health("gateway", "down", within=20.0)
        assert "paused" in status["dependencies"]["gateway"]["held"]
        await daemon.more_looks(4)
        assert (await platform.state("gateway"))["Paused"] is True
        ended = await daemon.event("action_ended", within=90.0)
        assert (ended["action"], ended["outcome"]) == ("docker.unpause", "succeeded")
        await daemon.wait_for_health("gateway", "up", within=20.0)
        await daemon.event("released", within=10.0)
        assert await starts.of("gateway") == 0
        assert len([line for line in daemon.events if line["event"] == "touched"]) == 1
