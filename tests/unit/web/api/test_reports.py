"""`/api/v1/incidents/ID/report`, through real requests to a site of its own, with fakes for what keeps incidents."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer

from nemo_watchdog.cli.client import get_text
from nemo_watchdog.errors import ArchiveError
from nemo_watchdog.incident_views import IncidentDetailView, IncidentSummaryView
from nemo_watchdog.report.facts import Facts
from nemo_watchdog.report.html import page
from nemo_watchdog.report.markdown import markdown
from nemo_watchdog.web.api.reports import ReportsApi
from nemo_watchdog.web.operations import routes
from tests import report_example as example

PATH = f"/api/v1/incidents/{example.ID}/report"


@dataclass
class Kept:
    """What is kept of the example's incident; remembers what was asked."""

    facts: Facts
    broken: bool = False
    asked: list[tuple[object, ...]] = field(default_factory=list)

    async def detail(self, incident: str) -> IncidentDetailView | None:
        return self.facts.detail if incident == self.facts.incident.id else None

    async def recent(self, root: str) -> Sequence[IncidentSummaryView]:
        self.asked.append(("recent", root))
        return self.facts.recent

    async def evidence(self, incident: str, number: int, part: str) -> str:
        self.asked.append((incident, number, part))
        if self.broken:
            raise ArchiveError("the archive cannot be read: disk I/O error")
        return self.facts.evidence_text[part]


@pytest.fixture
def kept() -> Kept:
    return Kept(example.facts())


@pytest.fixture
async def client(kept: Kept) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    of = kept.facts
    app = web.Application()
    api = ReportsApi(
        kept.detail,
        kept.recent,
        kept.evidence,
        respond_within=lambda: of.respond_within,
        contacts_of=lambda: of.contacts_of,
        now=lambda: of.now,
    )
    app.add_routes(routes(api.operations()))
    async with TestClient(TestServer(app)) as made:
        yield made


Client = TestClient[web.Request, web.Application]


def kind(response: ClientResponse) -> tuple[int, str]:
    return response.status, response.content_type


async def test_it_is_markdown_in_utc_unless_asked_otherwise(client: Client, kept: Kept) -> None:
    """With the parts of the evidence that it reads, each asked for once, and what failed before at the same root."""
    response = await client.get(PATH)
    assert kind(response) == (200, "text/markdown")
    assert response.charset == "utf-8"
    assert await response.text() == markdown(example.document())
    assert kept.asked == [
        ("recent", "gateway"),
        (example.ID, 1, "gateway.log"),
        (example.ID, 1, "gateway.usage.txt"),
    ]


async def test_a_page_may_load_nothing(client: Client) -> None:
    """Nor run anything, whatever stands in it."""
    response = await client.get(PATH, params={"format": "html"})
    assert kind(response) == (200, "text/html")
    policy = response.headers["Content-Security-Policy"]
    text = await response.text()
    style = text.split("<style>")[1].split("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}';")
    assert "unsafe" not in policy
    assert text.startswith("<!doctype html>")


async def test_the_report_is_a_page_of_its_own(client: Client) -> None:
    response = await client.get(f"/incidents/{example.ID}/report")
    assert kind(response) == (200, "text/html")
    assert await response.text() == page(example.document())
    assert (await client.get("/incidents/nothing/report")).status == 404


async def test_times_are_in_the_zone_that_was_asked_for(client: Client) -> None:
    text = await (await client.get(PATH, params={"zone": "Europe/Berlin"})).text()
    assert "times in Europe/Berlin" in text
    assert "- 04:12 - **Detected**" in text


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"zone": "Europe/Berlim"}, "zone: there is no time zone of that name (did you mean `Europe/Berlin`?)"),
        ({"zone": "../../etc/passwd"}, "zone: there is no time zone of that name"),
        ({"zone": ""}, "zone: expected a time zone"),
        ({"zone": "x" * 100_000}, "zone: there is no time zone of that name"),
        ({"format": "pdf"}, "format is one of markdown, html"),
    ],
)
async def test_what_cannot_be_written_is_said(parameters: dict[str, str], said: str, kept: Kept) -> None:
    """Before anything is read."""
    app = web.Application(handler_args={"max_line_size": 200_000})
    api = ReportsApi(kept.detail, kept.recent, kept.evidence, dict, dict, lambda: kept.facts.now)
    app.add_routes(routes(api.operations()))
    server = TestServer(app)
    async with TestClient(server) as client:
        response = await client.get(PATH, params=parameters)
        assert response.status == 400
        assert said in await response.text()
    assert kept.asked == []


async def test_what_is_no_incident_is_said(client: Client) -> None:
    response = await client.get("/api/v1/incidents/20261123-031207-nobody/report")
    assert response.status == 404
    assert await response.text() == "there is no incident 20261123-031207-nobody"


async def test_a_report_is_written_without_evidence_that_cannot_be_read(client: Client, kept: Kept) -> None:
    """And says so."""
    kept.broken = True
    response = await client.get(PATH)
    text = await response.text()
    assert response.status == 200
    assert "The evidence could not be read: the archive cannot be read: disk I/O error." in text
    assert "Traceback" not in text


async def test_the_command_and_the_daemon_mean_the_same_by_the_path(client: Client) -> None:
    """What the one asks for is what the other answers, in both formats."""
    listen, path = f"127.0.0.1:{client.port}", f"{PATH}?zone=UTC&format="
    text = await asyncio.to_thread(get_text, listen, f"{path}markdown", "text/markdown")
    assert text == markdown(example.document())
    text = await asyncio.to_thread(get_text, listen, f"{path}html", "text/html")
    assert text == page(example.document())
