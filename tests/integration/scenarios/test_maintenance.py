"""Planned maintenance with real containers and the real clock: what is done in the window, and what at its end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from nemo_watchdog.demo import faults
from tests.integration.conftest import StartPlatform
from tests.integration.daemon import Daemon
from tests.integration.scenarios.starts import Starts

OPEN_FOR = timedelta(seconds=40)


def window(of: str) -> tuple[str, datetime]:
    """A section of the policy with a window that is open now, and its end."""
    now = datetime.now(UTC).replace(microsecond=0)
    began = (now - timedelta(minutes=1)).replace(second=0)
    end = now + OPEN_FOR
    lasts = int((end - began).total_seconds())
    entry = f'{{name: patches, cron: "{began.minute} {began.hour} * * *", duration: {lasts}s, dependencies: [{of}]}}'
    return f"\nmaintenance:\n  - {entry}\n", end


def opened(daemon: Daemon) -> list[str]:
    return [line["event"] for line in daemon.events if line["event"] in ("incident_opened", "action_intended")]


@pytest.mark.timeout(240)
async def test_what_is_killed_in_a_window_is_left_alone_and_healed_at_its_end(
    start_platform: StartPlatform, tmp_path: Path
) -> None:
    """Also over `kill -9` of the daemon; what fails with it is not told either, and is not restarted at the end."""
    platform = await start_platform("redis", "gateway")
    planned, end = window("redis")
    async with Daemon(platform.policy_text() + planned, tmp_path) as daemon, Starts(platform) as starts:
        await daemon.wait_until(lambda s: all(d["health"] == "up" for d in s["dependencies"].values()), within=20.0)
        await faults.sigkill(platform, "redis")
        await daemon.wait_for_health("redis", "down")
        status = await daemon.wait_for_health("gateway", "down")
        assert status["dependencies"]["redis"]["maintenance"] == {"windows": "patches", "until": end.isoformat()}
        assert 'nemo_watchdog_maintenance{dependency="redis"} 1.0' in await daemon.metrics()
        await daemon.restart(kill=True)
        await daemon.wait_for_health("gateway", "down")
        await daemon.more_looks(5)
        assert datetime.now(UTC) < end
        assert opened(daemon) == []
        assert await starts.of("redis") == await starts.of("gateway") == 0

        incident = await daemon.event("incident_opened", within=OPEN_FOR.total_seconds() + 10.0)
        assert datetime.now(UTC) >= end
        assert incident["root"] == "redis"
        await daemon.event("incident_resolved", within=40.0)
        assert opened(daemon) == ["incident_opened", "action_intended"]
        assert await starts.of("redis") == 1
        assert await starts.of("gateway") == 0
        assert 'nemo_watchdog_maintenance{dependency="redis"} 0.0' in await daemon.metrics()
