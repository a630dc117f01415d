"""Time zones by their IANA names. Their data are the machine's own, or else those that come with the program."""

from __future__ import annotations

import difflib
from datetime import UTC, tzinfo
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BeforeValidator

from nemo_watchdog.policy.units import wrong

UTC_NAME = "UTC"
"""The one that needs no data."""


def parse_zone(value: object) -> tzinfo:
    """`Europe/Berlin`; an error that says what was probably meant."""
    if not isinstance(value, str) or not value:
        raise wrong("expected a time zone such as `Europe/Berlin` or `UTC`")
    if value == UTC_NAME:
        return UTC
    try:
        return ZoneInfo(value)
    except (KeyError, ValueError, OSError):  # unknown; no name of one; a folder of them
        close = difflib.get_close_matches(value, sorted(available_timezones()), n=1)
    hint = f"did you mean `{close[0]}`?" if close else "such as `Europe/Berlin`"
    raise wrong(f"there is no time zone of that name ({hint})")


def _check_zone(text: str) -> str:
    parse_zone(text)
    return text


ZoneText = Annotated[str, BeforeValidator(_check_zone)]
