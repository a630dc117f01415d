"""`/ack/TOKEN` through real requests: a look changes nothing, one click takes all of it, and every refusal says why."""

from __future__ import annotations

from datetime import timedelta

import pytest
from aiohttp import ClientResponse

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.pages import LINK_LASTS
from nemo_watchdog.model import Severity
from nemo_watchdog.runtime.answer_links import AnswerLinks
from nemo_watchdog.web import answers
from tests.unit.web.site import Site

TEXT = "the <b>payment</b> provider"


def declare(site: Site) -> str:
    """The id of an open incident."""
    core = site.daemon.shell.core
    core.tell(ev.DeclareAsked(TEXT, Severity.SEV2, "", "ada"))
    return list(core.engine.durable.declared)[-1]


def token(site: Site, page: str, contact: str = "on-call", letter: str = "1") -> str:
    return site.links.token(page, contact, letter)


async def click(site: Site, given: str) -> ClientResponse:
    return await site.client.post(f"/ack/{given}")


def owner(site: Site, page: str) -> str:
    one = site.daemon.shell.core.engine.durable.one(page)
    assert one is not None
    return one.acknowledged.by if one.acknowledged else ""


def acknowledged(site: Site) -> list[str]:
    return [kind for kind in site.daemon.shell.memory.types() if kind == r.IncidentAcknowledged.TYPE]


async def test_a_look_changes_nothing(site: Site) -> None:
    """However often a chat program fetches what is behind a link; it shows what there is to take, and one button."""
    page = declare(site)
    given = token(site, page)
    for _ in range(3):
        response = await site.get(f"/ack/{given}")
        text = await response.text()
        assert (response.status, response.content_type) == (200, "text/html")
        assert "Take it, as on-call?" in text
        assert "SEV2: the &lt;b&gt;payment&lt;/b&gt; provider, since 20" in text
        assert "Nobody has taken it." in text
        assert "<b>" not in text
        assert text.count("<form") == text.count("<button") == 1
    assert (owner(site, page), acknowledged(site)) == ("", [])


async def test_the_button_takes_it_as_the_contact(site: Site) -> None:
    """On disk when it is answered, with the link that is used by it."""
    page = declare(site)
    given = token(site, page, "lead")
    response = await click(site, given)
    text = await response.text()
    assert response.status == 200
    assert "It is yours" in text
    assert "Taken by lead." in text
    assert "<form" not in text
    assert owner(site, page) == "lead"
    assert acknowledged(site) == ["incident_acknowledged"]
    link = site.links.read(given)
    assert link is not None
    assert link.digest in site.daemon.shell.core.engine.durable.pages.answered


async def test_who_had_the_turn_takes_it_by_his_own_name(site: Site) -> None:
    """And the contact to whom the message went is not told what its people did."""
    page = declare(site)
    given = site.links.token(page, "on-call", "1", "anna")
    assert "Take it, as anna?" in await (await site.get(f"/ack/{given}")).text()
    assert "Taken by anna." in await (await click(site, given)).text()
    shell = site.daemon.shell
    bodies = [body for _, body in shell.memory.replay(shell.clock.now())]
    (taken,) = (body for body in bodies if body["type"] == r.IncidentAcknowledged.TYPE)
    assert (taken["by"], taken["contact"]) == ("anna", "on-call")


async def test_a_link_that_was_used_says_who_has_it(site: Site) -> None:
    """Whatever has become of that answer; another letter's link still takes it."""
    page = declare(site)
    given, other = token(site, page), token(site, page, letter="2")
    await click(site, given)
    site.daemon.shell.core.tell(ev.AcknowledgeAsked(page, "bob"))
    for response in (await click(site, given), await site.get(f"/ack/{given}")):
        text = await response.text()
        assert response.status == 410
        assert "This link has been used" in text
        assert "Taken by bob." in text
        assert f"`nemo-watchdog ack {page}`" in text
        assert "<form" not in text
    assert owner(site, page) == "bob"
    assert (await click(site, other)).status == 200
    assert owner(site, page) == "on-call"


async def test_an_altered_link_is_refused_and_says_nothing(site: Site) -> None:
    page = declare(site)
    given = token(site, page)
    for altered in (given[:-1], f"{given}x", "x", f"{given[:20]}%00{given[20:]}", "%FF"):
        response = await click(site, altered)
        text = await response.text()
        assert (response.status, response.content_type) == (403, "text/html")
        assert "altered or cut off" in text
        assert page not in text
        assert "SEV2" not in text
    assert owner(site, page) == ""


async def test_a_link_that_has_expired_is_refused(site: Site) -> None:
    page = declare(site)
    clock = site.daemon.shell.clock
    before = AnswerLinks(b"the-key", lambda: clock.now().utc - timedelta(seconds=LINK_LASTS))
    response = await click(site, before.token(page, "on-call", "1"))
    assert (response.status, "This link has expired" in await response.text()) == (410, True)
    assert owner(site, page) == ""


async def test_what_is_over_is_not_taken(site: Site) -> None:
    """Nor what nobody remembers."""
    page = declare(site)
    given = token(site, page)
    site.daemon.shell.core.tell(ev.ResolveAsked(page, "mended", "ada"))
    for each in (given, token(site, "20250101-000000-gateway")):
        response = await click(site, each)
        assert (response.status, "It is over" in await response.text()) == (410, True)
    assert acknowledged(site) == []


async def test_a_contact_that_the_policy_has_no_more_takes_nothing(site: Site) -> None:
    page = declare(site)
    response = await click(site, token(site, page, "former"))
    assert (response.status, "no contact former any more" in await response.text()) == (403, True)
    assert owner(site, page) == ""


async def test_what_cannot_be_written_says_so(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    page = declare(site)
    await site.daemon.shell.core.written()
    monkeypatch.setattr(answers, "WRITTEN_WITHIN", 0.05)
    site.daemon.shell.memory.trouble = "disk full"
    response = await click(site, token(site, page))
    text = await response.text()
    assert (response.status, "It is yours for now" in text) == (503, True)
    assert "will not outlive a restart" in text
    assert owner(site, page) == "on-call"
    site.daemon.shell.memory.trouble = ""


async def test_no_cache_keeps_it_no_page_frames_it_and_no_address_leaves(site: Site) -> None:
    """Whichever answer it is."""
    page = declare(site)
    for path in (f"/ack/{token(site, page)}", "/ack/nothing"):
        headers = (await site.get(path)).headers
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Security-Policy"].startswith("default-src 'none'; ")
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


async def test_it_is_answered_by_any_name(site: Site) -> None:
    """The name that a phone uses may be unknown to the machine; nothing else is."""
    given = token(site, declare(site))
    assert (await site.get(f"/ack/{given}", Host="watchdog.example.com")).status == 200
    assert (await site.get("/api/v1/status", Host="watchdog.example.com")).status == 421
