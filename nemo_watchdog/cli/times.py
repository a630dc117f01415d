"""Times as people write them. Pure.

One that is past: `03:12`, `2026-11-27 03:12`, `2026-11-27T02:12:00Z`, `-2h`; one that is still to come: `18:00`,
`monday 09:00`, `2026-11-30 09:00`.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, tzinfo

from pydantic_core import PydanticCustomError

from nemo_watchdog.policy.units import parse_duration

HOW = "write 03:12, 2026-11-27 03:12, 2026-11-27T02:12:00Z, -2h or 2h ago"

HOW_AHEAD = "write 18:00, monday 09:00, 2026-11-30 09:00 or 2026-11-30T08:00:00Z"

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
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


def ahead(text: str, now: datetime, zone: tzinfo | None) -> datetime:
    """Aware, and still to come; otherwise as `past`. A time of the day, or of a day of the week, is the next one."""
    try:
        at = _read_ahead(text.strip(), now.astimezone(zone), zone).astimezone(zone)
    except (ValueError, OverflowError):
        raise ValueError(f"{text} is no time that can be read: {HOW_AHEAD}") from None
    if at <= now:
        raise ValueError(f"{text} is past: it is {now.astimezone(zone):%Y-%m-%d %H:%M:%S %Z}")
    return at


def _read_ahead(text: str, now: datetime, zone: tzinfo | None) -> datetime:
    day, _, time = text.lower().rpartition(" ")
    found = _OF_DAY.fullmatch(time) if day in ("", *_DAYS) else None
    if found is None:
        at = datetime.fromisoformat(text)
        return at if at.tzinfo is not None else _of(at, zone)
    hour, minute, second = (int(part or 0) for part in found.groups())
    naive = now.replace(hour=hour, minute=minute, second=second, microsecond=0, tzinfo=None)
    naive += _DAY * ((_DAYS.index(day) - naive.weekday()) % 7 if day else 0)
    at = _of(naive, zone)
    return at if at > now else _of(naive + _DAY * (7 if day else 1), zone)


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
