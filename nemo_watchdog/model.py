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
from typing import Any

from nemo_watchdog.reasons import BUSY_FOR as BUSY_FOR
from nemo_watchdog.reasons import Category as Category
from nemo_watchdog.reasons import Reason as Reason
from nemo_watchdog.ways import Way as Way

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
    None where nobody can see that.
    """

    outcome: Outcome
    reason: Reason | None = None
    detail: str = ""
    measurements: Mapping[str, float] = field(default_factory=lambda: NO_MEASUREMENTS)
    progress: float | None = None

    def __post_init__(self) -> None:
        if (self.outcome is Outcome.OK) != (self.reason is None):
            raise ValueError(f"a finding that is {self.outcome} cannot have the reason {self.reason}")


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


class RunState(StrEnum):
    """What Docker says about a container: its own states, and two for what Docker could not say."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"
    REMOVING = "removing"
    EXITED = "exited"
    DEAD = "dead"
    MISSING = "missing"
    """Docker answers and has no container of that name."""
    UNREACHABLE = "unreachable"
    """Docker does not answer: nothing is known about the container."""


@dataclass(frozen=True, slots=True)
class ContainerStatus:
    """One inspect of a container.

    `started_at` with `container_id` identifies a run (Docker Engine API, ContainerInspect: State.StartedAt).
    `health` is Docker's own HEALTHCHECK word ("healthy", "unhealthy", "starting") or None.
    `stop_signal` is the number of the signal that `docker stop` sends first (Config.StopSignal; SIGTERM by default).
    """

    state: RunState
    container_id: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    exit_code: int | None = None
    oom_killed: bool = False
    health: str | None = None
    stop_signal: int = 15
    restarts: int = 0
    """How often Docker's own restart policy has started it (RestartCount); an order to restart sets it back to 0."""
    restarted_by_docker: bool = True
    """Docker starts it again when it ends (HostConfig.RestartPolicy); False when it does not."""
    cpus: float | None = None
    """CPU cores that it may use; None without a limit."""
    off_network: str = ""
    """The network that it was made for, when somebody took it off that: a restart does not put it back."""
    ways: tuple[Way, ...] = ()
    """To its TCP ports that are published; none of one that does not run."""
    detail: str = ""

    @property
    def run(self) -> tuple[str, datetime | None]:
        return (self.container_id, self.started_at)


@dataclass(frozen=True, slots=True)
class ContainerEvent:
    """One line of Docker's event stream; `reconnected` when it was opened, `lost` when it ended (container is "").

    `signal` is set for `kill` events: the number that somebody sent through the API. `at` is Docker's own UTC time; of
    `reconnected`, the time since which the streams have told, or this one is about to tell, every event; of `lost`, the
    time at which it was surely open, None where it never was.
    """

    container: str
    action: str
    signal: int | None = None
    at: datetime | None = None
    container_id: str = field(default="", compare=False)
    """What it is, whatever it is called by now; empty where nobody told."""


@dataclass(frozen=True, slots=True)
class Past:
    """What is known of a container's events, oldest first.

    None that came at or after `whole_since` (the engine's own aware UTC time) is missing; None when nobody can tell.
    While the engine was `away`, from then to then, nobody could order anything: what ended was its own doing.
    """

    events: tuple[ContainerEvent, ...] = ()
    whole_since: datetime | None = None
    away: tuple[datetime, datetime] | None = None


@dataclass(frozen=True, slots=True)
class ContainerUsage:
    """One sample of what a container uses. Memory in bytes as `docker stats` shows it, without inactive file pages.

    `cpu` counts its CPU time in seconds since its start. `memory_limit` is the machine's memory without a limit. `disk`
    counts bytes read and written, `sent` and `sent_packets` what it sent over its own network; 0 where nobody counts.
    """

    memory: float
    memory_limit: float
    cpu: float
    online_cpus: int
    disk: int = 0
    sent: int = 0
    sent_packets: int = 0


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line that a container wrote, at Docker's UTC time."""

    at: datetime
    text: str


class ActionOutcome(StrEnum):
    """How an action ended. SUCCEEDED means only that Docker did what it was told; verification tells the rest."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REFUSED = "refused"
    """Certainly nothing was ordered, because something was not as it must be: it costs a backoff and nothing else."""
    TIMED_OUT = "timed_out"
    UNKNOWN = "unknown"
    """The daemon stopped before it learned the result: it counts as spent, and we look before trying again."""


CONTAINER = "container"
"""The kind of target that Docker's events, holds and the guard of the container actions are about."""


@dataclass(frozen=True, slots=True, order=True)
class Target:
    """What an action acts on. Budgets, concurrency, what is in flight and what people hold are counted by it."""

    kind: str
    """A word for people and metrics: `container`, `unit`, `file`."""
    name: str

    def __str__(self) -> str:
        return self.name if self.kind == CONTAINER else f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class ActionRequest:
    """One act on the world, as the engine orders it. `timeout` in seconds bounds the whole call."""

    action_id: str
    incident: str
    dependency: str
    action: str
    target: Target
    options: Any = None
    """The checked options of the step, of the model that the action's kind names."""
    expected_run: ContainerStatus | None = None
    """The container that the engine judged. Another one of that name, or another run or state of it, is left alone."""
    timeout: float = 60.0


@dataclass(frozen=True, slots=True)
class ActionResult:
    outcome: ActionOutcome
    detail: str = ""


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
    JOURNAL = "journal"
    IN_FLIGHT = "in_flight"
    PAUSE = "pause"
    AUTONOMY = "autonomy"
    CATEGORY = "category"
    BLIND = "blind"
    HUMAN_HOLD = "human_hold"
    STORM = "storm"
    """Much fails together: what is shared is suspected. Or it is not known yet whether this one fails alone."""
    UPSTREAM = "upstream"
    GRACE = "grace"
    VERIFICATION = "verification"
    BACKOFF = "backoff"
    BUDGET = "budget"
    CONCURRENCY = "concurrency"
    EVIDENCE = "evidence"
    """What was seen is older than the last action or the last start."""
    CONDITION = "condition"
    """The remedy's own `when`."""
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
    OPENED = "opened"
    WORSENED = "worsened"
    """A member of an open incident that had served is down."""
    SEVERITY_CHANGED = "severity_changed"
    ACTION_STARTED = "action_started"
    ACTION_FINISHED = "action_finished"
    SUGGESTED = "suggested"
    HELD = "held"
    ESCALATED = "escalated"
    RESOLVED = "resolved"
    UNWATCHED = "unwatched"
    """An incident ended, and not because all that was in trouble serves: the policy names it no more."""
    JOURNAL = "journal"
    """Of the watchdog itself: what it remembers is damaged, or a person let it go on."""


class Told(StrEnum):
    """Why something was told, or was not."""

    QUEUED = "queued"
    NO_CONTACT = "no_contact"
    """The policy names nobody for it."""
    MERGED = "merged"
    """Its incident is part of another one, which is told."""
    STORM = "storm"
    """Much fails together, which is told as one."""


@dataclass(frozen=True, slots=True)
class Notification:
    """One message for people. `key` is unique for the fact that it tells: the same fact is told once."""

    key: str
    kind: NotificationKind
    incident: str
    severity: Severity
    root: str
    title: str
    body: str
    contacts: tuple[str, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class Alert:
    """An incident as Alertmanager sees it: firing while `ends_at` is None."""

    incident: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str] = field(default_factory=dict)
    starts_at: datetime | None = None
    ends_at: datetime | None = None
