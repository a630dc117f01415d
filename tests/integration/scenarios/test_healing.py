"""The main job on real containers: what a restart cures is cured by one, what Docker tells is acted on at once."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from nemo_watchdog.demo import faults
from nemo_watchdog.demo.parts import Gemma
from nemo_watchdog.demo.platform import Platform
from tests.integration.conftest import StartPlatform
from tests.integration.daemon import Daemon
from tests.integration.scenarios.docker_socket import DockerSocket
from tests.integration.scenarios.starts import Starts


async def test_a_gateway_that_answers_500_is_healthy_again_after_one_restart(
    start_platform: StartPlatform, tmp_path: Path
) -> None:
    """Noticed, restarted once, verified, resolved; counted as such in the metrics."""
    platform = await start_platform("gateway")
    async with Daemon(platform.policy_text(), tmp_path) as daemon, Starts(platform) as starts:
        await daemon.wait_for_health("gateway", "up")
        await faults.switch(platform, "gateway", "500")
        resolved = await daemon.event("incident_resolved", within=20.0)
        assert resolved["root"] == "gateway"
        assert await platform.check("gateway") is None
        assert await starts.of("gateway") == 1
        metrics = await daemon.metrics()
    wanted = 'nemo_watchdog_actions_total{action="docker.restart",dependency="gateway",outcome="succeeded"} 1.0'
    assert wanted in metrics


async def test_a_gateway_that_hangs_is_healed(start_platform: StartPlatform, tmp_path: Path) -> None:
    """It accepts connections and never answers."""
    platform = await start_platform("gateway")
    async with Daemon(platform.policy_text(), tmp_path) as daemon, Starts(platform) as starts:
        await daemon.wait_for_health("gateway", "up")
        await faults.switch(platform, "gateway", "hang")
        opened = await daemon.event("incident_opened", within=20.0)
        assert opened["reason"] == "timeout"
        await daemon.event("incident_resolved", within=20.0)
        assert await starts.of("gateway") == 1


async def test_a_model_server_whose_engine_hangs_is_healed(start_platform: StartPlatform, tmp_path: Path) -> None:
    """Its health page stays green and no token comes: the canary is the work, the counters are the witness."""
    platform = await start_platform(Gemma(load_seconds=1.0))
    canary = "probe: llm\n    stall_after: 10s\n    canary: {model: gemma, every: 5s}"
    async with Daemon(platform.policy_text().replace("probe: llm", canary), tmp_path) as daemon:
        async with Starts(platform) as starts:
            await daemon.wait_for_health("gemma", "up")
            await faults.switch(platform, "gemma", "stall")
            opened = await daemon.event("incident_opened", within=40.0)
            assert opened["reason"] == "stalled"
            await daemon.event("incident_resolved", within=40.0)
            assert await starts.of("gemma") == 1


async def test_a_container_that_dies_is_acted_on_by_the_event_alone(
    start_platform: StartPlatform, tmp_path: Path
) -> None:
    """With an hour between probes, only Docker's event can have told it."""
    platform = await start_platform("gateway")
    policy = platform.policy_text().replace("interval: 1s", "interval: 1h", 1)
    async with Daemon(policy, tmp_path) as daemon, Starts(platform) as starts:
        await daemon.wait_for_health("gateway", "up")
        await faults.sigkill(platform, "gateway")
        intended = await daemon.event("action_intended", within=10.0)
        assert intended["container"] == platform.name("gateway")
        await daemon.event("incident_resolved", within=20.0)
        assert await starts.of("gateway") == 1


async def test_a_container_that_never_gets_healthy_ends_with_a_person(
    start_platform: StartPlatform, tmp_path: Path
) -> None:
    """Growing gaps, a budget, one escalation, then nothing; killed in the middle, the daemon counts on."""
    platform = await start_platform("gateway")
    policy = platform.policy_text().replace("verify_within: 6s", "verify_within: 1s").replace("max: 10s", "max: 1m")
    policy = policy.replace("budget: 5 per 15m", "budget: 3 per 15m").replace("startup_grace: 2s", "startup_grace: 0")
    policy = policy.replace("initial: 1s", "initial: 3s")  # so that the kill below comes while nothing is under way
    async with Daemon(policy, tmp_path) as daemon, Starts(platform) as starts:
        await daemon.wait_for_health("gateway", "up")
        await faults.switch(platform, "gateway", "never")
        await daemon.event("attempt_failed", within=30.0)
        await daemon.restart(kill=True)
        escalated = await daemon.event("escalated", within=60.0)
        assert escalated["to"] == "team-lead"
        assert "budget" in escalated["why"]
        count = len(daemon.events)
        await daemon.restart()
        await daemon.wait_for_health("gateway", "down")
        status = await daemon.wait_until(lambda s: s["dependencies"]["gateway"]["decision"]["verdict"] == "refuse")
        assert status["budgets"]["gateway"]["remaining"] == 0
        assert [e for e in daemon.events[count:] if e["event"] == "action_intended"] == []
        assert await starts.of("gateway") == 3
        gaps = [e["backoff"] for e in daemon.events if e["event"] == "attempt_failed"]
        assert gaps == sorted(gaps)
        assert gaps[0] < gaps[-1]
        told = [e["title"] for e in daemon.events if e["event"] == "notification" and e["contact"] == "team-lead"]
        assert len([title for title in told if title.endswith("gateway needs a person")]) == 1


async def test_killed_in_the_middle_of_an_action_it_does_not_repeat_it_blindly(
    start_platform: StartPlatform, tmp_path: Path
) -> None:
    """The intent is on disk: the new process looks first, finds the gateway well, and resolves."""
    platform = await start_platform("gateway")
    async with Daemon(platform.policy_text(), tmp_path) as daemon, Starts(platform) as starts:
        await daemon.wait_for_health("gateway", "up")
        await freeze(platform)
        await starts.order("gateway")
        await daemon.restart(kill=True)
        ended = await daemon.event("action_ended", within=10.0)
        assert ended["outcome"] == "unknown"
        await daemon.event("incident_resolved", within=30.0)
        assert await starts.of("gateway") == 1
        assert len([e for e in daemon.events if e["event"] == "action_intended"]) == 1


async def test_killed_before_docker_heard_the_order_it_looks_before_it_tries_again(
    start_platform: StartPlatform, tmp_path: Path
) -> None:
    """The intent counts as an attempt; only when the gateway is seen to be still ill is the next one made."""
    platform = await start_platform("gateway")
    async with (
        DockerSocket(tmp_path / "docker.sock") as way,
        Daemon(platform.policy_text(), tmp_path, environ={"DOCKER_HOST": way.url}) as daemon,
        Starts(platform) as starts,
    ):
        await daemon.wait_for_health("gateway", "up")
        await faults.switch(platform, "gateway", "500")
        way.stall()
        await daemon.event("action_started", within=20.0)
        await daemon.kill9()
        way.drop()
        way.heal()
        await daemon.start()
        await daemon.event("incident_resolved", within=60.0)
        assert await starts.of("gateway") == 1
        story = [e["event"] for e in daemon.events]
        intents = [i for i, event in enumerate(story) if event == "action_intended"]
        assert len(intents) == 2
        assert story.index("action_ended") < story.index("attempt_failed") < intents[1]


async def test_sigterm_stops_it_within_seconds_and_records_the_action_in_flight(
    start_platform: StartPlatform, tmp_path: Path
) -> None:
    """Nothing is lost and nothing hangs."""
    platform = await start_platform("gateway")
    async with Daemon(platform.policy_text(), tmp_path) as daemon:
        await daemon.wait_for_health("gateway", "up")
        await freeze(platform)
        await daemon.event("action_started", within=20.0)
        assert await daemon.terminate(within=5.0) == 0
        ended = await daemon.event("action_ended", within=1.0)
        assert ended["outcome"] == "unknown"
        await daemon.start()
        await daemon.event("incident_resolved", within=30.0)


async def freeze(platform: Platform) -> None:
    """SIGSTOP: it answers nothing, and `docker restart` has to wait for the whole stop timeout."""
    os.kill(int((await platform.state("gateway"))["Pid"]), signal.SIGSTOP)
