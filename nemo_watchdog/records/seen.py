"""What was seen of a dependency or of its container."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from nemo_watchdog.records.record import Record


@dataclass(frozen=True, slots=True)
class HealthChanged(Record):
    TYPE: ClassVar[str] = "health_changed"
    dependency: str
    health: str
    category: str | None
    reason: str | None
    detail: str
    incident: str = ""
    not_served_for: float = 0.0
    """Seconds since the last look that saw it serve began, where this daemon had one."""


@dataclass(frozen=True, slots=True)
class SeenUp(Record):
    """It was up as the policy names it; `digest` is that of `Dependency`. One for each address and expectation."""

    TYPE: ClassVar[str] = "seen_up"
    dependency: str
    digest: str
    incident: str = ""


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
class HeartbeatHeard(Record):
    """A job called its heartbeat URL: it went well or not, in its own words."""

    TYPE: ClassVar[str] = "heartbeat_heard"
    dependency: str
    well: bool
    said: str
    incident: str = ""


@dataclass(frozen=True, slots=True)
class SideChanged(Record):
    """It serves now, or is down now, and did not before: so many `changes` count in the last `within` seconds.

    `returned`: an action of ours brought it back, which counts when it is down again by nobody's order.
    """

    TYPE: ClassVar[str] = "side_changed"
    dependency: str
    serves: bool
    changes: int
    within: float
    returned: bool = False
    incident: str = ""


@dataclass(frozen=True, slots=True)
class RunChanged(Record):
    """Its container has begun a new run; `changes` and `within` as above. `ordered`: by somebody, and not by Docker."""

    TYPE: ClassVar[str] = "run_changed"
    dependency: str
    changes: int
    within: float
    ordered: bool
    incident: str = ""
