"""A container that Docker starts again and again, watched by a real daemon: told once, and kept over its death."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from pathlib import Path

import pytest

from nemo_watchdog.demo import faults
from nemo_watchdog.demo.platform import Platform
from tests.integration.conftest import StartPlatform
from tests.integration.daemon import Daemon

MARKS = "    flapping: {window: 40s, high: 14%, low: 5%}\n    remedy: restart-container\n"
A_RUN = 3.0
"""Seconds that it runs before it crashes again: long enough to serve."""


async def crash(platform: Platform) -> None:
    """Its first process dies when it has run long enough to serve.

    One at a time, as often as is needed: Docker doubles its wait for the next start each time.
    """
    name = platform.name("gateway")
    async with asyncio.timeout(60.0):
        while (
            await platform.docker("inspect", "--format", "{{.State.Running}}{{.State.Restarting}}", name) != "truefalse"
        ):
            await asyncio.sleep(0.1)
    await asyncio.sleep(A_RUN)
    await faults.sigkill(platform, "gateway")


def told(daemon: Daemon, contact: str, after: int = 0) -> list[str]:
    """The titles of the messages that the contact has got so far."""
    lines = daemon.events[after:]
    return [line["title"] for line in lines if line["event"] == "notification" and line["contact"] == contact]


async def was_told(daemon: Daemon, contact: str, title: str) -> None:
    async def look() -> bool:
        return title in told(daemon, contact)

    await daemon.until(look, 30.0, f"{contact} was not told: {title}")


async def nothing_waits(daemon: Daemon) -> bool:
    """Every message is written down as delivered, so that the next process sends none of them again."""
    with contextlib.closing(
        sqlite3.connect(f"file:{daemon.state_dir / 'journal.sqlite3'}?mode=ro", uri=True)
    ) as journal:
        (waiting,) = journal.execute("SELECT count(*) FROM outbox WHERE state = 'pending'").fetchone()
    return bool(waiting == 0)


@pytest.mark.timeout(300)  # Docker waits longer before each start, and the window must pass
async def test_a_crash_loop_under_restart_always_is_one_message_whatever_becomes_of_the_daemon(
    start_platform: StartPlatform, tmp_path: Path
) -> None:
    """Crash after crash: that it flaps, and that it is over; killed in between, it knows.

    All of it is SEV1: whether it is seen down or only starting when it begins to flap is Docker's haste.
    """
    platform = await start_platform("gateway")
    await platform.docker("update", "--restart", "always", platform.name("gateway"))
    policy = platform.policy_text().replace("    remedy: restart-container\n", MARKS, 1)
    policy = policy.replace("[on-call, team-lead]", "[on-call]").replace("severity: SEV4", "severity: SEV1")
    async with Daemon(policy, tmp_path) as daemon:
        await daemon.wait_for_health("gateway", "up")
        while all(line["event"] != "flapping_began" for line in daemon.events):
            await crash(platform)
        began = await daemon.event("flapping_began")
        assert began["changes"] >= 3
        for contact in ("on-call", "team-lead"):
            await was_told(daemon, contact, "[SEV1] gateway is flapping")
        await daemon.until(lambda: nothing_waits(daemon), 10.0, "a message was never written down as delivered")
        await daemon.kill9()
        seen = len(daemon.events)
        await crash(platform)
        await daemon.start()
        status = await daemon.status()
        assert status["dependencies"]["gateway"]["flapping"] is True
        assert 'nemo_watchdog_dependency_flapping{dependency="gateway"} 1.0' in await daemon.metrics()
        before = len(daemon.events)
        await crash(platform)
        down = await daemon.event("health_changed", after=before, dependency="gateway", health="down")
        await daemon.event(
            "health_changed", after=daemon.events.index(down), within=30.0, dependency="gateway", health="up"
        )
        assert told(daemon, "on-call", after=seen) == []
        ended = await daemon.event("flapping_ended", within=120.0, after=seen)
        assert ended["changes"] >= 5
        for contact in ("on-call", "team-lead"):
            await was_told(daemon, contact, "[SEV1] gateway is up again")
        assert told(daemon, "on-call", after=seen) == ["[SEV1] gateway is up again"]
        assert told(daemon, "team-lead") == ["[SEV1] gateway is flapping", "[SEV1] gateway is up again"]
        assert len(told(daemon, "on-call")) <= 4
        assert not [line for line in daemon.events if line["event"] == "action_intended"]
        assert (await daemon.status())["dependencies"]["gateway"]["flapping"] is False
