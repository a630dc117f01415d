"""The heartbeat address, through real requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from nemo_watchdog.probes.push import PushOptions
from nemo_watchdog.web import answers
from tests.unit.runtime.test_supervisor import Daemon, quick
from tests.unit.web.site import Site, detail, serving

TOKEN = "0123456789abcdef"
OPTIONS = PushOptions.model_validate({"token": TOKEN, "period": "1h"})


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    daemon = Daemon(tmp_path, replace(quick("backup"), probe="push", options=OPTIONS), quick("gateway"))
    async with serving(daemon) as made:
        yield made


async def call(site: Site, path: str, method: str = "GET", bearer: str | None = None) -> tuple[int, object]:
    """Status and answer; of a problem, what it says."""
    headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
    response = await site.client.request(method, f"/api/v1/push/{path}", headers=headers)
    return response.status, await response.json() if response.ok else await detail(response)


def heard(site: Site, name: str = "backup") -> tuple[bool, str] | None:
    last = site.heartbeats.last(name)
    return (last.well, last.said) if last else None


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_call_is_a_heartbeat(site: Site, method: str) -> None:
    """A bare `curl` counts, with the token in the address or in a header; it is on disk when it is answered."""
    assert await call(site, f"backup?token={TOKEN}", method) == (200, {"ok": True})
    assert heard(site) == (True, "")
    assert await call(site, "backup?status=fail&msg=no%20space%0Aat%20all", method, bearer=TOKEN) == (200, {"ok": True})
    assert heard(site) == (False, "no space")
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
    refusal = "there is no such heartbeat, or its token is another"
    assert await call(site, path, bearer=bearer) == (403, refusal)
    assert [heard(site, name) for name in ("backup", "gateway", "nobody")] == [None, None, None]


async def test_a_status_that_is_none(site: Site) -> None:
    """Told so, and no heartbeat."""
    assert await call(site, f"backup?token={TOKEN}&status=meh") == (400, "status is `ok` or `fail`")
    assert heard(site) is None


async def test_a_disk_that_does_not_answer(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller is asked to call again; the heartbeat counts in this process."""
    monkeypatch.setattr(answers, "WRITTEN_WITHIN", 0.01)

    async def never() -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(site.daemon.shell.core, "written", never)
    status, said = await call(site, f"backup?token={TOKEN}")
    assert (status, said) == (503, "heard, but it could not be written down: call again")
    assert heard(site) == (True, "")
