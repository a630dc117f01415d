"""What is known of a storm: much that fails together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from nemo_watchdog.records.record import Record


@dataclass(frozen=True, slots=True)
class StormBegan(Record):
    """So many of those that can fail together do; `incident` is the first that was open for one, empty for none."""

    TYPE: ClassVar[str] = "storm_began"
    failing: list[str]
    of: int
    incident: str = ""


@dataclass(frozen=True, slots=True)
class StormTold(Record):
    """All that is known so soon of who fails: people have been told in the incident, as one."""

    TYPE: ClassVar[str] = "storm_told"
    incident: str
    failing: list[str]
    of: int
    exited: list[str]
    """Docker says that they do not run."""
    elsewhere: list[str]
    """They answer at their own address."""
    running: list[str]
    """They run, and nobody can tell more."""
    back: list[str]
    """They failed with them, and have been started again or serve."""


@dataclass(frozen=True, slots=True)
class StormEnded(Record):
    TYPE: ClassVar[str] = "storm_ended"
    why: str
    incident: str = ""
