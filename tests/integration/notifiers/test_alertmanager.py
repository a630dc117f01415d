"""The client against a real Alertmanager."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from nemo_watchdog.model import Alert
from nemo_watchdog.notifiers import AlertmanagerClient, readiness
from nemo_watchdog.policy.policy import Alertmanager
from nemo_watchdog.policy.secret_value import Secret
from nemo_watchdog.testing.servers import free_port
from tests.parts import need
from tests.unit.probes.certificates import make_authority

CONFIG = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"
LABELS = {"alertname": "NemoWatchdogIncident", "incident": "i-1", "severity": "SEV2", "dependency": "redis"}


HASH_OF_TEST = '"$2b$12$hNf2lSsxfm0.i4a.1kVpSOVyBCfIB51VRjgBUyv6kdnyTlgWj81Ay"'
"""Of the password `test`, as https://prometheus.io/docs/guides/basic-auth/ has it."""

SHIPPED = (Path(__file__).parents[3] / "config/alertmanager.yml").read_text(encoding="utf-8")


@pytest_asyncio.fixture
async def alertmanager(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """The address of an Alertmanager that is ready, ended after the test."""
    (tmp_path / "alertmanager.yml").write_text(getattr(request, "param", CONFIG), encoding="utf-8")
    url = f"http://127.0.0.1:{free_port()}"
    with (tmp_path / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            need("prometheus-alertmanager"),
            f"--config.file={tmp_path}/alertmanager.yml",
            f"--storage.path={tmp_path}/data",
            f"--web.listen-address={url.removeprefix('http://')}",
            "--cluster.listen-address=",
            stderr=log,
        )
        try:
            await until_ready(url, process)
            yield url
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


async def until_ready(url: str, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(30), aiohttp.ClientSession() as session:
        while process.returncode is None:
            try:
                async with session.get(f"{url}/-/ready") as response:
                    if response.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.05)
    raise AssertionError("Alertmanager ended before it was ready")


async def alerts_of(url: str) -> list[dict[str, Any]]:
    process = await asyncio.create_subprocess_exec(
        need("amtool"),
        f"--alertmanager.url={url}",
        "--output=json",
        "alert",
        "query",
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    found: list[dict[str, Any]] = json.loads(out)
    return found


async def test_an_incident_fires_is_repeated_and_resolves(alertmanager: str) -> None:
    """An alert that is pushed twice is one alert with its labels, annotations and start; with an end it is gone."""
    started = datetime.now(UTC) - timedelta(minutes=3)
    firing = Alert("i-1", LABELS, {"summary": "redis is down"}, started)
    client = AlertmanagerClient([Alertmanager(alertmanager)])
    for _ in range(2):
        assert (await client.push([firing]))[alertmanager].delivered
    (alert,) = await alerts_of(alertmanager)
    assert alert["labels"] == LABELS
    assert alert["annotations"] == {"summary": "redis is down"}
    assert alert["status"]["state"] in {"active", "unprocessed"}
    assert abs(datetime.fromisoformat(alert["startsAt"]) - started) < timedelta(milliseconds=1)
    over = Alert("i-1", LABELS, {"summary": "redis is down"}, started, datetime.now(UTC) - timedelta(seconds=1))
    assert (await client.push([over]))[alertmanager].delivered
    await client.close()
    assert await alerts_of(alertmanager) == []


@pytest.mark.parametrize("alertmanager", [SHIPPED], indirect=True)
async def test_the_shipped_routes_tell_a_rise_by_the_rules_that_count(alertmanager: str) -> None:
    """An incident speaks for itself at the severity that it opened with; what it has risen to is told beside it."""

    def counted(severity: str) -> Alert:
        labels = {"alertname": f"NemoWatchdogIncidentSev{severity[-1]}", "severity": severity}
        return Alert("", labels, {}, datetime.now(UTC))

    client = AlertmanagerClient([Alertmanager(alertmanager)])
    await client.push([Alert("i-1", LABELS, {}, datetime.now(UTC)), counted("SEV2"), counted("SEV1")])
    await client.close()
    state = {"": "unprocessed"}
    async with asyncio.timeout(30.0), aiohttp.ClientSession() as session:
        while "unprocessed" in state.values():
            await asyncio.sleep(0.05)
            async with session.get(f"{alertmanager}/api/v2/alerts") as response:
                told = await response.json()
            state = {each["labels"]["alertname"]: each["status"]["state"] for each in told}
    assert state == {
        "NemoWatchdogIncident": "active",
        "NemoWatchdogIncidentSev1": "active",
        "NemoWatchdogIncidentSev2": "suppressed",
    }


async def test_labels_that_alertmanager_refuses(alertmanager: str) -> None:
    """A bad label is a failure with Alertmanager's words, not worth retrying."""
    client = AlertmanagerClient([Alertmanager(alertmanager)])
    delivery = (await client.push([Alert("i-1", {"not a name": "x"}, {}, datetime.now(UTC))]))[alertmanager]
    await client.close()
    assert not delivery.delivered
    assert not delivery.retryable
    assert "HTTP 400" in delivery.detail
    assert "not a name" in delivery.detail or "label" in delivery.detail


async def test_an_alertmanager_that_starts_late_is_reached(tmp_path: Path) -> None:
    """A push that begins before Alertmanager listens is delivered within its deadline."""
    (tmp_path / "alertmanager.yml").write_text(CONFIG, encoding="utf-8")
    url = f"http://127.0.0.1:{free_port()}"
    client = AlertmanagerClient([Alertmanager(url)], timeout=30)
    push = asyncio.ensure_future(client.push([Alert("i-1", LABELS, {}, datetime.now(UTC))]))
    process = await asyncio.create_subprocess_exec(
        need("prometheus-alertmanager"),
        f"--config.file={tmp_path}/alertmanager.yml",
        f"--storage.path={tmp_path}/data",
        f"--web.listen-address={url.removeprefix('http://')}",
        "--cluster.listen-address=",
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert (await push)[url].delivered
    finally:
        process.terminate()
        await process.wait()
        await client.close()


async def test_one_with_a_certificate_and_a_password_takes_alerts_from_who_has_both(tmp_path: Path) -> None:
    """Alertmanager's own TLS and basic authentication; who has no password is told so."""
    authority = make_authority(tmp_path / "authority")
    await asyncio.to_thread(authority.server, timedelta(days=30))
    (tmp_path / "alertmanager.yml").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "web.yml").write_text(
        f"tls_server_config: {{cert_file: {authority.folder}/cert.pem, key_file: {authority.folder}/key.pem}}\n"
        f"basic_auth_users: {{nemo: {HASH_OF_TEST}}}\n",
        encoding="utf-8",
    )
    url = f"https://127.0.0.1:{free_port()}"
    stranger = Alertmanager(url, ca=str(authority.file))
    known = replace(stranger, username="nemo", password=Secret("test"))
    process = await asyncio.create_subprocess_exec(
        need("prometheus-alertmanager"),
        f"--config.file={tmp_path}/alertmanager.yml",
        f"--storage.path={tmp_path}/data",
        f"--web.config.file={tmp_path}/web.yml",
        f"--web.listen-address={url.removeprefix('https://')}",
        "--cluster.listen-address=",
        stderr=asyncio.subprocess.DEVNULL,
    )
    client, refused = AlertmanagerClient([known], timeout=30), AlertmanagerClient([stranger], timeout=30)
    try:
        assert (await client.push([Alert("i-1", LABELS, {}, datetime.now(UTC))]))[url].delivered
        assert (await readiness([known], 10.0))[url].said.startswith("Alertmanager 0.")
        delivery = (await refused.push([Alert("i-1", LABELS, {}, datetime.now(UTC))]))[url]
        assert (delivery.delivered, delivery.detail) == (False, "HTTP 401 Unauthorized")
    finally:
        process.terminate()
        await process.wait()
        await client.close()
        await refused.close()
