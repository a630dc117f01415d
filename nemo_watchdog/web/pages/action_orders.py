"""What a person can have done on a page, through the gates of every action: a proposal, the next step, all anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from nemo_watchdog.engine.by_hand import what_is_done, what_is_in_its_way
from nemo_watchdog.engine.events import ActAsked
from nemo_watchdog.engine.proposals import MAY_BE_OVERRIDDEN
from nemo_watchdog.engine.proposing import why_not_approved
from nemo_watchdog.engine.view_proposals import proposal_view
from nemo_watchdog.errors import in_one_line
from nemo_watchdog.model import Gate
from nemo_watchdog.runtime.core import Core
from nemo_watchdog.web.api.proposals import ActBody, ApproveBody, ProposalsApi, RejectBody
from nemo_watchdog.web.api.retries import RetriesApi, RetryBody
from nemo_watchdog.web.pages import links
from nemo_watchdog.web.pages.asking import (
    Asking,
    Given,
    Order,
    body_of,
    how_long,
    must_be_known,
    named,
    reason,
    seconds,
)
from nemo_watchdog.web.pages.forms import Field, Option

HOLDS_BACK: Mapping[Gate, str] = MappingProxyType(
    {
        Gate.BACKOFF: "it waits between two attempts",
        Gate.BUDGET: "the actions allowed in its time are used up",
        Gate.GRACE: "it began a moment ago, and may still be starting",
        Gate.UPSTREAM: "what it needs fails as well",
    }
)
"""What each gate that a person may open is about."""


@dataclass(frozen=True, slots=True)
class ActionOrders:
    core: Core
    proposals: ProposalsApi
    retries: RetriesApi

    def all(self) -> Mapping[str, Order]:
        """By the word in their address."""
        return {
            "approve": Order(self._ask_approve, self._approve),
            "reject": Order(self._ask_reject, self._reject),
            "act": Order(self._ask_act, self._act),
            "retry": Order(self._ask_retry, self._retry),
        }

    def _ask_approve(self, about: Given) -> Asking:
        identity, engine = named(about, "proposal"), self.core.engine
        one = self.proposals.known(identity)
        refused = why_not_approved(engine.volatile, engine.durable, one, self.core.clock.now().monotonic)
        return Asking(
            title=f"Approve: {one.action} of {one.target}",
            does=(
                f"It does {one.what}.",
                f"It was judged on this: {one.dependency} failed with {one.reason or 'no reason given'}.",
                "It is looked at once more first; nothing is done where it has come back, or is another container now.",
            ),
            button="Do it",
            back=links.HOME,
            about={"proposal": identity},
            refusal=refused if one.grant is None else proposal_view(engine, one).said,
            grave=True,
        )

    async def _approve(self, given: Given, by: str) -> None:
        await self.proposals.ordered_approve(body_of(ApproveBody, by=by, proposal=given.get("proposal", "")))

    def _ask_reject(self, about: Given) -> Asking:
        identity = named(about, "proposal")
        one = self.proposals.known(identity)
        return Asking(
            title=f"Reject: {one.action} of {one.target}",
            does=(f"It does not do {one.what}.", "It is not proposed again for so long, unless it fails otherwise."),
            button="Reject it",
            back=links.HOME,
            about={"proposal": identity},
            fields=(reason("it would lose the queue"), how_long(Option("", "as long as the policy says"), value="")),
        )

    async def _reject(self, given: Given, by: str) -> None:
        values = {"proposal": given.get("proposal", ""), "reason": given.get("reason", ""), "for": seconds(given)}
        await self.proposals.ordered_reject(body_of(RejectBody, by=by, **values))

    def _ask_act(self, about: Given) -> Asking:
        name, engine, now = named(about, "dependency"), self.core.engine, self.core.clock.now().monotonic
        must_be_known(self.core, name)
        asked = ActAsked(name, "", (), "", "")
        what = what_is_done(engine.volatile, engine.durable, asked, now)
        gates = tuple(Option(gate, f"{gate}: {HOLDS_BACK[gate]}") for gate in MAY_BE_OVERRIDDEN)
        return Asking(
            title=f"Act on {name} now",
            does=(
                f"It does {what}." if what else f"There is nothing that the policy would do to {name} now.",
                "It goes through the same gates as the watchdog's own actions, and counts against the same budgets.",
            ),
            button="Do it now",
            back=links.dependency(name),
            about={"dependency": name},
            fields=(
                reason("asked by the team lead"),
                Field(
                    "override",
                    "Do it though these hold it back",
                    kind="several",
                    options=gates,
                    hint="No other gate can be overridden, and it is written down with your name.",
                ),
            ),
            refusal=in_one_line(what_is_in_its_way(engine.volatile, engine.durable, asked, now)[0]),
            grave=True,
        )

    async def _act(self, given: Given, by: str) -> None:
        overridden = [each for each in given.get("override", "").split("\n") if each]
        body = body_of(ActBody, by=by, reason=given.get("reason", ""), override=overridden)
        await self.proposals.ordered_act(given.get("dependency", ""), body)

    def _ask_retry(self, about: Given) -> Asking:
        name = named(about, "dependency")
        must_be_known(self.core, name)
        return Asking(
            title=f"Begin anew with {name}",
            does=(
                "Its remedy begins at its first step again, as if nothing had been tried.",
                "A budget that is spent, a pause or any other gate holds as before.",
            ),
            button="Begin anew",
            back=links.dependency(name),
            about={"dependency": name},
            fields=(reason("the disk was replaced"),),
            grave=True,
        )

    async def _retry(self, given: Given, by: str) -> None:
        values = {name: given.get(name, "") for name in ("dependency", "reason")}
        await self.retries.ordered_retry(body_of(RetryBody, by=by, **values))
