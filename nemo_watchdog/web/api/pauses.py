"""`/api/v1/pause` and `/api/v1/resume`: the kill switch."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web
from pydantic import Field

from nemo_watchdog.engine.events import PauseAsked, ResumeAsked
from nemo_watchdog.engine.view import pauses
from nemo_watchdog.runtime.core import Core
from nemo_watchdog.views import EVERYTHING, PausesView
from nemo_watchdog.web.access import Access
from nemo_watchdog.web.answers import answer, on_disk
from nemo_watchdog.web.asked import ChangeBody, Line, asked
from nemo_watchdog.web.operations import Operation


class ResumeBody(ChangeBody):
    """`scope` is a dependency or "*"."""

    scope: str = EVERYTHING


class PauseBody(ResumeBody):
    """`duration` in seconds, left out for no end."""

    reason: Line = Field(min_length=1, max_length=500)
    duration: float | None = Field(default=None, gt=0, le=31 * 86400)


@dataclass(frozen=True, slots=True)
class PausesApi:
    core: Core
    access: Access

    def operations(self) -> tuple[Operation, ...]:
        return (
            Operation(
                method="POST",
                path="/api/v1/pause",
                handler=self.pause,
                summary="No new action, for everything or for one dependency",
                body=PauseBody,
                answers=PausesView,
                refuses=(404,),
            ),
            Operation(
                method="POST",
                path="/api/v1/resume",
                handler=self.resume,
                summary="The end of a pause",
                body=ResumeBody,
                answers=PausesView,
                refuses=(404,),
            ),
        )

    async def pause(self, request: web.Request) -> web.Response:
        return answer(await self.ordered_pause(await asked(request, self.access, PauseBody)))

    async def resume(self, request: web.Request) -> web.Response:
        return answer(await self.ordered_resume(await asked(request, self.access, ResumeBody)))

    async def ordered_pause(self, wanted: PauseBody) -> PausesView:
        self._must_be_known(wanted.scope)
        self.core.tell(PauseAsked(wanted.scope, wanted.reason, wanted.by, wanted.duration))
        return await self._now()

    async def ordered_resume(self, wanted: ResumeBody) -> PausesView:
        self._must_be_known(wanted.scope)
        self.core.tell(ResumeAsked(wanted.scope, wanted.by))
        return await self._now()

    async def _now(self) -> PausesView:
        """Told when the change is on disk: a kill switch that might be forgotten is none."""
        await on_disk(self.core, "it holds now, but could not be written: it will not outlive a restart of the daemon")
        return PausesView(pauses(self.core.engine, self.core.clock.now()))

    def _must_be_known(self, scope: str) -> None:
        engine = self.core.engine
        # A pause may outlive its dependency, and must then be possible to lift.
        if scope not in {EVERYTHING, *engine.trackers, *engine.durable.pauses}:
            known = ", ".join(engine.trackers)
            raise web.HTTPNotFound(text=f"there is no dependency {scope}; there are: {known}")
