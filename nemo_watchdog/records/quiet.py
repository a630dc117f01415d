"""What people want quiet for a while: silences, and maintenance.

A scope is dependencies and tags, both empty for everything: what the policy in force calls so is meant.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from nemo_watchdog.records.record import Record


@dataclass(frozen=True, slots=True)
class SilenceBegan(Record):
    """Nobody is told of these for `duration` seconds. They are looked at and acted on as ever."""

    TYPE: ClassVar[str] = "silence_began"
    silence: str
    dependencies: list[str]
    tags: list[str]
    duration: float
    reason: str
    by: str
    incident: str = ""


@dataclass(frozen=True, slots=True)
class SilenceEnded(Record):
    """`by` is empty where its time was over."""

    TYPE: ClassVar[str] = "silence_ended"
    silence: str
    by: str = ""
    incident: str = ""


@dataclass(frozen=True, slots=True)
class MaintenanceBegan(Record):
    """Nothing is done to these, and what begins to fail is told at the end, for `duration` seconds.

    `window` is that of the policy which opened; then the policy says when it ends, and `by` is empty. `public` is what
    users are told of it where a person began it; None: nothing.
    """

    TYPE: ClassVar[str] = "maintenance_began"
    maintenance: str
    dependencies: list[str]
    tags: list[str]
    duration: float
    reason: str
    by: str
    window: str = ""
    incident: str = ""
    public: str | None = None


@dataclass(frozen=True, slots=True)
class MaintenanceEnded(Record):
    """`by` is empty where its time was over; `why` says so for people."""

    TYPE: ClassVar[str] = "maintenance_ended"
    maintenance: str
    why: str
    by: str = ""
    incident: str = ""
