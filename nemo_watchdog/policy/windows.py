"""Planned times as the rest of the program sees them. A window is a matter of the wall clock: it begins when that says
so, whatever it said before; how long it lasts is real time, so that a day of 23 hours makes none shorter.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

_REFERENCE = datetime(2024, 1, 1, tzinfo=UTC)
_LONG_ENOUGH = timedelta(days=62)
_MOST_STEPS = 12_000


class Schedule(Protocol):
    """When something begins, again and again. Moments are aware; None where there is no such start."""

    def last(self, at: datetime) -> datetime | None:
        """The newest start at `at` or before it."""

    def next(self, at: datetime) -> datetime | None:
        """The first start after `at`."""


@dataclass(frozen=True, slots=True)
class MaintenanceWindow:
    """One entry of `maintenance`: work on these dependencies is planned. `duration` in seconds."""

    name: str
    schedule: Schedule
    duration: float
    dependencies: frozenset[str]
    public: str | None = None
    """What users are told of it; empty: only when it is; None: nothing."""

    def end(self, at: datetime) -> datetime | None:
        """When the newest of its times that is open then ends; None when none is open. Its end is not in it."""
        start = self.schedule.last(at)
        if start is None:
            return None
        end = start + timedelta(seconds=self.duration)
        return end if at < end else None

    def is_open(self, at: datetime) -> bool:
        return self.end(at) is not None

    def border(self, at: datetime) -> datetime | None:
        """The first moment after `at` at which it may open or close."""
        borders = [border for border in (self.end(at), self.schedule.next(at)) if border is not None]
        return min(borders, default=None)


def never_ends(window: MaintenanceWindow) -> bool:
    """Whether each of its times begins before the one before has ended, for two months or for thousands of times."""
    began = at = window.schedule.next(_REFERENCE) or _REFERENCE
    for _ in range(_MOST_STEPS):
        end = window.end(at)
        if end is None:
            return False
        at = end
        if at - began > _LONG_ENOUGH:
            break
    return True
