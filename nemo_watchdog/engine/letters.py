"""What waits for one contact, as it is sent: in the order in which it was made, and what is late as what it is. Pure.

A message says what is, at the moment when it is made. Read later it would say what is no longer so: that an action
begins which has long ended, or that something is down which is up again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from nemo_watchdog.model import Notification, NotificationKind

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
    """Whether messages about one incident to one contact, oldest first, are one letter.

    They are when the contact did not take one of them (`tried`), or the first is late by now.
    """
    return tried or _is_late(waiting[0], now)


def letter(waiting: Sequence[Notification], now: datetime) -> Notification:
    """One message for all of them, oldest first; its key and title are the newest's. Raises `ValueError` for none."""
    *earlier, newest = waiting
    body = newest.body
    if _is_late(newest, now):
        body = f"At {_time(newest, now)}, delivered late: {body}"
    elif earlier:
        body = f"{_time(newest, now)}: {body}"
    if not earlier:
        return replace(newest, body=body)
    first, *lines = [_shortened(f"{_time(each, now)}: {_line(each)}") for each in earlier]
    left_out = 0
    while lines and len(_story(first, left_out, lines, body)) > LONGEST:
        left_out += 1
        del lines[0]
    return replace(newest, body=_story(first, left_out, lines, body))


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


def _time(told: Notification, now: datetime) -> str:
    return f"{told.at:%H:%M:%S} UTC" if told.at.date() == now.date() else f"{told.at:%Y-%m-%d %H:%M:%S} UTC"
