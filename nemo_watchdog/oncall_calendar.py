"""Reads the calendar of a rota: a file of iCalendar whose events name who has it. For a thread: it waits for the disk.

What is in the file bounds neither time nor memory: a rule that repeats by the second, or that never comes forward, is
refused before it is followed. A calendar of which something cannot be read is not used in part: who reads it would
believe that all of it counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import MAXYEAR, UTC, date, datetime, time, timedelta, tzinfo
from pathlib import Path
from typing import Any

from nemo_watchdog.engine.oncall import Oncall, Shift
from nemo_watchdog.errors import CalendarError, in_one_line
from nemo_watchdog.policy.lint import Advice
from nemo_watchdog.policy.people import Rota
from nemo_watchdog.policy.policy import Policy
from nemo_watchdog.regular_file import read_regular

LARGEST = 1 << 20
"""Bytes."""
MOST_EVENTS = 2000
MOST_SHIFTS = 1000
AHEAD = timedelta(days=62)
BEFORE = timedelta(days=1)
MOST_A_DAY = 24
"""Times of one rule in a day."""
WITHIN_YEARS = 8
"""What repeats comes within so many of its beginning: the 29th of February does, also around 2100."""
_AGAIN = 400
"""Years after which the calendar is the same, with its days of the week."""
MOST_FOLLOWED = 1_000_000
"""Days from the beginning of each event that repeats, all together, a time in a day each: some seconds."""

_FREQUENCIES = frozenset({"DAILY", "WEEKLY", "MONTHLY", "YEARLY"})
_WITHIN_A_DAY = ("BYHOUR", "BYMINUTE", "BYSECOND")
_TIMES = frozenset({"DTSTART", "DTEND", "DURATION", "RRULE", "EXRULE", "RDATE", "EXDATE", "RECURRENCE-ID"})
_LONGEST_SAID = 100


def read_calendar(rota: Rota, at: datetime) -> tuple[Shift, ...]:
    """Its events from a day before `at` to two months after it. Raises `CalendarError` that says what to mend."""
    try:
        text = read_regular(Path(rota.calendar), LARGEST)
    except FileNotFoundError:
        raise CalendarError("there is no such file") from None
    except (OSError, ValueError) as error:
        raise CalendarError(f"it cannot be read: {getattr(error, 'strerror', None) or error}") from None
    try:
        return _joined(_shifts(text, rota.zone, at))
    except CalendarError:
        raise
    except Exception as error:  # noqa: BLE001 - of what is no calendar the library may raise anything
        raise CalendarError(f"it is no iCalendar that can be read ({type(error).__name__})") from None


def calendars_advice(policy: Policy, at: datetime) -> Iterator[Advice]:
    """Of each calendar that names nobody who could be told. Reads them."""
    oncall = Oncall(policy.contacts, {}, {})
    for name, rota in oncall.rotas().items():
        if rota.calendar:
            try:
                why = oncall.names_nobody(read_calendar(rota, at))
            except CalendarError as error:
                why = str(error)
            if why:
                yield Advice(f"contacts.{name}.calendar", f"the rota stands in for {rota.calendar}: {why}")


def _shifts(text: bytes, zone: tzinfo, at: datetime) -> Iterator[Shift]:
    import icalendar  # noqa: PLC0415 - a quarter of a second, which only a policy with a calendar pays
    import recurring_ical_events  # noqa: PLC0415 - as above

    calendar = icalendar.Calendar.from_ical(text)
    events = calendar.walk("VEVENT")
    if len(events) > MOST_EVENTS:
        raise CalendarError(f"it has {len(events)} events, and {MOST_EVENTS} are read at most: leave the old ones out")
    ends = (at + AHEAD).date()
    followed = [(_check(event, ends), _named(event)) for event in events]
    if sum(days for days, _ in followed) > MOST_FOLLOWED:
        longest, name = max(followed)
        raise CalendarError(
            f"its events repeat for more than {MOST_FOLLOWED} days in all, {name} for {longest}: let it begin later"
        )
    found = recurring_ical_events.of(calendar).between(at - BEFORE, at + AHEAD)
    if len(found) > MOST_SHIFTS:
        raise CalendarError(f"its events come {len(found)} times in two months: {MOST_SHIFTS} are read at most")
    for event in found:
        shift = Shift(_moment(event.start, zone), _moment(event.end, zone), _said(event))
        if shift.start < shift.end and str(event.get("STATUS", "")).upper() != "CANCELLED":
            yield shift


def _joined(shifts: Iterable[Shift]) -> tuple[Shift, ...]:
    """In the order of time; what one has without a gap is one shift."""
    joined: list[Shift] = []
    for shift in sorted(shifts, key=lambda each: (each.said, each.start)):
        last = joined[-1] if joined else None
        if last is not None and last.said == shift.said and shift.start <= last.end:
            joined[-1] = replace(last, end=max(last.end, shift.end))
        else:
            joined.append(shift)
    return tuple(sorted(joined, key=lambda each: (each.start, each.said)))


def _named(event: Any) -> str:
    return f"the event `{_said(event)}`"


def _check(event: Any, ends: date) -> int:
    """For how many days, a time in a day each, its rules are followed. Raises `CalendarError` where they cannot be."""
    name, followed = _named(event), 0
    if broken := [key for key, _ in event.errors if key in _TIMES]:
        raise CalendarError(f"{name} has a {broken[0]} that cannot be read")
    if "DTSTART" not in event:
        raise CalendarError(f"{name} has no DTSTART")
    for key in ("DTSTART", "DTEND"):
        given = event.get(key)
        zone = given.params.get("TZID") if given is not None else None
        if zone and isinstance(given.dt, datetime) and given.dt.tzinfo is None:
            raise CalendarError(f"{name} is in the time zone {in_one_line(str(zone))}, which is not known here")
    for key in ("RRULE", "EXRULE"):
        rules = event.get(key, [])
        for rule in rules if isinstance(rules, list) else [rules]:
            times = _check_rule(name, rule)
            followed += times * _days(f"the {key} of {name}", rule, event["DTSTART"].dt, ends)
    return followed


def _check_rule(name: str, rule: Any) -> int:
    """How often it comes in a day."""
    frequency = str(next(iter(rule.get("FREQ", [])), "")).upper()
    if frequency not in _FREQUENCIES:
        known = ", ".join(sorted(_FREQUENCIES))
        raise CalendarError(f"{name} repeats {frequency or 'without FREQ'}: a shift repeats {known}")
    if any(int(interval) < 1 for interval in rule.get("INTERVAL", [])):
        raise CalendarError(f"{name} repeats with an INTERVAL below 1")
    times = math.prod(max(1, len(rule.get(part, []))) for part in _WITHIN_A_DAY)
    if times > MOST_A_DAY:
        raise CalendarError(f"{name} comes more than {MOST_A_DAY} times a day")
    return times


def _days(what: str, rule: Any, begins: date, ends: date) -> int:
    """From its beginning to its first time, and to its end.

    One that never comes is followed to the last year that there is, whatever its UNTIL. So it is asked for its first
    time as if it began shortly before that year.
    """
    from dateutil.rrule import rrulestr  # noqa: PLC0415 - with what imports it

    start = _naive(begins)
    late = start.replace(year=start.year + (MAXYEAR - WITHIN_YEARS - start.year) // _AGAIN * _AGAIN)
    endless = type(rule)({part: value for part, value in rule.items() if part not in {"COUNT", "UNTIL"}})
    try:
        times: Iterator[datetime] = iter(rrulestr(endless.to_ical().decode(), dtstart=late))
        first = next(times, None)
    except ValueError:
        raise CalendarError(f"{what} cannot be followed: mend it") from None
    if first is None or (first - late).days > 366 * WITHIN_YEARS:
        raise CalendarError(f"{what} does not come within {WITHIN_YEARS} years: mend it, or leave the event out")
    over = min([ends, *(_naive(each).date() for each in rule.get("UNTIL", []))])
    return (first - late).days + max(0, (over - start.date()).days)


def _naive(value: date) -> datetime:
    return value.replace(tzinfo=None) if isinstance(value, datetime) else datetime.combine(value, time())


def _said(event: Any) -> str:
    summary = event.get("SUMMARY", "")
    first = summary[0] if isinstance(summary, list) and summary else summary
    return in_one_line(str(first)).strip()[:_LONGEST_SAID]


def _moment(value: date, zone: tzinfo) -> datetime:
    """In UTC. What has no zone of its own is in that of the rota, and a day begins there."""
    at = value if isinstance(value, datetime) else datetime.combine(value, time())
    return (at if at.tzinfo is not None else at.replace(tzinfo=zone)).astimezone(UTC)
