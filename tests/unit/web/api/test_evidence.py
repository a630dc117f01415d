"""What was taken in an incident: the list of it, and the text of each part, which a browser only saves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from nemo_watchdog.evidence import Evidence, Part
from nemo_watchdog.journal.reader import JournalReader
from nemo_watchdog.web.past import Past
from tests.unit.pasts import healed, incident_of, journal_of, taken
from tests.unit.runtime.whole import Daemon, quick
from tests.unit.web.site import Site, detail, serving

WORLD = healed()
INCIDENT = incident_of(WORLD)
PATH = f"/api/v1/incidents/{INCIDENT}/evidence"
OLDER = taken(INCIDENT, text="<script>alert(1)</script>\x1b[2J\n")
NEWER = replace(OLDER, parts=(Part("postgres.log", "newer \N{SNOWMAN}\n"), Part('odd".log', "odd")), missing=())


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async def evidence_of(incident: str) -> Sequence[Evidence]:
        return [OLDER, NEWER] if incident == INCIDENT else []

    (await asyncio.to_thread(journal_of, tmp_path, WORLD)).close()
    past = Past(JournalReader(tmp_path / "journal.db"), evidence_of)
    async with serving(Daemon(tmp_path, quick("gateway")), past=past) as made:
        yield made


async def test_the_list_names_every_part_and_what_is_missing(site: Site) -> None:
    """In the order in which it was taken."""
    first, second = await (await site.get(PATH)).json()
    assert (first["number"], first["dependency"], first["occasion"]) == (1, "postgres", "before docker.restart")
    assert [part["name"] for part in first["parts"]] == ["postgres.log", "postgres.inspect.json"]
    assert first["missing"] == [{"name": "postgres.activity.txt", "why": "no session could be had within 2s"}]
    assert second["number"] == 2


@pytest.mark.parametrize(
    ("part", "text"),
    [
        ("postgres.log", "newer \N{SNOWMAN}\n"),
        ("1/postgres.log", "<script>alert(1)</script>\x1b[2J\n"),
        ("2/postgres.log", "newer \N{SNOWMAN}\n"),
        ("postgres.inspect.json", "{}"),
    ],
)
async def test_a_part_is_plain_text_that_a_browser_saves(site: Site, part: str, text: str) -> None:
    """By its number, or the newest of its name; as it was kept, and never as a page."""
    response = await site.get(f"{PATH}/{part}")
    assert (response.status, await response.text()) == (200, text)
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Content-Disposition"] == f'attachment; filename="{part.rpartition("/")[2]}"'
    again = await site.get(f"{PATH}/{part}", **{"If-None-Match": response.headers["ETag"]})
    assert again.status == 304


async def test_a_name_cannot_end_its_header(site: Site) -> None:
    """Whatever a part is called."""
    response = await site.get(f"{PATH}/odd%22.log")
    assert response.headers["Content-Disposition"] == 'attachment; filename="odd_.log"'


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("redis.log", "there is no part redis.log in the evidence"),
        ("3/postgres.log", "there is no part postgres.log in the evidence number 3"),
        ("2/postgres.inspect.json", "in the evidence number 2"),
        ("0/postgres.log", "in the evidence number 0"),
    ],
)
async def test_a_part_that_is_not_there(site: Site, part: str, words: str) -> None:
    response = await site.get(f"{PATH}/{part}")
    assert response.status == 404
    assert words in await detail(response)
