"""What was decided about a ladder, done, and learned of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from nemo_watchdog.docker_words import Footprint
from nemo_watchdog.records.record import Record


@dataclass(frozen=True, slots=True)
class LadderShared(Record):
    """What acts on this target has acted on it for another: attempts, verification and backoff are one from now on."""

    TYPE: ClassVar[str] = "ladder_shared"
    incident: str
    dependency: str
    target_kind: str
    target: str


@dataclass(frozen=True, slots=True)
class ActionIntended(Record):
    """Written before the action runs; the attempt and the budget are spent, unless it ends as refused."""

    TYPE: ClassVar[str] = "action_intended"
    incident: str
    action_id: str
    dependency: str
    remedy: str
    step: int
    attempt: int
    action: str
    container: str
    """That of the target, or the dependency's own that the action reaches as well; empty when it acts on none."""
    verify_within: float
    target_kind: str = ""
    target: str = ""
    step_key: str = ""
    """What a reloaded policy knows the step by; `step` only says where it stood."""
    moved: str = ""
    """Why the ladder does not go on where it stood; empty while the policy has the same steps."""
    reason: str = ""
    """What it failed with then."""
    image: str = ""
    """The id of the image of its container; empty without one."""
    options: str = ""
    """A digest of the step's own."""
    stops: bool = True
    """This and the next three are its `Footprint`; older versions knew restarts alone."""
    starts: bool = True
    signal: int | None = None
    unpauses: bool = False

    @property
    def leaves(self) -> Footprint:
        return Footprint(self.stops, self.starts, self.signal, self.unpauses)

    by: str = ""
    """The person who approved it or asked for it; empty: the policy lets the watchdog do it."""
    along: list[str] = field(default_factory=list)
    """The containers that are restarted after it, in this order."""


@dataclass(frozen=True, slots=True)
class ActionEnded(Record):
    """`backoff` and `verify_within` in seconds from this moment; `to_verify` is False when it surely failed.

    0.1.0 wrote the backoff of every action here; it is 0 now for one that is to be verified: the verdict has it.
    """

    TYPE: ClassVar[str] = "action_ended"
    incident: str
    action_id: str
    dependency: str
    action: str
    outcome: str
    detail: str
    backoff: float
    verify_within: float
    to_verify: bool
    left: list[str] = field(default_factory=list)
    """Of those to restart after it, the containers for which certainly nothing was ordered."""


@dataclass(frozen=True, slots=True)
class AttemptFailed(Record):
    TYPE: ClassVar[str] = "attempt_failed"
    incident: str
    dependency: str
    action_id: str
    why: str
    backoff: float | None = None
    """Seconds from this moment; None where 0.1.0 counted it from the end of the action."""


@dataclass(frozen=True, slots=True)
class BackoffChanged(Record):
    """The policy has another backoff now: the gap that runs is so long, of which so much remains from this moment."""

    TYPE: ClassVar[str] = "backoff_changed"
    incident: str
    dependency: str
    backoff: float
    remaining: float
    previous: float


@dataclass(frozen=True, slots=True)
class StepExhausted(Record):
    TYPE: ClassVar[str] = "step_exhausted"
    incident: str
    dependency: str
    step: int
    step_key: str = ""


@dataclass(frozen=True, slots=True)
class StepSkipped(Record):
    """The ladder has gone past a step that is not for the trouble of now; said again when it is for another reason."""

    TYPE: ClassVar[str] = "step_skipped"
    incident: str
    dependency: str
    step_key: str
    why: str


@dataclass(frozen=True, slots=True)
class Escalated(Record):
    """The ladder of this dependency ends here; a person has been told. It begins anew when it has served again."""

    TYPE: ClassVar[str] = "escalated"
    incident: str
    dependency: str
    to: str
    why: str


@dataclass(frozen=True, slots=True)
class BusyTooLong(Record):
    """A person has been told that it does not get done. Its ladder goes on when it turns out to be broken."""

    TYPE: ClassVar[str] = "busy_too_long"
    incident: str
    dependency: str
    to: str
    why: str


@dataclass(frozen=True, slots=True)
class SparedTooLong(Record):
    """A person has been told that it is not restarted because it served last, and that no other comes back."""

    TYPE: ClassVar[str] = "spared_too_long"
    incident: str
    dependency: str
    to: str
    why: str


@dataclass(frozen=True, slots=True)
class WorkAwaited(Record):
    """A restart is due, and waits for work in progress, seen for `working_for` seconds, of that `run` or of others."""

    TYPE: ClassVar[str] = "work_awaited"
    incident: str
    dependency: str
    work: str
    working_for: float
    run: str = ""


@dataclass(frozen=True, slots=True)
class WorkTooLong(Record):
    """A person has been told that a restart waits for work for too long. It goes on waiting."""

    TYPE: ClassVar[str] = "work_too_long"
    incident: str
    dependency: str
    to: str
    why: str


@dataclass(frozen=True, slots=True)
class WorkOver(Record):
    """Nothing is in progress any more that the restart waited for."""

    TYPE: ClassVar[str] = "work_over"
    incident: str
    dependency: str


@dataclass(frozen=True, slots=True)
class LadderRearmed(Record):
    """What ended may go on: a person said so, and then attempts and backoff begin `anew`, or the policy grants more."""

    TYPE: ClassVar[str] = "ladder_rearmed"
    incident: str
    dependency: str
    reason: str
    by: str
    anew: bool


@dataclass(frozen=True, slots=True)
class Suggested(Record):
    """What an older version wrote where `Proposed` stands now."""

    TYPE: ClassVar[str] = "suggested"
    incident: str
    dependency: str
    action: str


@dataclass(frozen=True, slots=True)
class DecisionMade(Record):
    TYPE: ClassVar[str] = "decision_made"
    incident: str
    dependency: str
    verdict: str
    gate: str
    value: str
