"""Attempts, budgets and backoff on real containers: what is counted, what is given back, what waits and what ends."""

from __future__ import annotations

import asyncio
import sys
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


async def _told(daemon: Daemon, title: str) -> bool:
    return any(title in line["title"] for line in daemon.events if line["event"] == "notification")


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
            await daemon.event("incident_resolved", within=30.0)
            await faults.switch(platform, "gateway", "500")
            made = await daemon.event("decision_made", within=30.0, dependency="gateway", gate="budget")
            assert made["verdict"] == "wait"
            await daemon.until(lambda: _told(daemon, "gateway waits for the budget"), 30.0, "nobody was told")
            await daemon.more_looks(5)
            assert await starts.of("gateway") == 0
            seen = len(daemon.events)
            daemon.write_policy(policy)
            await daemon.event("incident_resolved", within=30.0, after=seen)  # its own, or that of Redis, reopened
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
        seen = len(daemon.events)
        moved = datetime.fromisoformat(second["timestamp"]) - datetime.fromisoformat(intended["timestamp"])
        assert moved >= timedelta(seconds=19)  # a line is stamped when its record is on disk, sooner or later
        await daemon.event("incident_resolved", within=30.0, after=seen)
        assert await starts.of("gateway") == 1


async def test_restarts_that_helped_are_no_failed_attempts(start_platform: StartPlatform, tmp_path: Path) -> None:
    """Broken and healed four times within minutes, with three attempts: healed each time, and nobody is called."""
    platform = await start_platform("gateway")
    policy = platform.policy_text().replace("attempts: 6", "attempts: 3")
    async with Daemon(policy, tmp_path) as daemon, Starts(platform) as starts:
        await daemon.wait_for_health("gateway", "up")
        for n in range(1, 5):
            seen = len(daemon.events)
            await faults.switch(platform, "gateway", "exit")
            await daemon.event("incident_resolved", within=60.0, after=seen)
            assert await starts.of("gateway") == n
        stories = [line["event"] for line in daemon.events]
        assert stories.count("incident_opened") == 1
        assert stories.count("member_recovered") == 4
        assert not {"escalated", "attempt_failed"} & set(stories)


async def test_what_was_given_up_and_then_served_is_a_new_trouble(
    start_platform: StartPlatform, tmp_path: Path
) -> None:
    """Given up, mended by a person to be slow, and dead again in the same incident: told as such, and restarted."""
    platform = await start_platform("gateway")
    policy = platform.policy_text().replace(*ONE_ATTEMPT).replace("timeout: 1500ms", "timeout: 4s")
    async with Daemon(policy, tmp_path) as daemon, Starts(platform) as starts:
        await daemon.wait_for_health("gateway", "up")
        await faults.switch(platform, "gateway", "never")
        await daemon.event("escalated", within=60.0)
        await faults.switch(platform, "gateway", "slow")
        await daemon.event("member_recovered", within=30.0, health="degraded")
        assert await starts.of("gateway") == 1
        await faults.switch(platform, "gateway", "exit")
        await daemon.event("member_down", within=30.0)
        await daemon.event("notification", kind="worsened")
        await daemon.event("incident_resolved", within=60.0)
        assert await starts.of("gateway") == 2


async def test_a_person_has_it_tried_again(start_platform: StartPlatform, tmp_path: Path) -> None:
    """With the command that the message names: one more restart, which heals, and a word in the journal."""
    platform = await start_platform("gateway")
    policy = platform.policy_text().replace(*ONE_ATTEMPT)
    async with Daemon(policy, tmp_path) as daemon, Starts(platform) as starts:
        await daemon.wait_for_health("gateway", "up")
        await faults.switch(platform, "gateway", "never")
        await daemon.event("escalated", within=60.0)
        await faults.switch(platform, "gateway", "500")
        await daemon.more_looks(3)
        listen = daemon.url.removeprefix("http://")
        command = ("retry", "gateway", "--reason", "it heals now", "--listen", listen)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "nemo_watchdog", *command, "--state-dir", str(daemon.state_dir)),
            stdout=asyncio.subprocess.PIPE,
        )
        said, _ = await process.communicate()
        assert process.returncode == 0
        assert b"gateway begins anew" in said
        rearmed = await daemon.event("ladder_rearmed")
        assert rearmed["reason"] == "it heals now"
        await daemon.event("incident_resolved", within=60.0)
        assert await starts.of("gateway") == 2


async def test_the_backoff_counts_from_the_verdict_and_follows_a_reload(
    start_platform: StartPlatform, tmp_path: Path
) -> None:
    """Nothing is done for a whole backoff after the verification; the policy cuts a long one short, and says so."""
    platform = await start_platform("gateway")
    policy = platform.policy_text().replace("startup_grace: 2s", "startup_grace: 0").replace("jitter: 0.2", "jitter: 0")
    long = policy.replace("initial: 1s", "initial: 5m").replace("max: 10s", "max: 5m")
    async with Daemon(long, tmp_path) as daemon, Starts(platform) as starts:
        await daemon.wait_for_health("gateway", "up")
        await faults.switch(platform, "gateway", "never")
        failed = await daemon.event("attempt_failed", within=60.0)
        assert failed["backoff"] == 300.0
        seen = len(daemon.events)
        await daemon.more_looks(5)
        assert await starts.of("gateway") == 1
        daemon.write_policy(policy.replace("initial: 1s", "initial: 8s"))
        changed = await daemon.event("backoff_changed", within=30.0)
        assert (changed["backoff"], changed["previous"]) == (8.0, 300.0)
        second = await daemon.event("action_intended", within=30.0, after=seen)
        waited = datetime.fromisoformat(second["timestamp"]) - datetime.fromisoformat(failed["timestamp"])
        assert waited >= timedelta(seconds=7.5)  # a line is stamped when its record is on disk


async def test_two_looks_at_one_container_have_one_ladder(start_platform: StartPlatform, tmp_path: Path) -> None:
    """Both fail for good: two attempts on the container, each verified and followed by its backoff, and one person."""
    platform = await start_platform("gateway")
    policy = platform.policy_text().replace("attempts: 6", "attempts: 2").replace("initial: 1s", "initial: 3s")
    policy = policy.replace("startup_grace: 2s", "startup_grace: 0").replace("verify_within: 6s", "verify_within: 4s")
    twin = f"""\
  twin:
    probe: http
    url: http://127.0.0.1:{platform.port("gateway")}/health
    container: {platform.name("gateway")}
    startup_grace: 0
    remedy: restart-container

severities:
"""
    async with Daemon(policy.replace("\nseverities:\n", twin), tmp_path) as daemon, Starts(platform) as starts:
        await daemon.wait_for_health("gateway", "up")
        await daemon.wait_for_health("twin", "up")
        await faults.switch(platform, "gateway", "never")
        await daemon.event("escalated", within=90.0)
        await daemon.more_looks(5)
        assert await starts.of("gateway") == 2
        stories = [line["event"] for line in daemon.events]
        assert (stories.count("action_intended"), stories.count("escalated")) == (2, 1)
        intents = [line for line in daemon.events if line["event"] == "action_intended"]
        first, second = (datetime.fromisoformat(line["timestamp"]) for line in intents)
        assert second - first >= timedelta(seconds=4.0 + 3.0 * 0.8)
        assert "ladder_shared" in stories
