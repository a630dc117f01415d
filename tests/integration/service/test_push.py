"""Heartbeats at a real daemon: heard, missed, and remembered through `kill -9`."""

from __future__ import annotations

from pathlib import Path

import aiohttp

from tests.integration.daemon import Daemon

TOKEN = "heartbeat-token-0123"
POLICY = f"""
version: 1
autonomy: observe
dependencies:
  backup:
    probe: push
    token: {TOKEN}
    period: PERIOD
    grace: 0s
    interval: 200ms
    confirm_interval: 100ms
    timeout: 100ms
    down_after: 2
    up_after: 1
    startup_grace: 0s
"""


async def call(daemon: Daemon, token: str = TOKEN, more: str = "") -> int:
    address = f"{daemon.url}/api/v1/push/backup?token={token}{more}"
    async with aiohttp.ClientSession() as session, session.get(address) as response:
        return response.status


async def test_silence_is_noticed_and_a_call_ends_it(tmp_path: Path) -> None:
    """Up with a call, down with silence, up again; a wrong token ends nothing, and no token is logged."""
    async with Daemon(POLICY.replace("PERIOD", "2s"), tmp_path) as daemon:
        assert await call(daemon) == 200
        await daemon.wait_for_health("backup", "up")
        opened = await daemon.event("incident_opened", within=20.0)
        assert (opened["root"], opened["category"], opened["reason"]) == ("backup", "fault", "silent")
        assert await call(daemon, token="another-token-012345") == 403
        assert await call(daemon) == 200
        await daemon.wait_for_health("backup", "up")
        assert await call(daemon, more="&status=fail&msg=no%20space") == 200
        seen = await daemon.wait_for_health("backup", "down")
        assert seen["dependencies"]["backup"]["detail"] == "the job says that it failed: no space"
        assert TOKEN not in str(daemon.events)


async def test_a_heartbeat_outlives_kill_9(tmp_path: Path) -> None:
    """What the job said last is known after the restart, and a job that said that it failed is not well again."""
    async with Daemon(POLICY.replace("PERIOD", "1h"), tmp_path) as daemon:
        assert await call(daemon) == 200
        await daemon.wait_for_health("backup", "up")
        assert await call(daemon, more="&status=fail&msg=no%20space") == 200
        await daemon.wait_for_health("backup", "down")
        await daemon.restart(kill=True)
        seen = await daemon.wait_for_health("backup", "down")
        assert seen["dependencies"]["backup"]["detail"] == "the job says that it failed: no space"
        assert await call(daemon) == 200
        await daemon.wait_for_health("backup", "up")
        await daemon.restart(kill=True)
        await daemon.wait_for_health("backup", "up")
        assert 'push_heartbeat_age_seconds{dependency="backup"}' in await daemon.metrics()
