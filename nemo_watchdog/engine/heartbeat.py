"""What a job said last of itself, as it is remembered."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The newest heartbeat of a job that is on disk, at monotonic seconds."""

    at: float
    well: bool
    said: str
