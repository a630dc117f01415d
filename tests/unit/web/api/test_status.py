"""`/api/v1/status`, through real requests."""

from __future__ import annotations

from nemo_watchdog import __version__
from nemo_watchdog.engine import events as ev
from tests.unit.runtime.shell import until
from tests.unit.web.site import Site


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
    assert body["pauses"]["gateway"] == {"reason": "deploying", "by": "ops", "until": None, "beside": []}
    assert body["budgets"]["total"]["remaining"] == 10
    assert body["policy"]["problems"] == []
    assert (body["version"], body["journal"], body["autonomy"]) == (__version__, "ok", "act")
