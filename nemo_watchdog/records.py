"""The facts that the journal keeps. The engine changes its durable state only by applying these.

Replaying them in order rebuilds that state, so a crash loses nothing that was written. A record carries no time
of its own: the journal stores the `Moment` beside it, and every duration in a record counts from that moment.
Fields are plain JSON values; names here are on disk and never change their meaning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Record:
    """One fact. `incident` is empty for facts outside any incident."""

    TYPE: ClassVar[str] = ""

    def body(self) -> dict[str, Any]:
        return {"type": self.TYPE, **asdict(self)}


@dataclass(frozen=True, slots=True)
class HealthChanged(Record):
    TYPE: ClassVar[str] = "health_changed"
    dependency: str
    health: str
    category: str | None
    reason: str | None
    detail: str
    incident: str = ""


@dataclass(frozen=True, slots=True)
class SeenUp(Record):
    """It was up as the policy names it; `digest` is that of `Dependency`. One for each address and expectation."""

    TYPE: ClassVar[str] = "seen_up"
    dependency: str
    digest: str
    incident: str = ""


@dataclass(frozen=True, slots=True)
class IncidentOpened(Record):
    TYPE: ClassVar[str] = "incident_opened"
    incident: str
    root: str
    severity: str
    rule: str
    health: str
    category: str | None
    reason: str | None
    detail: str
    failing_for: float = 0.0
    """Seconds up to this moment; here and in `IncidentReopened`."""


@dataclass(frozen=True, slots=True)
class IncidentReopened(Record):
    """A recurrence soon after recovery: the ladder and its backoff go on where they stood."""

    TYPE: ClassVar[str] = "incident_reopened"
    incident: str
    dependency: str
    reason: str | None
    detail: str
    health: str = ""
    failing_for: float = 0.0


@dataclass(frozen=True, slots=True)
class MemberJoined(Record):
    TYPE: ClassVar[str] = "member_joined"
    incident: str
    dependency: str
    reason: str | None
    detail: str
    health: str = ""


@dataclass(frozen=True, slots=True)
class MemberRecovered(Record):
    """Confirmed to serve, up or degraded: what was tried helped or is over, and what comes now is a new trouble.

    `action_id` is the attempt that was verified, if one was; `backoff` the seconds before the next, None for as it is.
    """

    TYPE: ClassVar[str] = "member_recovered"
    incident: str
    dependency: str
    health: str
    action_id: str
    backoff: float | None
    over: bool = True
    """False while another that shares its target is still in trouble: the attempts on the target are not judged yet."""


@dataclass(frozen=True, slots=True)
class LadderShared(Record):
    """What acts on this target has acted on it for another: attempts, verification and backoff are one from now on."""

    TYPE: ClassVar[str] = "ladder_shared"
    incident: str
    dependency: str
    target_kind: str
    target: str


@dataclass(frozen=True, slots=True)
class MemberDown(Record):
    """A member that had served in this open incident is down: a change to worse."""

    TYPE: ClassVar[str] = "member_down"
    incident: str
    dependency: str
    reason: str | None
    detail: str


@dataclass(frozen=True, slots=True)
class RootChanged(Record):
    TYPE: ClassVar[str] = "root_changed"
    incident: str
    root: str
    previous: str


@dataclass(frozen=True, slots=True)
class IncidentMerged(Record):
    """Closed because another incident has the same root."""

    TYPE: ClassVar[str] = "incident_merged"
    incident: str
    into: str


@dataclass(frozen=True, slots=True)
class SeverityRaised(Record):
    TYPE: ClassVar[str] = "severity_raised"
    incident: str
    severity: str
    rule: str
    previous: str
    dependency: str = ""
    """The member that it rose for."""


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
    """Empty when the target is none."""
    verify_within: float
    target_kind: str = ""
    target: str = ""
    step_key: str = ""
    """What a reloaded policy knows the step by; `step` only says where it stood."""
    moved: str = ""
    """Why the ladder does not go on where it stood; empty while the policy has the same steps."""


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


@dataclass(frozen=True, slots=True)
class IncidentResolved(Record):
    TYPE: ClassVar[str] = "incident_resolved"
    incident: str
    root: str
    seconds: float
    why: str


@dataclass(frozen=True, slots=True)
class HoldPlaced(Record):
    """No action on the target until it runs again, for a person did something to it or may have.

    With `lasts` (seconds from now) somebody is stopping it: until it has ended or answers again, or `outlived_after`,
    at most so long; `undone` by our restart, until it is started anew. `quiet` as long. Docker's times of the `run`.
    """

    TYPE: ClassVar[str] = "touched"
    dependency: str
    what: str
    incident: str = ""
    target_kind: str = ""
    target: str = ""
    lasts: float | None = None
    quiet: float = 0.0
    run: str = ""
    finished: str = ""
    outlived_after: float | None = None
    undone: bool = False


@dataclass(frozen=True, slots=True)
class HoldReleased(Record):
    TYPE: ClassVar[str] = "released"
    dependency: str
    incident: str = ""
    target_kind: str = ""
    target: str = ""


@dataclass(frozen=True, slots=True)
class EndedByItself(Record):
    """No person ended that run, at Docker's time `finished`; it died of `reason`, or of `by` where one is named."""

    TYPE: ClassVar[str] = "ended_by_itself"
    dependency: str
    target_kind: str
    target: str
    finished: str
    reason: str
    incident: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class Paused(Record):
    """`scope` is a dependency, of that `container`, or "*"; `duration` in seconds, None: no end. `beside` holds too."""

    TYPE: ClassVar[str] = "paused"
    scope: str
    reason: str
    by: str
    duration: float | None
    incident: str = ""
    beside: str = ""
    container: str = ""


@dataclass(frozen=True, slots=True)
class Resumed(Record):
    TYPE: ClassVar[str] = "resumed"
    scope: str
    by: str
    incident: str = ""


@dataclass(frozen=True, slots=True)
class HeartbeatHeard(Record):
    """A job called its heartbeat URL: it went well or not, in its own words."""

    TYPE: ClassVar[str] = "heartbeat_heard"
    dependency: str
    well: bool
    said: str
    incident: str = ""


@dataclass(frozen=True, slots=True)
class JournalDistrusted(Record):
    """The journal was found damaged: written when a person has accepted it."""

    TYPE: ClassVar[str] = "journal_distrusted"
    damage: str
    incident: str = ""


@dataclass(frozen=True, slots=True)
class JournalAccepted(Record):
    """A person let a damaged journal go on with what could be read of it; what stands before it may lack something."""

    TYPE: ClassVar[str] = "journal_accepted"
    reason: str
    by: str
    damage: str
    incident: str = ""


_kinds = [kind for kind in globals().values() if isinstance(kind, type) and issubclass(kind, Record)]
TYPES: Mapping[str, type[Record]] = {kind.TYPE: kind for kind in _kinds if kind is not Record}
