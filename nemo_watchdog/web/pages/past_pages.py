"""`/incidents`, one of them with its timeline and what was taken in it, and the text of each part of that."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from nemo_watchdog.errors import ArchiveError, in_one_line
from nemo_watchdog.view_words import Clock
from nemo_watchdog.web.api.incidents import IncidentsApi
from nemo_watchdog.web.api.status import StatusApi
from nemo_watchdog.web.incident_query import IncidentParameters
from nemo_watchdog.web.operations import Operation
from nemo_watchdog.web.pages import links
from nemo_watchdog.web.pages.cards import Card, Time, card
from nemo_watchdog.web.pages.frame import HTML, Framing
from nemo_watchdog.web.pages.past_lines import entries, incident_line, incident_lines, messages, notes
from nemo_watchdog.web.pages.refusals import as_page

LONGEST_PART = 100_000
"""Characters of evidence that a page shows: the end, where what mattered last stands. The whole is a file to save."""


@dataclass(frozen=True, slots=True)
class PastPages:
    framing: Framing
    incidents: IncidentsApi
    status: StatusApi

    def operations(self) -> tuple[Operation, ...]:
        many = Operation(
            method="GET",
            path=links.INCIDENTS,
            handler=as_page(self.many),
            summary="The incidents that are and that were, for people",
            query=IncidentParameters,
            media=(HTML,),
            pages=(400, 503),
        )
        one, part = (
            Operation(
                method="GET",
                path=path,
                handler=as_page(handler),
                summary=summary,
                media=(HTML,),
                pages=(404, 503),
            )
            for path, handler, summary in (
                (
                    f"{links.INCIDENTS}/{{incident}}",
                    self.one,
                    "All about one incident, where messages lead",
                ),
                (
                    f"{links.INCIDENTS}/{{incident}}/evidence/{{number}}/{{part}}",
                    self.part,
                    "The text of a part of what was taken, for people",
                ),
            )
        )
        return many, one, part

    async def many(self, request: web.Request) -> web.StreamResponse:
        version, found = self.framing.version(), await self.incidents.asked(request)
        clock, newest = self._clock(), "cursor" not in request.query
        return await self.framing.page(
            request,
            "incidents.html",
            "Incidents",
            here="incidents",
            version=version if newest else "",
            lines=incident_lines(found.incidents, clock),
            older=_older(request, found.next) if found.next else "",
            newest=newest,
        )

    async def one(self, request: web.Request) -> web.StreamResponse:
        version, identity = self.framing.version(), request.match_info["incident"]
        detail = await self.incidents.detail(identity)
        if detail is None:
            raise web.HTTPNotFound(text=f"there is no incident {in_one_line(identity)} any more")
        clock, summary = self._clock(), detail.incident
        opened = summary.resolved is None and not summary.merged_into
        return await self.framing.page(
            request,
            "incident.html",
            summary.declared or f"{summary.severity} {summary.root}",
            here="incidents",
            version=version if opened else "",
            line=incident_line(summary, clock),
            summary=summary,
            opened=opened,
            now=await self._now(identity) if opened else None,
            detail=detail,
            entries=entries(detail.timeline, clock),
            notes=notes(detail, clock),
            messages=messages(detail.deliveries, clock),
            taken=[(each, Time(each.at, clock.at(each.at))) for each in detail.evidence],
        )

    async def part(self, request: web.Request) -> web.StreamResponse:
        identity, name, number = (request.match_info[key] for key in ("incident", "part", "number"))
        try:
            text = await self.incidents.past.part(identity, _number(number), name)
        except ArchiveError as error:
            raise web.HTTPNotFound(text=str(error)) from error
        return await self.framing.page(
            request,
            "evidence.html",
            name,
            here="incidents",
            incident=identity,
            name=name,
            file=f"/api/v1{links.evidence(identity, int(number), name)}",
            text=text[-LONGEST_PART:],
            left_out=max(0, len(text) - LONGEST_PART),
        )

    async def _now(self, identity: str) -> Card | None:
        """How it is and what comes next; None for what a person declared, or where it has just ended."""
        view = await self.status.view(explained=False)
        found = next((each for each in view.incidents if each.id == identity), None)
        return None if found is None else card(view, found, self._clock())

    def _clock(self) -> Clock:
        core = self.incidents.core
        return Clock(core.clock.now().utc.isoformat(), core.engine.policy.telling.zone)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 0 < len(text) < 7 and int(text) > 0):
        raise web.HTTPNotFound(text="what was taken is numbered from 1")
    return int(text)


def _older(request: web.Request, cursor: str) -> str:
    return str(request.rel_url.update_query(cursor=cursor))
