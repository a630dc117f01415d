"""The pages that show something, through real requests to a daemon with fakes at its seams."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import pytest

from nemo_watchdog.journal import SqliteJournal
from nemo_watchdog.journal.reader import JournalReader
from nemo_watchdog.model import Reason, failed
from nemo_watchdog.records import IncidentResolved
from nemo_watchdog.web.past import Past
from nemo_watchdog.web.tokens import Right
from tests.unit.pasts import BOOT, healed, incident_of, keep, short, taken
from tests.unit.runtime.shell import until
from tests.unit.runtime.whole import Daemon, quick
from tests.unit.web.api.test_incidents import Archive
from tests.unit.web.pages.signed_in import Person
from tests.unit.web.site import Site, serving

MARKUP = '<img src=x onerror="alert(1)"><script>alert(2)</script>'


@pytest.fixture
def archive() -> Archive:
    return Archive()


@pytest.fixture
async def site(tmp_path: Path, archive: Archive) -> AsyncIterator[Site]:
    past = Past(JournalReader(tmp_path / "journal.db"), archive.evidence_of)
    daemon = Daemon(tmp_path, quick("gateway", tags=frozenset({"front"})), quick("redis"))
    async with serving(daemon, past=past) as made:
        await until(lambda: all(daemon.health(name) == "up" for name in ("gateway", "redis")))
        yield made


@pytest.fixture
def journal(tmp_path: Path) -> SqliteJournal:
    return SqliteJournal(tmp_path / "journal.db", BOOT)


async def fails(site: Site, said: str = "test") -> str:
    site.daemon.probes["gateway"].script.append(failed(Reason.REFUSED, said))
    durable = site.daemon.shell.core.engine.durable
    await until(lambda: durable.incident_of("gateway"))
    incident = durable.incident_of("gateway")
    assert incident is not None
    return incident.incident


async def test_home_says_how_everything_is(site: Site, journal: SqliteJournal) -> None:
    """To nobody in particular; and whoever looks again after something has changed sees that."""
    anybody = Person(site, "")
    page = await anybody.see("/")
    assert (page.status, "Everything is up" in page.said) == (200, True)
    assert "Sign in" in page.said
    incident = await fails(site)
    page = await anybody.see("/")
    assert "gateway is down (refused)" in page.said
    assert f"/do/take?incident={incident}" in page.text
    assert "Why it acts or does not" in page.said
    journal.close()


async def test_home_is_there_though_the_journal_cannot_be_read(site: Site) -> None:
    page = await Person(site, "").see("/")
    assert page.status == 200
    assert "They cannot be read now." in page.said


async def test_one_dependency(site: Site, journal: SqliteJournal) -> None:
    incident = await fails(site)
    page = await Person(site, "").see("/dependencies/gateway")
    assert page.status == 200
    assert "gateway is down since" in page.said
    assert f"/incidents/{incident}" in page.text
    assert "/do/act?dependency=gateway" in page.text
    assert (await Person(site, "").see("/dependencies/nobody")).status == 404
    journal.close()


async def test_all_of_one_tag(site: Site) -> None:
    page = await Person(site, "").see("/tags/front")
    assert page.status == 200
    assert "/dependencies/gateway" in page.text
    assert "/dependencies/redis" not in page.text
    assert (await Person(site, "").see("/tags/none-such")).status == 404


async def test_incidents_that_were(site: Site, journal: SqliteJournal, archive: Archive) -> None:
    """The list, one with its timeline, and the text of what was taken in it."""
    world = healed()
    keep(journal, world.records, world.notifications)
    identity = incident_of(world)
    archive.kept.append(taken(identity))
    anybody = Person(site, "")
    page = await anybody.see("/incidents")
    assert page.status == 200
    assert f'href="/incidents/{identity}"' in page.text
    page = await anybody.see(f"/incidents/{identity}")
    assert (page.status, "Timeline" in page.said) == (200, True)
    assert f'href="/incidents/{identity}/report"' in page.text
    part = archive.kept[0].parts[0]
    page = await anybody.see(f"/incidents/{identity}/evidence/1/{part.name}")
    assert page.status == 200
    assert part.text.split()[0] in page.said
    for wrong in ("evidence/0/inspect", "evidence/x/inspect", "evidence/9/inspect", "evidence/1/nothing"):
        assert (await anybody.see(f"/incidents/{identity}/{wrong}")).status == 404
    assert (await anybody.see("/incidents/20260101-000000-nobody")).status == 404
    assert (await anybody.see("/incidents?limit=x")).status == 400
    journal.close()


async def test_an_open_incident_says_what_comes_next(site: Site, journal: SqliteJournal) -> None:
    """As home does; and does not say it any more once it is over."""
    incident, shell = await fails(site), site.daemon.shell
    await shell.core.written()
    for at, body in shell.memory.replay(shell.clock.now()):
        journal.append([body], [], at)
    page = await Person(site, "").see(f"/incidents/{incident}")
    assert "gateway is down (refused)" in page.said
    assert "Next" in page.said
    assert "Nobody has taken it" in page.said
    keep(journal, [(shell.clock.now(), IncidentResolved(incident, "gateway", 60.0, "every member is up"))])
    page = await Person(site, "").see(f"/incidents/{incident}")
    assert (page.status, "Over after" in page.said, "What is wrong" in page.said) == (200, True, False)
    journal.close()


async def test_older_incidents_are_a_page_further(site: Site, journal: SqliteJournal) -> None:
    for began in (0.0, 100.0, 200.0):
        keep(journal, short("gateway", began))
    page = await Person(site, "").see("/incidents?limit=2")
    assert page.text.count('<td data-label="Opened">') == 2
    older = page.text.split('class="button" href="')[1].split('"')[0].replace("&amp;", "&")
    page = await Person(site, "").see(older)
    assert page.text.count('<td data-label="Opened">') == 1
    journal.close()


async def test_no_text_from_outside_becomes_markup(site: Site, journal: SqliteJournal) -> None:
    """What a probe saw, who paused and why, a note, what was declared: all of it is text, on every page."""
    incident = await fails(site, MARKUP)
    ada = Person(site)
    await ada.order("/do/pause?scope=gateway", reason=MARKUP, by=MARKUP[:90])
    await ada.order("/do/declare", text=MARKUP)
    declared = list(site.daemon.shell.core.engine.durable.declared)[-1]
    there = quote(MARKUP, safe="")
    paths = (
        "/", "/dependencies/gateway", "/tags/front", "/do/resume?scope=gateway", f"/do/take?incident={incident}",
        f"/do/take?incident={declared}", f"/do/note?incident={there}", f"/do/pause?scope={there}", f"/tags/{there}",
        f"/do/pause?scope=gateway&back={there}", f"/sign-in?next={there}", f"/dependencies/{there}",
    )  # fmt: skip
    for path in paths:
        page = await ada.see(path)
        assert page.headers["Content-Type"] == "text/html; charset=utf-8"
        assert "<img src=x" not in page.text, path
        assert "<script>" not in page.text, path
    assert "&lt;img src=x" in (await ada.see("/")).text
    journal.close()


@pytest.mark.parametrize("path", ["/", "/incidents", "/dependencies/gateway", "/sign-in", "/do/nonsense", "/nowhere"])
async def test_a_page_may_use_what_is_served_from_here_alone(site: Site, path: str) -> None:
    headers = (await Person(site).see(path)).headers
    if path != "/nowhere":
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none';")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"


async def test_a_file_is_kept_for_ever_under_the_name_of_what_is_in_it(site: Site) -> None:
    text = (await Person(site, "").see("/")).text
    address = text.split('rel="stylesheet" href="')[1].split('"')[0]
    response = await site.get(address)
    assert (response.status, response.content_type) == (200, "text/css")
    assert "immutable" in response.headers["Cache-Control"]
    response = await site.get(address.partition("?")[0], **{"If-None-Match": response.headers["ETag"]})
    assert (response.status, response.headers["Cache-Control"]) == (304, "no-cache")
    assert (await site.get("/static/nothing.css")).status == 404
    assert (await site.get("/static/..%2fpage.css")).status == 404


async def test_where_reading_is_closed_people_sign_in_and_users_read(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path, quick("gateway"))
    async with serving(daemon, reading_is_open=False) as site:
        page = await Person(site, "").see("/dependencies/gateway")
        assert (page.status, page.location) == (303, "/sign-in?next=/dependencies/gateway")
        reader = await Person.with_right(site, Right.READ)
        assert (await reader.see("/")).status == 200
        for free in ("/status", "/status.atom", "/sign-in", "/static/page.css"):
            assert (await Person(site, "").see(free)).status == 200
