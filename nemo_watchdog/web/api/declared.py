"""`/api/v1/incidents`, as far as people change something: declare one, take it, write about it, end it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Literal

from aiohttp import web
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from nemo_watchdog.engine.answering import is_known, open_with, why_not_answered
from nemo_watchdog.engine.declared import why_not_declared, why_not_resolved
from nemo_watchdog.engine.events import AcknowledgeAsked, DeclareAsked, NoteAsked, ResolveAsked
from nemo_watchdog.engine.view import standing
from nemo_watchdog.errors import in_one_line
from nemo_watchdog.model import Severity
from nemo_watchdog.runtime.core import Core
from nemo_watchdog.timeline.public_page import PUBLIC
from nemo_watchdog.views import NoteView, StandingView
from nemo_watchdog.web.access import Access
from nemo_watchdog.web.answers import answer, on_disk
from nemo_watchdog.web.asked import ChangeBody, Line, asked
from nemo_watchdog.web.operations import Operation
from nemo_watchdog.web.past import Past

INCIDENTS = "/api/v1/incidents"
NOTHING_PUBLISHED = (
    "nobody could read it, for nothing is published: give a dependency of the policy `public: {name: ...}`"
)
LONGEST_NOTE = 4000
"""Characters."""


def _lines(text: str) -> str:
    """Lines of a person, with what else a terminal might obey shown as such."""
    lines = [in_one_line(line.expandtabs(4)).rstrip() for line in text.replace("\r\n", "\n").split("\n")]
    if not (shown := "\n".join(lines).strip("\n")):
        raise PydanticCustomError("no_words", "expected words")
    return shown


class DeclareBody(ChangeBody):
    """What the watchdog cannot see; `dependency` where it is about one."""

    text: Line = Field(min_length=1, max_length=500)
    severity: Severity = Severity.SEV2
    dependency: str = ""


class AcknowledgeBody(ChangeBody):
    """`for` in seconds, left out for no end."""

    duration: float | None = Field(default=None, alias="for", gt=0, le=31 * 86400)


class ResolveBody(ChangeBody):
    reason: Line = Field(min_length=1, max_length=500)


class NoteBody(ChangeBody):
    about: Literal["note", "root_cause", "public"] = "note"
    text: Annotated[str, AfterValidator(_lines)] = Field(min_length=1, max_length=LONGEST_NOTE)


@dataclass(frozen=True, slots=True)
class DeclaredApi:
    core: Core
    access: Access
    past: Past

    def operations(self) -> tuple[Operation, ...]:
        return (
            Operation(
                method="POST",
                path=INCIDENTS,
                handler=self.declare,
                summary="Declare an incident that the watchdog cannot see",
                body=DeclareBody,
                answers=StandingView,
                status=201,
                refuses=(404, 409),
            ),
            Operation(
                method="POST",
                path=f"{INCIDENTS}/{{id}}/acknowledge",
                handler=self.acknowledge,
                summary="Take an open incident upon oneself, with all that people were told of together with it",
                body=AcknowledgeBody,
                answers=StandingView,
                refuses=(404, 409),
            ),
            Operation(
                method="POST",
                path=f"{INCIDENTS}/{{id}}/resolve",
                handler=self.resolve,
                summary="End an incident that was declared",
                body=ResolveBody,
                answers=StandingView,
                refuses=(404, 409),
            ),
            Operation(
                method="POST",
                path=f"{INCIDENTS}/{{id}}/notes",
                handler=self.note,
                summary="Write something about an incident, open or over",
                body=NoteBody,
                answers=NoteView,
                status=201,
                refuses=(404, 409),
            ),
        )

    async def declare(self, request: web.Request) -> web.Response:
        stands = await self.ordered_declare(await asked(request, self.access, DeclareBody))
        response = answer(stands, 201)
        response.headers["Location"] = f"{INCIDENTS}/{stands.incident}"
        return response

    async def acknowledge(self, request: web.Request) -> web.Response:
        wanted = await asked(request, self.access, AcknowledgeBody)
        return answer(await self.ordered_acknowledge(request.match_info["id"], wanted))

    async def resolve(self, request: web.Request) -> web.Response:
        wanted = await asked(request, self.access, ResolveBody)
        return answer(await self.ordered_resolve(request.match_info["id"], wanted))

    async def note(self, request: web.Request) -> web.Response:
        wanted = await asked(request, self.access, NoteBody)
        return answer(await self.ordered_note(request.match_info["id"], wanted), 201)

    async def ordered_declare(self, wanted: DeclareBody) -> StandingView:
        engine, name = self.core.engine, wanted.dependency
        if name and name not in engine.trackers:
            known = ", ".join(engine.trackers)
            raise web.HTTPNotFound(text=f"there is no dependency {name}; there are: {known}")
        if why := why_not_declared(engine.durable):
            raise web.HTTPConflict(text=why)
        self.core.tell(DeclareAsked(wanted.text, wanted.severity, name, wanted.by))
        return await self._stands(list(engine.durable.declared)[-1])

    async def ordered_acknowledge(self, asked_for: str, wanted: AcknowledgeBody) -> StandingView:
        durable = self.core.engine.durable
        if not is_known(durable, asked_for):
            raise self._unknown(asked_for)
        if why := why_not_answered(durable, asked_for):
            raise web.HTTPConflict(text=why)
        incident, *also = (one.incident for one in open_with(durable, asked_for))
        self.core.tell(AcknowledgeAsked(asked_for, wanted.by, wanted.duration))
        return await self._stands(incident, also=tuple(also))

    async def ordered_resolve(self, incident: str, wanted: ResolveBody) -> StandingView:
        engine = self.core.engine
        if incident not in engine.durable.ids:
            raise self._unknown(incident)
        if why := why_not_resolved(engine.volatile, engine.durable, incident):
            raise web.HTTPConflict(text=why)
        self.core.tell(ResolveAsked(incident, wanted.reason, wanted.by))
        return await self._stands(incident)

    async def ordered_note(self, incident: str, wanted: NoteBody) -> NoteView:
        if not await self._is_known(incident):
            raise web.HTTPNotFound(text=f"the journal has no incident {in_one_line(incident)}")
        if wanted.about == PUBLIC and not any(each.public for each in self.core.engine.policy.dependencies.values()):
            raise web.HTTPConflict(text=NOTHING_PUBLISHED)
        at = self.core.clock.now().utc.isoformat()
        self.core.tell(NoteAsked(incident, wanted.about, wanted.text, wanted.by))
        await on_disk(self.core, "the note could not be written: write it again when the journal takes writes")
        return NoteView(at, wanted.by, wanted.about, wanted.text)

    async def _stands(self, incident: str, also: tuple[str, ...] = ()) -> StandingView:
        view = replace(standing(self.core.engine, incident, self.core.clock.now()), also=also)
        await on_disk(self.core, "it is so now, but could not be written: it will not outlive a restart of the daemon")
        return view

    def _unknown(self, incident: str) -> web.HTTPNotFound:
        opened = ", ".join(self.core.engine.durable.severities()) or "none"
        return web.HTTPNotFound(text=f"there is no open incident {in_one_line(incident)}; open are: {opened}")

    async def _is_known(self, incident: str) -> bool:
        return incident in self.core.engine.durable.ids or await self.past.read(lambda reader: reader.knows(incident))
