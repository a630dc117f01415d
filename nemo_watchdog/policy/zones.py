"""Time zones by their IANA names, as this machine knows them."""

from __future__ import annotations

from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones


def find_zone(name: str) -> tzinfo | None:
    """The zone; None when this machine does not know it. UTC needs no time zone data. Reads the disk once a zone."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # an absolute path, a folder such as `Europe`
        return None


def known_zones() -> list[str]:
    """All that this machine knows; empty when it has no time zone data at all."""
    return sorted(available_timezones())
