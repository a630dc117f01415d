"""What the daemon answers about incidents that are and that were, and about why; as `views`, which says how to read it.

Every text of these may hold words from outside (a log line, a reason that a person gave): data, never markup.
"""

from __future__ import annotations

from dataclasses import dataclass

from nemo_watchdog.views import AcknowledgementView, GateView, NoteView


@dataclass(frozen=True, slots=True)
class IncidentSummaryView:
    """One incident, open or over. `seconds` from its opening to its end or to now."""

    id: str
    declared: str
    """What the person said who declared it; empty for one that the watchdog opened."""
    root: str
    """Empty for a declared one that names no dependency."""
    members: tuple[str, ...]
    severity: str
    """The gravest that it had."""
    rule: str
    title: str
    category: str | None
    reason: str | None
    detail: str
    opened: str
    resolved: str | None
    """None while it is open; where it was reopened, its last end."""
    seconds: float
    why: str
    """How it ended, in words; empty while it is open."""
    actions: int
    reopened: int = 0
    merged_into: str | None = None
    acknowledged: AcknowledgementView | None = None


@dataclass(frozen=True, slots=True)
class IncidentsView:
    """`GET /api/v1/incidents`, newest first. `next` goes into the query's `cursor`; None on the last page."""

    incidents: tuple[IncidentSummaryView, ...]
    next: str | None = None


@dataclass(frozen=True, slots=True)
class TimelineEntryView:
    """What happened, in one line. `kind` is a record's type (`incident_opened`, `action_intended`), or `delivered`,
    `given_up`, `evidence_taken`.
    """

    at: str
    kind: str
    dependency: str | None
    said: str
    word: str = ""
    """The record's closed word, by which programs tell such entries apart: of `action_intended` the action, of
    `action_ended` its outcome, of `decision_made` the gate.
    """


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """One message to one contact: `state` is `pending`, `delivered` or `given_up`, `changed` when it became that."""

    contact: str
    kind: str
    title: str
    queued: str
    state: str
    changed: str
    attempts: int
    detail: str = ""


@dataclass(frozen=True, slots=True)
class EvidencePartView:
    """`size` in characters; `cut`: it was longer."""

    name: str
    size: int
    cut: bool = False


@dataclass(frozen=True, slots=True)
class MissingPartView:
    name: str
    why: str


@dataclass(frozen=True, slots=True)
class EvidenceView:
    """What was taken of one dependency at one time; `number` tells apart what was taken in one incident, from 1."""

    number: int
    dependency: str
    at: str
    seconds: float
    occasion: str
    parts: tuple[EvidencePartView, ...]
    missing: tuple[MissingPartView, ...]


@dataclass(frozen=True, slots=True)
class IncidentDetailView:
    """`GET /api/v1/incidents/ID`."""

    incident: IncidentSummaryView
    impact: str
    """Who was affected when it opened, in words."""
    timeline: tuple[TimelineEntryView, ...]
    deliveries: tuple[DeliveryView, ...] = ()
    evidence: tuple[EvidenceView, ...] = ()
    notes: tuple[NoteView, ...] = ()


@dataclass(frozen=True, slots=True)
class LookRunView:
    """Looks in a row that saw the same. Latencies are seconds."""

    outcome: str
    reason: str | None
    first: str
    last: str
    looks: int
    mean_latency: float
    max_latency: float


@dataclass(frozen=True, slots=True)
class ExplanationView:
    """`GET /api/v1/dependencies/NAME/explain`: why it is so, and why the watchdog acts or does not; at `at`."""

    dependency: str
    at: str
    said: tuple[str, ...]
    """The whole of it in sentences."""
    health: str | None
    """None where nothing is known of it at that time."""
    category: str | None
    reason: str | None
    detail: str
    since: str | None
    incident: str | None
    severity: str | None
    rule: str | None
    decision: GateView | None
    """The answer that stood; None while there was nothing to decide."""
    gates: tuple[GateView, ...]
    """Every gate's answer in the order in which they are asked, as of `gates_at`."""
    gates_at: str | None
    next_action: str | None
    """When the next action can come at the earliest; None when no clock will bring one."""
    looks: tuple[LookRunView, ...]
    """The last ones up to that time, newest first."""
