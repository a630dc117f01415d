"""`/api/v1/proposals`, and `/act` of a dependency: what a person may have done, what he says of it, and by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from aiohttp import web
from pydantic import Field

from nemo_watchdog.engine.by_hand import why_not_acted
from nemo_watchdog.engine.events import ActAsked, ApproveAsked, RejectAsked
from nemo_watchdog.engine.proposals import DONE, REJECTED, Proposal
from nemo_watchdog.engine.proposing import what_became_of, why_not_approved
from nemo_watchdog.engine.view_proposals import proposal_view, proposals
from nemo_watchdog.errors import in_one_line
from nemo_watchdog.people_views import ProposalsView, ProposalView
from nemo_watchdog.runtime.core import Core
from nemo_watchdog.web.access import Access
from nemo_watchdog.web.answers import answer, on_disk
from nemo_watchdog.web.asked import ChangeBody, Line, asked
from nemo_watchdog.web.operations import Operation

PROPOSALS = "/api/v1/proposals"
NOT_WRITTEN = "that is taken, but could not be written: nothing is done before it is"
MOST_GATES = 30
LONGEST_REJECTION = 7 * 86400


class ApproveBody(ChangeBody):
    """`proposal` is its id, as the message has it."""

    proposal: str = Field(max_length=500)


class RejectBody(ApproveBody):
    """`for` in seconds; unless given, as long as the policy says."""

    reason: Line = Field(min_length=1, max_length=500)
    duration: float | None = Field(None, alias="for", gt=0, le=LONGEST_REJECTION)


class ActBody(ChangeBody):
    """The `step` of that key; unless given, what comes next. To `override` gates, a `reason` must be given."""

    step: str = Field("", max_length=200)
    override: Annotated[list[str], Field(max_length=MOST_GATES)] = Field(default_factory=list)
    reason: Line | None = Field(None, min_length=1, max_length=500)


@dataclass(frozen=True, slots=True)
class ProposalsApi:
    core: Core
    access: Access

    def operations(self) -> tuple[Operation, ...]:
        return (
            Operation(
                method="GET",
                path=PROPOSALS,
                handler=self.proposals,
                summary="What a person may have done now",
                answers=ProposalsView,
            ),
            Operation(
                method="POST",
                path=f"{PROPOSALS}/approve",
                handler=self.approve,
                summary="Have what was proposed done, once",
                body=ApproveBody,
                answers=ProposalView,
                refuses=(404, 409),
            ),
            Operation(
                method="POST",
                path=f"{PROPOSALS}/reject",
                handler=self.reject,
                summary="Have it not done, and not proposed again for a while",
                body=RejectBody,
                answers=ProposalView,
                refuses=(404, 409),
            ),
            Operation(
                method="POST",
                path="/api/v1/dependencies/{name}/act",
                handler=self.act,
                summary="Have the next step for what is down done now, by hand",
                body=ActBody,
                answers=ProposalView,
                refuses=(404, 409),
            ),
        )

    async def proposals(self, _request: web.Request) -> web.Response:
        return answer(ProposalsView(proposals(self.core.engine)))

    async def approve(self, request: web.Request) -> web.Response:
        return answer(await self.ordered_approve(await asked(request, self.access, ApproveBody)))

    async def reject(self, request: web.Request) -> web.Response:
        return answer(await self.ordered_reject(await asked(request, self.access, RejectBody)))

    async def act(self, request: web.Request) -> web.Response:
        wanted = await asked(request, self.access, ActBody)
        return answer(await self.ordered_act(request.match_info["name"], wanted))

    async def ordered_approve(self, wanted: ApproveBody) -> ProposalView:
        """Who approves again what was approved hears what became of it, and nothing is done twice."""
        one, engine = self.known(wanted.proposal), self.core.engine
        durable, now = engine.durable, self.core.clock.now().monotonic
        if one.grant is None or (one.over is not None and one.over.why != DONE):
            if why := why_not_approved(engine.volatile, durable, one, now):
                raise web.HTTPConflict(text=why)
            self.core.tell(ApproveAsked(one.identity, wanted.by))
        await on_disk(self.core, NOT_WRITTEN)
        return proposal_view(engine, one)

    async def ordered_reject(self, wanted: RejectBody) -> ProposalView:
        """Who rejects again what was rejected hears by whom it was."""
        one, engine = self.known(wanted.proposal), self.core.engine
        if one.over is not None and one.over.why != REJECTED:
            raise web.HTTPConflict(text=what_became_of(one, engine.volatile))
        if one.over is None:
            holds = engine.policy.suggestions.reject_holds if wanted.duration is None else wanted.duration
            self.core.tell(RejectAsked(one.identity, wanted.reason, holds, wanted.by))
        await on_disk(self.core, "it is rejected, but that could not be written: a restart of the daemon forgets it")
        return proposal_view(engine, one)

    async def ordered_act(self, name: str, wanted: ActBody) -> ProposalView:
        """Through all gates but those that are overridden; the one that refuses is named."""
        engine = self.core.engine
        if name not in engine.trackers:
            known = ", ".join(engine.trackers)
            raise web.HTTPNotFound(text=f"there is no dependency {in_one_line(name)}; there are: {known}")
        order = ActAsked(name, wanted.step, tuple(wanted.override), wanted.reason or "", wanted.by)
        if why := why_not_acted(engine.volatile, engine.durable, order, self.core.clock.now().monotonic):
            raise web.HTTPConflict(text=in_one_line(why))
        incident = engine.durable.incident_of(name)
        begun = engine.durable.proposals.next_of(incident.incident if incident is not None else "", name)
        self.core.tell(order)
        await on_disk(self.core, NOT_WRITTEN)
        return proposal_view(engine, self.known(begun))

    def known(self, identity: str) -> Proposal:
        """Open, or over for a while. Raises 404."""
        known = self.core.engine.durable.proposals
        if (one := known.known.get(identity)) is not None:
            return one
        waiting = ", ".join(each.identity for each in known.open()) or "none"
        raise web.HTTPNotFound(text=f"there is no proposal {in_one_line(identity)}; open: {waiting}")
