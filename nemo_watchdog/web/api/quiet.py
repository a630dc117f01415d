"""`/api/v1/silences` and `/api/v1/maintenance`: what people want quiet for a while, and its end before its time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from aiohttp import web
from pydantic import Field

from nemo_watchdog.engine.events import MaintenanceAsked, QuietEndAsked, SilenceAsked
from nemo_watchdog.engine.quiet import Quiet
from nemo_watchdog.engine.quieting import why_not_ended, why_not_maintained, why_not_silenced
from nemo_watchdog.engine.view_quiet import maintenance, quiet_view, silences
from nemo_watchdog.errors import in_one_line
from nemo_watchdog.people_views import QuietsView, QuietView
from nemo_watchdog.runtime.core import Core
from nemo_watchdog.web.access import Access
from nemo_watchdog.web.answers import answer, on_disk
from nemo_watchdog.web.api.declared import NOTHING_PUBLISHED
from nemo_watchdog.web.asked import ChangeBody, Line, asked
from nemo_watchdog.web.operations import Operation

SILENCES, MAINTENANCE = "/api/v1/silences", "/api/v1/maintenance"
NOT_WRITTEN = "it holds now, but could not be written: it will not outlive a restart of the daemon"

Names = Annotated[list[str], Field(max_length=1000)]


class QuietBody(ChangeBody):
    """Of these dependencies, and of what has one of these tags; of everything where neither is given."""

    dependencies: Names = Field(default_factory=list)
    tags: Names = Field(default_factory=list)
    reason: Line = Field(min_length=1, max_length=500)


class SilenceBody(QuietBody):
    """`for` in seconds."""

    duration: float = Field(alias="for", gt=0, le=31 * 86400)


class MaintenanceBody(QuietBody):
    """`for` in seconds. `public` is what users are told of it, on the status page; without it they are told nothing."""

    duration: float = Field(alias="for", gt=0, le=7 * 86400)
    public: Annotated[Line, Field(min_length=1, max_length=300)] | None = None


class EndBody(ChangeBody):
    """The end of one, before its time."""


@dataclass(frozen=True, slots=True)
class QuietApi:
    core: Core
    access: Access

    def operations(self) -> tuple[Operation, ...]:
        return (
            Operation(
                method="GET",
                path=SILENCES,
                handler=self.silences,
                summary="The silences that hold",
                answers=QuietsView,
            ),
            Operation(
                method="POST",
                path=SILENCES,
                handler=self.silence,
                summary="Tell nobody of these for a while; look and act as ever",
                body=SilenceBody,
                answers=QuietView,
                status=201,
                refuses=(404, 409),
            ),
            Operation(
                method="POST",
                path=f"{SILENCES}/{{id}}/end",
                handler=self.end_silence,
                summary="The end of a silence",
                body=EndBody,
                answers=QuietsView,
                refuses=(404, 409),
            ),
            Operation(
                method="GET",
                path=MAINTENANCE,
                handler=self.maintenance,
                summary="The maintenance that goes on, by hand or by the policy",
                answers=QuietsView,
            ),
            Operation(
                method="POST",
                path=MAINTENANCE,
                handler=self.maintain,
                summary="Do nothing to these for a while, and tell what went down at its end",
                body=MaintenanceBody,
                answers=QuietView,
                status=201,
                refuses=(404, 409),
            ),
            Operation(
                method="POST",
                path=f"{MAINTENANCE}/{{id}}/end",
                handler=self.end_maintenance,
                summary="The end of maintenance that a person began",
                body=EndBody,
                answers=QuietsView,
                refuses=(404, 409),
            ),
        )

    async def silences(self, _request: web.Request) -> web.Response:
        return answer(self._silences())

    async def maintenance(self, _request: web.Request) -> web.Response:
        return answer(self._maintenance())

    async def silence(self, request: web.Request) -> web.Response:
        return _begun(await self.ordered_silence(await asked(request, self.access, SilenceBody)), SILENCES)

    async def maintain(self, request: web.Request) -> web.Response:
        return _begun(await self.ordered_maintain(await asked(request, self.access, MaintenanceBody)), MAINTENANCE)

    async def end_silence(self, request: web.Request) -> web.Response:
        wanted = await asked(request, self.access, EndBody)
        return answer(await self.ordered_end_silence(request.match_info["id"], wanted))

    async def end_maintenance(self, request: web.Request) -> web.Response:
        wanted = await asked(request, self.access, EndBody)
        return answer(await self.ordered_end_maintenance(request.match_info["id"], wanted))

    async def ordered_silence(self, wanted: SilenceBody) -> QuietView:
        self._must_be_known(wanted)
        quiet = self.core.engine.durable.quiet
        if why := why_not_silenced(self.core.engine.durable):
            raise web.HTTPConflict(text=why)
        names, tags = tuple(wanted.dependencies), tuple(wanted.tags)
        self.core.tell(SilenceAsked(names, tags, wanted.duration, wanted.reason, wanted.by))
        return await self._kept(list(quiet.silences.values())[-1])

    async def ordered_maintain(self, wanted: MaintenanceBody) -> QuietView:
        self._must_be_known(wanted)
        quiet = self.core.engine.durable.quiet
        if why := why_not_maintained(self.core.engine.durable):
            raise web.HTTPConflict(text=why)
        if wanted.public is not None and not any(each.public for each in self.core.engine.policy.dependencies.values()):
            raise web.HTTPConflict(text=NOTHING_PUBLISHED)
        names, tags = tuple(wanted.dependencies), tuple(wanted.tags)
        before = set(quiet.maintenance)
        self.core.tell(MaintenanceAsked(names, tags, wanted.duration, wanted.reason, wanted.by, wanted.public))
        begun = next(each for name, each in quiet.maintenance.items() if name not in before and not each.window)
        return await self._kept(begun)

    async def ordered_end_silence(self, identity: str, wanted: EndBody) -> QuietsView:
        await self._end(identity, wanted, self.core.engine.durable.quiet.silences)
        return self._silences()

    async def ordered_end_maintenance(self, identity: str, wanted: EndBody) -> QuietsView:
        await self._end(identity, wanted, self.core.engine.durable.quiet.maintenance)
        return self._maintenance()

    async def _kept(self, quiet: Quiet) -> QuietView:
        view = quiet_view(self.core.engine, quiet, self.core.clock.now())
        await on_disk(self.core, NOT_WRITTEN)
        return view

    async def _end(self, identity: str, wanted: EndBody, known: Mapping[str, Quiet]) -> None:
        if identity not in known:
            holding = ", ".join(name for name, each in known.items() if each.ended is None) or "none"
            raise web.HTTPNotFound(text=f"there is no {in_one_line(identity)}; there are: {holding}")
        if why := why_not_ended(self.core.engine.durable, identity):
            raise web.HTTPConflict(text=why)
        self.core.tell(QuietEndAsked(identity, wanted.by))
        await on_disk(self.core, "it is over now, but that could not be written: a restart of the daemon forgets it")

    def _silences(self) -> QuietsView:
        return QuietsView(silences(self.core.engine, self.core.clock.now()))

    def _maintenance(self) -> QuietsView:
        return QuietsView(maintenance(self.core.engine, self.core.clock.now()))

    def _must_be_known(self, wanted: QuietBody) -> None:
        """What is written wrong would mute nothing, and be noticed at night."""
        specs = self.core.engine.policy.dependencies
        tags = sorted({tag for spec in specs.values() for tag in spec.tags})
        if unknown := [in_one_line(name) for name in wanted.dependencies if name not in specs]:
            raise web.HTTPNotFound(text=f"there is no dependency {unknown[0]}; there are: {', '.join(specs)}")
        if unknown := [in_one_line(tag) for tag in wanted.tags if tag not in tags]:
            known = ", ".join(tags) or "none"
            raise web.HTTPNotFound(text=f"no dependency has the tag {unknown[0]}; there are: {known}")


def _begun(view: QuietView, path: str) -> web.Response:
    response = answer(view, 201)
    response.headers["Location"] = f"{path}/{view.id}"
    return response
