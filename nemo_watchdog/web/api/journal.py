"""`/api/v1/journal/accept`: a person lets a damaged journal go on with what can be read of it."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web
from pydantic import Field

from nemo_watchdog.engine.view import budgets, pauses
from nemo_watchdog.errors import JournalError
from nemo_watchdog.runtime.core import Core
from nemo_watchdog.views import AcceptedView
from nemo_watchdog.web.access import Access
from nemo_watchdog.web.answers import answer, on_disk
from nemo_watchdog.web.asked import ChangeBody, Line, asked
from nemo_watchdog.web.operations import Operation


class AcceptBody(ChangeBody):
    """Who takes it upon himself, and why: both are written down."""

    reason: Line = Field(min_length=1, max_length=500)


@dataclass(frozen=True, slots=True)
class JournalApi:
    core: Core
    access: Access

    def operations(self) -> tuple[Operation, ...]:
        return (
            Operation(
                method="POST",
                path="/api/v1/journal/accept",
                handler=self.accept,
                summary="A damaged journal goes on with what can be read of it",
                body=AcceptBody,
                answers=AcceptedView,
                refuses=(409,),
            ),
        )

    async def accept(self, request: web.Request) -> web.Response:
        return answer(await self.ordered_accept(await asked(request, self.access, AcceptBody)))

    async def ordered_accept(self, wanted: AcceptBody) -> AcceptedView:
        engine = self.core.engine
        if not engine.volatile.journal_damaged:
            raise web.HTTPConflict(text="the journal is not damaged: there is nothing to accept")
        try:
            damage = await self.core.accept_journal(wanted.reason, wanted.by)
        except JournalError as error:
            raise web.HTTPServiceUnavailable(text=f"not accepted: {error}") from error
        await on_disk(self.core, "it was accepted, and what happened meanwhile could not be written yet")
        now = self.core.clock.now()
        return AcceptedView(damage, pauses(engine, now), dict(budgets(engine, now.monotonic)))
