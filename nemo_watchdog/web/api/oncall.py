"""`/api/v1/oncall`: who has which rota, and who has it instead."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from aiohttp import web
from pydantic import AwareDatetime, Field, model_validator
from pydantic_core import PydanticCustomError

from nemo_watchdog.durations import duration
from nemo_watchdog.engine.events import SwapAsked, UnswapAsked
from nemo_watchdog.engine.oncall import Oncall
from nemo_watchdog.engine.oncall_view import rotas
from nemo_watchdog.engine.swapping import oncall_of
from nemo_watchdog.errors import in_one_line
from nemo_watchdog.people_views import OncallView
from nemo_watchdog.runtime.core import Core
from nemo_watchdog.web.access import Access
from nemo_watchdog.web.answers import answer, on_disk
from nemo_watchdog.web.asked import ChangeBody, Line, asked
from nemo_watchdog.web.operations import Operation

ONCALL = "/api/v1/oncall"
LONGEST = timedelta(days=92)


class SwapBody(ChangeBody):
    """`until` with its zone, or `for` in seconds."""

    person: str
    until: AwareDatetime | None = None
    duration: float | None = Field(default=None, alias="for", gt=0, le=LONGEST.total_seconds())
    reason: Line = Field(min_length=1, max_length=500)

    @model_validator(mode="after")
    def _ends(self) -> SwapBody:
        if (self.until is None) == (self.duration is None):
            raise PydanticCustomError("no_end", "say when it ends: `until` or `for`")
        return self


@dataclass(frozen=True, slots=True)
class OncallApi:
    core: Core
    access: Access

    def operations(self) -> tuple[Operation, ...]:
        return (
            Operation(
                method="GET",
                path=ONCALL,
                handler=self.get,
                summary="Who has which rota, until when, and who comes next",
                answers=OncallView,
            ),
            Operation(
                method="POST",
                path=f"{ONCALL}/{{rota}}/swap",
                handler=self.swap,
                summary="Another person has a rota for a while",
                body=SwapBody,
                answers=OncallView,
                refuses=(404, 409),
            ),
            Operation(
                method="POST",
                path=f"{ONCALL}/{{rota}}/unswap",
                handler=self.unswap,
                summary="The end of all swaps of a rota",
                body=ChangeBody,
                answers=OncallView,
                refuses=(404, 409),
            ),
        )

    async def get(self, _: web.Request) -> web.Response:
        return answer(self._view())

    async def swap(self, request: web.Request) -> web.Response:
        wanted = await asked(request, self.access, SwapBody)
        return answer(await self.ordered_swap(request.match_info["rota"], wanted))

    async def unswap(self, request: web.Request) -> web.Response:
        wanted = await asked(request, self.access, ChangeBody)
        return answer(await self.ordered_unswap(request.match_info["rota"], wanted))

    async def ordered_swap(self, rota: str, wanted: SwapBody) -> OncallView:
        now = self.core.clock.now().utc
        self._must_be_known(rota)
        self._must_be_a_person(wanted.person)
        until = wanted.until or now + timedelta(seconds=wanted.duration or 0.0)
        _must_be_ahead(until, now)
        self.core.tell(SwapAsked(rota, wanted.person, until.astimezone(UTC), wanted.reason, wanted.by))
        return await self._now()

    async def ordered_unswap(self, rota: str, wanted: ChangeBody) -> OncallView:
        now = self.core.clock.now().utc
        self._must_be_known(rota)
        if not any(swap.holds(now) for swap in self._oncall.swaps.get(rota, ())):
            raise web.HTTPConflict(text=f"nobody has {rota} instead: there is no swap to end")
        self.core.tell(UnswapAsked(rota, wanted.by))
        return await self._now()

    async def _now(self) -> OncallView:
        view = self._view()
        await on_disk(self.core, "it is so now, but could not be written: it will not outlive a restart of the daemon")
        return view

    def _view(self) -> OncallView:
        return OncallView(rotas(self._oncall, self.core.clock.now().utc))

    @property
    def _oncall(self) -> Oncall:
        return oncall_of(self.core.engine.volatile, self.core.engine.durable)

    def _must_be_known(self, rota: str) -> None:
        if rota not in (known := self._oncall.rotas()):
            there = ", ".join(known) or "none"
            raise web.HTTPNotFound(text=f"there is no rota {in_one_line(rota)}; there are: {there}")

    def _must_be_a_person(self, name: str) -> None:
        contacts = self._oncall.contacts
        if name not in contacts or contacts[name].rota is not None:
            people = ", ".join(each for each, contact in contacts.items() if contact.rota is None)
            raise web.HTTPNotFound(
                text=f"there is no person {in_one_line(name)} among the contacts: there are {people}"
            )
        if not contacts[name].addresses:
            raise web.HTTPConflict(text=f"{name} has no address: nobody would be told")


def _must_be_ahead(until: datetime, now: datetime) -> None:
    if until <= now:
        raise web.HTTPBadRequest(text=f"until: {until.isoformat()} is past: it is {now.isoformat(timespec='seconds')}")
    if until - now > LONGEST:
        longest = duration(LONGEST.total_seconds())
        raise web.HTTPBadRequest(text=f"until: it is more than {longest} ahead: change the rota in the policy instead")
