"""What the wall clock says at a time of the monotonic one. Pure."""

from __future__ import annotations

from datetime import timedelta

from nemo_watchdog.model import Moment


def utc_of(at: float | None, now: Moment) -> str | None:
    """At monotonic seconds, in ISO 8601; None of no time."""
    return None if at is None else (now.utc + timedelta(seconds=at - now.monotonic)).isoformat()
