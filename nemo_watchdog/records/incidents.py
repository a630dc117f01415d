"""The life of an incident."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from nemo_watchdog.records.record import Record


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
    affected: str = ""
    """Who was at this moment, in words."""
    storm: bool = False
    """It is that of all that fail together; here and in `IncidentReopened`."""


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
    storm: bool = False


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
class IncidentResolved(Record):
    TYPE: ClassVar[str] = "incident_resolved"
    incident: str
    root: str
    seconds: float
    why: str


@dataclass(frozen=True, slots=True)
class FlappingBegan(Record):
    """It goes down and comes back again and again: told once, and its incident stays open until it keeps still.

    `changes` in the `seconds` before; `to` is the contact that its remedy would name when it ends.
    """

    TYPE: ClassVar[str] = "flapping_began"
    incident: str
    dependency: str
    to: str
    changes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class FlappingEnded(Record):
    """`changes` in the `seconds` from its beginning. `resolves`: its incident is over with that, and says so."""

    TYPE: ClassVar[str] = "flapping_ended"
    incident: str
    dependency: str
    changes: int
    seconds: float
    why: str
    resolves: bool
