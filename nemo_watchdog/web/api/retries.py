"""`/api/v1/retry`: a person has a ladder that has ended, or that waits, begin anew."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web
from pydantic import Field

from nemo_watchdog.engine.events import RetryAsked
from nemo_watchdog.engine.rearming import why_not
from nemo_watchdog.engine.view import retried
from nemo_watchdog.runtime.core import Core
from nemo_watchdog.views import RetryView
from nemo_watchdog.web.access import Access
from nemo_watchdog.web.answers import answer, on_disk
from nemo_watchdog.web.asked import ChangeBody, Line, asked
from nemo_watchdog.web.operations import Operation


class RetryBody(ChangeBody):
    dependency: str
    reason: Line = Field(min_length=1, max_length=500)


@dataclass(frozen=True, slots=True)
class RetriesApi:
    core: Core
    access: Access

    def operations(self) -> tuple[Operation, ...]:
        return (
            Operation(
                method="POST",
                path="/api/v1/retry",
                handler=self.retry,
                summary="What was given up, or waits, begins anew",
                body=RetryBody,
                answers=RetryView,
                refuses=(404, 409),
            ),
        )

    async def retry(self, request: web.Request) -> web.Response:
        return answer(await self.ordered_retry(await asked(request, self.access, RetryBody)))

    async def ordered_retry(self, wanted: RetryBody) -> RetryView:
        """What is decided now; a budget that is spent, a pause or any other gate holds as before."""
        engine, name = self.core.engine, wanted.dependency
        if name not in engine.trackers:
            known = ", ".join(engine.trackers)
            raise web.HTTPNotFound(text=f"there is no dependency {name}; there are: {known}")
        if why := why_not(engine.durable, engine.policy, name):
            raise web.HTTPConflict(text=why)
        self.core.tell(RetryAsked(name, wanted.reason, wanted.by))
        decided = retried(engine, name, self.core.clock.now())
        await on_disk(self.core, "it begins anew now, but that could not be written")
        return decided
