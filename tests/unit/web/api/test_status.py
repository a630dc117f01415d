"""`/api/v1/status`, through real requests."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

import pytest

from nemo_watchdog import __version__
from nemo_watchdog.engine import events as ev
from nemo_watchdog.views import StatusView
from nemo_watchdog.web.api import status as of_status
from nemo_watchdog.web.api.status import StatusApi
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


def api(site: Site) -> StatusApi:
    return StatusApi(site.daemon.shell.core, site.daemon.supervisor)


async def test_without_gates_it_is_the_same_otherwise(site: Site) -> None:
    """A page that shows none need not ask each."""
    await until(lambda: site.daemon.health("gateway") == "up" and site.daemon.health("redis") == "up")
    view = await api(site).view(explained=False)
    assert list(view.dependencies) == ["gateway", "redis"]
    assert all(each.explain == () for each in view.dependencies.values())
    assert view.dependencies["gateway"].tags == ("core",)
    whole = await api(site).view()
    assert all(each.explain for each in whole.dependencies.values())


async def test_others_go_on_while_it_is_made(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many dependencies it takes long: no look may be late for it."""
    monkeypatch.setattr(of_status, "AT_ONCE", 1)
    making = asyncio.create_task(api(site).view())
    turns = 0
    while not making.done():
        turns += 1
        await asyncio.sleep(0)
    assert turns > len(site.daemon.shell.core.engine.trackers)


@pytest.mark.parametrize(("gone", "stays"), [("gateway", "redis"), ("redis", "gateway")])
async def test_what_a_reload_removed_meanwhile_is_left_out(
    site: Site, monkeypatch: pytest.MonkeyPatch, gone: str, stays: str
) -> None:
    """Both what was looked at already and what was not."""
    monkeypatch.setattr(of_status, "AT_ONCE", 1)
    trackers = site.daemon.shell.core.engine.trackers
    making = api(site).view()
    making.send(None)  # up to where others may go on
    removed = trackers.pop(gone)
    try:
        assert list(_whole(making).dependencies) == [stays]
    finally:
        trackers[gone] = removed


def _whole(making: Coroutine[None, None, StatusView]) -> StatusView:
    """While nothing else goes on."""
    try:
        while True:
            making.send(None)
    except StopIteration as ended:
        view: StatusView = ended.value
        return view
