"""What a person was asked to allow, what became of it, and what a person has done by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from nemo_watchdog.records.record import Record


@dataclass(frozen=True, slots=True)
class Proposed(Record):
    """A person may have this step done, for `expires` seconds, while it is the same run of the same container.

    `what` is that in one phrase; `reason` what it fails with. `again`: people were asked already in this trouble.
    """

    TYPE: ClassVar[str] = "proposed"
    incident: str
    proposal: str
    dependency: str
    step_key: str
    action: str
    target_kind: str
    target: str
    what: str
    reason: str
    expires: float
    container_id: str = ""
    run: str = ""
    """When that run began, by Docker's time; empty where the target is no container."""
    begun: int = 0
    """How often the ladder had begun anew."""
    again: bool = False


@dataclass(frozen=True, slots=True)
class ProposalApproved(Record):
    """It is to be done once, within `holds` seconds."""

    TYPE: ClassVar[str] = "proposal_approved"
    incident: str
    proposal: str
    dependency: str
    by: str
    holds: float


@dataclass(frozen=True, slots=True)
class ProposalRejected(Record):
    """For `holds` seconds nothing is proposed for this dependency while it fails with the same."""

    TYPE: ClassVar[str] = "proposal_rejected"
    incident: str
    proposal: str
    dependency: str
    by: str
    reason: str
    holds: float


@dataclass(frozen=True, slots=True)
class ProposalOver(Record):
    """Nobody can approve it any more: `why` is expired, changed, done or unneeded; `detail` says it to people.

    Written before the intent of what it is done by: what was approved is done once, or not at all.
    """

    TYPE: ClassVar[str] = "proposal_over"
    incident: str
    proposal: str
    dependency: str
    why: str
    detail: str


@dataclass(frozen=True, slots=True)
class ActedByHand(Record):
    """A person has a step done now, through all gates but `overrides`: approved by who proposes it.

    `step` is the key that he named; empty: what comes next. The other fields as `Proposed` has them.
    """

    TYPE: ClassVar[str] = "acted_by_hand"
    incident: str
    dependency: str
    by: str
    reason: str
    overrides: list[str]
    step: str
    proposal: str
    step_key: str
    action: str
    target_kind: str
    target: str
    what: str
    holds: float
    container_id: str = ""
    run: str = ""
    begun: int = 0
