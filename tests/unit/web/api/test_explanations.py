"""`/api/v1/dependencies/NAME/explain`, through real requests: now, then, and what cannot be answered."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from pydantic import TypeAdapter
from structlog.testing import capture_logs

from nemo_watchdog.engine import events as ev
from nemo_watchdog.errors import ArchiveError, JournalError
from nemo_watchdog.incident_views import ExplanationView
from nemo_watchdog.model import Reason, failed
from nemo_watchdog.one_thread import StillBusy
from nemo_watchdog.policy.policy import Retention
from nemo_watchdog.runtime import explanations as module
from nemo_watchdog.runtime.explanations import Explanations
from nemo_watchdog.stores import LookRun
from tests.unit.runtime.shell import until
from tests.unit.web.site import Site, detail

NOW = "/api/v1/dependencies/gateway/explain"


def at(moment: datetime, name: str = "gateway") -> str:
    return f"/api/v1/dependencies/{name}/explain?at={quote(moment.isoformat(), safe='')}"


def clock(site: Site) -> datetime:
    return site.daemon.shell.clock.now().utc


async def held(site: Site) -> datetime:
    """The gateway fails and is paused; when that was decided and on disk."""
    core = site.daemon.shell.core
    await until(lambda: site.daemon.health("gateway") == "up")
    core.tell(ev.PauseAsked("gateway", "a test", "ops"))
    site.daemon.probes["gateway"].script.append(failed(Reason.REFUSED, "test"))
    await until(lambda: core.engine.durable.incident_of("gateway"))
    await core.written()
    return clock(site)


async def answered(site: Site, path: str) -> dict[str, Any]:
    response = await site.get(path)
    assert response.status == 200
    body: dict[str, Any] = await response.json()
    return body


async def test_now_is_what_the_engine_answers(site: Site) -> None:
    """And can be read as what was meant."""
    await held(site)
    body = await answered(site, NOW)
    assert (body["dependency"], body["health"], body["decision"]["gate"]) == ("gateway", "down", "pause")
    assert any("by the gate pause: ops paused gateway: a test." in said for said in body["said"])
    view = TypeAdapter(ExplanationView).validate_python(body)
    assert len(view.gates) > 20


async def test_a_time_that_is_past_is_answered_from_the_records(site: Site) -> None:
    """Whatever holds by now."""
    then = await held(site)
    site.daemon.shell.core.tell(ev.Stopping())
    body = await answered(site, at(then))
    assert (body["at"], body["decision"]["gate"]) == (then.isoformat(), "pause")
    assert (await answered(site, NOW))["decision"]["gate"] == "stopping"


async def test_what_the_clock_of_who_asks_is_ahead_is_now(site: Site) -> None:
    """By a second."""
    await held(site)
    body = await answered(site, at(clock(site) + timedelta(seconds=1)))
    assert datetime.fromisoformat(body["at"]) <= clock(site)


async def test_before_the_records_begin_that_is_said(site: Site) -> None:
    await held(site)
    body = await answered(site, at(clock(site) - timedelta(days=400)))
    assert body["health"] is None
    assert body["said"][0].startswith("The records begin at ")


async def test_of_what_is_older_than_the_records_are_kept_nothing_is_claimed(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only some of it is left."""
    then = await held(site)
    engine = site.daemon.shell.core.engine
    monkeypatch.setattr(engine.volatile, "policy", replace(engine.policy, retention=Retention(records=0.0)))
    assert (await answered(site, at(then)))["health"] is None


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/api/v1/dependencies/nobody/explain", 404, "there is no dependency nobody; there are: gateway, redis"),
        ("/api/v1/dependencies/nobody/explain?at=2026-01-01T00:00:00Z", 404, "there are: gateway, redis"),
        (f"{NOW}?at=yesterday", 400, "no time that can be read: write at as ISO 8601"),
        (f"{NOW}?at=", 400, "no time that can be read"),
        (f"{NOW}?at=2026-01-01T00:00:00", 400, "at has no zone"),
        (f"{NOW}?at=2026-01-01T00:00:00+01:00", 400, "at is no time"),
        (f"{NOW}?at=9999-01-01T00:00:00Z", 400, "at is still to come: here it is "),
        (f"{NOW}?at=0001-01-01T00:00:00%2B14:00", 400, "at is no time that can be read"),
    ],
)
async def test_what_cannot_be_answered_says_what_would_be_right(site: Site, path: str, status: int, said: str) -> None:
    response = await site.get(path)
    assert response.status == status
    assert said in await detail(response)


async def test_what_the_policy_named_once_is_still_explained(site: Site) -> None:
    """Of the past alone."""
    then = await held(site)
    core = site.daemon.shell.core
    policy = core.engine.policy
    others = {name: spec for name, spec in policy.dependencies.items() if name != "gateway"}
    site.daemon.next = replace(policy, dependencies=others)
    site.daemon.supervisor.reload()
    await until(lambda: "gateway" not in core.engine.trackers)
    assert (await answered(site, at(then)))["decision"]["gate"] == "pause"
    assert (await site.get(NOW)).status == 404


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (JournalError("the journal cannot be read: disk I/O error"), "disk I/O error"),
        (StillBusy(), "another question about the past is still being answered: ask again"),
    ],
)
async def test_a_journal_that_cannot_be_read_is_503(site: Site, trouble: Exception, said: str) -> None:
    """Now is still answered."""
    then = await held(site)

    async def about(*_: object) -> Any:
        raise trouble

    await _explained_by(site, about=about)
    response = await site.get(at(then))
    assert response.status == 503
    assert said in await detail(response)
    assert (await answered(site, NOW))["decision"]["gate"] == "pause"


async def test_a_disk_that_hangs_is_503(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within the time that is given to it."""
    monkeypatch.setattr(module, "ANSWERED_WITHIN", 0.01)
    then = await held(site)

    async def about(*_: object) -> Any:
        await asyncio.Event().wait()

    await _explained_by(site, about=about)
    response = await site.get(at(then))
    assert response.status == 503
    assert "the disk of the journal has not answered" in await detail(response)


async def test_while_the_journal_takes_no_writes_the_past_says_so(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has happened since is missing from it."""
    monkeypatch.setattr(module, "WRITTEN_WITHIN", 0.01)
    then = await held(site)
    site.daemon.shell.core.engine.volatile.journal_trouble = "database or disk is full"
    said = (await answered(site, at(then)))["said"][-1]
    assert said.startswith("The journal takes no writes now, so what has happened since is not in this answer")


async def test_what_is_in_the_archive_is_shown(site: Site) -> None:
    """The last looks, newest first, and every gate."""
    then = await held(site)
    gates = '[{"gate": "pause", "verdict": "wait", "value": "kept", "until": null}]'
    runs = [
        LookRun("gateway", "failed", reason, then - timedelta(seconds=ago), then, 4, 2.0, 0.9, ())
        for ago, reason in enumerate(("r0", "r1", "r2", "r3", "r4", "r5"))
    ]

    async def kept(*_: object) -> tuple[datetime, str]:
        return then, gates

    async def looks(_: str, since: datetime, until: datetime) -> list[LookRun]:
        assert until - since == module.LOOKS_WITHIN
        return runs

    await _explained_by(site, gates=kept, looks=looks)
    body = await answered(site, at(then))
    assert [(each["reason"], each["mean_latency"]) for each in body["looks"]] == [
        (f"r{number}", 0.5) for number in (5, 4, 3, 2, 1)
    ]
    assert body["gates"] == [{"gate": "pause", "verdict": "wait", "value": "kept", "until": None}]
    assert len((await answered(site, NOW))["looks"]) == 5


@pytest.mark.parametrize("trouble", [ArchiveError("disk full"), StillBusy(), TimeoutError()])
async def test_without_the_archive_the_answer_is_whole_all_the_same(site: Site, trouble: Exception) -> None:
    """Nothing is decided by it; the log says it."""
    then = await held(site)

    async def fails(*_: object) -> Any:
        raise trouble

    await _explained_by(site, gates=fails, looks=fails)
    with capture_logs() as lines:
        assert (await answered(site, at(then)))["decision"]["gate"] == "pause"
        assert (await answered(site, NOW))["looks"] == []
    assert [line["event"] for line in lines].count("an explanation without what is in the archive") == 3


async def test_a_time_of_the_epoch_is_a_time(site: Site) -> None:
    """Long before the records."""
    await held(site)
    assert (await answered(site, at(datetime.fromtimestamp(0, UTC))))["health"] is None


async def _explained_by(site: Site, **parts: Any) -> None:
    """From now on with these in the place of what there is."""
    explanations = site.explanations
    for name in Explanations.__dataclass_fields__:
        if name in parts:
            object.__setattr__(explanations, name, parts[name])
