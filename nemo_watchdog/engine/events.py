"""What the engine is told, and what it answers. Data only."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from nemo_watchdog.engine.news import News
from nemo_watchdog.engine.oncall import Shift
from nemo_watchdog.engine.silence_elsewhere import SilenceElsewhere
from nemo_watchdog.model import (
    ActionRequest,
    ActionResult,
    ContainerEvent,
    ContainerStatus,
    LogLine,
    Notification,
    NotificationKind,
    Observation,
    Past,
    Severity,
    Told,
)
from nemo_watchdog.policy.policy import Policy
from nemo_watchdog.records import Record


@dataclass(frozen=True, slots=True)
class Started:
    """The first event of a process: the journal has been replayed."""


class Sample(NamedTuple):
    """How good a look was as evidence, in seconds; a finding that a bad one made worthless says so itself."""

    lag: float = 0.0
    """Lost by our own event loop during the look."""
    lateness: float = 0.0
    """How late the look began."""
    clock_jump: float = 0.0
    """How far the wall clock went beyond the monotonic one during the look."""


class Signs(NamedTuple):
    """What speaks of work in progress beside a look, in one line for people; empty when nothing does."""

    titles: str | None = None
    """Of the processes of its container; None when nobody asked, or they do not tell."""
    marks: str | None = ""
    """Files and locks that `busy_while` names and that are there; None when nobody can tell."""


@dataclass(frozen=True, slots=True)
class Observed:
    dependency: str
    observation: Observation
    sample: Sample = Sample()  # noqa: RUF009 - it cannot change
    signs: Signs = Signs()  # noqa: RUF009 - as above


@dataclass(frozen=True, slots=True)
class ContainerActed:
    """A line of Docker's event stream, before anybody looked at what it did."""

    event: ContainerEvent


@dataclass(frozen=True, slots=True)
class ContainerSeen:
    """An inspect. `past` is what is known of this run's events; None when nobody asked for them, as nothing is new.

    `last_words` are the last lines that it wrote, where it has ended and they may explain that; None when Docker was
    asked for them and has not answered.
    """

    container: str
    status: ContainerStatus
    past: Past | None = None
    last_words: tuple[LogLine, ...] | None = ()


@dataclass(frozen=True, slots=True)
class ActionFinished:
    request: ActionRequest
    result: ActionResult


@dataclass(frozen=True, slots=True)
class PauseAsked:
    """`scope` is a dependency or "*"; `duration` in seconds, None for no end."""

    scope: str
    reason: str
    by: str
    duration: float | None = None


@dataclass(frozen=True, slots=True)
class ResumeAsked:
    scope: str
    by: str


Pausing = PauseAsked | ResumeAsked


@dataclass(frozen=True, slots=True)
class SilenceAsked:
    """Nobody is to hear of these for `duration` seconds; of everything where neither names nor tags are given."""

    dependencies: tuple[str, ...]
    tags: tuple[str, ...]
    duration: float
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class MaintenanceAsked:
    """Somebody works on these for `duration` seconds; on everything where neither names nor tags are given.

    `public` is what users are told of it; None: nothing.
    """

    dependencies: tuple[str, ...]
    tags: tuple[str, ...]
    duration: float
    reason: str
    by: str
    public: str | None = None


@dataclass(frozen=True, slots=True)
class QuietEndAsked:
    """A person ends a silence, or maintenance that a person began, before its time."""

    identity: str
    by: str


@dataclass(frozen=True, slots=True)
class SilencesHeard:
    """What is silenced in Alertmanager now, of those whose silences the policy honours."""

    silences: tuple[SilenceElsewhere, ...]


QuietAsked = SilenceAsked | MaintenanceAsked | QuietEndAsked | SilencesHeard


@dataclass(frozen=True, slots=True)
class RetryAsked:
    """A person wants a ladder that has ended, or that waits, to begin anew."""

    dependency: str
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class ApproveAsked:
    """A person lets what was proposed be done."""

    proposal: str
    by: str


@dataclass(frozen=True, slots=True)
class RejectAsked:
    """A person wants it not done, and not proposed again for `holds` seconds while it fails with the same."""

    proposal: str
    reason: str
    holds: float
    by: str


@dataclass(frozen=True, slots=True)
class ActAsked:
    """A person has the step of that key done now, or the next one, through all gates but those that he overrides."""

    dependency: str
    step: str
    overrides: tuple[str, ...]
    reason: str
    by: str


ByHand = RetryAsked | ApproveAsked | RejectAsked | ActAsked
"""What people order of what is down."""


@dataclass(frozen=True, slots=True)
class DeclareAsked:
    """A person reports an incident; `dependency` is empty where none is named."""

    text: str
    severity: Severity
    dependency: str
    by: str


@dataclass(frozen=True, slots=True)
class AcknowledgeAsked:
    """A person takes an open incident upon himself, and with it all of its page; `duration` in seconds, None: no end.

    Who does it by a link was told as `contact`; `link` is its digest.
    """

    incident: str
    by: str
    duration: float | None = None
    contact: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class NoteAsked:
    """What a person writes about an incident that is known, open or over; `about` as `records.NoteAdded` has it."""

    incident: str
    about: str
    text: str
    by: str


@dataclass(frozen=True, slots=True)
class ResolveAsked:
    """A person ends what was declared."""

    incident: str
    reason: str
    by: str


Said = DeclareAsked | AcknowledgeAsked | NoteAsked | ResolveAsked
"""What people say of incidents."""


@dataclass(frozen=True, slots=True)
class SwapAsked:
    """Another person has a rota, from now on until then (aware)."""

    rota: str
    person: str
    until: datetime
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class UnswapAsked:
    """A person ends all swaps of a rota."""

    rota: str
    by: str


@dataclass(frozen=True, slots=True)
class CalendarRead:
    """What the calendar of a rota says from now on; nothing where it cannot be used."""

    rota: str
    shifts: tuple[Shift, ...]


OncallChange = SwapAsked | UnswapAsked | CalendarRead


@dataclass(frozen=True, slots=True)
class HeartbeatCame:
    """One that must outlive this process; `said` is one line for people."""

    dependency: str
    well: bool
    said: str


@dataclass(frozen=True, slots=True)
class PolicyChanged:
    policy: Policy


@dataclass(frozen=True, slots=True)
class Stopping:
    """This process ends in good order."""


@dataclass(frozen=True, slots=True)
class JournalChanged:
    """`trouble` says why the journal cannot be written; empty when it can again. `damaged`: a person must accept it."""

    trouble: str
    damaged: bool = False


@dataclass(frozen=True, slots=True)
class JournalAccepted:
    """A person lets a damaged journal go on with what could be read of it; `damage` says what was wrong."""

    reason: str
    by: str
    damage: str


@dataclass(frozen=True, slots=True)
class Witnessed:
    """Another way to something was asked: `detail` says where it takes connections; empty when it does nowhere else."""

    dependency: str
    detail: str


@dataclass(frozen=True, slots=True)
class Tick:
    """The moment that the engine asked to be woken at."""


Event = (
    Started
    | Observed
    | ContainerActed
    | ContainerSeen
    | ActionFinished
    | Pausing
    | QuietAsked
    | ByHand
    | Said
    | OncallChange
    | HeartbeatCame
    | PolicyChanged
    | Stopping
    | JournalChanged
    | JournalAccepted
    | Witnessed
    | Tick
)


@dataclass(slots=True)
class Effects:
    """What a step wants done, in this order: write the records and notifications, then act, then look, then sleep."""

    records: list[Record] = field(default_factory=list)
    notifications: list[Notification] = field(default_factory=list)
    news: list[News] = field(default_factory=list)
    """What happened that people may have to hear of; the notifications tell what is due of it."""
    told: list[tuple[NotificationKind, Told]] = field(default_factory=list)
    """Of each fact that is news: why it was told or was not."""
    actions: list[ActionRequest] = field(default_factory=list)
    probe_soon: set[str] = field(default_factory=set)
    ask_witness: set[str] = field(default_factory=set)
    """Dependencies to whose own addresses the way is to be asked."""
    bug: str = ""
    """What the engine was about to do against its own rules, and did not; from now on it only observes."""
    wake_at: float | None = None
    """Monotonic seconds; None when no clock will change anything."""

    def wake(self, at: float | None) -> None:
        if at is not None and (self.wake_at is None or at < self.wake_at):
            self.wake_at = at
