"""`/`: how everything is now. Made once for all who ask at the same time; who they are stands around it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from aiohttp import web

from nemo_watchdog.engine.view import dependency_view
from nemo_watchdog.engine.view_quiet import maintenance
from nemo_watchdog.journal.reader import Outbox
from nemo_watchdog.view_words import Clock
from nemo_watchdog.views import StatusView
from nemo_watchdog.web.api.status import StatusApi
from nemo_watchdog.web.operations import Operation
from nemo_watchdog.web.packing import Piece, packed_once
from nemo_watchdog.web.pages import links
from nemo_watchdog.web.pages.frame import HTML, Framing
from nemo_watchdog.web.pages.overview import gravest, overview, shown
from nemo_watchdog.web.pages.refusals import as_page
from nemo_watchdog.web.pages.rendering import part
from nemo_watchdog.web.pages.why import Why, why
from nemo_watchdog.web.past import Past
from nemo_watchdog.web.recent import Recent

FRESH = 1.0
"""Seconds for which it is the same for everybody, as long as nothing has changed: countdowns go on by themselves."""

MESSAGES = 8
"""The newest, that are shown."""

EXPLAINED = 12
"""Members of open incidents of which all gates are shown."""


@dataclass(frozen=True, slots=True)
class _Made:
    version: str
    at: float
    """Seconds of the event loop's clock."""
    headline: str
    body: Piece


class OverviewPage:
    def __init__(self, framing: Framing, status: StatusApi, recent: Recent, past: Past) -> None:
        self._framing = framing
        self._status = status
        self._recent = recent
        self._past = past
        self._made: _Made | None = None
        self._making = asyncio.Lock()

    def operations(self) -> tuple[Operation, ...]:
        return (
            Operation(
                method="GET",
                path=links.HOME,
                handler=as_page(self.get),
                summary="How everything is now, for people",
                media=(HTML,),
                pages=(503,),
            ),
        )

    async def get(self, request: web.Request) -> web.StreamResponse:
        async with self._making:
            made = await self._fresh()
        return self._framing.around(
            request, "overview.html", made.headline, made.body, here="now", version=made.version
        )

    async def _fresh(self) -> _Made:
        version, now = self._framing.version(), asyncio.get_running_loop().time()
        if self._made is None or self._made.version != version or now - self._made.at >= FRESH:
            self._made = await self._make(version, now)
        return self._made

    async def _make(self, version: str, now: float) -> _Made:
        view = await self._status.view(explained=False)
        recent, outbox = await self._recent.of(await asyncio.to_thread(shown, view)), await self._outbox()
        clock = Clock(view.now, self._status.core.engine.policy.telling.zone)
        reasons = await self._why(view, clock)
        planned = maintenance(self._status.core.engine, self._status.core.clock.now())

        def written() -> tuple[str, Piece]:
            page = overview(view, recent, outbox, clock, planned)
            text = part("overview_body.html", page=page, why=reasons, links=links)
            return page.headline, packed_once(text)

        return _Made(version, now, *await asyncio.to_thread(written))

    async def _outbox(self) -> Outbox | None:
        """None where the journal cannot be read: the page is needed most when something is broken."""
        try:
            return await self._past.read(lambda reader: reader.newest_deliveries(MESSAGES))
        except web.HTTPServiceUnavailable:
            return None

    async def _why(self, view: StatusView, clock: Clock) -> Mapping[str, Sequence[Why]]:
        """Of the first members of the gravest incidents, by the id of each. One by one, for no look may be late."""
        engine, reasons = self._status.core.engine, dict[str, list[Why]]()
        members = ((each.id, name) for each in gravest(view.incidents) for name in each.members)
        for incident, name in islice(members, EXPLAINED):
            if name in engine.trackers:
                gates = dependency_view(engine, name, self._status.core.clock.now()).explain
                reasons.setdefault(incident, []).append(why(name, gates, clock))
            await asyncio.sleep(0)
        return reasons
