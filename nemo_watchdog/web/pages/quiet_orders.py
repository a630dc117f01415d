"""What a person can hold on a page: actions, by a pause; messages, by a silence; both, for maintenance. And its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from nemo_watchdog.engine.view import pauses
from nemo_watchdog.engine.view_quiet import maintenance, silences
from nemo_watchdog.errors import in_one_line
from nemo_watchdog.people_views import QuietView
from nemo_watchdog.runtime.core import Core
from nemo_watchdog.view_words import Clock, pauses_said, scope_said
from nemo_watchdog.views import EVERYTHING
from nemo_watchdog.web.api.pauses import PauseBody, PausesApi, ResumeBody
from nemo_watchdog.web.api.quiet import EndBody, MaintenanceBody, QuietApi, SilenceBody
from nemo_watchdog.web.pages import links
from nemo_watchdog.web.pages.asking import (
    UNTIL_ENDED,
    Asking,
    Given,
    Order,
    back_to,
    body_of,
    how_long,
    must_be_known,
    named,
    reason,
    seconds,
)
from nemo_watchdog.web.pages.forms import Field

FOR_USERS = Field("public", "For users, on the public page (if they should know)", hint="Search may be slow")


@dataclass(frozen=True, slots=True)
class QuietOrders:
    core: Core
    pauses: PausesApi
    quiet: QuietApi

    def all(self) -> Mapping[str, Order]:
        """By the word in their address."""
        return {
            "pause": Order(self._ask_pause, self._pause),
            "resume": Order(self._ask_resume, self._resume),
            "silence": Order(self._ask_silence, self._silence),
            "end-silence": Order(self._ask_end_silence, self._end_silence),
            "maintain": Order(self._ask_maintain, self._maintain),
            "end-maintenance": Order(self._ask_end_maintenance, self._end_maintenance),
        }

    def _ask_pause(self, about: Given) -> Asking:
        scope = about.get("scope", EVERYTHING)
        must_be_known(self.core, scope, EVERYTHING)
        what = scope_named(scope)
        return Asking(
            title=f"Pause {what}",
            does=(
                f"No new action on {what} until you resume it, or the time is over.",
                "Looks and messages go on, and what is under way is not broken off.",
                "It holds as well after the watchdog was started again.",
            ),
            button=f"Pause {what}",
            back=back_to(self.core, scope),
            about={"scope": scope},
            fields=(reason("deploying 2.3"), how_long(UNTIL_ENDED)),
        )

    async def _pause(self, given: Given, by: str) -> None:
        values = {"scope": given.get("scope", ""), "reason": given.get("reason", ""), "duration": seconds(given)}
        await self.pauses.ordered_pause(body_of(PauseBody, by=by, **values))

    def _ask_resume(self, about: Given) -> Asking:
        scope, now = about.get("scope", EVERYTHING), self.core.clock.now()
        held = pauses(self.core.engine, now).get(scope)
        if held is None:
            raise web.HTTPConflict(text=f"{scope_named(scope)} is not paused: there is nothing to resume")
        clock = Clock(now.utc.isoformat(), self.core.engine.policy.telling.zone)
        return Asking(
            title=f"Resume {scope_named(scope)}",
            does=(
                *(f"It is {said}." for said in pauses_said(scope, held, clock)),
                "The watchdog acts again as its policy says, at once where something is due.",
            ),
            button=f"Resume {scope_named(scope)}",
            back=back_to(self.core, scope),
            about={"scope": scope},
            grave=True,
        )

    async def _resume(self, given: Given, by: str) -> None:
        await self.pauses.ordered_resume(body_of(ResumeBody, by=by, scope=given.get("scope", "")))

    # -- quiet

    def _ask_silence(self, about: Given) -> Asking:
        return self._ask_quiet(
            about,
            "Silence",
            ("Nobody is told of {} for so long.", "It is looked at as ever, and acted on as the policy says."),
        )

    async def _silence(self, given: Given, by: str) -> None:
        await self.quiet.ordered_silence(body_of(SilenceBody, by=by, **_quiet(given)))

    def _ask_maintain(self, about: Given) -> Asking:
        return self._ask_quiet(
            about,
            "Maintenance of",
            ("Nothing is done to {} for so long, and nobody is told.", "What is down at its end is told then."),
            *([FOR_USERS] if any(each.public for each in self.core.engine.policy.dependencies.values()) else []),
        )

    async def _maintain(self, given: Given, by: str) -> None:
        public = given.get("public", "").strip() or None
        await self.quiet.ordered_maintain(body_of(MaintenanceBody, by=by, public=public, **_quiet(given)))

    def _ask_quiet(self, about: Given, title: str, does: tuple[str, ...], *more: Field) -> Asking:
        name = about.get("dependency", "")
        must_be_known(self.core, name, "")
        what = name or "everything"
        return Asking(
            title=f"{title} {what}",
            does=tuple(each.format(what) for each in does),
            button=f"{title} {what}",
            back=back_to(self.core, name),
            about={"dependency": name} if name else {},
            fields=(reason("moving the database"), how_long(), *more),
        )

    def _ask_end_silence(self, about: Given) -> Asking:
        return self._ask_end(about, silences(self.core.engine, self.core.clock.now()), "silence")

    async def _end_silence(self, given: Given, by: str) -> None:
        await self.quiet.ordered_end_silence(given.get("id", ""), body_of(EndBody, by=by))

    def _ask_end_maintenance(self, about: Given) -> Asking:
        return self._ask_end(about, maintenance(self.core.engine, self.core.clock.now()), "maintenance")

    async def _end_maintenance(self, given: Given, by: str) -> None:
        await self.quiet.ordered_end_maintenance(given.get("id", ""), body_of(EndBody, by=by))

    def _ask_end(self, about: Given, holding: tuple[QuietView, ...], what: str) -> Asking:
        identity = named(about, "id")
        one = next((each for each in holding if each.id == identity), None)
        if one is None:
            raise web.HTTPConflict(text=f"{in_one_line(identity)} does not hold any more")
        ended = f"by {one.by}: {one.reason}" if one.by else f"by the policy's window {one.window}"
        return Asking(
            title=f"End the {what}",
            does=(f"It is of {scope_said(one)}, {ended}.", "It is over at once, and people are told as ever."),
            button=f"End the {what}",
            back=links.HOME,
            about={"id": identity},
        )


def scope_named(scope: str) -> str:
    return "everything" if scope == EVERYTHING else in_one_line(scope)


def _quiet(given: Given) -> dict[str, object]:
    name = given.get("dependency", "")
    return {"dependencies": [name] if name else [], "reason": given.get("reason", ""), "for": seconds(given)}
