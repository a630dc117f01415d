"""`/status.json` and `/api/v1/public`, through real requests: what users may know, and nothing else."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse

from nemo_watchdog import records as r
from nemo_watchdog.journal import SqliteJournal
from nemo_watchdog.model import Moment, Reason, failed
from nemo_watchdog.policy.policy import Public
from nemo_watchdog.stores import LookRun
from nemo_watchdog.web import public_now, public_past
from nemo_watchdog.web.past import Past
from nemo_watchdog.web.public_now import PublicNow
from tests.unit.engine.world import NOON, World, dependency, policy
from tests.unit.pasts import BOOT, keep, short
from tests.unit.runtime.shell import until
from tests.unit.runtime.whole import Daemon, quick
from tests.unit.web.published import Looks, Reader
from tests.unit.web.site import BEARER, Site, detail, serving

PATHS = ("/status.json", "/api/v1/public")
CHAT = Public("Chat", "Talk to a model")
ROOM = "xq7-gateway"
CELLAR = "xq7-postgres"


@pytest.fixture
def looks() -> Looks:
    return Looks()


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    return Reader(tmp_path / "journal.db")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqliteJournal]:
    made = SqliteJournal(tmp_path / "journal.db", BOOT)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each request is answered anew, unless a test says otherwise."""
    monkeypatch.setattr(public_now, "FRESH", 0)
    monkeypatch.setattr(public_past, "DAYS_EVERY", 0.0)
    monkeypatch.setattr(public_past, "RESTS", 0.0)
    monkeypatch.setattr(public_past, "WAITS_BRIEFLY", 30.0)


def watched(folder: Path) -> Daemon:
    """Its users know the gateway as Chat, and nothing of the database that it needs."""
    return Daemon(folder, quick(CELLAR), quick(ROOM, needs=(CELLAR,), public=CHAT))


@pytest.fixture
async def site(
    tmp_path: Path, journal: SqliteJournal, reader: Reader, looks: Looks, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Site]:
    """Reads nothing before somebody asks: tests first say what there is to read."""

    async def reads_nothing(*_: object) -> None: ...

    monkeypatch.setattr(PublicNow, "begin", reads_nothing)
    async with serving(watched(tmp_path), past=Past(reader, looks_of=looks.of)) as made:
        await until(lambda: made.daemon.health(ROOM) == made.daemon.health(CELLAR) == "up")
        yield made


def ago(**time: float) -> float:
    """Seconds from noon of the tests to so long before now."""
    return (datetime.now(UTC) - timedelta(**time) - NOON).total_seconds()


async def page(site: Site, path: str = PATHS[0]) -> dict[str, Any]:
    response = await site.get(path)
    assert response.status == 200
    told: dict[str, Any] = await response.json()
    return told


async def breaks(site: Site, name: str) -> str:
    """The id of the incident that looks open for it."""
    site.daemon.probes[name].script.append(failed(Reason.REFUSED, "xq7 nobody listens"))
    return (await until(site.daemon.shell.core.engine.durable.open))[0].incident


async def writes(site: Site, incident: str, text: str, about: str = "public") -> ClientResponse:
    body = {"about": about, "text": text, "by": "xq7-anna"}
    return await site.client.post(f"/api/v1/incidents/{incident}/notes", json=body, headers=BEARER)


@pytest.mark.parametrize("path", PATHS)
async def test_users_know_it_by_its_name_for_them(site: Site, path: str) -> None:
    """While all is well."""
    told = await page(site, path)
    (chat,) = told["components"]
    assert (told["published"], told["state"], told["complete"]) == (True, "operational", True)
    assert (chat["name"], chat["description"], chat["state"]) == ("Chat", "Talk to a model", "operational")
    assert (told["incidents"], told["history"]) == ([], [])
    assert len(chat["days"]) == 90


async def test_what_was_is_read_before_anybody_asks(
    tmp_path: Path, journal: SqliteJournal, reader: Reader, looks: Looks
) -> None:
    """So who is the first to ask waits for nothing; where nothing is published there is nothing to read."""
    async with serving(watched(tmp_path), past=Past(reader, looks_of=looks.of)):
        await until(lambda: len(looks.since) == 90)
    looks.since.clear()
    private = Daemon(tmp_path, quick(ROOM))
    async with serving(private, past=Past(reader, looks_of=looks.of)):
        await until(lambda: private.health(ROOM) == "up")
        assert looks.since == []


async def test_an_outage_is_told_while_it_lasts(site: Site) -> None:
    """The looks of now say so, whatever is written down."""
    await breaks(site, ROOM)
    told = await page(site)
    assert (told["state"], told["components"][0]["state"]) == ("outage", "outage")


async def test_everybody_may_read_it(site: Site) -> None:
    """Without a token, by any name, from any page; a cache may keep it for some seconds."""
    for path in PATHS:
        response = await site.get(path, Host="status.example.com", Origin="https://www.example.com")
        assert (response.status, response.content_type) == (200, "application/json")
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        assert response.headers["Cache-Control"] == "public, max-age=15"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        head = await site.client.head(path, headers={"Host": "status.example.com"})
        assert (head.status, head.headers["Access-Control-Allow-Origin"]) == (200, "*")


async def test_nothing_else_is_open_to_every_page_or_kept_by_a_cache(site: Site) -> None:
    """Not even what other reads answer."""
    for path in ("/api/v1/status", "/api/v1/incidents", "/metrics", "/no-such-path"):
        response = await site.get(path, Origin="https://www.example.com")
        assert "Access-Control-Allow-Origin" not in response.headers
        assert response.headers["Cache-Control"] == "no-store"
        assert (await site.get(path, Host="status.example.com")).status == 421


async def test_it_is_made_once_for_all_who_ask(site: Site, looks: Looks, monkeypatch: pytest.MonkeyPatch) -> None:
    """By whatever path; who has it gets 304, also with what lets a page read that."""
    monkeypatch.setattr(public_now, "FRESH", 3600)
    first = await site.get(PATHS[0])
    asked = len(looks.since)
    second = await site.get(PATHS[1])
    assert (await first.text(), first.headers["ETag"]) == (await second.text(), second.headers["ETag"])
    known = await site.get(PATHS[0], **{"If-None-Match": first.headers["ETag"]})
    assert (known.status, known.headers["Access-Control-Allow-Origin"]) == (304, "*")
    assert known.headers["Cache-Control"] == first.headers["Cache-Control"]
    assert len(looks.since) == asked


async def test_a_new_policy_counts_at_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A component that is published no more is gone with the reload, whatever was made before."""
    monkeypatch.setattr(public_now, "FRESH", 3600)
    assert (await page(site))["published"]
    bare = {name: replace(spec, public=None) for name, spec in site.daemon.policy.dependencies.items()}
    site.daemon.next = replace(site.daemon.policy, dependencies=bare)
    site.daemon.supervisor.reload()
    await until(lambda: site.daemon.shell.core.engine.policy is site.daemon.next)
    told = await page(site)
    assert told == {
        "published": False,
        "at": told["at"],
        "state": "unknown",
        "components": [],
        "incidents": [],
        "history": [],
        "complete": True,
        "maintenance": [],
    }


async def test_what_a_person_writes_for_users_is_read_there(site: Site, journal: SqliteJournal) -> None:
    """Not who wrote it, and no other note."""
    incident = await breaks(site, ROOM)
    for about in ("note", "root_cause"):
        assert (await writes(site, incident, "xq7 not for users", about)).status == 201
    response = await writes(site, incident, "We are restoring Chat.")
    assert response.status == 201
    assert (await response.json())["about"] == "public"
    shell = site.daemon.shell
    await asyncio.to_thread(
        journal.append, [body for _, body in shell.memory.replay(shell.clock.now())], [], shell.clock.now()
    )
    (open_one,) = (await page(site))["incidents"]
    assert (open_one["components"], open_one["state"], open_one["ended"]) == (["Chat"], "outage", None)
    assert [each["text"] for each in open_one["updates"]] == ["We are restoring Chat."]
    assert set(open_one["updates"][0]) == {"at", "text"}


async def test_a_note_for_users_who_are_told_nothing_is_refused(tmp_path: Path) -> None:
    """It says what to do; a note for operators is taken as ever."""
    async with serving(Daemon(tmp_path, quick("gateway"))) as site:
        await until(lambda: site.daemon.health("gateway") == "up")
        incident = await breaks(site, "gateway")
        response = await writes(site, incident, "x")
        assert response.status == 409
        assert "give a dependency of the policy `public: {name: ...}`" in await detail(response)
        assert (await writes(site, incident, "x", "note")).status == 201
        assert not (await page(site))["published"]


async def test_what_is_over_is_told_for_ninety_days(site: Site, journal: SqliteJournal) -> None:
    """And what is open for as long as it is; the ids tell which is which and stay the same."""
    records = [*short(ROOM, ago(days=80)), *short(ROOM, ago(hours=3)), *short(ROOM, ago(days=91))]
    await asyncio.to_thread(keep, journal, records)
    told = await page(site)
    lasted = [
        (datetime.fromisoformat(each["ended"]) - datetime.fromisoformat(each["began"])).total_seconds()
        for each in told["history"]
    ]
    assert lasted == [60.0, 60.0]
    ids = [each["id"] for each in told["history"]]
    assert len(set(ids)) == 2
    assert all(re.fullmatch(r"[0-9a-f]{16}", each) for each in ids)
    assert [each["id"] for each in (await page(site))["history"]] == ids


async def test_an_open_one_is_told_however_old_it_is(site: Site, journal: SqliteJournal) -> None:
    """Of those that are open the engine knows."""
    incident = await breaks(site, ROOM)
    opened = r.IncidentOpened(incident, ROOM, "SEV2", "down", "down", "fault", "refused", "")
    old = Moment(1.0, datetime.now(UTC) - timedelta(days=120))
    await asyncio.to_thread(keep, journal, [(old, opened)])
    (shown,) = (await page(site))["incidents"]
    assert shown["began"] == old.utc.isoformat()


async def test_uptime_is_by_day_and_of_what_was_seen(site: Site, looks: Looks) -> None:
    """Yesterday was half good; before that nobody looked."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    yesterday, noon = today - timedelta(days=1), today - timedelta(hours=12)
    numbers = (10, 1.0, 1.0, (0,) * 7)
    looks.runs = [
        LookRun(ROOM, "ok", None, yesterday, noon, *numbers),
        LookRun(ROOM, "failed", "refused", noon, today, *numbers),
    ]
    (chat,) = (await page(site))["components"]
    days = {each["day"]: each["uptime"] for each in chat["days"]}
    assert list(days) == sorted(days)
    assert days[yesterday.date().isoformat()] == 0.5
    assert days[(yesterday - timedelta(days=1)).date().isoformat()] is None
    assert list(days)[-1] >= today.date().isoformat()


async def test_days_that_are_over_are_worked_out_once(site: Site, looks: Looks) -> None:
    """Then today alone is read."""
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    await page(site)
    assert len(looks.since) == 90
    await page(site)
    assert len(looks.since) == 91
    assert looks.since[-1] >= midnight


async def test_while_the_journal_cannot_be_read_the_components_are_told(site: Site, reader: Reader) -> None:
    """It says that something may be missing, and what was known stays."""
    reader.trouble = "xq7 the disk is gone"
    await breaks(site, ROOM)
    told = await page(site)
    assert (told["complete"], told["state"], told["incidents"]) == (False, "outage", [])
    reader.trouble = ""
    assert (await page(site))["complete"]


async def test_what_was_known_stays_while_it_cannot_be_read(
    site: Site, journal: SqliteJournal, reader: Reader, looks: Looks
) -> None:
    """Incidents and days alike."""
    await asyncio.to_thread(keep, journal, short(ROOM, ago(hours=3)))
    before = await page(site)
    reader.trouble, looks.trouble = "xq7 the disk is gone", "xq7 the archive is gone"
    after = await page(site)
    assert not after["complete"]
    assert (after["history"], len(after["history"])) == (before["history"], 1)
    assert [each["day"] for each in after["components"][0]["days"]] == [
        each["day"] for each in before["components"][0]["days"]
    ]


async def test_an_archive_that_hangs_holds_up_nobody_for_long(
    site: Site, looks: Looks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer is what is known; of today and of the days before one reading each goes on, and no other beside it."""
    monkeypatch.setattr(public_past, "WAITS", 0.05)
    monkeypatch.setattr(public_past, "WAITS_BRIEFLY", 0.05)
    looks.answers.clear()
    first, second = await page(site), await page(site)
    assert (first["complete"], second["complete"], len(looks.since)) == (False, False, 2)
    assert first["components"][0]["state"] == "operational"
    looks.answers.set()
    monkeypatch.setattr(public_past, "WAITS_BRIEFLY", 10.0)
    assert (await page(site))["complete"]


async def test_a_bug_in_it_is_an_error_and_the_next_one_is_answered(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With nothing of the inside."""

    def broken(*_: object) -> None:
        raise RuntimeError("xq7")

    with monkeypatch.context() as patch:
        patch.setattr(public_past, "told_of", broken)
        patch.setattr(public_past, "uptime_of", broken)
        response = await site.get(PATHS[0])
        assert response.status == 500
        assert "xq7" not in await response.text()
    assert (await page(site))["complete"]


def words_in(part: object) -> Iterator[str]:
    """Every text in a document, and the keys that are names."""
    if isinstance(part, dict):
        for key, each in part.items():
            yield from [key] if "xq7" in key else []
            yield from words_in(each)
    elif isinstance(part, list | tuple):
        for each in part:
            yield from words_in(each)
    elif isinstance(part, str):
        yield part


PUBLIC_WORDS = {"Chat", "Talk to a model", "outage", "degraded", "unknown", "We are restoring Chat."}
"""What may be in both."""


async def test_nothing_internal_is_in_it(site: Site, journal: SqliteJournal) -> None:
    """No text of four letters or more that the records of a whole outage, or the status for operators, hold."""
    world = World(policy(dependency(CELLAR), dependency(ROOM, needs=[CELLAR], public=CHAT)))
    world.utc = datetime.now(UTC) - timedelta(minutes=30)
    world.crash(CELLAR, said="xq7 FATAL: no space left")
    world.fail(ROOM)
    world.wait(2.0)
    world.finish()
    world.wait(10.0)
    world.succeed(CELLAR)
    world.succeed(ROOM)
    world.wait(600.0)
    world.slow(ROOM)
    world.fail(ROOM, Reason.TIMEOUT)
    past = list(world.records)
    first = str(world.of(r.IncidentOpened)[0].body()["incident"])
    end = past[-1][0]
    past += [
        (end, r.IncidentAcknowledged(first, "xq7-bob", 60.0)),
        (end, r.NoteAdded(first, "note", "xq7 box seven", "xq7-anna")),
        (end, r.NoteAdded(first, "public", "We are restoring Chat.", "xq7-anna")),
        (end, r.IncidentDeclared("xq7-declared", "xq7 an intruder", "SEV1", "xq7-anna", ROOM)),
    ]
    await asyncio.to_thread(keep, journal, past)
    await breaks(site, ROOM)
    status = await (await site.get("/api/v1/status")).json()
    internal = {
        word
        for word in (*words_in([record.body() for _, record in past]), *words_in(status), "xq7", "SEV", "c-", "restart")
        if word not in PUBLIC_WORDS and not re.match(r"\d{4}-\d\d-\d\dT", word)
    }
    assert len(internal) > 50
    told = await page(site)
    assert [each["state"] for each in told["incidents"]] == ["outage"]
    assert [each["text"] for each in told["history"][-1]["updates"]] == ["We are restoring Chat."]
    body = json.dumps(told["components"] + told["incidents"] + told["history"])
    assert [word for word in internal if (len(word) > 3 or word in ("SEV", "xq7", "c-")) and word in body] == []
