"""`/api/v1/incidents` and what people say of one, through real requests."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import ClientResponse

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.declared import MOST_OPEN
from nemo_watchdog.model import Reason, Severity, failed
from nemo_watchdog.web import answers
from nemo_watchdog.web.api.declared import LONGEST_NOTE
from tests.unit.runtime.shell import until
from tests.unit.web.site import BEARER, FORGOTTEN, Site, detail

PATH = "/api/v1/incidents"
TEXT = "the payment provider answers 500"


async def said(site: Site, path: str, /, **body: Any) -> ClientResponse:
    return await site.client.post(f"{PATH}{path}", json={"by": "ada", **body}, headers=BEARER)


async def declared(site: Site) -> str:
    """The id of one."""
    response = await said(site, "", text=TEXT)
    return str((await response.json())["incident"])


async def opened(site: Site) -> str:
    """The id of one that looks opened for the gateway."""
    core = site.daemon.shell.core
    await until(lambda: site.daemon.health("gateway") == "up")
    core.tell(ev.PauseAsked("gateway", "a test", "ops"))
    site.daemon.probes["gateway"].script.append(failed(Reason.REFUSED, "test"))
    await until(core.engine.durable.open)
    return core.engine.durable.open()[0].incident


def kinds(site: Site) -> list[str]:
    """The records of what people say of incidents."""
    mine = {kind.TYPE for kind in (r.IncidentDeclared, r.IncidentAcknowledged, r.NoteAdded, r.IncidentResolved)}
    return [kind for kind in site.daemon.shell.memory.types() if kind in mine]


async def test_a_declared_incident_is_on_disk_when_it_is_answered(site: Site) -> None:
    """With where it is, and SEV2 where nobody said how grave it is."""
    response = await said(site, "", text=TEXT)
    assert response.status == 201
    answer = await response.json()
    incident = answer["incident"]
    assert answer == {"incident": incident, "severity": "SEV2", "open": True, "acknowledged": None, "also": []}
    assert response.headers["Location"] == f"{PATH}/{incident}"
    assert kinds(site) == ["incident_declared"]
    kept = site.daemon.shell.core.engine.durable.declared[incident]
    assert (kept.text, kept.severity, kept.by, kept.dependency) == (TEXT, Severity.SEV2, "ada", "")


async def test_how_grave_it_is_and_what_it_is_about_can_be_said(site: Site) -> None:
    """And two at once are two."""
    await said(site, "", text=TEXT)
    response = await said(site, "", text=TEXT, severity="SEV1", dependency="redis")
    answer = await response.json()
    assert (answer["severity"], answer["incident"].endswith("-redis")) == ("SEV1", True)
    kept = site.daemon.shell.core.engine.durable.declared[answer["incident"]]
    assert kept.dependency == "redis"


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("", {}, 400, "text"),
        ("", {"text": ""}, 400, "text"),
        ("", {"text": "\x1b[2J"}, 400, "text: expected words"),
        ("", {"text": "x" * 501}, 400, "text"),
        ("", {"text": TEXT, "severity": "SEV9"}, 400, "severity: Input should be 'SEV1', 'SEV2', 'SEV3' or 'SEV4'"),
        ("", {"text": TEXT, "dependency": "gatway"}, 404, "there is no dependency gatway; there are: gateway, redis"),
        ("", {"text": TEXT, "members": []}, 400, "members"),
        ("/nothing/acknowledge", {}, 404, "there is no open incident nothing; open are: none"),
        ("/a%1bb/acknowledge", {}, 404, "there is no open incident a\\x1bb;"),
        ("/nothing/acknowledge", {"for": 0}, 400, "for: Input should be greater than 0"),
        ("/nothing/acknowledge", {"for": 1e9}, 400, "for"),
        ("/nothing/acknowledge", {"duration": 5}, 400, "duration"),
        ("/nothing/resolve", {"reason": "mended"}, 404, "there is no open incident nothing"),
        ("/nothing/resolve", {}, 400, "reason"),
        ("/nothing/notes", {"text": "x"}, 404, "the journal has no incident nothing"),
        ("/nothing/notes", {"text": "x" * (LONGEST_NOTE + 1)}, 400, "text"),
        ("/nothing/notes", {"text": " \n\n"}, 400, "text: expected words"),
        ("/nothing/notes", {"text": "x", "about": "gossip"}, 400, "about"),
    ],
)
async def test_what_cannot_be_said_is_answered_with_why(
    site: Site, path: str, body: dict[str, Any], status: int, words: str
) -> None:
    """And nothing is written down."""
    response = await said(site, path, **body)
    assert response.status == status
    assert words in await detail(response)
    assert kinds(site) == []


@pytest.mark.parametrize("path", ["", "/nothing/acknowledge", "/nothing/resolve", "/nothing/notes"])
async def test_without_the_token_nothing_changes(site: Site, path: str) -> None:
    """Refused with 401 before the body is even read."""
    response = await site.client.post(f"{PATH}{path}", json={"text": TEXT})
    assert response.status == 401
    assert kinds(site) == []


async def test_too_many_are_refused(site: Site) -> None:
    """With what to do about it."""
    for _ in range(MOST_OPEN):
        site.daemon.shell.core.tell(ev.DeclareAsked(TEXT, Severity.SEV2, "", "a program"))
    response = await said(site, "", text=TEXT)
    assert response.status == 409
    assert await detail(response) == (
        "50 declared incidents are open: resolve those that are over before you declare another"
    )


async def test_either_kind_can_be_taken(site: Site) -> None:
    """With an end, or without one."""
    for incident, asked in ((await declared(site), {}), (await opened(site), {"for": 3600.0})):
        response = await said(site, f"/{incident}/acknowledge", **asked)
        assert response.status == 200
        answer = await response.json()
        assert (answer["incident"], answer["open"]) == (incident, True)
        taken = answer["acknowledged"]
        assert (taken["by"], taken["until"] is None) == ("ada", not asked)
    assert kinds(site).count("incident_acknowledged") == 2


async def test_what_is_told_together_is_taken_together(site: Site) -> None:
    """By the id of any of it."""
    first, second = await opened(site), await declared(site)
    assert site.daemon.shell.core.engine.durable.pages.of(first) is not None
    answer = await (await said(site, f"/{second}/acknowledge")).json()
    assert (answer["incident"], answer["also"]) == (second, [first])
    assert kinds(site) == ["incident_declared", "incident_acknowledged", "incident_acknowledged"]
    assert all(one.acknowledged for one in site.daemon.shell.core.engine.durable.all_open())


async def test_what_was_declared_is_ended_by_a_person_once(site: Site) -> None:
    """After that nobody can take it, and a second end is refused."""
    incident = await declared(site)
    response = await said(site, f"/{incident}/resolve", reason="fixed by the vendor")
    assert (response.status, (await response.json())["open"]) == (200, False)
    for path, body in ((f"/{incident}/resolve", {"reason": "again"}), (f"/{incident}/acknowledge", {})):
        refused = await said(site, path, **body)
        assert refused.status == 409
        assert await detail(refused) == f"{incident} is not open any more"
    assert kinds(site) == ["incident_declared", "incident_resolved"]


async def test_what_looks_opened_resolves_itself(site: Site) -> None:
    """The answer names what still fails."""
    incident = await opened(site)
    response = await said(site, f"/{incident}/resolve", reason="it looks fine to me")
    assert response.status == 409
    assert await detail(response) == (
        f"{incident} was opened by looks and resolves itself when looks say so: gateway is down: refused (test)"
    )
    assert kinds(site) == []


async def test_an_unknown_one_is_answered_with_those_that_are_open(site: Site) -> None:
    """Most often it was mistyped."""
    incident = await declared(site)
    response = await said(site, "/nothing/acknowledge")
    assert await detail(response) == f"there is no open incident nothing; open are: {incident}"


@pytest.mark.parametrize("about", ["note", "root_cause"])
async def test_a_note_is_on_disk_when_it_is_answered(site: Site, about: str) -> None:
    """In lines; what a terminal might obey is shown as such."""
    incident = await declared(site)
    text = "\nseen:\r\n\tHTTP 500 \x1b[31mred\x07  \nsince noon\n\n"
    response = await said(site, f"/{incident}/notes", about=about, text=text)
    assert response.status == 201
    answer = await response.json()
    shown = "seen:\n    HTTP 500 \\x1b[31mred\\x07\nsince noon"
    assert answer == {"at": answer["at"], "by": "ada", "about": about, "text": shown}
    assert kinds(site) == ["incident_declared", "note_added"]


async def test_the_longest_note_is_taken_however_it_is_written(site: Site) -> None:
    """As JSON escapes it, a character may be twelve bytes."""
    incident = await declared(site)
    response = await said(site, f"/{incident}/notes", text="\U0001f525" * LONGEST_NOTE)
    assert response.status == 201
    assert (await response.json())["about"] == "note"


async def test_a_note_about_what_only_the_journal_remembers_is_taken(site: Site) -> None:
    """People write about an incident days after its end."""
    assert (await said(site, f"/{FORGOTTEN}/notes", text="the disk was old")).status == 201
    assert kinds(site) == ["note_added"]


async def test_while_the_journal_cannot_be_read_what_is_remembered_still_takes_notes(site: Site) -> None:
    """Of the others nobody knows whether they were."""
    incident = await declared(site)
    site.reader.unreadable = "the disk is gone"
    assert (await said(site, f"/{incident}/notes", text="x")).status == 201
    response = await said(site, f"/{FORGOTTEN}/notes", text="x")
    assert response.status == 503
    assert await detail(response) == "the disk is gone"


async def test_what_cannot_be_written_says_so(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would not outlive the daemon."""
    incident = await declared(site)
    monkeypatch.setattr(answers, "WRITTEN_WITHIN", 0.05)
    site.daemon.shell.memory.trouble = "disk full"
    for path, body, words in (
        ("", {"text": TEXT}, "it will not outlive a restart of the daemon"),
        (f"/{incident}/acknowledge", {}, "it will not outlive a restart of the daemon"),
        (f"/{incident}/notes", {"text": "x"}, "the note could not be written"),
        (f"/{incident}/resolve", {"reason": "mended"}, "it will not outlive a restart of the daemon"),
    ):
        response = await said(site, path, **body)
        assert response.status == 503
        assert words in await detail(response)
    site.daemon.shell.memory.trouble = ""
