"""What a person may have done, and what became of it, as it is remembered. Durable, changed by records alone.

One is open for each dependency. What a person does by hand is one, too, that has been approved when it is made: so
each is done once, or its end is on record. Times are monotonic: a clock that is set ends nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from nemo_watchdog.model import Gate, Moment, Target
from nemo_watchdog.records import ActedByHand, ProposalApproved, ProposalOver, ProposalRejected, Proposed

Fact = Proposed | ProposalApproved | ProposalRejected | ProposalOver | ActedByHand

EXPIRED, CHANGED, DONE, UNNEEDED, REJECTED = "expired", "changed", "done", "unneeded", "rejected"

MAY_BE_OVERRIDDEN = (Gate.BACKOFF, Gate.BUDGET, Gate.GRACE, Gate.UPSTREAM)
"""The gates that a person may open by hand: they guard against the watchdog itself, or against haste."""

KEPT_FOR = 86400.0
"""Seconds for which who approves one that is over is told what became of it."""


@dataclass(frozen=True, slots=True)
class Run:
    """Of a container, by Docker's own words; empty where the target is none, or nobody has seen it."""

    container_id: str = ""
    started: str = ""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a person allows for the next action: who, which gates that opens, and the step that he names, if any."""

    by: str
    gates: frozenset[Gate] = frozenset()
    step: str = ""
    at_once: bool = False
    """He stands before it and waits."""


@dataclass(frozen=True, slots=True)
class Over:
    why: str
    detail: str
    at: Moment
    by: str = ""


@dataclass(slots=True)
class Proposal:
    """`until` in monotonic seconds: until then it can be approved, and once it is, until then it is done."""

    identity: str
    incident: str
    dependency: str
    step_key: str
    action: str
    target: Target
    what: str
    run: Run
    begun: int
    at: Moment
    until: float
    reason: str = ""
    """What it failed with."""
    grant: Grant | None = None
    granted_at: Moment | None = None
    over: Over | None = None


@dataclass(frozen=True, slots=True)
class Rejection:
    """`until` in monotonic seconds; `failing` is what it failed with."""

    by: str
    reason: str
    failing: str
    until: float


@dataclass(slots=True)
class Proposals:
    known: dict[str, Proposal] = field(default_factory=dict)
    """Open ones, and for a while those that are over; the oldest first."""
    rejections: dict[str, Rejection] = field(default_factory=dict)
    """The last one of each dependency."""
    _open: dict[str, Proposal] = field(default_factory=dict)
    """By dependency."""
    _numbers: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How many there were of each dependency in each incident."""

    def take(self, fact: Fact, at: Moment) -> None:
        match fact:
            case Proposed():
                self._begin(fact, at, at.monotonic + fact.expires, fact.reason)
            case ActedByHand():
                opened = self._begin(fact, at, at.monotonic + fact.holds)
                gates = frozenset(gate for gate in MAY_BE_OVERRIDDEN if gate in fact.overrides)
                opened.grant, opened.granted_at = Grant(fact.by, gates, fact.step, at_once=True), at
            case ProposalApproved() if (one := self._open_one(fact.proposal)) is not None:
                one.grant, one.granted_at, one.until = Grant(fact.by), at, at.monotonic + fact.holds
            case ProposalRejected() if (one := self._open_one(fact.proposal)) is not None:
                self._end(one, Over(REJECTED, fact.reason, at, fact.by))
                until = at.monotonic + fact.holds
                self.rejections[fact.dependency] = Rejection(fact.by, fact.reason, one.reason, until)
            case ProposalOver() if (one := self._open_one(fact.proposal)) is not None:
                self._end(one, Over(fact.why, fact.detail, at))

    def open(self) -> Iterator[Proposal]:
        yield from self._open.values()

    def open_of(self, dependency: str) -> Proposal | None:
        return self._open.get(dependency)

    def next_of(self, incident: str, dependency: str) -> str:
        """The id of the next one."""
        return f"{incident}/{dependency}/p{self._numbers[incident, dependency] + 1}"

    def grant_of(self, dependency: str, now: float) -> Grant | None:
        """What a person allows for its next action at monotonic seconds `now`."""
        one = self._open.get(dependency)
        return one.grant if one is not None and now < one.until else None

    def rejection_of(self, dependency: str, failing: str, now: float) -> Rejection | None:
        """The one that holds, of what it fails with."""
        last = self.rejections.get(dependency)
        return last if last is not None and now < last.until and last.failing == failing else None

    def forget_old(self, now: float, incidents: set[str]) -> None:
        """`incidents` are those that are remembered: what is forgotten comes with no number again."""
        kept = {name: one for name, one in self.known.items() if one.over is None or _is_fresh(one.over, now)}
        self.known = kept
        self.rejections = {name: each for name, each in self.rejections.items() if now < each.until}
        self._numbers = Counter({key: number for key, number in self._numbers.items() if key[0] in incidents})

    def _open_one(self, identity: str) -> Proposal | None:
        return next((one for one in self._open.values() if one.identity == identity), None)

    def _begin(self, fact: Proposed | ActedByHand, at: Moment, until: float, reason: str = "") -> Proposal:
        begun = Proposal(
            fact.proposal,
            fact.incident,
            fact.dependency,
            fact.step_key,
            fact.action,
            Target(fact.target_kind, fact.target),
            fact.what,
            Run(fact.container_id, fact.run),
            fact.begun,
            at,
            until,
            reason,
        )
        self._numbers[fact.incident, fact.dependency] += 1
        self.known[fact.proposal] = self._open[fact.dependency] = begun
        return begun

    def _end(self, one: Proposal, over: Over) -> None:
        one.over = over
        del self._open[one.dependency]


def _is_fresh(over: Over, now: float) -> bool:
    return now - over.at.monotonic < KEPT_FOR
