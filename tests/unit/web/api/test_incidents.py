"""`/api/v1/incidents`, through real requests to a site whose journal a test has written."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.errors import ArchiveError
from nemo_watchdog.evidence import Evidence
from nemo_watchdog.journal import SqliteJournal
from nemo_watchdog.journal.reader import JournalReader
from nemo_watchdog.web import past as of_past
from nemo_watchdog.web.past import Past
from tests.unit.engine.world import NOON
from tests.unit.pasts import BOOT, at, healed, id_of, incident_of, journal_of, keep, short, taken
from tests.unit.runtime.whole import Daemon, quick
from tests.unit.web.site import Site, detail, serving

PATH = "/api/v1/incidents"


class Archive:
    """What is told of evidence."""

    def __init__(self) -> None:
        self.kept: list[Evidence] = []
        self.trouble = ""

    async def evidence_of(self, incident: str) -> Sequence[Evidence]:
        if self.trouble:
            raise ArchiveError(self.trouble)
        return [each for each in self.kept if each.incident == incident]


@pytest.fixture
def archive() -> Archive:
    return Archive()


@pytest.fixture
async def site(tmp_path: Path, archive: Archive) -> AsyncIterator[Site]:
    past = Past(JournalReader(tmp_path / "journal.db"), archive.evidence_of)
    async with serving(Daemon(tmp_path, quick("gateway")), past=past) as made:
        yield made


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqliteJournal]:
    made = SqliteJournal(tmp_path / "journal.db", BOOT)
    yield made
    made.close()


async def listed(site: Site, query: str = "") -> list[str]:
    response = await site.get(f"{PATH}{query}")
    assert response.status == 200
    return [each["id"] for each in (await response.json())["incidents"]]


async def test_the_incidents_are_listed_with_all_that_a_list_needs(site: Site, tmp_path: Path) -> None:
    """With the title that the policy in force gives."""
    world = healed()
    (await asyncio.to_thread(journal_of, tmp_path, world)).close()
    response = await site.get(PATH)
    body = await response.json()
    (incident,) = body["incidents"]
    assert body["next"] is None
    assert incident == {
        "id": incident_of(world),
        "declared": "",
        "root": "postgres",
        "members": ["postgres", "gateway"],
        "severity": "SEV1",
        "rule": "outage",
        "title": "Complete outage",
        "category": "fault",
        "reason": "exited",
        "detail": "container exited with code 1",
        "opened": "2026-01-05T12:00:06+00:00",
        "resolved": "2026-01-05T12:00:33+00:00",
        "seconds": 27.0,
        "why": "every member is up",
        "actions": 2,
        "reopened": 0,
        "merged_into": None,
        "acknowledged": None,
    }


async def test_pages_go_on_where_the_last_one_ended(site: Site, journal: SqliteJournal) -> None:
    """Also when another one has opened meanwhile."""
    for n in range(5):
        await asyncio.to_thread(keep, journal, short("gateway", 100.0 * n))
    whole = await listed(site)
    page = await (await site.get(f"{PATH}?limit=2")).json()
    await asyncio.to_thread(keep, journal, short("redis", 900.0))
    rest = await (await site.get(f"{PATH}?limit=200&cursor={page['next']}")).json()
    assert [each["id"] for each in (*page["incidents"], *rest["incidents"])] == whole
    assert rest["next"] is None


async def test_a_list_is_as_narrow_as_it_is_asked_for(site: Site, journal: SqliteJournal) -> None:
    """By time, by dependency, by severity, and by whether it is open."""
    now = datetime.now(UTC)
    ago = (now - NOON).total_seconds()
    old, new = short("gateway", 0.0), short("redis", ago - 3600.0, lasted=None, severity="SEV3")
    await asyncio.to_thread(keep, journal, [*old, *new])
    first, last = id_of(old), id_of(new)
    assert await listed(site) == [last, first]
    assert await listed(site, "?since=2h") == [last]
    assert await listed(site, "?until=2026-01-06T01:00:00%2B01:00") == [first]
    assert await listed(site, "?since=2026-01-05T12:00:00Z&until=90m") == [first]
    assert await listed(site, "?open=true") == [last]
    assert await listed(site, "?open=false") == [last, first]
    assert await listed(site, "?dependency=gateway") == [first]
    assert await listed(site, "?severity=SEV3") == [last]


async def test_an_open_one_lasts_until_the_daemons_now(site: Site, journal: SqliteJournal) -> None:
    ago = (datetime.now(UTC) - NOON).total_seconds()
    await asyncio.to_thread(keep, journal, short("redis", ago - 3600.0, lasted=None))
    (incident,) = (await (await site.get(PATH)).json())["incidents"]
    assert 3600.0 <= incident["seconds"] < 3700.0
    assert incident["resolved"] is None


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("since=yesterday", "since: expected a duration before now such as `7d`"),
        ("until=2026-01-05T12:00:00", "a time with its zone such as `2026-11-23T03:00:00Z`"),
        ("since=9999-12-31T23:59:59-14:00", "since: expected a duration"),
        ("since=1h&until=2h", "until: it must be later than `since`"),
        ("open=yes", "open: expected true or false"),
        ("severity=sev1", "severity: expected SEV1 or SEV2 or SEV3 or SEV4"),
        ("limit=0", "limit: expected a number from 1 to 200"),
        ("limit=201", "limit: expected a number from 1 to 200"),
        ("limit=²", "limit: expected a number"),
        ("cursor=nonsense", "cursor: expected what an answer gave as its `next`"),
        ("cursor=", "cursor: expected"),
        ("cursor=%00é", "cursor: expected"),
        ("dependancy=redis", "dependancy: no such parameter; there are: since, until, open, dependency"),
        ("limit=1&limit=2", "limit: give it once"),
    ],
)
async def test_what_cannot_be_meant_is_refused_with_what_is_right(site: Site, query: str, words: str) -> None:
    response = await site.get(f"{PATH}?{query}")
    assert response.status == 400
    assert words in await detail(response)


async def test_one_incident_is_told_whole(site: Site, tmp_path: Path, archive: Archive) -> None:
    """Its timeline, who was told, what was taken, and what people wrote."""
    world = healed()
    name = incident_of(world)
    journal = await asyncio.to_thread(journal_of, tmp_path, world)
    await asyncio.to_thread(keep, journal, [(at(300.0), r.NoteAdded(name, "note", "a full disk", "anna"))])
    (first, *_) = journal.pending(1)
    journal.delivered(first.item_id, at(7.0))
    journal.close()
    archive.kept.append(taken(name))
    body = await (await site.get(f"{PATH}/{name}")).json()
    assert body["incident"]["id"] == name
    assert body["impact"] == "postgres and gateway (2 of 2 core)"
    kinds = [entry["kind"] for entry in body["timeline"]]
    assert kinds[0] == "incident_opened"
    assert {"delivered", "evidence_taken", "action_intended", "incident_resolved"} <= set(kinds)
    assert {each["state"] for each in body["deliveries"]} == {"delivered", "pending"}
    assert body["evidence"][0]["parts"][0] == {"name": "postgres.log", "size": 11, "cut": True}
    assert body["notes"] == [{"at": at(300.0).utc.isoformat(), "by": "anna", "about": "note", "text": "a full disk"}]


@pytest.mark.parametrize("name", ["20260105-120006-nobody", "a%20b", "%2e%2e%2f"])
async def test_an_incident_that_is_not_there(site: Site, journal: SqliteJournal, name: str) -> None:
    """The answer says where to look."""
    for path in (f"{PATH}/{name}", f"{PATH}/{name}/evidence", f"{PATH}/{name}/evidence/a.log"):
        response = await site.get(path)
        assert response.status == 404
        assert "there is no incident" in await detail(response)


async def test_who_has_the_same_already_gets_no_body(site: Site, journal: SqliteJournal) -> None:
    """Until there is something new; the tag is a strong one."""
    records = short("gateway", 0.0)
    await asyncio.to_thread(keep, journal, records)
    for path in (PATH, f"{PATH}/{id_of(records)}"):
        first = await site.get(path)
        tag = first.headers["ETag"]
        assert tag.startswith('"')
        for known in (tag, f'"other", {tag}', f"W/{tag}", "*"):
            again = await site.get(path, **{"If-None-Match": known})
            assert (again.status, again.headers["ETag"], await again.read()) == (304, tag, b"")
        assert (await site.get(path, **{"If-None-Match": '"other"'})).status == 200
        await asyncio.to_thread(
            keep, journal, [(at(500.0), r.NoteAdded(id_of(records), "note", "so", "anna")), *short("redis", 600.0)]
        )
        assert (await site.get(path, **{"If-None-Match": tag})).status == 200


async def test_a_journal_that_cannot_be_read_is_503(site: Site, tmp_path: Path) -> None:
    """In the journal's words; and nobody else is held up by it."""
    (tmp_path / "journal.db").write_bytes(b"no database" * 1000)
    for path in (PATH, f"{PATH}/i", f"{PATH}/i/evidence"):
        response = await site.get(path)
        assert response.status == 503
        assert "cannot be read: file is not a database" in await detail(response)
    assert (await site.get("/healthz")).status == 200


async def test_an_archive_that_cannot_be_read_is_503(site: Site, journal: SqliteJournal, archive: Archive) -> None:
    await asyncio.to_thread(keep, journal, short("gateway", 0.0))
    archive.trouble = "the archive /var/lib/nemo-watchdog/archive.db cannot be read: disk I/O error"
    response = await site.get(f"{PATH}/20260105-120000-gateway")
    assert (response.status, await detail(response)) == (503, archive.trouble)


async def test_a_disk_that_hangs_is_503_and_is_asked_once(
    site: Site, journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dead network mount: one thread waits for it, and whoever asks is told."""
    await asyncio.to_thread(keep, journal, short("gateway", 0.0))
    asked, goes_on = list[str](), threading.Event()

    def hangs(_: JournalReader, incident: str) -> bool:
        asked.append(incident)
        return goes_on.wait(30.0)

    monkeypatch.setattr(of_past, "ANSWERED_WITHIN", 0.05)
    monkeypatch.setattr(JournalReader, "knows", hangs)
    try:
        for _ in range(3):
            response = await site.get(f"{PATH}/i/evidence")
            assert (response.status, await detail(response)) == (503, of_past.NO_ANSWER)
        assert asked == ["i"]
    finally:
        goes_on.set()


async def test_only_a_known_host_reads(site: Site, journal: SqliteJournal) -> None:
    """As everything else that may be read without a token."""
    for path in (PATH, f"{PATH}/i", f"{PATH}/i/evidence", f"{PATH}/i/evidence/a.log", f"{PATH}/i/evidence/1/a.log"):
        assert (await site.get(path, Host="evil.example")).status == 421
        assert (await site.client.delete(path)).status == 405


async def test_two_may_ask_at_once(site: Site, journal: SqliteJournal) -> None:
    """One waits for the other."""
    await asyncio.to_thread(keep, journal, [each for n in range(20) for each in short("gateway", 100.0 * n)])
    answers: list[Any] = await asyncio.gather(*(listed(site) for _ in range(8)))
    assert all(len(each) == 20 for each in answers)
