"""Times of the week as people write them: `mon-fri 09:00-18:00`, `sat,sun 00:00-24:00`, `22:00-06:00`."""

from __future__ import annotations

import re

from nemo_watchdog.policy.condition import MINUTES_OF_A_DAY, WEEKDAYS, Span
from nemo_watchdog.policy.units import wrong

_DAY = f"(?:{'|'.join(WEEKDAYS)})"
_DAYS = rf"{_DAY}(?:-{_DAY})?"
TIMES_PATTERN = rf"(?:{_DAYS}(?:,{_DAYS})* )?[0-9]{{2}}:[0-9]{{2}}-[0-9]{{2}}:[0-9]{{2}}"
_TIMES = re.compile(r"(?:(?P<days>\S+) )?(?P<start>\d\d:\d\d)-(?P<end>\d\d:\d\d)", re.ASCII)
_WRITTEN = re.compile(TIMES_PATTERN, re.ASCII)
_HELP = "expected days and times such as `mon-fri 09:00-18:00`, `sat,sun 00:00-24:00` or `22:00-06:00`"


def parse_span(value: object) -> Span:
    """Without days it holds on every day; one that ends before it begins goes over midnight, into the next day."""
    match = _TIMES.fullmatch(value) if isinstance(value, str) and _WRITTEN.fullmatch(value) else None
    if match is None:
        raise wrong(_HELP)
    start, end = _minute(match["start"]), _minute(match["end"])
    if start in (MINUTES_OF_A_DAY, end):
        raise wrong(f"{_HELP}: it has no length")
    return Span(_days(match["days"]), start, end)


def _minute(text: str) -> int:
    hour, minute = int(text[:2]), int(text[3:])
    if minute > 59 or hour * 60 + minute > MINUTES_OF_A_DAY:
        raise wrong(f"{_HELP}: there is no such time of day")
    return hour * 60 + minute


def _days(text: str | None) -> frozenset[int]:
    if text is None:
        return frozenset(range(7))
    days: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        begin = WEEKDAYS.index(first)
        length = (WEEKDAYS.index(last or first) - begin) % 7
        days |= {(begin + day) % 7 for day in range(length + 1)}
    return frozenset(days)
