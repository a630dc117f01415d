"""What people did, to a container or to the watchdog."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from nemo_watchdog.records.record import Record


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
class OncallSwapped(Record):
    """`person` has the rota instead, from now on until then (UTC, ISO 8601)."""

    TYPE: ClassVar[str] = "oncall_swapped"
    rota: str
    person: str
    until: str
    reason: str
    by: str
    incident: str = ""


@dataclass(frozen=True, slots=True)
class OncallSwapEnded(Record):
    """All swaps of the rota that still held: it goes on as it is planned."""

    TYPE: ClassVar[str] = "oncall_swap_ended"
    rota: str
    by: str
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
