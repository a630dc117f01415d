"""The heartbeat address, through real requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from nemo_watchdog.probes.push import PushOptions
from nemo_watchdog.runtime.heartbeats import Heartbeats
from nemo_watchdog.web import push as module
from nemo_watchdog.web.server import Api
from tests.unit.runtime.test_supervisor import Daemon, quick

TOKEN = "0123456789abcdef"
OPTIONS = PushOptions.model_validate({"token": TOKEN, "period": "1h"})


class Site:
    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon
        self.heartbeats = Heartbeats(daemon.shell.core)
        api = Api(daemon.shell.core, daemon.supervisor, daemon.shell.metrics, self.heartbeats, "the-token")
        self.client = TestClient(TestServer(api.application()))

    async def call(self, path: str, method: str = "GET", bearer: str | None = None) -> tuple[int, dict[str, object]]:
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        response = await self.client.request(method, f"/api/v1/push/{path}", headers=headers)
        return response.status, await response.json()

    def heard(self, name: str = "backup") -> tuple[bool, str] | None:
        last = self.heartbeats.last(name)
        return (last.well, last.said) if last else None


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    daemon = Daemon(tmp_path, replace(quick("backup"), probe="push", options=OPTIONS), quick("gateway"))
    await daemon.start()
    made = Site(daemon)
    await made.client.start_server()
    yield made
    await made.client.close()
    await daemon.stop()
    daemon.shell.core.close()


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_call_is_a_heartbeat(site: Site, method: str) -> None:
    """A bare `curl` counts, with the token in the address or in a header; it is on disk when it is answered."""
    assert await site.call(f"backup?token={TOKEN}", method) == (200, {"ok": True})
    assert site.heard() == (True, "")
    assert await site.call("backup?status=fail&msg=no%20space%0Aat%20all", method, bearer=TOKEN) == (200, {"ok": True})
    assert site.heard() == (False, "no space")
    types = [body["type"] for _, body in site.daemon.shell.memory.replay(site.daemon.shell.clock.now())]
    assert types.count("heartbeat_heard") == 2


@pytest.mark.parametrize(
    ("path", "bearer"),
    [
        ("backup", None),
        ("backup?token=", None),
        ("backup?token=0123456789abcdeF", None),
        (f"backup?token={TOKEN}", "another-token-of-mine"),
        (f"gateway?token={TOKEN}", None),
        ("gateway?token=", None),
        (f"nobody?token={TOKEN}", None),
        ("gateway", "no token is as long as this one"),
        ("backup?token=%ff%fe", None),
    ],
)
async def test_who_may_not_is_told_nothing(site: Site, path: str, bearer: str | None) -> None:
    """A wrong token, an unknown name and another kind of probe get the same answer, and nothing is heard."""
    error = "there is no such heartbeat, or its token is another"
    assert await site.call(path, bearer=bearer) == (403, {"error": error})
    assert [site.heard(name) for name in ("backup", "gateway", "nobody")] == [None, None, None]


async def test_a_status_that_is_none(site: Site) -> None:
    """Told so, and no heartbeat."""
    assert await site.call(f"backup?token={TOKEN}&status=meh") == (400, {"error": "status is `ok` or `fail`"})
    assert site.heard() is None


async def test_a_disk_that_does_not_answer(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller is asked to call again; the heartbeat counts in this process."""
    monkeypatch.setattr(module, "WRITTEN_WITHIN", 0.01)

    async def never() -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(site.daemon.shell.core, "written", never)
    status, said = await site.call(f"backup?token={TOKEN}")
    assert (status, said) == (503, {"error": "heard, but it could not be written down: call again"})
    assert site.heard() == (True, "")
