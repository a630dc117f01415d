"""A time that is past, as people write it: `03:12`, `2026-11-27 03:12`, `2026-11-27T02:12:00Z`, `-2h`. Pure."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, tzinfo

from pydantic_core import PydanticCustomError

from nemo_watchdog.policy.units import parse_duration

HOW = "write 03:12, 2026-11-27 03:12, 2026-11-27T02:12:00Z, -2h or 2h ago"

_OF_DAY = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?", re.ASCII)
_DAY = timedelta(days=1)


def past(text: str, now: datetime, zone: tzinfo | None) -> datetime:
    """Aware. A time without a zone is one of `zone`, None for this machine's. Raises `ValueError` that says why."""
    try:
        at = _read(text.strip(), now.astimezone(zone), zone).astimezone(zone)
    except (ValueError, OverflowError, PydanticCustomError):
        raise ValueError(f"{text} is no time that can be read: {HOW}") from None
    if at > now:
        raise ValueError(f"{text} is still to come: it is {now.astimezone(zone):%Y-%m-%d %H:%M:%S %Z}")
    return at


def _read(text: str, now: datetime, zone: tzinfo | None) -> datetime:
    ago = text.removesuffix(" ago").rstrip()
    if ago != text or text.startswith("-"):
        return now - timedelta(seconds=parse_duration(ago.removeprefix("-").strip()))
    if found := _OF_DAY.fullmatch(text):
        hour, minute, second = (int(part or 0) for part in found.groups())
        at = _of(now.replace(hour=hour, minute=minute, second=second, microsecond=0, tzinfo=None), zone)
        return at if at <= now else _of(at.replace(tzinfo=None) - _DAY, zone)
    at = datetime.fromisoformat(text)
    return at if at.tzinfo is not None else _of(at, zone)


def _of(naive: datetime, zone: tzinfo | None) -> datetime:
    """The same reading of a clock there: another day may have another offset."""
    return naive.astimezone() if zone is None else naive.replace(tzinfo=zone)
