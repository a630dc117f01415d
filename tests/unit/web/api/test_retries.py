"""`/api/v1/retry`, through real requests: a change needs the token, and what cannot be tried again is said."""

from __future__ import annotations

import pytest

from nemo_watchdog.engine import events as ev
from nemo_watchdog.model import Reason, failed
from tests.unit.runtime.shell import until
from tests.unit.web.site import BEARER, Site, detail

ASKED = {"dependency": "gateway", "reason": "the disk is free again", "by": "ops"}


async def down(site: Site) -> None:
    """The gateway fails for long, in an incident, and nothing is done about it yet."""
    core = site.daemon.shell.core
    await until(lambda: site.daemon.health("gateway") == "up")
    core.tell(ev.PauseAsked("gateway", "a test", "ops"))
    site.daemon.probes["gateway"].script.append(failed(Reason.REFUSED, "test"))
    await until(lambda: core.engine.durable.incident_of("gateway"))


async def test_a_retry_is_on_disk_when_it_is_answered(site: Site) -> None:
    """And says what is decided now."""
    await down(site)
    response = await site.client.post("/api/v1/retry", json=ASKED, headers=BEARER)
    assert response.status == 200
    answer = await response.json()
    assert (answer["dependency"], set(answer["decision"])) == ("gateway", {"gate", "verdict", "value", "until"})
    assert answer["incident"].endswith("-gateway")
    assert "ladder_rearmed" in site.daemon.shell.memory.types()


@pytest.mark.parametrize(
    ("body", "headers", "status", "said"),
    [
        (ASKED, {}, 401, "token"),
        ({**ASKED, "dependency": "nobody"}, BEARER, 404, "there is no dependency nobody; there are: gateway, redis"),
        ({**ASKED, "dependency": "redis"}, BEARER, 409, "redis is in no open incident: there is nothing to retry"),
        ({"dependency": "gateway"}, BEARER, 400, "reason"),
        ({**ASKED, "reason": ""}, BEARER, 400, "reason"),
        ({**ASKED, "scope": "*"}, BEARER, 400, "scope"),
    ],
)
async def test_what_cannot_be_tried_again_is_said(
    site: Site, body: dict[str, str], headers: dict[str, str], status: int, said: str
) -> None:
    """Nothing changes then."""
    await down(site)
    response = await site.client.post("/api/v1/retry", json=body, headers=headers)
    assert response.status == status
    assert said in await detail(response)
    assert "ladder_rearmed" not in site.daemon.shell.memory.types()
