"""`/api/v1/incidents/ID/report`: what happened, as a document that a person would send."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from typing import Literal

from aiohttp import web
from pydantic import BaseModel, Field
from pydantic_core import PydanticCustomError

from nemo_watchdog.errors import ArchiveError
from nemo_watchdog.incident_views import IncidentDetailView, IncidentSummaryView
from nemo_watchdog.policy.zones import UTC_NAME, parse_zone
from nemo_watchdog.report.document import Document
from nemo_watchdog.report.facts import Facts, parts_read
from nemo_watchdog.report.html import STYLE_HASH, page
from nemo_watchdog.report.markdown import markdown
from nemo_watchdog.report.report import report
from nemo_watchdog.web.operations import Operation

ROUTE = "/api/v1/incidents/{id}/report"
PAGE = "/incidents/{incident}/report"
LONGEST_ZONE = 64
"""Characters: no zone has a longer name, and a long one would be compared with each."""

_FORMATS: Mapping[str, tuple[str, Callable[[Document], str]]] = {
    "markdown": ("text/markdown", markdown),
    "html": ("text/html", page),
}
_NOTHING_FROM_OUTSIDE = {
    "Content-Security-Policy": f"default-src 'none'; style-src {STYLE_HASH}; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


class ReportParameters(BaseModel):
    format: Literal["markdown", "html"] = "markdown"
    zone: str = Field(UTC_NAME, description="An IANA name, such as `Europe/Berlin`.")


@dataclass(frozen=True, slots=True)
class ReportsApi:
    """`detail` is None for what is no incident, `recent` those of 7 days with that root, whatever it was.

    `evidence` gives the text of one part: of which incident, the number of the evidence, the part's name. It raises
    `ArchiveError`, without which the report is written all the same. The rest is asked anew for each report.
    """

    detail: Callable[[str], Awaitable[IncidentDetailView | None]]
    recent: Callable[[str], Awaitable[Sequence[IncidentSummaryView]]]
    evidence: Callable[[str, int, str], Awaitable[str]]
    respond_within: Callable[[], Mapping[str, float]]
    contacts_of: Callable[[], Mapping[str, Sequence[str]]]
    now: Callable[[], datetime]

    def operations(self) -> tuple[Operation, ...]:
        return (
            Operation(
                method="GET",
                path=ROUTE,
                handler=self.get,
                summary="What happened, as a document to send",
                query=ReportParameters,
                media=tuple(content_type for content_type, _ in _FORMATS.values()),
                refuses=(400, 404, 503),
            ),
            Operation(
                method="GET",
                path=PAGE,
                handler=self.page,
                summary="The same as a page",
                media=(_FORMATS["html"][0],),
                refuses=(404, 503),
            ),
        )

    async def get(self, request: web.Request) -> web.Response:
        wanted = request.query.get("format", "markdown")
        if wanted not in _FORMATS:
            raise web.HTTPBadRequest(text=f"format is one of {', '.join(_FORMATS)}")
        zone = await _zone(request.query.get("zone", UTC_NAME))
        return await self._written(request.match_info["id"], wanted, zone)

    async def page(self, request: web.Request) -> web.Response:
        return await self._written(request.match_info["incident"], "html", UTC)

    async def _written(self, identity: str, wanted: str, zone: tzinfo) -> web.Response:
        detail = await self.detail(identity)
        if detail is None:
            raise web.HTTPNotFound(text=f"there is no incident {identity}")
        facts = await self._facts(detail, zone)
        content_type, written = _FORMATS[wanted]
        text = await asyncio.to_thread(lambda: written(report(facts)))
        return web.Response(text=text, content_type=content_type, headers=_NOTHING_FROM_OUTSIDE)

    async def _facts(self, detail: IncidentDetailView, zone: tzinfo) -> Facts:
        root = detail.incident.root
        facts = Facts(
            detail,
            self.now(),
            zone,
            recent=await self.recent(root) if root else (),
            respond_within=self.respond_within(),
            contacts_of=self.contacts_of(),
        )
        try:
            text = {
                name: await self.evidence(detail.incident.id, taken.number, name) for taken, name in parts_read(detail)
            }
        except ArchiveError as error:
            return replace(facts, evidence_trouble=str(error))
        return replace(facts, evidence_text=text)


async def _zone(name: str) -> tzinfo:
    """In a thread, for its data are a file."""
    try:
        return await asyncio.to_thread(parse_zone, name[:LONGEST_ZONE])
    except PydanticCustomError as error:
        raise web.HTTPBadRequest(text=f"zone: {error.message()}") from None
