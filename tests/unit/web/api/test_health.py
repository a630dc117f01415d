"""`/healthz` and `/readyz`, through real requests."""

from __future__ import annotations

from pathlib import Path

import pytest

from nemo_watchdog.engine import events as ev
from nemo_watchdog.runtime import supervisor
from tests.unit.runtime.whole import Daemon
from tests.unit.web.site import Site


async def test_healthz_is_about_our_own_loops(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A platform that is down does not make the watchdog unhealthy; a stuck loop does."""
    site.daemon.shell.containers.exit("c-gateway")
    await site.daemon.shell.watch.look("c-gateway")
    response = await site.get("/healthz")
    assert (response.status, await response.json()) == (200, {"ok": True, "stuck": []})
    monkeypatch.setattr(supervisor, "STILL_AFTER", -1.0)  # however fresh the last tick is
    response = await site.get("/healthz")
    assert (response.status, await response.json()) == (503, {"ok": False, "stuck": ["event loop"]})
    assert response.content_type == "application/json"


async def test_readyz_needs_a_journal_that_can_be_written(site: Site) -> None:
    """What cannot write down its deeds does none, and says why."""
    assert (await site.get("/readyz")).status == 200
    site.daemon.shell.core.tell(ev.JournalChanged("disk full"))
    response = await site.get("/readyz")
    assert response.status == 503
    assert (await response.json()) == {"ok": False, "waiting_for": ["journal: disk full"]}
    site.daemon.shell.core.tell(ev.JournalChanged(""))
    assert (await site.get("/readyz")).status == 200


async def test_readyz_says_that_a_bug_keeps_it_from_acting(site: Site) -> None:
    """Until it is started again it only observes."""
    site.daemon.shell.core.engine.volatile.bug = "test"
    response = await site.get("/readyz")
    assert response.status == 503
    assert (await response.json())["waiting_for"] == ["a bug in the watchdog, which only observes: test"]


async def test_readyz_waits_for_the_loops(tmp_path: Path) -> None:
    """Before the first probe loop runs, nothing is watched."""
    daemon = Daemon(tmp_path)
    made = Site(daemon)
    await made.client.start_server()
    response = await made.get("/readyz")
    assert response.status == 503
    assert (await response.json())["waiting_for"] == ["the probe loops have not started"]
    await made.client.close()
    daemon.shell.core.close()
