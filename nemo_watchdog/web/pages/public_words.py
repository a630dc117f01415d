"""What the status page and its feed say in words: how things are, when that was, and what others wrote as plain text.

Times are UTC and read the same wherever the page is made; no word is a machine's.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from nemo_watchdog.durations import in_words
from nemo_watchdog.public_views import PublicIncidentView, PublicMaintenanceView, PublicView

OPERATIONAL, DEGRADED, OUTAGE, MAINTENANCE, UNKNOWN = "operational", "degraded", "outage", "maintenance", "unknown"

STATES = {
    OPERATIONAL: "Operational",
    DEGRADED: "Disturbed",
    OUTAGE: "Not available",
    MAINTENANCE: "Maintenance",
    UNKNOWN: "Not known",
}

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""They turn the direction of what stands around them: with them a name could rewrite a sentence."""
_KEPT = frozenset("\n\t")
_NO_CHARACTER = frozenset("\ufffe\uffff")
_CONTROLS = ("Cc", "Cs")
_MANY = 3


def plain(text: str) -> str:
    """Of what others wrote all that can be read, on a page and in XML."""
    if text.isprintable():  # then nothing of it goes, and most names are so
        return text
    return "".join(
        each
        for each in text
        if each in _KEPT or not (unicodedata.category(each) in _CONTROLS or each in _BIDI or each in _NO_CHARACTER)
    )


def known_state(state: str) -> str:
    """A daemon of tomorrow may have one that is not known here."""
    return state if state in STATES else UNKNOWN


# -- how things are


def sentence(view: PublicView) -> str:
    """The whole platform in one."""
    if not view.published:
        return "Nothing is published here"
    gone, disturbed = _named(view, OUTAGE), _named(view, DEGRADED)
    if gone and disturbed:
        more = disturbed if len(disturbed) == 1 else [f"{len(disturbed)} more"]
        return f"{_is(gone, 'not available')}, {more[0]} {'is' if len(disturbed) == 1 else 'are'} disturbed"
    if gone or disturbed:
        return _is(gone or disturbed, "not available" if gone else "disturbed")
    if worked_on := _named(view, MAINTENANCE):
        return _is(worked_on, "under maintenance")
    if unseen := _named(view, UNKNOWN):
        what = "one component" if len(view.components) > 1 else _names(unseen)
        return f"The state of {what if len(unseen) == 1 else f'{len(unseen)} components'} is not known"
    return "All systems are operational"


def incident_title(incident: PublicIncidentView) -> str:
    """In a few words: what, and how bad."""
    names, is_outage = [plain(each) for each in incident.components], incident.state == OUTAGE
    if not names:
        return "Notice"
    if is_outage and len(names) > 1:  # of one of them at least
        return f"Outage that concerns {_names(names)}"
    return _is(names, "not available" if is_outage else "disturbed", over=incident.ended is not None)


def maintenance_title(maintenance: PublicMaintenanceView) -> str:
    return plain(maintenance.text) or "Planned maintenance"


def _named(view: PublicView, state: str) -> list[str]:
    return [plain(each.name) for each in view.components if known_state(each.state) == state]


def _is(names: Sequence[str], how: str, *, over: bool = False) -> str:
    one = len(names) == 1
    verb = ("was" if one else "were") if over else ("is" if one else "are")
    return f"{_names(names)} {verb} {how}"


def _names(names: Sequence[str]) -> str:
    """`Chat`, `Chat and Search`, `Chat and 2 more`."""
    if len(names) >= _MANY:
        return f"{names[0]} and {len(names) - 1} more"
    return " and ".join(names)


def percent(share: float) -> str:
    """Never rounded up: `100 %` is all of the time that was seen."""
    shown = f"{math.floor(share * 10_000 + 1e-6) / 100:.2f}".rstrip("0").rstrip(".")
    return f"{shown} %"


# -- when


@dataclass(frozen=True, slots=True)
class Time:
    """`iso` for programs, `said` for people."""

    iso: str
    said: str


def moment(text: str) -> datetime:
    """Of a view. What has no zone is UTC."""
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def day_said(day: date, today: date) -> str:
    """With the year where that is another one."""
    said = f"{day.day} {MONTHS[day.month - 1]}"
    return said if day.year == today.year else f"{said} {day.year}"


def time_said(text: str, now: datetime, *, whole: bool = False) -> Time:
    """`23 Nov, 03:12 UTC`; `whole`: also the year."""
    at = moment(text)
    day = f"{at.day} {MONTHS[at.month - 1]} {at.year}" if whole else day_said(at.date(), now.date())
    return Time(iso(at), f"{day}, {at:%H:%M} UTC")


def between(begins: str, ends: str, now: datetime) -> str:
    """`23 Nov, 03:00 to 03:30 UTC`, with both days where there are two."""
    begin, end = moment(begins), moment(ends)
    first, last = day_said(begin.date(), now.date()), day_said(end.date(), now.date())
    until = f"{end:%H:%M}" if begin.date() == end.date() else f"{last}, {end:%H:%M}"
    return f"{first}, {begin:%H:%M} to {until} UTC"


def iso(at: datetime) -> str:
    """To the second, as RFC 3339 has it."""
    return f"{at:%Y-%m-%dT%H:%M:%S}Z"


def lasted(begins: str, ends: datetime) -> str:
    """`1 hour 12 minutes`."""
    return in_words((ends - moment(begins)).total_seconds())
