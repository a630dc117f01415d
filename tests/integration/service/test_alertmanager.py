"""A real Alertmanager hears of each incident and of its end, also when the daemon dies in between."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp

from nemo_watchdog.notifiers.silences import read
from tests.integration.daemon import Daemon
from tests.integration.service.parts import Receiver, Service, tcp_policy
from tests.integration.service.programs import alertmanager, until_so


def firing(dependency: str) -> Any:
    return lambda message: message["status"] == "firing" and _dependency(message) == dependency


def resolved(dependency: str) -> Any:
    return lambda message: message["status"] == "resolved" and _dependency(message) == dependency


def _dependency(message: dict[str, Any]) -> str:
    return str(message["alerts"][0]["labels"]["dependency"])


async def test_an_incident_fires_there_with_its_labels_and_is_resolved_after(tmp_path: Path) -> None:
    """The alert has the incident's id, dependency and severity, says what is wrong, and ends with the incident."""
    async with (
        Service() as service,
        Receiver() as webhook,
        alertmanager(tmp_path, f"http://127.0.0.1:{webhook.port}/") as url,
        Daemon(tcp_policy(service.port, f"alertmanager: [{url}]\n"), tmp_path) as daemon,
    ):
        await daemon.wait_for_health("service", "up")
        await service.stop()
        opened = await daemon.event("incident_opened")
        await webhook.message(firing("service"))
        (alert,) = await until_so(f"{url}/api/v2/alerts", lambda alerts: len(alerts) == 1)
        assert alert["labels"] == {
            "alertname": "NemoWatchdogIncident",
            "incident": opened["incident"],
            "dependency": "service",
            "severity": opened["severity"],
            "rule": "down",
        }
        assert alert["annotations"]["summary"] == "service is down (refused)"
        assert alert["status"]["state"] == "active"

        await service.start()
        over = await webhook.message(resolved("service"))
        assert over["alerts"][0]["labels"] == alert["labels"]
        await until_so(f"{url}/api/v2/alerts", lambda alerts: alerts == [])
        assert (
            'nemo_watchdog_notifications_total{contact="alertmanager",outcome="failed"}' not in await daemon.metrics()
        )


async def test_an_incident_that_outlives_the_daemon_is_resolved_there(tmp_path: Path) -> None:
    """The daemon is killed while the alert fires; after its new start the same alert is resolved, and none is new."""
    async with (
        Service() as service,
        Receiver() as webhook,
        alertmanager(tmp_path, f"http://127.0.0.1:{webhook.port}/") as url,
        Daemon(tcp_policy(service.port, f"alertmanager: [{url}]\n"), tmp_path) as daemon,
    ):
        await daemon.wait_for_health("service", "up")
        await service.stop()
        fired = await webhook.message(firing("service"))
        await daemon.kill9()
        await service.start()
        await daemon.start()
        over = await webhook.message(resolved("service"))
        assert over["alerts"][0]["labels"] == fired["alerts"][0]["labels"]
        assert [message["status"] for message in webhook.messages] == ["firing", "resolved"]


async def test_an_alertmanager_that_comes_late_is_told(tmp_path: Path) -> None:
    """While nobody listens at its address the daemon watches on; the Alertmanager that starts then gets the alert."""
    async with Service() as service, Receiver() as webhook:
        async with alertmanager(tmp_path, f"http://127.0.0.1:{webhook.port}/") as url:
            pass
        port = int(url.rpartition(":")[2])
        async with Daemon(tcp_policy(service.port, f"alertmanager: [{url}]\n"), tmp_path) as daemon:
            await daemon.wait_for_health("service", "up")
            await service.stop()
            await daemon.wait_for_health("service", "down")
            async with alertmanager(tmp_path, f"http://127.0.0.1:{webhook.port}/", port=port):
                await webhook.message(firing("service"))
                await service.start()
                await webhook.message(resolved("service"))


async def test_a_silence_that_amtool_sets_is_read_as_it_mutes_there(tmp_path: Path) -> None:
    """Who wants it, why, until when, and what."""
    async with alertmanager(tmp_path, "http://127.0.0.1:9/") as url, aiohttp.ClientSession() as session:
        wanted = ["dependency=gateway", "severity=~SEV[12]", "rule!=slow"]
        words = ["--author=alice", "--comment=moving racks", "--duration=2h"]
        tool = await asyncio.create_subprocess_exec(
            "amtool", f"--alertmanager.url={url}", "silence", "add", *words, *wanted, stdout=asyncio.subprocess.DEVNULL
        )
        assert await tool.wait() == 0
        async with session.get(f"{url}/api/v2/silences") as response:
            (found,) = read(await response.read())
    now = datetime.now(UTC)
    assert (found.by, found.reason) == ("alice", "moving racks")
    assert timedelta(hours=1, minutes=50) < found.ends - now <= timedelta(hours=2)
    mutes = {
        severity: found.mutes({"dependency": "gateway", "severity": severity, "rule": "down"}, now)
        for severity in ("SEV1", "SEV2", "SEV3")
    }
    assert mutes == {"SEV1": True, "SEV2": True, "SEV3": False}
    assert not found.mutes({"dependency": "gateway", "severity": "SEV1", "rule": "slow"}, now)
