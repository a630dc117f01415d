"""A real Alertmanager hears of each incident and of its end, also when the daemon dies in between."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp

from nemo_watchdog.notifiers.silences import read
from nemo_watchdog.testing.servers import free_port
from tests.integration.daemon import Daemon
from tests.integration.service.parts import Receiver, Service, tcp_policy
from tests.integration.service.programs import alertmanager, amtool, until_so

LINK = "https://watchdog.example.org"
WITH_A_LINK = f"notifications: {{link: {LINK}}}\n"

SYMPTOM_FIRST = """
version: 1
defaults: {{interval: 200ms, confirm_interval: 100ms, timeout: 1s, down_after: 2, up_after: 2}}
dependencies:
  cause: {{probe: tcp, address: "127.0.0.1:{cause}", tags: [core]}}
  symptom: {{probe: tcp, address: "127.0.0.1:{symptom}", tags: [core], needs: [cause]}}
classification:
  - {{name: outage, when: {{down: {{all: core}}}}, severity: SEV1}}
  - {{name: one-down, severity: SEV3}}
alertmanager: [{urls}]
"""


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
        Daemon(
            tcp_policy(service.port, f"alertmanager: [{url}]\nnotifications: {{link: {LINK}}}\n"), tmp_path
        ) as daemon,
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
        said = alert["annotations"]
        assert said["severity"] == opened["severity"]
        assert said["runbook"].startswith(f"Respond within 30m. Take it: `nemo-watchdog ack {opened['incident']}`.")
        assert alert["generatorURL"] == f"{LINK}/api/v1/incidents/{opened['incident']}"
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


async def test_one_outage_is_one_alert_of_a_cluster_however_short_its_memory(tmp_path: Path) -> None:
    """The symptom comes first, then its cause, and it becomes graver: one firing, one resolved, texts of now at both.

    Between two pushes Alertmanager's `resolve_timeout` passes, and ends nothing.
    """
    gossip = [f"127.0.0.1:{free_port()}" for _ in range(2)]
    folders = [tmp_path / name for name in ("one", "two")]
    for each in folders:
        each.mkdir()
    async with (
        Service() as cause,
        Service() as symptom,
        Receiver() as webhook,
        alertmanager(folders[0], f"http://127.0.0.1:{webhook.port}/", resolve_timeout="30s", cluster=gossip) as one,
        alertmanager(
            folders[1], f"http://127.0.0.1:{webhook.port}/", resolve_timeout="30s", cluster=gossip[::-1]
        ) as two,
    ):
        for url in (one, two):
            await until_so(f"{url}/api/v2/status", lambda status: len(status["cluster"]["peers"]) == 2)
            await until_so(f"{url}/api/v2/status", lambda status: status["cluster"]["status"] == "ready")
        policy = SYMPTOM_FIRST.format(cause=cause.port, symptom=symptom.port, urls=f"{one}, {two}")
        async with Daemon(policy, tmp_path) as daemon:
            for name in ("cause", "symptom"):
                await daemon.wait_for_health(name, "up")
            await daemon.more_looks(1)  # what fails since before its cause came up has its start-up grace
            await symptom.stop()
            opened = await daemon.event("incident_opened", root="symptom", severity="SEV3")
            fired = await webhook.message(firing("symptom"))
            await cause.stop()
            await daemon.event("root_changed", root="cause")
            await daemon.event("severity_raised", severity="SEV1")
            for url in (one, two):
                await until_so(f"{url}/api/v2/alerts", lambda all_: all_[0]["annotations"]["dependency"] == "cause")
                await until_so(f"{url}/api/v2/alerts", _is_older_than(timedelta(seconds=32)), within=60.0)
                (alert,) = await amtool(url)
                assert alert["labels"] == fired["alerts"][0]["labels"]
                assert (alert["labels"]["dependency"], alert["labels"]["severity"]) == ("symptom", "SEV3")
                assert alert["annotations"]["severity"] == "SEV1"
                assert alert["annotations"]["summary"] == "cause is down (refused)"
                assert alert["annotations"]["title"] == "Complete outage"
                assert alert["status"]["state"] == "active"
            assert [message["status"] for message in webhook.messages] == ["firing"]
            await cause.start()
            await symptom.start()
            over = await webhook.message(resolved("symptom"))
            assert over["alerts"][0]["labels"]["incident"] == opened["incident"]
            assert over["alerts"][0]["annotations"]["summary"] == "cause is up again"
            for url in (one, two):
                await until_so(f"{url}/api/v2/alerts", lambda alerts: alerts == [])
            assert [message["status"] for message in webhook.messages] == ["firing", "resolved"]


def _is_older_than(age: timedelta) -> Any:
    """The last push of the only alert there."""
    return lambda alerts: datetime.now(UTC) - datetime.fromisoformat(alerts[0]["updatedAt"]) > age


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
        severity: found.mutes({"dependency": "gateway", "severity": severity, "rule": "down"})
        for severity in ("SEV1", "SEV2", "SEV3")
    }
    assert mutes == {"SEV1": True, "SEV2": True, "SEV3": False}
    assert not found.mutes({"dependency": "gateway", "severity": "SEV1", "rule": "slow"})
