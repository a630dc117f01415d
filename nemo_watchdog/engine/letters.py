"""What waits for one contact, as it is sent: in the order in which it was made, and what is late as what it is. Pure.

A message says what is, at the moment when it is made. Read later it would say what is no longer so: that an action
begins which has long ended, or that something is down which is up again. So a late one says what became of it since.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, tzinfo

from nemo_watchdog.engine.page_now import ENDS, PageNow
from nemo_watchdog.model import Notification, NotificationKind, Standing

LATE_AFTER = 10.0
"""Seconds: a message that is sent so long after it was made says when that was."""

LONGEST = 900
"""Characters of a letter that tells of several messages: services cut off or refuse what is longer (Pushover: 1024).

Only what the newest says for itself may make it longer than that.
"""

LONGEST_LINE = 120

_SAID_BY_THE_TITLE = (
    NotificationKind.ACTION_STARTED,
    NotificationKind.ESCALATED,
    NotificationKind.HELD,
    NotificationKind.FLAPPING,
)
"""Their first line says how the dependency is, and the title what it is about."""


def told_as_one(waiting: Sequence[Notification], now: datetime, *, tried: bool) -> bool:
    """Whether messages of one thread to one contact, oldest first, are one letter.

    They are when the contact did not take one of them (`tried`), or the first is late by now.
    """
    return tried or _is_late(waiting[0], now)


def letter(waiting: Sequence[Notification], now: datetime, page: PageNow, zone: tzinfo) -> Notification:
    """One message for all of them, oldest first; its key is the newest's. Raises `ValueError` for none.

    `page` is how their thread stands now; times are told in the zone.
    """
    *earlier, newest = waiting
    title, body, at = newest.title, newest.body, _time(newest.at, now, zone)
    if _is_late(newest, now):
        since = "" if newest.kind in ENDS else _since_then(page, now, zone)
        if since and page.standing is Standing.OVER:
            title, body = _as_over(newest)
        body = f"At {at}, delivered late{since}: {body}"
    elif earlier:
        body = f"{at}: {body}"
    if earlier:
        first, *lines = [_shortened(f"{_time(each.at, now, zone)}: {_line(each)}") for each in earlier]
        left_out = 0
        while lines and len(_story(first, left_out, lines, body)) > LONGEST:
            left_out += 1
            del lines[0]
        body = _story(first, left_out, lines, body)
    return replace(newest, title=title, body=body, earlier=())


def _since_then(page: PageNow, now: datetime, zone: tzinfo) -> str:
    """What became of it, in brackets."""
    if page.standing is Standing.OVER:
        when = f" since {_time(page.over_since, now, zone)}" if page.over_since is not None else ""
        return f" (it has been over{when})"
    if page.standing is Standing.ACKNOWLEDGED:
        return f" (it is still open, and {page.owner} has taken it)"
    return " (it is still open)" if page.standing is Standing.FIRING else ""


def _as_over(told: Notification) -> tuple[str, str]:
    """Title and body of what is no news any more: nothing comes next."""
    mark = f"[{told.severity}] "
    marked = mark if told.title.startswith(mark) else ""
    return f"{marked}Over: {told.title.removeprefix(mark)}", told.body.partition("\nNext: ")[0]


def _story(first: str, left_out: int, lines: Sequence[str], body: str) -> str:
    between = [f"({left_out} more message{'s' if left_out > 1 else ''})"] if left_out else []
    return "\n".join(("Not delivered until now:", first, *between, *lines, body))


def _shortened(line: str) -> str:
    return line if len(line) <= LONGEST_LINE else f"{line[: LONGEST_LINE - 1]}…"


def _line(told: Notification) -> str:
    if told.kind in _SAID_BY_THE_TITLE:
        return told.title.removeprefix(f"[{told.severity}] ")
    return told.body.partition("\n")[0]


def _is_late(told: Notification, now: datetime) -> bool:
    return (now - told.at).total_seconds() > LATE_AFTER


def _time(at: datetime, now: datetime, zone: tzinfo) -> str:
    """With the day, when that is another one there."""
    there, today = at.astimezone(zone), now.astimezone(zone).date()
    return f"{there:%H:%M:%S %Z}" if there.date() == today else f"{there:%Y-%m-%d %H:%M:%S %Z}"
