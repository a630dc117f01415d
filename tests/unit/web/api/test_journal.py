"""`/api/v1/journal/accept`, through real requests."""

from __future__ import annotations

import asyncio

import pytest

from nemo_watchdog.engine import events as ev
from nemo_watchdog.errors import JournalError
from nemo_watchdog.web import answers
from tests.unit.runtime.shell import until
from tests.unit.web.site import BEARER, Site, detail

PATH = "/api/v1/journal/accept"


async def damaged(site: Site) -> None:
    site.daemon.shell.memory.damage = "record 3 is missing"
    await site.daemon.shell.core._look_at_journal()
    await until(lambda: site.daemon.shell.core.engine.journal_trouble)


async def test_a_damaged_journal_goes_on_when_a_person_says_so(site: Site) -> None:
    """Answered when that is on disk, with who and why, and all that happened meanwhile before it."""
    await damaged(site)
    site.daemon.shell.core.tell(ev.PauseAsked("gateway", "meanwhile", "ops"))
    response = await site.client.post(PATH, json={"reason": "I have looked", "by": "ops"}, headers=BEARER)
    assert response.status == 200
    body = await response.json()
    assert (body["damage"], list(body["pauses"]), body["budgets"]["total"]["remaining"]) == (
        "record 3 is missing",
        ["gateway"],
        10,
    )
    ours = {"journal_distrusted", "paused", "journal_accepted"}
    written = [kind for kind in site.daemon.shell.memory.types() if kind in ours]
    assert written == ["journal_distrusted", "paused", "journal_accepted"]
    await until(lambda: not site.daemon.shell.core.engine.journal_trouble)
    assert not site.daemon.shell.core.engine.volatile.journal_damaged
    assert site.daemon.shell.metric("journal_writable") == 1.0


async def test_what_is_not_damaged_is_not_accepted(site: Site) -> None:
    """A full disk is none of a person's word."""
    site.daemon.shell.core.tell(ev.JournalChanged("disk full"))
    response = await site.client.post(PATH, json={"reason": "x"}, headers=BEARER)
    assert response.status == 409
    assert "nothing to accept" in await detail(response)


async def test_it_needs_the_token_and_a_reason(site: Site) -> None:
    """As every change."""
    await damaged(site)
    assert (await site.client.post(PATH, json={"reason": "x"})).status == 401
    response = await site.client.post(PATH, json={"by": "ops"}, headers=BEARER)
    assert response.status == 400
    assert "reason" in await detail(response)
    assert site.daemon.shell.core.engine.volatile.journal_damaged


async def test_what_cannot_be_accepted_stays_damaged(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is full, say."""
    await damaged(site)

    def full(_: object) -> str:
        raise JournalError("disk full")

    monkeypatch.setattr(site.daemon.shell.memory, "accept", full)
    response = await site.client.post(PATH, json={"reason": "x"}, headers=BEARER)
    assert (response.status, await detail(response)) == (503, "not accepted: disk full")
    assert site.daemon.shell.core.engine.volatile.journal_damaged


async def test_what_cannot_be_written_after_it_is_said(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds in this process."""
    monkeypatch.setattr(answers, "WRITTEN_WITHIN", 0.05)
    await damaged(site)
    site.daemon.shell.memory.trouble = "disk full"
    response = await asyncio.wait_for(site.client.post(PATH, json={"reason": "x"}, headers=BEARER), 10.0)
    assert response.status == 503
    assert "could not be written yet" in await detail(response)
    site.daemon.shell.memory.trouble = ""
