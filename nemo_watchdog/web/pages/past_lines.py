"""Incidents that were, as lines of a list and entries of a timeline. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nemo_watchdog.durations import duration
from nemo_watchdog.incident_views import DeliveryView, IncidentDetailView, IncidentSummaryView, TimelineEntryView
from nemo_watchdog.view_words import Clock
from nemo_watchdog.web.pages.cards import Time


@dataclass(frozen=True, slots=True)
class IncidentLine:
    """`ended` is empty while it is open."""

    id: str
    severity: str
    said: str
    """What it was about."""
    why: str
    opened: Time
    lasted: str
    ended: str
    actions: int


@dataclass(frozen=True, slots=True)
class Entry:
    at: Time
    kind: str
    said: str


@dataclass(frozen=True, slots=True)
class NoteLine:
    at: Time
    by: str
    about: str
    text: str


@dataclass(frozen=True, slots=True)
class MessageLine:
    at: Time
    contact: str
    title: str
    state: str
    detail: str


MOST_ENTRIES = 150
ALIKE = 20
"""Of a timeline of more entries, as a storm has one, so many of each kind are shown."""

ABOUT = {"note": "Note", "root_cause": "Root cause", "public": "For users"}


def incident_lines(summaries: Iterable[IncidentSummaryView], clock: Clock) -> tuple[IncidentLine, ...]:
    return tuple(incident_line(each, clock) for each in summaries)


def incident_line(each: IncidentSummaryView, clock: Clock) -> IncidentLine:
    others = len(each.members) - 1
    about = each.declared or f"{each.root}{f' and {others} more' if others > 0 else ''}"
    ended = each.why or "over" if each.resolved else ""
    if each.merged_into:
        ended = f"went on in {each.merged_into}"
    return IncidentLine(
        id=each.id,
        severity=each.severity,
        said=f"{each.title}: {about}" if each.title else about,
        why=": ".join(part for part in (each.reason or "", each.detail) if part),
        opened=Time(each.opened, clock.at(each.opened)),
        lasted=duration(round(each.seconds)),
        ended=ended,
        actions=each.actions,
    )


def entries(timeline: Sequence[TimelineEntryView], clock: Clock) -> tuple[Entry, ...]:
    """Of very many that are alike the first and the last, and in between how many there are besides."""
    if len(timeline) <= MOST_ENTRIES:
        return tuple(_entry(each, clock) for each in timeline)
    many, seen = Counter(each.kind for each in timeline), defaultdict[str, int](int)
    shown = []
    for each in timeline:
        place = seen[each.kind] = seen[each.kind] + 1
        left_out = many[each.kind] - ALIKE
        if left_out <= 1 or place <= ALIKE // 2 or place > many[each.kind] - ALIKE // 2:
            shown.append(_entry(each, clock))
        elif place == ALIKE // 2 + 1:
            said = f"and {left_out} more of this kind, which the report has"
            shown.append(Entry(Time(each.at, clock.at(each.at)), each.kind, said))
    return tuple(shown)


def _entry(each: TimelineEntryView, clock: Clock) -> Entry:
    return Entry(Time(each.at, clock.at(each.at)), each.kind, each.said)


def notes(detail: IncidentDetailView, clock: Clock) -> tuple[NoteLine, ...]:
    return tuple(
        NoteLine(Time(each.at, clock.at(each.at)), each.by, ABOUT.get(each.about, each.about), each.text)
        for each in detail.notes
    )


def messages(deliveries: Iterable[DeliveryView], clock: Clock) -> tuple[MessageLine, ...]:
    return tuple(
        MessageLine(
            Time(each.queued, clock.at(each.queued)),
            each.contact,
            each.title,
            each.state.replace("_", " "),
            each.detail,
        )
        for each in deliveries
    )
