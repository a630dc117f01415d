"""The heartbeat address, through real requests."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from nemo_watchdog.probes.push import PushOptions
from nemo_watchdog.web import answers
from tests.unit.runtime.whole import Daemon, quick
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


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("no space", "no space"),
        ("kein Platz für 5 Dateien", "kein Platz für 5 Dateien"),
        ("100% full", "100% full"),
        ("%0A" * 9000 + "late", ""),
        ("x" * 200_000, "x" * 199 + "…"),
        ("x" * 2_000_000, "x" * 199 + "…"),
        ("x" * 150 + "%20y" * 20_000, "x" * 150 + " y" * 24 + " …"),
        ("ü" * 100_000, "ü" * 199 + "…"),
        (f"curl failed: /push/backup?token={TOKEN}", "curl failed: /push/backup?token=[redacted]"),
    ],
    ids=[
        "space",
        "umlaut",
        "percent",
        "empty lines",
        "long",
        "longer",
        "long and encoded",
        "long and mended",
        "its own token",
    ],
)
async def test_what_a_job_says_is_cut_and_never_refused(site: Site, sent: str, kept: str) -> None:
    """A shell puts its message into the address as it is, as long as it is; the token may stand before or after it."""
    for query in (f"status=fail&token={TOKEN}&msg={sent}", f"status=fail&msg={sent}&token={TOKEN}"):
        head, _ = await site.raw(
            f"GET /api/v1/push/backup?{query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
        )
        assert head.split()[1] == b"200"
        assert heard(site) == (False, kept)


@pytest.mark.parametrize(
    ("query", "form", "kept"),
    [
        (f"token={TOKEN}", "status=fail&msg=no+space", (False, "no space")),
        ("", f"token={TOKEN}&status=fail", (False, "")),
        (f"token={TOKEN}&status=fail", "just what it said", (False, "")),
        (f"token={TOKEN}&status=fail&msg=address", "status=ok&msg=form", (False, "address")),
        (f"token={TOKEN}&status=fail", "msg=" + "x" * 900_000, (False, "x" * 199 + "…")),
        (f"token={TOKEN}", "&" * 70_000 + "status=fail", (True, "")),
        (f"token={TOKEN}&status=fail", f"msg=curl -d token={TOKEN}", (False, "curl -d token=[redacted]")),
    ],
    ids=["form", "all in the form", "no form", "address first", "long", "empty", "its own token"],
)
async def test_what_a_form_says_counts_as_well(site: Site, query: str, form: str, kept: tuple[bool, str]) -> None:
    """`curl -d status=fail` means what it says; no form is too long to be heard."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    response = await site.client.post(f"/api/v1/push/backup?{query}", data=form.encode(), headers=headers)
    assert response.status == 200
    assert heard(site) == kept


async def test_a_line_beyond_all_measure_is_told(site: Site) -> None:
    """With what may be sent, and without what was."""
    head, body = await site.raw(b"GET /api/v1/push/backup?token=" + TOKEN.encode() + b"&msg=" + b"x" * 9_000_000)
    assert head.split()[1] == b"431"
    assert "256 KiB" in json.loads(body)["detail"]
    assert TOKEN.encode() not in body
    assert heard(site) is None


async def test_a_job_calls_by_whatever_name_it_knows(site: Site) -> None:
    """The token protects it, and no page of another site has that."""
    response = await site.get(f"/api/v1/push/backup?token={TOKEN}", Host="any.example")
    assert response.status == 200
    assert heard(site) == (True, "")


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
