"""`/api/v1/incidents`: the incidents that are and that were, newest first; and all about one of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from nemo_watchdog.engine.severity import title_of
from nemo_watchdog.evidence import Evidence
from nemo_watchdog.incident_views import IncidentsView
from nemo_watchdog.journal.reader import JournalReader
from nemo_watchdog.model import Severity
from nemo_watchdog.policy.policy import Policy
from nemo_watchdog.runtime.core import Core
from nemo_watchdog.timeline.detail import detail_of
from nemo_watchdog.timeline.summary import Titles, summary_of
from nemo_watchdog.web.answers import Tagged, unless_known
from nemo_watchdog.web.incident_query import IncidentQuery, written_cursor
from nemo_watchdog.web.past import Past


@dataclass(frozen=True, slots=True)
class IncidentsApi:
    core: Core
    past: Past

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/api/v1/incidents", self.many), web.get("/api/v1/incidents/{incident}", self.one)]

    async def many(self, request: web.Request) -> web.Response:
        now = self.core.clock.now().utc
        query, titles = IncidentQuery.of(request, now), _titles(self.core.engine.policy)
        return unless_known(request, await self.past.read(_page(query, titles, now)))

    async def one(self, request: web.Request) -> web.Response:
        incident = request.match_info["incident"]
        evidence = await self.past.evidence(incident)
        titles, now = _titles(self.core.engine.policy), self.core.clock.now().utc
        if (found := await self.past.read(_detail(incident, evidence, titles, now))) is None:
            raise unknown(incident)
        return unless_known(request, found)


def unknown(incident: str) -> web.HTTPNotFound:
    return web.HTTPNotFound(text=f"there is no incident {incident}: GET /api/v1/incidents lists those that are kept")


def _titles(policy: Policy) -> Titles:
    """By the policy in force: the journal keeps the rule's name."""

    def title(severity: str, rule: str) -> str:
        return title_of(policy, Severity(severity), rule) if severity in set(Severity) else ""

    return title


def _page(query: IncidentQuery, titles: Titles, now: datetime) -> Callable[[JournalReader], Tagged]:
    def read(reader: JournalReader) -> Tagged:
        page = reader.incidents(query.asked, query.before_id, query.limit)
        summaries = tuple(summary_of(incident, written, titles, now) for incident, written in page.incidents)
        return Tagged.of_view(IncidentsView(summaries, written_cursor(page.next) if page.next is not None else None))

    return read


def _detail(
    incident: str, evidence: Sequence[Evidence], titles: Titles, now: datetime
) -> Callable[[JournalReader], Tagged | None]:
    def read(reader: JournalReader) -> Tagged | None:
        written = reader.records_of(incident)
        if not written:
            return None
        return Tagged.of_view(detail_of(incident, written, reader.deliveries_of(incident), evidence, titles, now))

    return read
