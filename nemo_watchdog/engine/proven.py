"""The image of a container that has served well for long enough to go back to, and the time that one has so far. Pure.

The first is durable, changed by records alone; of the second only what was seen counts, so a start begins it anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from nemo_watchdog.model import Moment


@dataclass(frozen=True, slots=True)
class ProvenImage:
    """It served for so many seconds, until `at` at least."""

    image: str
    name: str
    served: float
    at: Moment


@dataclass(frozen=True, slots=True)
class Proving:
    """All that look at a container are up, in this run of it, since monotonic seconds."""

    run: tuple[str, datetime | None]
    since: float
