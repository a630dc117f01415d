"""`/api/v1/incidents/ID/evidence`: what was taken before something could destroy it, and the text of each part."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web

from nemo_watchdog.evidence import Evidence, Part
from nemo_watchdog.incident_views import EvidenceView
from nemo_watchdog.timeline.detail import evidence_views
from nemo_watchdog.web.answers import Tagged, unless_known
from nemo_watchdog.web.api.incidents import unknown
from nemo_watchdog.web.operations import TEXT, Operation
from nemo_watchdog.web.past import Past

OF_ONE = "/api/v1/incidents/{id}/evidence"
NOT_OF_A_FILE = re.compile(r"[^A-Za-z0-9._-]")


@dataclass(frozen=True, slots=True)
class EvidenceApi:
    past: Past

    def operations(self) -> tuple[Operation, ...]:
        part, newest = (
            Operation(
                method="GET",
                path=path,
                handler=self.part,
                summary=summary,
                media=(TEXT,),
                refuses=(404, 503),
                tagged=True,
            )
            for path, summary in (
                (OF_ONE + "/{number}/{part}", "The text of a part, of what was taken at that number"),
                (OF_ONE + "/{part}", "The text of a part, the newest of that name"),
            )
        )
        listed = Operation(
            method="GET",
            path=OF_ONE,
            handler=self.all,
            summary="What was taken in it, without the text",
            answers=tuple[EvidenceView, ...],
            refuses=(404, 503),
            tagged=True,
        )
        return listed, part, newest

    async def all(self, request: web.Request) -> web.Response:
        taken = await self._taken(request)
        return unless_known(request, await asyncio.to_thread(Tagged.of_view, evidence_views(taken)))

    async def part(self, request: web.Request) -> web.Response:
        """That of one number, or else the newest of that name. A browser saves it, and runs nothing of it."""
        taken, name, number = await self._taken(request), request.match_info["part"], request.match_info.get("number")
        found = _newest([each for n, each in enumerate(taken, start=1) if number in {None, str(n)}], name)
        if found is None:
            where = "" if number is None else f" number {number}"
            raise web.HTTPNotFound(text=f"there is no part {name} in the evidence{where}")
        tagged = await asyncio.to_thread(Tagged.of, found.text)
        headers = {"Content-Disposition": f'attachment; filename="{NOT_OF_A_FILE.sub("_", name)}"'}
        return unless_known(request, tagged, "text/plain", headers)

    async def _taken(self, request: web.Request) -> Sequence[Evidence]:
        """Of an incident that is known. Raises 404 otherwise."""
        incident = request.match_info["id"]
        if not await self.past.read(lambda reader: reader.knows(incident)):
            raise unknown(incident)
        return await self.past.evidence(incident)


def _newest(taken: Sequence[Evidence], name: str) -> Part | None:
    return next((part for each in reversed(taken) for part in each.parts if part.name == name), None)
