"""`/api/v1/pause` and `/api/v1/resume`, through real requests: a change needs the token and JSON."""

from __future__ import annotations

import asyncio

import pytest

from nemo_watchdog.engine import events as ev
from nemo_watchdog.web import answers
from nemo_watchdog.web.app import MAX_BODY
from tests.unit.web.site import BEARER, TOKEN, Site, detail


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
@pytest.mark.parametrize("given", ["", "Bearer", "Bearer ", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN} x"])
async def test_without_the_token_nothing_changes(site: Site, path: str, given: str) -> None:
    """Refused with 401 before the body is even read."""
    headers = {"Authorization": given} if given else {}
    response = await site.client.post(path, json={"reason": "x"}, headers=headers)
    assert (response.status, response.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert "token" in await detail(response)
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
    assert named in await detail(response)
    assert site.pauses == []


async def test_who_and_why_are_one_line_without_control_characters(site: Site) -> None:
    """What a terminal would obey is not kept; where nothing is left, nobody has said why."""
    assert (await site.pause(reason="new\x1b[2J disk\nat \x9bnoon\x07", by="\x1b[31mops")).status == 200
    (pause,) = site.daemon.shell.core.engine.durable.pauses.values()
    assert (pause.reason, pause.by) == ("new disk at noon", "ops")
    assert (await site.pause(reason="\x1b[2J\x07")).status == 400


async def test_what_is_not_json_is_refused(site: Site) -> None:
    """With 400, not with a traceback."""
    response = await site.client.post(
        "/api/v1/pause", data=b"{", headers={**BEARER, "Content-Type": "application/json"}
    )
    assert response.status == 400
    assert "Invalid JSON" in await detail(response)


async def test_an_unknown_dependency_is_named_with_the_known_ones(site: Site) -> None:
    """A pause of what does not exist would hold nothing."""
    response = await site.pause(scope="gatway")
    assert response.status == 404
    assert await detail(response) == "there is no dependency gatway; there are: gateway, redis"
    assert site.pauses == []


async def test_a_pause_of_a_dependency_that_is_gone_can_be_lifted(site: Site) -> None:
    """It may outlive its dependency, and must not stay for ever."""
    site.daemon.shell.core.tell(ev.PauseAsked("gone", "deploying", "ops"))
    response = await site.client.post("/api/v1/resume", json={"scope": "gone"}, headers=BEARER)
    assert response.status == 200
    assert site.pauses == []


async def test_a_body_that_is_too_large_is_refused(site: Site) -> None:
    """Nobody fills the daemon's memory."""
    response = await site.pause(reason="x" * (MAX_BODY + 1))
    assert response.status == 413
    assert str(MAX_BODY) in await detail(response)
    assert site.pauses == []


async def test_a_pause_that_cannot_be_written_holds_and_says_so(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator learns that it would not outlive the daemon."""
    monkeypatch.setattr(answers, "WRITTEN_WITHIN", 0.05)
    site.daemon.shell.memory.trouble = "disk full"
    response = await site.pause()
    assert response.status == 503
    assert "could not be written" in await detail(response)
    assert site.pauses == ["*"]
    site.daemon.shell.memory.trouble = ""


async def test_a_change_is_never_a_get(site: Site) -> None:
    """An image tag cannot pause the watchdog."""
    assert (await site.get("/api/v1/pause", **BEARER)).status == 405
