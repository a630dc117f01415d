"""`/api/v1/dependencies/NAME/explain`: why it is so and why the watchdog acts or does not, now or at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from aiohttp import web
from pydantic import AwareDatetime, BaseModel, Field

from nemo_watchdog.incident_views import ExplanationView
from nemo_watchdog.runtime.core import Core
from nemo_watchdog.runtime.explanations import CannotAnswer, Explanations
from nemo_watchdog.web.answers import large_answer
from nemo_watchdog.web.operations import Operation

CLOCKS_DIFFER = timedelta(seconds=2)
"""Whoever asks may have another clock."""

HOW = "write at as ISO 8601 with its zone, such as 2026-11-27T03:12:00+01:00 or 2026-11-27T02:12:00Z"


class ExplanationParameters(BaseModel):
    at: AwareDatetime | None = Field(None, description="A time that is past; left out for now.")


@dataclass(frozen=True, slots=True)
class ExplanationsApi:
    core: Core
    explanations: Explanations

    def operations(self) -> tuple[Operation, ...]:
        return (
            Operation(
                method="GET",
                path="/api/v1/dependencies/{name}/explain",
                handler=self.get,
                summary="Why it is so, and why the watchdog acts or does not, now or at a time",
                query=ExplanationParameters,
                answers=ExplanationView,
                refuses=(400, 404, 503),
            ),
        )

    async def get(self, request: web.Request) -> web.Response:
        """Of what the policy names no more, a time that is past is answered where the journal knows it."""
        name, asked = request.match_info["name"], request.query.get("at")
        try:
            if asked is None:
                return await large_answer(await self.explanations.now(name))
            return await large_answer(await self.explanations.at(name, self._past(asked)))
        except KeyError:
            known = ", ".join(self.core.engine.trackers)
            raise web.HTTPNotFound(text=f"there is no dependency {name}; there are: {known}") from None
        except CannotAnswer as error:
            raise web.HTTPServiceUnavailable(text=str(error)) from error

    def _past(self, asked: str) -> datetime:
        """Refuses what is no time, or still to come."""
        try:
            at = datetime.fromisoformat(asked)
            at.astimezone()
        except (ValueError, OverflowError):
            raise web.HTTPBadRequest(text=f"at is no time that can be read: {HOW}") from None
        if at.tzinfo is None:
            raise web.HTTPBadRequest(text=f"at has no zone: {HOW} (in an address, a + is written as %2B)")
        now = self.core.clock.now().utc
        if at > now + CLOCKS_DIFFER:
            raise web.HTTPBadRequest(text=f"at is still to come: here it is {now:%Y-%m-%dT%H:%M:%SZ}")
        return min(at, now)
