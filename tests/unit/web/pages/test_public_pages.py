"""`/status`, `/status.json` and `/status.atom` of a daemon that runs: for everybody, and with nothing internal."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.engine.events import MaintenanceAsked
from nemo_watchdog.journal import SqliteJournal
from nemo_watchdog.model import Moment, Reason, failed
from nemo_watchdog.policy.cron import Cron
from nemo_watchdog.policy.policy import Policy, Public
from nemo_watchdog.policy.windows import MaintenanceWindow
from nemo_watchdog.stores import LookRun
from nemo_watchdog.web import public_now, public_past
from nemo_watchdog.web.pages.assets import assets
from nemo_watchdog.web.past import Past
from tests.unit.engine.world import NOON
from tests.unit.pasts import BOOT, keep, short
from tests.unit.runtime.shell import until
from tests.unit.runtime.whole import Daemon, quick
from tests.unit.web.pages.atom import ATOM, valid
from tests.unit.web.published import Looks, Reader
from tests.unit.web.site import BEARER, Site, serving

PAGE, FEED, DOCUMENT = "/status", "/status.atom", "/status.json"
ALL = (PAGE, FEED, DOCUMENT)
ROOM, CELLAR = "xq7-gateway", "xq7-postgres"
SHOWN = {
    "": {"published", "at", "state", "components", "incidents", "history", "complete", "maintenance"},
    "components": {"name", "description", "state", "uptime", "days"},
    "components.days": {"day", "uptime"},
    "incidents": {"id", "components", "state", "began", "ended", "updates"},
    "incidents.updates": {"at", "text"},
    "history": {"id", "components", "state", "began", "ended", "updates"},
    "history.updates": {"at", "text"},
    "maintenance": {"id", "components", "text", "begins", "ends"},
}
"""All that users may know, field by field."""
MADE = re.compile(r"[0-9a-f]{16}|\d{4}-\d\d-\d\d(?:T[0-9:.]+\+00:00)?|operational|degraded|outage|maintenance|unknown")
"""What is in them and no person wrote."""
WRITTEN = {"Chat", "Talk to a model", "We are restoring Chat.", "Database upgrade: chat may be slow", "New disks"}


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(public_past, "RESTS", 0.0)
    monkeypatch.setattr(public_past, "WAITS_BRIEFLY", 30.0)
    monkeypatch.setattr(public_now, "FRESH", 0)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """Users know the gateway as Chat, and are told of the upgrade of the database that it needs."""
    SqliteJournal(tmp_path / "journal.db", BOOT).close()
    looks = Looks()
    now = datetime.now(UTC)
    looks.runs = [
        LookRun(ROOM, "failed", "refused", now - timedelta(days=2), now - timedelta(days=1), 9, 1.0, 1.0, (0,) * 7)
    ]
    daemon = Daemon(tmp_path, quick(CELLAR), quick(ROOM, needs=(CELLAR,), public=Public("Chat", "Talk to a model")))
    _plans(daemon, _window("Database upgrade: chat may be slow"))
    async with serving(daemon, past=Past(Reader(tmp_path / "journal.db"), looks_of=looks.of)) as made:
        await until(lambda: made.daemon.health(ROOM) == made.daemon.health(CELLAR) == "up")
        daemon.supervisor.reload()
        await until(lambda: daemon.shell.core.engine.policy is daemon.next)
        yield made


def _window(public: str) -> MaintenanceWindow:
    soon = datetime.now(UTC) + timedelta(days=2)
    return MaintenanceWindow("xq7-upgrade", Cron(f"0 3 {soon.day} * *"), 1800.0, frozenset({CELLAR}), public)


def _plans(daemon: Daemon, window: MaintenanceWindow) -> None:
    assert isinstance(daemon.next, Policy)
    daemon.next = replace(daemon.next, maintenance=(window,))


async def told(site: Site, path: str) -> str:
    response = await site.get(path)
    assert response.status == 200
    return await response.text()


async def test_the_page_is_there_for_everybody(site: Site) -> None:
    """Also where reading needs a token: without one, by any name; a cache may keep it for some seconds."""
    site.access.reading_is_open = False
    assert (await site.get("/api/v1/status")).status == 401
    for path, kind in ((PAGE, "text/html"), (FEED, "application/atom+xml"), (DOCUMENT, "application/json")):
        response = await site.get(path, Host="status.example.com", Accept="text/html")
        assert (response.status, response.content_type, response.charset) == (200, kind, "utf-8")
        assert response.headers["Cache-Control"] == "public, max-age=15"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert "Set-Cookie" not in response.headers
        head = await site.client.head(path, headers={"Host": "status.example.com"})
        assert (head.status, await head.read()) == (200, b"")


async def test_who_has_it_is_told_so(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(public_now, "FRESH", 3600)
    for path in ALL:
        first = await site.get(path)
        again = await site.get(path, **{"If-None-Match": first.headers["ETag"]})
        assert (again.status, again.headers["Cache-Control"]) == (304, first.headers["Cache-Control"])


async def test_the_page_may_use_nothing_but_its_style(site: Site) -> None:
    """No script runs in it, and it asks no other host."""
    response = await site.get(PAGE)
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy
    text = await response.text()
    assert f'<link rel="stylesheet" href="{assets()["status.css"].address}">' in text
    assert "<script" not in text
    assert "style=" not in text
    assert "://" not in text


async def test_the_page_says_how_it_is(site: Site) -> None:
    """Well, with the work that is announced; and then not."""
    text = await told(site, PAGE)
    assert "All systems are operational" in text
    assert "Database upgrade: chat may be slow" in text
    site.daemon.probes[ROOM].script.append(failed(Reason.REFUSED, "xq7 nobody listens"))
    await until(site.daemon.shell.core.engine.durable.open)
    assert "Chat is not available" in await told(site, PAGE)


@pytest.mark.parametrize(
    ("host", "proto", "begins"),
    [
        ("status.example.com", "https", "https://status.example.com/"),
        ("status.example.com:8443", "http", "http://status.example.com:8443/"),
        ("[::1]:9877", "", "http://[::1]:9877/"),
        ('a"><x>', "https", ""),
        ("user@example.com", "", ""),
        ("example.com/path", "", ""),
    ],
)
async def test_the_feed_knows_where_it_is(site: Site, host: str, proto: str, begins: str) -> None:
    """By the name by which somebody came; by none that is no name."""
    response = await site.get(FEED, **{"Host": host, "X-Forwarded-Proto": proto})
    assert response.status == 200
    feed = valid(await response.read(), relative=not begins)
    links = {each.get("rel"): each.get("href") for each in feed.findall(f"{ATOM}link")}
    assert links == {"self": f"{begins}status.atom", "alternate": f"{begins}status"}


def fields(part: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Each field of a document, and at which place."""
    if isinstance(part, dict):
        for name, each in part.items():
            yield path, name
            yield from fields(each, f"{path}.{name}".removeprefix("."))
    elif isinstance(part, list):
        for each in part:
            yield from fields(each, path)


def texts(part: Any) -> Iterator[str]:
    if isinstance(part, dict | list):
        for each in part.values() if isinstance(part, dict) else part:
            yield from texts(each)
    elif isinstance(part, str):
        yield part


async def test_field_by_field_there_is_nothing_else(site: Site, tmp_path: Path) -> None:
    """After a whole outage: names of the inside, who did what, reasons and rules are in none of the three."""
    core, now = site.daemon.shell.core, datetime.now(UTC)
    journal = SqliteJournal(tmp_path / "journal.db", BOOT)
    records = list(short(ROOM, (now - timedelta(hours=3) - NOON).total_seconds()))
    past = str(records[0][1].body()["incident"])
    at = records[-1][0]
    records += [
        (at, r.IncidentAcknowledged(past, "xq7-bob", 60.0)),
        (at, r.NoteAdded(past, "note", "xq7 box seven", "xq7-anna")),
        (at, r.NoteAdded(past, "root_cause", "xq7 a full disk", "xq7-anna")),
        (at, r.NoteAdded(past, "public", "We are restoring Chat.", "xq7-anna")),
    ]
    declared = Moment(1.0, now - timedelta(minutes=10))
    identity = f"{declared.utc:%Y%m%d-%H%M%S}-xq7"
    open_one = r.IncidentDeclared(identity, "xq7 an intruder", "SEV1", "xq7-anna", ROOM)
    records += [
        (declared, open_one),
        (declared, r.NoteAdded(open_one.incident, "public", "We are restoring Chat.", "x")),
    ]
    await asyncio.to_thread(keep, journal, records)
    journal.close()
    site.daemon.probes[ROOM].script.append(failed(Reason.REFUSED, "xq7 postgres://admin:xq7@10.0.0.7/db refused"))
    await until(core.engine.durable.open)
    core.tell(MaintenanceAsked((CELLAR,), (), 3600.0, "xq7 swap the disks of box 7", "xq7-anna", "New disks"))
    document = await (await site.get(DOCUMENT)).json()
    assert document["complete"]
    assert len(document["history"]) == 1
    assert {each["text"] for each in document["maintenance"]} == {"Database upgrade: chat may be slow", "New disks"}
    places: dict[str, set[str]] = {}
    for place, name in fields(document):
        places.setdefault(place, set()).add(name)
    assert {
        place: names - SHOWN.get(place, set()) for place, names in places.items() if names - SHOWN.get(place, set())
    } == {}
    assert places.keys() == SHOWN.keys()
    assert [each for each in texts(document) if each not in WRITTEN and not MADE.fullmatch(each)] == []
    for path in ALL:
        body = unescape(await told(site, path))
        for words in (
            "xq7",
            "SEV",
            "refused",
            "postgres",
            "10.0.0.7",
            "admin",
            "anna",
            "intruder",
            "root",
            "restart",
            BEARER["Authorization"][7:],
        ):
            assert words not in body, f"{words} is in {path}"


async def test_hostile_words_of_a_person_are_text(site: Site, tmp_path: Path) -> None:
    """As a note, through the API, on page and feed."""
    site.daemon.probes[ROOM].script.append(failed(Reason.REFUSED, "x"))
    incident = (await until(site.daemon.shell.core.engine.durable.open))[0].incident
    said = "<script>alert(1)</script> ]]> \u202e x"
    body = {"about": "public", "text": said, "by": "anna"}
    written = await site.client.post(f"/api/v1/incidents/{incident}/notes", json=body, headers=BEARER)
    assert written.status == 201
    shell = site.daemon.shell
    journal = SqliteJournal(tmp_path / "journal.db", BOOT)
    await asyncio.to_thread(
        journal.append, [each for _, each in shell.memory.replay(shell.clock.now())], [], shell.clock.now()
    )
    journal.close()
    page, feed = await told(site, PAGE), await told(site, FEED)
    assert "&lt;script&gt;alert(1)&lt;/script&gt; ]]&gt;" in page
    assert "<script" not in page
    assert "\u202e" not in page + feed
    valid(feed.encode())
