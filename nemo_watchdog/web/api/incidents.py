"""`/api/v1/incidents`: the incidents that are and that were, newest first; and all about one of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from aiohttp import web

from nemo_watchdog.engine.severity import title_of
from nemo_watchdog.evidence import Evidence
from nemo_watchdog.incident_views import IncidentDetailView, IncidentSummaryView, IncidentsView
from nemo_watchdog.journal.reader import Asked, JournalReader
from nemo_watchdog.model import Severity
from nemo_watchdog.policy.policy import Policy
from nemo_watchdog.runtime.core import Core
from nemo_watchdog.timeline.detail import detail_of
from nemo_watchdog.timeline.summary import Titles, summary_of
from nemo_watchdog.web.answers import Tagged, unless_known
from nemo_watchdog.web.incident_query import MOST, IncidentParameters, IncidentQuery, written_cursor
from nemo_watchdog.web.operations import Operation
from nemo_watchdog.web.past import Past

RECENT = timedelta(days=7)
"""How far back the report of one looks for others like it."""


@dataclass(frozen=True, slots=True)
class IncidentsApi:
    core: Core
    past: Past

    def operations(self) -> tuple[Operation, ...]:
        return (
            Operation(
                method="GET",
                path="/api/v1/incidents",
                handler=self.many,
                summary="The incidents that are and that were, newest first",
                query=IncidentParameters,
                answers=IncidentsView,
                refuses=(400, 503),
                tagged=True,
            ),
            Operation(
                method="GET",
                path="/api/v1/incidents/{id}",
                handler=self.one,
                summary="All about one incident",
                answers=IncidentDetailView,
                refuses=(404, 503),
                tagged=True,
            ),
        )

    async def many(self, request: web.Request) -> web.Response:
        return unless_known(request, await asyncio.to_thread(Tagged.of_view, await self.asked(request)))

    async def asked(self, request: web.Request) -> IncidentsView:
        """Those that the query of the request asks for. Raises 400 for what cannot be meant."""
        now = self.core.clock.now().utc
        query, titles = IncidentQuery.of(request, now), _titles(self.core.engine.policy)
        return await self.past.read(_summaries(query.asked, query.before_id, query.limit, titles, now))

    async def one(self, request: web.Request) -> web.Response:
        incident = request.match_info["id"]
        if (found := await self.detail(incident)) is None:
            raise unknown(incident)
        return unless_known(request, await asyncio.to_thread(Tagged.of_view, found))

    async def detail(self, incident: str) -> IncidentDetailView | None:
        """All about one; None for what is no incident."""
        evidence = await self.past.evidence(incident)
        titles, now = _titles(self.core.engine.policy), self.core.clock.now().utc
        return await self.past.read(_detail(incident, evidence, titles, now))

    async def recent(self, root: str) -> Sequence[IncidentSummaryView]:
        """Those of the last seven days that had this root, newest first."""
        titles, now = _titles(self.core.engine.policy), self.core.clock.now().utc
        asked = Asked(since=now - RECENT, dependency=root)
        page = await self.past.read(_summaries(asked, None, MOST, titles, now))
        return [each for each in page.incidents if each.root == root]


def unknown(incident: str) -> web.HTTPNotFound:
    return web.HTTPNotFound(text=f"there is no incident {incident}: GET /api/v1/incidents lists those that are kept")


def _titles(policy: Policy) -> Titles:
    """By the policy in force: the journal keeps the rule's name."""

    def title(severity: str, rule: str) -> str:
        return title_of(policy, Severity(severity), rule) if severity in set(Severity) else ""

    return title


def _summaries(
    asked: Asked, before_id: str | None, limit: int, titles: Titles, now: datetime
) -> Callable[[JournalReader], IncidentsView]:
    def read(reader: JournalReader) -> IncidentsView:
        page = reader.incidents(asked, before_id, limit)
        summaries = tuple(summary_of(incident, written, titles, now) for incident, written in page.incidents)
        return IncidentsView(summaries, written_cursor(page.next) if page.next is not None else None)

    return read


def _detail(
    incident: str, evidence: Sequence[Evidence], titles: Titles, now: datetime
) -> Callable[[JournalReader], IncidentDetailView | None]:
    def read(reader: JournalReader) -> IncidentDetailView | None:
        written = reader.records_of(incident)
        if not written:
            return None
        return detail_of(incident, written, reader.deliveries_of(incident), evidence, titles, now)

    return read
