"""What the daemon answers over HTTP, as frozen values: the daemon makes them, the command line reads them.

The names of the fields are the keys on the wire. Times are UTC in ISO 8601, durations seconds. Words from closed
vocabularies are plain text here, so that an older command line can read a word that it does not know. For the same
reason it ignores fields that it does not know; a field that came after 0.1.0 has a default, which stands for an older
daemon. Standard library only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from nemo_watchdog.people_views import ProposalView, QuietView, RotaView, ToldView

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

EVERYTHING = "*"
"""The scope of a pause that holds all dependencies."""


@dataclass(frozen=True, slots=True)
class GateView:
    """What one gate answers: `open`, or a verdict with its value. `until` is None when no clock will change it."""

    gate: str
    verdict: str
    value: str
    until: str | None


@dataclass(frozen=True, slots=True)
class MaintenanceView:
    """The windows that are open, by name; and when the last of those that follow without a gap ends."""

    windows: str
    until: str


@dataclass(frozen=True, slots=True)
class StartupView:
    """How long a start may take before a failing look means down: `grace`, the longer one of the two.

    `learned` is what the last `starts` of this image have taught; None where that is nothing.
    """

    grace: float
    configured: float
    learned: float | None
    starts: int


@dataclass(frozen=True, slots=True)
class DependencyView:
    """One dependency now. `latency` is the last look's."""

    health: str
    category: str | None
    reason: str | None
    detail: str
    since: str | None
    container: str | None
    container_state: str | None
    needs: tuple[str, ...]
    held: str | None
    """What somebody did to its container, while it is left alone for that."""
    latency: float | None
    incident: str | None
    decision: GateView | None
    """The answer that stands; None while there is nothing to decide."""
    explain: tuple[GateView, ...] = ()
    """Every gate's answer, in the order in which they are asked."""
    maintenance: MaintenanceView | None = None
    """What is planned for it now."""
    flapping: bool = False
    """It goes down and comes back again and again."""
    needs_any: tuple[tuple[str, ...], ...] = ()
    """The groups among `needs`: of each, one is enough."""
    startup: StartupView | None = None
    """None without a container."""
    tags: tuple[str, ...] = ()
    """As the policy has them, in alphabetical order."""


@dataclass(frozen=True, slots=True)
class LadderView:
    """How far the remedy of one member has come: `attempts` that did not help in its present trouble, those under way
    among them. `backoff` is the gap before the next one. Who shares a target shows the same.
    """

    phase: str
    attempts: int
    backoff: float
    ended: str


@dataclass(frozen=True, slots=True)
class ImpactView:
    """Who is affected, the root first; `core` of all `of_core` with the tag core. `said` is that in one phrase."""

    affected: tuple[str, ...]
    core: int
    of_core: int
    said: str


@dataclass(frozen=True, slots=True)
class AcknowledgementView:
    """Who has taken it upon himself. `until` is None while that has no end."""

    at: str
    by: str
    until: str | None = None


@dataclass(frozen=True, slots=True)
class PlanView:
    """What comes next in an incident, in words without the time, which is `at`; None where no clock tells it.

    `kind`: `action` (or what holds the next one back), `verification`, `proposal` (a person must approve it), `nothing`
    (no more is done for this one), `escalation` (people are told), `acknowledgement` (who has it has it no more), or a
    word that is yet to come. `dependency` is empty where it is about the whole incident.
    """

    kind: str
    dependency: str
    said: str
    at: str | None


@dataclass(frozen=True, slots=True)
class IncidentView:
    id: str
    root: str
    members: tuple[str, ...]
    severity: str
    rule: str
    category: str | None
    reason: str | None
    opened: str
    age: float
    escalated: tuple[str, ...]
    """The contacts who were told that a person must look."""
    ladders: Mapping[str, LadderView]
    actions: int | None = None
    """How many were ordered in it or may have been; None from a daemon of 0.1.0."""
    impact: ImpactView | None = None
    title: str = ""
    """What people call it: the rule's title, or the severity's."""
    acknowledged: AcknowledgementView | None = None
    told: ToldView | None = None
    """None from a daemon of 0.1.0."""
    since: str = ""
    """When the trouble of now began, as messages say it: before `opened`, or after it where it was reopened."""
    lasted: float = 0.0
    """Seconds since then."""
    reopened: int = 0
    plan: tuple[PlanView, ...] = ()
    """What comes next: for what fails, the root first, and then for people."""


@dataclass(frozen=True, slots=True)
class DeclaredView:
    """What a person declared and nobody has resolved; `dependency` is empty where none was named."""

    id: str
    text: str
    severity: str
    title: str
    """What people call the severity."""
    dependency: str
    opened: str
    age: float
    by: str
    acknowledged: AcknowledgementView | None = None
    told: ToldView | None = None


@dataclass(frozen=True, slots=True)
class GroupView:
    """What stands in for each other: `serving` of `of` containers do, and below `least` the last ones are spared."""

    said: str
    dependencies: tuple[str, ...]
    serving: int
    of: int
    least: int


@dataclass(frozen=True, slots=True)
class PauseView:
    """`until` is None when somebody must resume it. What is `beside` it was ordered, too, and ends no later."""

    reason: str
    by: str
    until: str | None
    beside: tuple[PauseView, ...] = ()


@dataclass(frozen=True, slots=True)
class BudgetView:
    """`remaining` of `of` actions are still allowed in this `window`."""

    remaining: int
    of: int
    window: float


@dataclass(frozen=True, slots=True)
class StormView:
    """Much fails together: `failing` of the `of` that could, since then. What runs is not restarted meanwhile."""

    failing: int
    of: int
    since: str
    incident: str


@dataclass(frozen=True, slots=True)
class UnderWayView:
    """An action that goes on as it was ordered, and is verified `until` then (None: it has not ended yet)."""

    dependency: str
    action: str
    until: str | None


@dataclass(frozen=True, slots=True)
class PolicyView:
    """The policy in force: Unix time of its load, and why the file is not in force when it is not."""

    loaded_at: float
    problems: tuple[str, ...]
    changed: tuple[str, ...] = ()
    """What the last reload changed, a line for each."""
    unchanged: tuple[UnderWayView, ...] = ()
    """For what that does not count, because it was under way."""
    discovered: tuple[str, ...] = ()
    """The dependencies that the labels of containers have brought."""
    unused_labels: tuple[str, ...] = ()
    """Which labels are not used, and why."""


@dataclass(frozen=True, slots=True)
class TroubleView:
    """What the daemon cannot do itself: `what` begins the sentence that `why` ends."""

    what: str
    why: str
    since: str


@dataclass(frozen=True, slots=True)
class StatusView:
    """`GET /api/v1/status`."""

    now: str
    autonomy: str
    journal: str
    """`ok`, or why it cannot be written."""
    dependencies: Mapping[str, DependencyView]
    incidents: tuple[IncidentView, ...]
    """The open ones."""
    pauses: Mapping[str, PauseView]
    """By scope: a dependency, or `*` for everything."""
    budgets: Mapping[str, BudgetView]
    """By scope: a dependency, or `total`."""
    policy: PolicyView
    version: str
    """The daemon's."""
    groups: tuple[GroupView, ...] = ()
    storm: StormView | None = None
    """None while there is none."""
    troubles: tuple[TroubleView, ...] = ()
    """The daemon's own, besides those of its journal and its policy."""
    declared: tuple[DeclaredView, ...] = ()
    """The open incidents that people declared."""
    oncall: Mapping[str, RotaView] = field(default_factory=dict)
    """Every rota, by its contact."""
    silences: tuple[QuietView, ...] = ()
    proposals: tuple[ProposalView, ...] = ()
    """What a person may have done."""


@dataclass(frozen=True, slots=True)
class PausesView:
    """`POST /api/v1/pause` and `/api/v1/resume`: what is paused now."""

    pauses: Mapping[str, PauseView]


@dataclass(frozen=True, slots=True)
class RetryView:
    """`POST /api/v1/retry`: the ladder has begun anew, and this is decided now."""

    dependency: str
    incident: str
    decision: GateView


@dataclass(frozen=True, slots=True)
class StandingView:
    """`POST /api/v1/incidents`, and `/acknowledge` and `/resolve` of one: how it stands now."""

    incident: str
    severity: str
    open: bool
    acknowledged: AcknowledgementView | None = None
    also: tuple[str, ...] = ()
    """Other incidents that people were told of together with it and that were taken by the same answer."""


@dataclass(frozen=True, slots=True)
class NoteView:
    """What a person wrote. `about` is `note`, `root_cause`, of which the newest counts, or `public`: users read it."""

    at: str
    by: str
    about: str
    text: str


@dataclass(frozen=True, slots=True)
class AcceptedView:
    """`POST /api/v1/journal/accept`: what was damaged, and what is known now that holds the watchdog back."""

    damage: str
    pauses: Mapping[str, PauseView]
    budgets: Mapping[str, BudgetView]


@dataclass(frozen=True, slots=True)
class LivenessView:
    """`GET /healthz`: which of the daemon's own loops do not run."""

    ok: bool
    stuck: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReadinessView:
    """`GET /readyz`: what keeps the daemon from watching or from writing down what it does."""

    ok: bool
    waiting_for: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HeardView:
    """`/api/v1/push/NAME`: the heartbeat is on disk."""

    ok: bool


@dataclass(frozen=True, slots=True)
class ProblemView:
    """Every error (RFC 9457). `title` is the status in words, `detail` says it of this request."""

    type: str
    title: str
    status: int
    detail: str


def as_json(view: DataclassInstance | Sequence[DataclassInstance]) -> str:
    """A view, or a list of them, as it leaves."""
    return json.dumps(view, default=_fields)


def _fields(part: Any) -> dict[str, Any]:
    kind = type(part)
    if (names := _NAMES.get(kind)) is None:
        names = _NAMES[kind] = tuple(each.name for each in fields(part))
    return {name: getattr(part, name) for name in names}


_NAMES: dict[type, tuple[str, ...]] = {}
"""Of the fields of each kind: an answer may have a hundred thousand parts."""
