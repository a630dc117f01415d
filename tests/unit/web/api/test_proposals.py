"""`/api/v1/proposals` and `/act`, through real requests: what is approved is done once, and what refuses is named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nemo_watchdog.engine import events as ev
from nemo_watchdog.model import Autonomy, Reason, failed
from tests.unit.runtime.shell import until
from tests.unit.web.site import BEARER, Site, detail

APPROVE, REJECT, ACT = "/api/v1/proposals/approve", "/api/v1/proposals/reject", "/api/v1/dependencies/gateway/act"


async def asked(site: Site) -> str:
    """The gateway fails, and a person is asked: the id of what was proposed."""
    core = site.daemon.shell.core
    policy = core.engine.policy
    gateway = replace(policy.dependencies["gateway"], autonomy=Autonomy.SUGGEST)
    core.tell(ev.PolicyChanged(replace(policy, dependencies={**policy.dependencies, "gateway": gateway})))
    await until(lambda: site.daemon.health("gateway") == "up")
    site.daemon.probes["gateway"].script.append(failed(Reason.REFUSED, "test"))
    await until(lambda: core.engine.durable.proposals.open_of("gateway"))
    one = core.engine.durable.proposals.open_of("gateway")
    assert one is not None
    return one.identity


def ordered(site: Site) -> int:
    return site.daemon.shell.memory.types().count("action_intended")


async def post(site: Site, path: str, body: dict[str, Any]) -> dict[str, Any]:
    response = await site.client.post(path, json=body, headers=BEARER)
    assert response.status == 200, await response.text()
    answer: dict[str, Any] = await response.json()
    return answer


async def test_what_waits_for_an_answer_is_listed(site: Site) -> None:
    """Also in the status."""
    proposal = await asked(site)
    (listed,) = (await (await site.client.get("/api/v1/proposals")).json())["proposals"]
    assert (listed["id"], listed["state"], listed["dependency"]) == (proposal, "open", "gateway")
    assert listed["what"].startswith("docker.restart of ")
    status = await (await site.client.get("/api/v1/status")).json()
    assert [each["id"] for each in status["proposals"]] == [proposal]


async def test_what_is_approved_is_done_once(site: Site) -> None:
    """Who approves it again hears by whom and when it was done."""
    proposal = await asked(site)
    first = await post(site, APPROVE, {"proposal": proposal, "by": "ada"})
    assert first["by"] == "ada"
    assert "proposal_approved" in site.daemon.shell.memory.types()
    await until(lambda: ordered(site) == 1)
    again = await post(site, APPROVE, {"proposal": proposal, "by": "bob"})
    assert (again["state"], again["by"]) == ("done", "ada")
    assert "ada approved it at " in again["said"]
    assert ", and it was done at " in again["said"]
    assert ordered(site) == 1


async def test_what_holds_it_back_is_named(site: Site) -> None:
    """By its gate, with its value; nothing is approved then."""
    proposal = await asked(site)
    site.daemon.shell.core.tell(ev.PauseAsked("gateway", "a deploy", "ops"))
    response = await site.client.post(APPROVE, json={"proposal": proposal}, headers=BEARER)
    assert response.status == 409
    assert await detail(response) == "the gate pause holds it back: ops paused gateway: a deploy"
    assert "proposal_approved" not in site.daemon.shell.memory.types()


async def test_what_is_rejected_stays_rejected(site: Site) -> None:
    """Who rejects it again changes nothing, and who approves it hears who rejected it, and why."""
    proposal = await asked(site)
    said = {"proposal": proposal, "reason": "it drains", "by": "ada", "for": 600}
    assert (await post(site, REJECT, said))["state"] == "rejected"
    again = await post(site, REJECT, {**said, "by": "bob"})
    assert again["by"] == "ada"
    response = await site.client.post(APPROVE, json={"proposal": proposal}, headers=BEARER)
    assert response.status == 409
    assert "ada rejected it at " in await detail(response)
    assert site.daemon.shell.memory.types().count("proposal_rejected") == 1
    assert ordered(site) == 0


async def test_what_was_done_cannot_be_rejected(site: Site) -> None:
    proposal = await asked(site)
    await post(site, APPROVE, {"proposal": proposal, "by": "ada"})
    await until(lambda: ordered(site) == 1)
    response = await site.client.post(REJECT, json={"proposal": proposal, "reason": "no"}, headers=BEARER)
    assert response.status == 409
    assert "it was done at" in await detail(response)


async def test_by_hand_it_is_done_at_once(site: Site) -> None:
    """By whom is on record."""
    await asked(site)
    answer = await post(site, ACT, {"by": "ada", "reason": "I see why"})
    assert answer["by"] == "ada"
    assert "acted_by_hand" in site.daemon.shell.memory.types()
    await until(lambda: ordered(site) == 1)


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "said"),
    [
        (APPROVE, {"proposal": "x"}, {}, 401, "token"),
        (APPROVE, {"proposal": "i/gateway/p9"}, BEARER, 404, "there is no proposal i/gateway/p9; open: 2"),
        (APPROVE, {}, BEARER, 400, "proposal"),
        (REJECT, {"proposal": "x"}, BEARER, 400, "reason"),
        (REJECT, {"proposal": "x", "reason": "r", "for": -1}, BEARER, 400, "for"),
        (REJECT, {"proposal": "x\x1b[31m", "reason": "r"}, BEARER, 404, "there is no proposal x"),
        (ACT, {}, {}, 401, "token"),
        (ACT, {"override": ["category"]}, BEARER, 409, "the gate category cannot be overridden; these can: backoff,"),
        (ACT, {"override": ["backoff"]}, BEARER, 409, "a reason must be given"),
        (ACT, {"step": "soft"}, BEARER, 409, "has no step soft that acts"),
        (ACT, {"reason": ""}, BEARER, 400, "reason"),
        ("/api/v1/dependencies/nobody/act", {}, BEARER, 404, "there is no dependency nobody; there are: gateway"),
        ("/api/v1/dependencies/redis/act", {}, BEARER, 409, "redis is up: nothing to act on"),
    ],
)
async def test_what_cannot_be_is_said(
    site: Site, path: str, body: dict[str, Any], headers: dict[str, str], status: int, said: str
) -> None:
    """Nothing is done then."""
    await asked(site)
    await until(lambda: site.daemon.health("redis") == "up")
    response = await site.client.post(path, json=body, headers=headers)
    assert response.status == status
    text = await detail(response)
    assert said in text
    assert "\x1b" not in text
    assert ordered(site) == 0
