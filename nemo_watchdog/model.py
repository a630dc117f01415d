"""The vocabulary. Frozen data and enums, standard library only: everything else is said in these words.

Times come in pairs: a `Moment` holds a monotonic reading (durations, thresholds, backoff, budgets) and an
aware UTC time (what people and the journal read). Nothing in this module reads a clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from nemo_watchdog.action_words import CONTAINER as CONTAINER
from nemo_watchdog.action_words import ActionOutcome as ActionOutcome
from nemo_watchdog.action_words import ActionRequest as ActionRequest
from nemo_watchdog.action_words import ActionResult as ActionResult
from nemo_watchdog.action_words import Along as Along
from nemo_watchdog.action_words import Target as Target
from nemo_watchdog.docker_words import ContainerEvent as ContainerEvent
from nemo_watchdog.docker_words import ContainerStatus as ContainerStatus
from nemo_watchdog.docker_words import ContainerUsage as ContainerUsage
from nemo_watchdog.docker_words import Footprint as Footprint
from nemo_watchdog.docker_words import LogLine as LogLine
from nemo_watchdog.docker_words import Past as Past
from nemo_watchdog.docker_words import RunState as RunState
from nemo_watchdog.docker_words import Way as Way
from nemo_watchdog.reasons import BUSY_FOR as BUSY_FOR
from nemo_watchdog.reasons import Category as Category
from nemo_watchdog.reasons import Reason as Reason

NO_MEASUREMENTS: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Moment:
    """One instant on both clocks.

    `monotonic` is in seconds since boot (CLOCK_MONOTONIC: one clock for all processes of one boot);
    `utc` is an aware datetime in UTC. Only `monotonic` may be used to measure how long something took.
    """

    monotonic: float
    utc: datetime

    def before(self, seconds: float) -> Moment:
        """So many seconds earlier."""
        return Moment(self.monotonic - seconds, self.utc - timedelta(seconds=seconds))


class Outcome(StrEnum):
    """How one look ended."""

    OK = "ok"
    DEGRADED = "degraded"
    """It serves, but worse than the policy accepts (slow, nearly full)."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a probe returns: an observation that nobody has stamped with a time yet.

    `reason` is None exactly when `outcome` is OK. `detail` is one line for people and never holds a secret.
    `measurements` maps a name such as `postgres_connections_used_ratio` (base units) to a number; a name may carry one
    label, as `gpu_temperature_celsius{gpu="0"}`. `progress` is a number that grows while what it is busy with goes on;
    None where nobody can see that. `work` is one line about what is in progress there that a restart would lose.
    """

    outcome: Outcome
    reason: Reason | None = None
    detail: str = ""
    measurements: Mapping[str, float] = field(default_factory=lambda: NO_MEASUREMENTS)
    progress: float | None = None
    work: str = ""

    def __post_init__(self) -> None:
        if (self.outcome is Outcome.OK) != (self.reason is None):
            raise ValueError(f"a finding that is {self.outcome} cannot have the reason {self.reason}")

    @property
    def category(self) -> Category | None:
        """Of its reason; None where all is well."""
        return None if self.reason is None else self.reason.category


def ok(detail: str = "", measurements: Mapping[str, float] = NO_MEASUREMENTS) -> Finding:
    """It answered as it should."""
    return Finding(Outcome.OK, None, detail, measurements)


def degraded(reason: Reason, detail: str, measurements: Mapping[str, float] = NO_MEASUREMENTS) -> Finding:
    """It serves, but worse than the policy accepts."""
    return Finding(Outcome.DEGRADED, reason, detail, measurements)


def failed(reason: Reason, detail: str, measurements: Mapping[str, float] = NO_MEASUREMENTS) -> Finding:
    """It did not answer as it should, for this reason."""
    return Finding(Outcome.FAILED, reason, detail, measurements)


@dataclass(frozen=True, slots=True)
class Observation:
    """A finding with its moment (when the look ended), its latency in seconds, and when the look began."""

    finding: Finding
    latency: float
    at: Moment

    @property
    def began(self) -> float:
        """Monotonic seconds at which the look began."""
        return self.at.monotonic - self.latency


class Health(StrEnum):
    """The thresholded state of a dependency."""

    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"
    STARTING = "starting"
    UNKNOWN = "unknown"


class Severity(StrEnum):
    """SEV1 is the gravest."""

    SEV1 = "SEV1"
    SEV2 = "SEV2"
    SEV3 = "SEV3"
    SEV4 = "SEV4"


class Autonomy(StrEnum):
    """The most that the watchdog may do by itself."""

    OBSERVE = "observe"
    SUGGEST = "suggest"
    ACT = "act"


class WhenUnsure(StrEnum):
    """What to do about a container that has ended when nobody can tell who ended it."""

    HOLD = "hold"
    RESTART = "restart"


class OnCleanExit(StrEnum):
    """What to do about a container that has ended by itself with exit code 0."""

    HOLD = "hold"
    START = "start"


class Verdict(StrEnum):
    """What the engine decided about acting on a dependency; of one gate alone, OPEN where it holds nothing back."""

    OPEN = "open"
    ACT = "act"
    WAIT = "wait"
    REFUSE = "refuse"
    ASK = "ask"
    ESCALATE = "escalate"


class Gate(StrEnum):
    """A reason that can hold an action back."""

    NONE = "none"
    BUG = "bug"
    """The engine found itself in a state that cannot be: it only observes until it is started again."""
    STOPPING = "stopping"
    """In good order: what is due is decided anew by the process that starts next."""
    JOURNAL = "journal"
    IN_FLIGHT = "in_flight"
    PAUSE = "pause"
    AUTONOMY = "autonomy"
    CATEGORY = "category"
    BLIND = "blind"
    HUMAN_HOLD = "human_hold"
    MAINTENANCE = "maintenance"
    """People planned to work on it now."""
    STORM = "storm"
    """Much fails together: what is shared is suspected. Or it is not known yet whether this one fails alone."""
    UPSTREAM = "upstream"
    GRACE = "grace"
    REDUNDANCY = "redundancy"
    """It stands beside others, and too few of them serve, or one of them is being restarted."""
    VERIFICATION = "verification"
    BACKOFF = "backoff"
    FLAPPING = "flapping"
    """It goes down and comes back again and again: another restart is no cure."""
    BUDGET = "budget"
    CONCURRENCY = "concurrency"
    EVIDENCE = "evidence"
    """What was seen is older than the last action or the last start."""
    LAST_LOOK = "last_look"
    """What speaks for acting was seen too long ago: it is looked at once more."""
    CONDITION = "condition"
    """The remedy's own `when`."""
    WORK = "work"
    """Something is in progress that a restart would lose."""
    LADDER_END = "ladder_end"
    REMEDY = "remedy"
    """The policy has no remedy here, or a person was told to look and nothing more is tried."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Why the engine acts or does not. `until` is monotonic seconds, None when no clock will change it."""

    verdict: Verdict
    gate: Gate
    value: str
    until: float | None = None


class NotificationKind(StrEnum):
    """What is news, and what a message is about. What is news is told alone, with other news, or held back."""

    OPENED = "opened"
    WORSENED = "worsened"
    """A member of an open incident that had served is down."""
    SEVERITY_CHANGED = "severity_changed"
    ROOT_CHANGED = "root_changed"
    """What was told to be the cause is not."""
    ACTION_STARTED = "action_started"
    ACTION_FINISHED = "action_finished"
    SUGGESTED = "suggested"
    HELD = "held"
    ESCALATED = "escalated"
    FLAPPING = "flapping"
    """It goes down and comes back again and again, or does not any more."""
    UNANSWERED = "unanswered"
    """Nobody has taken it in time: the next in line is told."""
    REMINDER = "reminder"
    """It is still so, and nobody has taken it."""
    HEALED = "healed"
    """The watchdog healed it, or it healed itself, before anybody was paged: no page."""
    MERGED = "merged"
    """What was told as one outage is part of another one."""
    ACKNOWLEDGED = "acknowledged"
    """Somebody has taken an incident upon himself."""
    RESOLVED = "resolved"
    UNWATCHED = "unwatched"
    """An incident ended, and not because all that was in trouble serves: the policy names it no more."""
    MAINTENANCE = "maintenance"
    """Work on something is over: what went down meanwhile, and what still is. No page."""
    JOURNAL = "journal"
    """Of the watchdog itself: what it remembers is damaged, and it only observes."""
    JOURNAL_ACCEPTED = "journal_accepted"
    """A person let it go on."""


OF_THE_JOURNAL = (NotificationKind.JOURNAL, NotificationKind.JOURNAL_ACCEPTED)
JOURNAL_THREAD = "journal"


class Told(StrEnum):
    """Why something was told, or was not."""

    QUEUED = "queued"
    NO_CONTACT = "no_contact"
    """The policy names nobody for it, or nobody but who did it."""
    MERGED = "merged"
    """Its incident is part of another one, which is told."""
    FLAPPING = "flapping"
    """That it goes down and comes back again and again was told instead."""
    STORM = "storm"
    """Much fails together, which is told as one."""
    GROUPED = "grouped"
    """It is part of a message that tells of more, or of what came after it."""
    HELD_BACK = "held_back"
    """People were told enough of this outage to look; what is held back is counted."""
    SILENCED = "silenced"
    """Somebody wants to hear nothing of it for a while."""


class Standing(StrEnum):
    """How an outage stands when a letter about it is sent: what a service that keeps incidents must know."""

    FIRING = "firing"
    ACKNOWLEDGED = "acknowledged"
    OVER = "over"
    NO_PAGE = "no_page"
    """Nobody is to be called for it: it healed, or went down while people worked on it."""


@dataclass(frozen=True, slots=True)
class Notification:
    """One message for people. `key` is unique for the fact that it tells: the same fact is told once.

    `incident` is that of the page: what belongs to one outage has the same, from the first message to the last.
    """

    key: str
    kind: NotificationKind
    incident: str
    severity: Severity
    root: str
    title: str
    body: str
    contacts: tuple[str, ...]
    at: datetime
    since: datetime | None = None
    """When the trouble began; None for what is about no trouble."""
    incidents: tuple[str, ...] = ()
    """All that the message tells of, the page's own first."""
    earlier: tuple[Notification, ...] = ()
    """What waits for the contact and is told with it, oldest first: of the same thread."""

    @property
    def thread(self) -> str:
        """The same for all that is told of one thing, from the first message to the last."""
        return self.incident or (JOURNAL_THREAD if self.kind in OF_THE_JOURNAL else self.key)


@dataclass(frozen=True, slots=True)
class Alert:
    """An incident as Alertmanager sees it: firing while `ends_at` is None, or ahead."""

    incident: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str] = field(default_factory=dict)
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    link: str = ""
    """Where more of it can be read; empty: nowhere."""
