"""`/api/v1/silences` and `/api/v1/maintenance`, through real requests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse

from nemo_watchdog.engine import quieting
from nemo_watchdog.policy.policy import Public
from tests.unit.runtime.whole import Daemon, quick
from tests.unit.web.site import BEARER, Site, detail, serving

SILENCES, MAINTENANCE = "/api/v1/silences", "/api/v1/maintenance"
BOTH = pytest.mark.parametrize(
    ("path", "began", "ended"),
    [
        (SILENCES, "silence_began", "silence_ended"),
        (MAINTENANCE, "maintenance_began", "maintenance_ended"),
    ],
)


async def begun(site: Site, path: str, **body: Any) -> ClientResponse:
    asked = {"by": "ada", "reason": "new disks", "for": 3600.0, **body}
    return await site.client.post(path, json=asked, headers=BEARER)


async def listed(site: Site, path: str) -> list[dict[str, Any]]:
    response = await site.client.get(path)
    assert response.status == 200
    found: list[dict[str, Any]] = (await response.json())["quiet"]
    return found


@BOTH
async def test_it_holds_is_on_disk_is_listed_and_is_ended(site: Site, path: str, began: str, ended: str) -> None:
    response = await begun(site, path, dependencies=["gateway"])
    assert response.status == 201
    view = await response.json()
    assert response.headers["Location"] == f"{path}/{view['id']}"
    assert (view["dependencies"], view["tags"], view["reason"], view["by"]) == (["gateway"], [], "new disks", "ada")
    assert began in site.daemon.shell.memory.types()
    assert [each["id"] for each in await listed(site, path)] == [view["id"]]
    over = await site.client.post(f"{path}/{view['id']}/end", json={"by": "bob"}, headers=BEARER)
    assert (over.status, await over.json()) == (200, {"quiet": []})
    assert ended in site.daemon.shell.memory.types()
    again = await site.client.post(f"{path}/{view['id']}/end", json={"by": "bob"}, headers=BEARER)
    assert (again.status, await detail(again)) == (409, f"{view['id']} is over already")


@BOTH
async def test_without_the_token_nothing_changes(site: Site, path: str, began: str, ended: str) -> None:
    for where in (path, f"{path}/x/end"):
        response = await site.client.post(where, json={"reason": "x", "for": 60.0})
        assert response.status == 401
    assert not {began, ended} & set(site.daemon.shell.memory.types())


@BOTH
@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"for": 0}, 400, "for"),
        ({"for": 32 * 86400.0}, 400, "for"),
        ({"reason": ""}, 400, "reason"),
        ({"reason": "\x1b[2J"}, 400, "expected words"),
        ({"scope": "gateway"}, 400, "scope"),
        ({"dependencies": "gateway"}, 400, "dependencies"),
        ({"dependencies": ["gatway"]}, 404, "there is no dependency gatway; there are: gateway, redis"),
        ({"tags": ["cor\u001be"]}, 404, "no dependency has the tag"),
    ],
)
async def test_what_would_mute_nothing_is_refused(
    site: Site, path: str, began: str, ended: str, body: dict[str, Any], status: int, words: str
) -> None:
    response = await begun(site, path, **body)
    assert response.status == status
    said = await detail(response)
    assert words in said
    assert "\x1b" not in said
    assert not {began, ended} & set(site.daemon.shell.memory.types())


@BOTH
async def test_one_that_nobody_knows_is_not_ended(site: Site, path: str, began: str, ended: str) -> None:
    """Nor one of the other sort."""
    response = await site.client.post(f"{path}/nope/end", json={"by": "bob"}, headers=BEARER)
    assert (response.status, await detail(response)) == (404, "there is no nope; there are: none")


@BOTH
async def test_too_many_are_refused(
    site: Site, path: str, began: str, ended: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quieting, "MOST", 1)
    await begun(site, path)
    response = await begun(site, path)
    assert response.status == 409
    assert "end those that are not needed" in await detail(response)


async def test_the_status_and_the_metrics_show_a_silence(site: Site) -> None:
    await begun(site, SILENCES)
    status = await (await site.client.get("/api/v1/status")).json()
    assert [(each["dependencies"], each["by"]) for each in status["silences"]] == [([], "ada")]
    page = await (await site.client.get("/metrics")).text()
    assert "\nnemo_watchdog_silences 1.0" in page


async def test_the_status_and_the_metrics_show_maintenance(site: Site) -> None:
    """As they show a window of the policy."""
    await begun(site, MAINTENANCE, dependencies=["gateway"])
    status = await (await site.client.get("/api/v1/status")).json()
    assert status["dependencies"]["gateway"]["maintenance"]["windows"] == "new disks, by ada"
    assert status["dependencies"]["redis"]["maintenance"] is None
    page = await (await site.client.get("/metrics")).text()
    assert 'nemo_watchdog_maintenance{dependency="gateway"} 1.0' in page


async def test_what_users_are_told_of_maintenance_is_written_down(tmp_path: Path) -> None:
    """For a policy that publishes something; an empty text is no news."""
    async with serving(Daemon(tmp_path, quick("gateway", public=Public("Chat")))) as site:
        assert (await begun(site, MAINTENANCE, public="Chat may be slow")).status == 201
        (work,) = site.daemon.shell.core.engine.durable.quiet.maintenance.values()
        assert work.public == "Chat may be slow"
        assert [each["public"] for each in await listed(site, MAINTENANCE)] == ["Chat may be slow"]
        assert (await begun(site, MAINTENANCE, public=" ")).status == 400
        assert (await begun(site, SILENCES, public="x")).status == 400


async def test_what_nobody_could_read_is_refused(site: Site) -> None:
    """It says what to do, and nothing is begun."""
    response = await begun(site, MAINTENANCE, public="Chat may be slow")
    assert response.status == 409
    assert "give a dependency of the policy `public: {name: ...}`" in await detail(response)
    assert await listed(site, MAINTENANCE) == []
