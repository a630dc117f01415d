"""The HTTP face, through real requests: reads are open, changes need the token and JSON."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer

from nemo_watchdog import __version__
from nemo_watchdog.engine import events as ev
from nemo_watchdog.runtime.heartbeats import Heartbeats
from nemo_watchdog.web import server as module
from nemo_watchdog.web.server import Api
from tests.unit.runtime.shell import until
from tests.unit.runtime.test_supervisor import Daemon, quick

TOKEN = "the-token"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


class Site:
    """A daemon with fakes at its seams, and a client that speaks to its API."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon
        api = Api(daemon.shell.core, daemon.supervisor, daemon.shell.metrics, Heartbeats(daemon.shell.core), TOKEN)
        self.client = TestClient(TestServer(api.application()))

    async def get(self, path: str, **headers: str) -> ClientResponse:
        return await self.client.get(path, headers=headers)

    async def pause(self, **body: object) -> ClientResponse:
        return await self.client.post("/api/v1/pause", json={"reason": "deploying", **body}, headers=BEARER)

    @property
    def pauses(self) -> list[str]:
        return list(self.daemon.shell.core.engine.durable.pauses)


async def said(response: ClientResponse) -> str:
    body: dict[str, Any] = await response.json()
    return str(body["error"])


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    daemon = Daemon(tmp_path, quick("gateway"), quick("redis"))
    await daemon.start()
    made = Site(daemon)
    await made.client.start_server()
    yield made
    await made.client.close()
    await daemon.stop()
    daemon.shell.core.close()


async def test_metrics_are_prometheus_text_by_default(site: Site) -> None:
    """With the content type of the text format."""
    response = await site.get("/metrics")
    assert response.status == 200
    assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    text = await response.text()
    assert 'nemo_watchdog_dependency_health{dependency="gateway",health="' in text
    assert f'nemo_watchdog_build_info{{version="{__version__}"}} 1.0' in text
    assert 'nemo_watchdog_budget_remaining{scope="total"}' in text
    assert "# EOF" not in text


async def test_metrics_are_openmetrics_for_who_asks(site: Site) -> None:
    """Prometheus asks for it, and the format ends with its own mark."""
    response = await site.get("/metrics", Accept="application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
    assert response.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert (await response.text()).endswith("# EOF\n")


async def test_healthz_is_about_our_own_loops(site: Site) -> None:
    """A platform that is down does not make the watchdog unhealthy; a stuck loop does."""
    site.daemon.shell.containers.exit("c-gateway")
    await site.daemon.shell.watch.look("c-gateway")
    response = await site.get("/healthz")
    assert (response.status, await response.json()) == (200, {"ok": True, "stuck": []})
    site.daemon.supervisor._last_tick -= 3600.0
    response = await site.get("/healthz")
    assert response.status == 503
    assert (await response.json())["stuck"] == ["event loop"]


async def test_readyz_needs_a_journal_that_can_be_written(site: Site) -> None:
    """What cannot write down its deeds does none, and says why."""
    assert (await site.get("/readyz")).status == 200
    site.daemon.shell.core.tell(ev.JournalChanged("disk full"))
    response = await site.get("/readyz")
    assert response.status == 503
    assert (await response.json()) == {"ok": False, "waiting_for": ["journal: disk full"]}
    site.daemon.shell.core.tell(ev.JournalChanged(""))
    assert (await site.get("/readyz")).status == 200


async def test_readyz_waits_for_the_loops(tmp_path: Path) -> None:
    """Before the first probe loop runs, nothing is watched."""
    daemon = Daemon(tmp_path)
    made = Site(daemon)
    await made.client.start_server()
    response = await made.get("/readyz")
    assert response.status == 503
    assert (await response.json())["waiting_for"] == ["the probe loops have not started"]
    await made.client.close()
    daemon.shell.core.close()


async def test_status_tells_everything_as_plain_data(site: Site) -> None:
    """Dependencies, incidents with the decision and its gate, budgets, policy and version."""
    await until(lambda: site.daemon.health("gateway") == "up" and site.daemon.health("redis") == "up")
    site.daemon.shell.core.tell(ev.PauseAsked("gateway", "deploying", "ops"))
    site.daemon.shell.containers.exit("c-gateway")
    await site.daemon.shell.watch.look("c-gateway")
    body = await (await site.get("/api/v1/status")).json()
    gateway = body["dependencies"]["gateway"]
    assert (gateway["health"], gateway["reason"], gateway["container_state"]) == ("down", "exited", "exited")
    assert gateway["decision"]["gate"] == "pause"
    assert body["dependencies"]["redis"]["decision"] is None
    (incident,) = body["incidents"]
    assert (incident["root"], incident["members"], incident["severity"]) == ("gateway", ["gateway"], "SEV2")
    assert body["pauses"]["gateway"] == {"reason": "deploying", "by": "ops", "until": None}
    assert body["budgets"]["total"]["remaining"] == 10
    assert body["policy"]["problems"] == []
    assert (body["version"], body["journal"], body["autonomy"]) == (__version__, "ok", "act")


async def test_a_pause_holds_and_is_on_disk_when_it_is_answered(site: Site) -> None:
    """The kill switch outlives a `kill -9` right after it."""
    response = await site.pause(by="ops", duration=60.0)
    assert response.status == 200
    assert (await response.json())["pauses"]["*"]["by"] == "ops"
    assert "paused" in site.daemon.shell.memory.types()
    resumed = await site.client.post("/api/v1/resume", json={"by": "ops"}, headers=BEARER)
    assert await resumed.json() == {"pauses": {}}
    assert "resumed" in site.daemon.shell.memory.types()


@pytest.mark.parametrize("path", ["/api/v1/pause", "/api/v1/resume"])
@pytest.mark.parametrize(
    "given", ["", "Bearer", "Bearer ", "Bearer wrong", f"Basic {TOKEN}", f"bearer {TOKEN}", f"Bearer {TOKEN} x"]
)
async def test_without_the_token_nothing_changes(site: Site, path: str, given: str) -> None:
    """Refused with 401 before the body is even read."""
    headers = {"Authorization": given} if given else {}
    response = await site.client.post(path, json={"reason": "x"}, headers=headers)
    assert response.status == 401
    assert "token" in await said(response)
    assert site.pauses == []


async def test_a_token_of_strange_bytes_is_wrong_and_not_a_crash(site: Site) -> None:
    """A header need not be UTF-8."""
    assert site.client.port is not None
    reader, writer = await asyncio.open_connection("127.0.0.1", site.client.port)
    writer.write(
        b"POST /api/v1/pause HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xff\xfe\r\n"
        b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    )
    assert (await reader.readline()).split()[1] == b"401"
    writer.close()
    await writer.wait_closed()


async def test_a_form_cannot_change_anything(site: Site) -> None:
    """A page of another site can send a form or plain text without asking; neither is JSON."""
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        response = await site.client.post(
            "/api/v1/pause", data=b'{"reason": "x"}', headers={**BEARER, "Content-Type": content_type}
        )
        assert response.status == 415
    assert site.pauses == []


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"reason": "x", "scoop": "gateway"}, "scoop"),
        ({}, "reason"),
        ({"reason": ""}, "reason"),
        ({"reason": "x", "duration": 0}, "duration"),
        ({"reason": "x", "duration": "60"}, "duration"),
        ({"reason": "x", "duration": 1e9}, "duration"),
        ({"reason": "x", "by": "y" * 101}, "by"),
        ([], "body"),
    ],
)
async def test_a_body_that_is_wrong_is_refused_by_name(site: Site, body: object, named: str) -> None:
    """An unknown key as well as a value out of range."""
    response = await site.client.post("/api/v1/pause", json=body, headers=BEARER)
    assert response.status == 400
    assert named in await said(response)
    assert site.pauses == []


async def test_what_is_not_json_is_refused(site: Site) -> None:
    """With 400, not with a traceback."""
    response = await site.client.post(
        "/api/v1/pause", data=b"{", headers={**BEARER, "Content-Type": "application/json"}
    )
    assert response.status == 400
    assert "Invalid JSON" in await said(response)


async def test_an_unknown_dependency_is_named_with_the_known_ones(site: Site) -> None:
    """A pause of what does not exist would hold nothing."""
    response = await site.pause(scope="gatway")
    assert response.status == 404
    assert await said(response) == "there is no dependency gatway; there are: gateway, redis"
    assert site.pauses == []


async def test_a_pause_of_a_dependency_that_is_gone_can_be_lifted(site: Site) -> None:
    """It may outlive its dependency, and must not stay for ever."""
    site.daemon.shell.core.tell(ev.PauseAsked("gone", "deploying", "ops"))
    response = await site.client.post("/api/v1/resume", json={"scope": "gone"}, headers=BEARER)
    assert response.status == 200
    assert site.pauses == []


async def test_a_body_that_is_too_large_is_refused(site: Site) -> None:
    """Nobody fills the daemon's memory."""
    response = await site.pause(reason="x" * (module.MAX_BODY + 1))
    assert response.status == 413
    assert site.pauses == []


async def test_a_pause_that_cannot_be_written_holds_and_says_so(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator learns that it would not outlive the daemon."""
    monkeypatch.setattr(module, "WRITTEN_WITHIN", 0.05)
    site.daemon.shell.memory.trouble = "disk full"
    response = await site.pause()
    assert response.status == 503
    assert "could not be written" in await said(response)
    assert site.pauses == ["*"]
    site.daemon.shell.memory.trouble = ""


async def test_a_change_is_never_a_get(site: Site) -> None:
    """An image tag cannot pause the watchdog."""
    assert (await site.get("/api/v1/pause", **BEARER)).status == 405
