"""`/api/v1/oncall`, through real requests: who has a rota, and another one for a while."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import ClientResponse

from nemo_watchdog.engine import events as ev
from nemo_watchdog.policy.people import Apprise, Contact, Rota
from nemo_watchdog.policy.secret_value import Secret
from nemo_watchdog.web import answers
from tests.unit.web.site import BEARER, Site, detail

SWAP = "/api/v1/oncall/on-call/swap"
UNSWAP = "/api/v1/oncall/on-call/unswap"


@pytest.fixture(autouse=True)
def contacts(site: Site) -> None:
    core, reached = site.daemon.shell.core, Contact((Apprise(Secret("json://127.0.0.1/")),))
    made = {"on-call": Contact(rota=Rota(("bob", "bob"), 0, 540, UTC)), "alice": reached, "bob": reached}
    core.tell(ev.PolicyChanged(replace(core.engine.policy, contacts=made | {"mute": Contact()})))


async def post(site: Site, path: str, **body: object) -> ClientResponse:
    return await site.client.post(path, json=body, headers=BEARER)


async def swap(site: Site, **body: object) -> ClientResponse:
    return await post(site, SWAP, **{"person": "alice", "reason": "ill", "for": 3600, **body})


async def now(site: Site) -> dict[str, Any]:
    document: dict[str, Any] = await (await site.get("/api/v1/oncall")).json()
    rota: dict[str, Any] = document["rotas"]["on-call"]
    return rota


async def test_who_has_it_is_open_to_read(site: Site) -> None:
    assert await now(site) == {
        "people": ["bob"],
        "because": "turn",
        "until": None,
        "then": [],
        "turns": ["bob", "bob"],
        "zone": "UTC",
        "swap": None,
    }
    status = await (await site.get("/api/v1/status")).json()
    assert status["oncall"]["on-call"]["people"] == ["bob"]


async def test_a_swap_is_on_disk_when_it_is_answered_and_ends_by_a_word(site: Site) -> None:
    response = await swap(site, by="ada")
    assert response.status == 200
    assert (await response.json())["rotas"]["on-call"]["people"] == ["alice"]
    assert "oncall_swapped" in site.daemon.shell.memory.types()
    rota = await now(site)
    assert (rota["because"], rota["then"], rota["until"]) == ("swap", ["bob"], rota["swap"]["until"])
    assert (rota["swap"]["by"], rota["swap"]["reason"]) == ("ada", "ill")
    ended = await post(site, UNSWAP, by="ada")
    assert (await ended.json())["rotas"]["on-call"]["people"] == ["bob"]
    assert "oncall_swap_ended" in site.daemon.shell.memory.types()


async def test_until_is_a_moment_with_a_zone(site: Site) -> None:
    until = (datetime.now(UTC) + timedelta(days=3)).replace(microsecond=0)
    body = {"person": "alice", "reason": "ill", "until": until.isoformat()}
    assert (await post(site, SWAP, **body)).status == 200
    assert (await now(site))["until"] == until.isoformat()


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"person": "erin"}, 404, "there is no person erin among the contacts: there are alice, bob, mute"),
        ({"person": "on-call"}, 404, "there is no person on-call"),
        ({"person": "mute"}, 409, "mute has no address: nobody would be told"),
        ({"person": "x\x1b[2J"}, 404, "there is no person x\\x1b[2J"),
        ({"for": 0}, 400, "for: "),
        ({"for": 1e9}, 400, "for: "),
        ({"for": None}, 400, "say when it ends: `until` or `for`"),
        ({"until": "2027-01-01T00:00:00Z"}, 400, "say when it ends: `until` or `for`"),
        ({"for": None, "until": "2020-01-01T00:00:00Z"}, 400, "is past"),
        ({"for": None, "until": "2999-01-01T00:00:00Z"}, 400, "more than 92d ahead"),
        ({"for": None, "until": "9999-12-31T23:59:59-12:00"}, 400, "more than 92d ahead"),
        ({"for": None, "until": "2027-01-01T00:00:00"}, 400, "until: "),
        ({"reason": ""}, 400, "reason: "),
        ({"reason": "\x1b"}, 400, "expected words"),
    ],
)
async def test_a_swap_that_makes_no_sense_is_refused_by_name(
    site: Site, body: dict[str, object], status: int, said: str
) -> None:
    response = await swap(site, **body)
    assert response.status == status
    assert said in await detail(response)
    assert (await now(site))["because"] == "turn"


@pytest.mark.parametrize("rota", ["alice", "off-call"])
async def test_what_is_no_rota_is_named_with_those_that_are(site: Site, rota: str) -> None:
    for what, body in (("swap", {"person": "bob", "reason": "x", "for": 60}), ("unswap", {})):
        response = await post(site, f"/api/v1/oncall/{rota}/{what}", **body)
        assert response.status == 404
        assert await detail(response) == f"there is no rota {rota}; there are: on-call"


async def test_what_is_not_swapped_cannot_be_ended(site: Site) -> None:
    response = await post(site, UNSWAP)
    assert response.status == 409
    assert await detail(response) == "nobody has on-call instead: there is no swap to end"


@pytest.mark.parametrize("path", [SWAP, UNSWAP])
async def test_without_the_token_nothing_changes(site: Site, path: str) -> None:
    response = await site.client.post(path, json={"person": "alice", "reason": "x", "for": 60})
    assert response.status == 401
    assert (await now(site))["because"] == "turn"


async def test_a_swap_that_cannot_be_written_holds_and_says_so(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "WRITTEN_WITHIN", 0.05)
    site.daemon.shell.memory.trouble = "disk full"
    response = await swap(site)
    assert response.status == 503
    assert "could not be written" in await detail(response)
    assert (await now(site))["people"] == ["alice"]
    site.daemon.shell.memory.trouble = ""
