"""`/dependencies/NAME` and `/tags/TAG`: all about one dependency, and all dependencies of one section."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from aiohttp import web

from nemo_watchdog.durations import duration
from nemo_watchdog.engine.view import dependency_view
from nemo_watchdog.errors import in_one_line
from nemo_watchdog.incident_views import ExplanationView, LookRunView
from nemo_watchdog.runtime.explanations import CannotAnswer, Explanations
from nemo_watchdog.view_words import Clock
from nemo_watchdog.web.api.incidents import IncidentsApi
from nemo_watchdog.web.api.status import StatusApi
from nemo_watchdog.web.operations import Operation
from nemo_watchdog.web.pages import links
from nemo_watchdog.web.pages.cards import Time
from nemo_watchdog.web.pages.frame import HTML, Framing
from nemo_watchdog.web.pages.past_lines import IncidentLine, incident_lines
from nemo_watchdog.web.pages.refusals import as_page
from nemo_watchdog.web.pages.rows import row_of, section_names
from nemo_watchdog.web.pages.why import why
from nemo_watchdog.web.recent import Recent

MOST_INCIDENTS = 10

ROWS = 100
"""On one page: more would be heavy on a phone."""


@dataclass(frozen=True, slots=True)
class LookLine:
    first: Time
    last: Time
    said: str


@dataclass(frozen=True, slots=True)
class NowPages:
    framing: Framing
    status: StatusApi
    explanations: Explanations
    incidents: IncidentsApi
    recent: Recent

    def operations(self) -> tuple[Operation, ...]:
        one, section = (
            Operation(
                method="GET",
                path=path,
                handler=as_page(handler),
                summary=summary,
                media=(HTML,),
                pages=(404, 503),
            )
            for path, handler, summary in (
                (f"{links.DEPENDENCIES}/{{name}}", self.dependency, "All about one dependency, for people"),
                (f"{links.TAGS}/{{tag}}", self.section, "All dependencies of one tag, for people"),
            )
        )
        return one, section

    async def dependency(self, request: web.Request) -> web.StreamResponse:
        version, name, engine = self.framing.version(), request.match_info["name"], self.status.core.engine
        view = await self.status.view(explained=False)
        if name not in view.dependencies or name not in engine.trackers:
            raise web.HTTPNotFound(text=f"there is no dependency {in_one_line(name)} in the policy")
        explained = await self._explained(name)
        recent = await self.recent.of([name], wait=1.0)
        clock = Clock(view.now, engine.policy.telling.zone)
        gates = dependency_view(engine, name, self.status.core.clock.now()).explain
        return await self.framing.page(
            request,
            "dependency.html",
            name,
            version=version,
            row=row_of(view, name, recent.get(name), clock, titled=True),
            each=view.dependencies[name],
            said=explained.said if explained is not None else (),
            why=why(name, gates, clock),
            looks=[_look(run, clock) for run in explained.looks] if explained is not None else [],
            past=await self._past(name, clock),
            now=Time(view.now, clock.now),
        )

    async def section(self, request: web.Request) -> web.StreamResponse:
        version, tag = self.framing.version(), request.match_info["tag"]
        view = await self.status.view(explained=False)
        names = section_names(view, tag)
        if not names:
            raise web.HTTPNotFound(text=f"no dependency has the tag {in_one_line(tag)}")
        begin = _begin(request)
        here = names[begin : begin + ROWS]
        recent = await self.recent.of(here)
        clock = Clock(view.now, self.status.core.engine.policy.telling.zone)
        rows = await asyncio.to_thread(lambda: [row_of(view, name, recent.get(name), clock) for name in here])
        return await self.framing.page(
            request,
            "section.html",
            tag,
            version=version,
            tag=tag,
            rows=rows,
            before=links.tag(tag, max(0, begin - ROWS)) if begin else "",
            after=links.tag(tag, begin + ROWS) if begin + ROWS < len(names) else "",
            many=len(names),
            now=Time(view.now, clock.now),
        )

    async def _explained(self, name: str) -> ExplanationView | None:
        """None where what was seen cannot be read now: the page is needed all the same."""
        try:
            return await self.explanations.now(name)
        except (CannotAnswer, KeyError):
            return None

    async def _past(self, name: str, clock: Clock) -> tuple[IncidentLine, ...] | None:
        try:
            return incident_lines(tuple(await self.incidents.recent(name))[:MOST_INCIDENTS], clock)
        except web.HTTPServiceUnavailable:
            return None


def _begin(request: web.Request) -> int:
    """After how many rows the page begins."""
    given = request.query.get("after", "")
    return int(given) if given.isascii() and given.isdecimal() and len(given) < 7 else 0


def _look(run: LookRunView, clock: Clock) -> LookLine:
    why_so = f" ({run.reason})" if run.reason else ""
    took = f"mean {duration(run.mean_latency)}, longest {duration(run.max_latency)}"
    said = f"{run.looks} {run.outcome}{why_so}, {took}"
    return LookLine(Time(run.first, clock.at(run.first)), Time(run.last, clock.at(run.last)), said)
