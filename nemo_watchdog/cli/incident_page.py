"""All about one incident: what it was, what happened line by line, who was told, what is kept of it. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from datetime import tzinfo

from rich.text import Text

from nemo_watchdog.cli.incident_list import GRAVE, actions_said, local
from nemo_watchdog.cli.page import Screen, wrapped
from nemo_watchdog.durations import duration
from nemo_watchdog.incident_views import (
    DeliveryView,
    EvidenceView,
    IncidentDetailView,
    IncidentSummaryView,
    TimelineEntryView,
)
from nemo_watchdog.views import NoteView

CLOCK = "%H:%M:%S"
INDENT = len("03:19:51  ")
CALM = frozenset({"decision_made", "delivered", "health_changed"})
"""Kinds of entries that are between those that matter most."""


def page(view: IncidentDetailView, screen: Screen) -> list[Text]:
    """Nothing of it is cut: who asks for one wants to know."""
    zone, width = screen.zone, screen.columns
    said = Text(" ".join(_sentences(view, zone)))
    return [
        *wrapped(_title(view.incident), width, None),
        *wrapped(said, width, None, indent=0),
        *_part("what happened", list(_happened(view.timeline, zone)), width),
        *_part("who was told", list(_told(view.deliveries, zone)), width),
        *_part("evidence", list(_kept(view.incident.id, view.evidence, zone)), width),
        *_part("notes", list(_notes(view.notes, zone)), width),
    ]


def _part(title: str, lines: Sequence[Text], width: int) -> Iterator[Text]:
    if lines:
        yield Text("")
        yield Text(title, style="bold")
    for line in lines:
        yield from [line] if line.no_wrap else wrapped(line, width, None, indent=INDENT)


def _title(each: IncidentSummaryView) -> Text:
    line = Text(f"{each.id}: ", style="bold")
    return line.append(f"{each.severity} {each.title}".rstrip(), style=GRAVE.get(each.severity, ""))


def _sentences(view: IncidentDetailView, zone: tzinfo | None) -> Iterator[str]:
    each = view.incident
    yield _what(each)
    others = [name for name in each.members if name != each.root]
    if others:
        yield f"With it failed {', '.join(others)}."
    opened = local(each.opened, zone, f"%Y-%m-%d {CLOCK} %Z")
    if each.resolved is None:
        yield f"It has been open since {opened}, for {duration(each.seconds)}."
    else:
        yield f"It opened at {opened} and ended after {duration(each.seconds)}: {each.why}."
    again = f", and it was reopened {each.reopened}x" if each.reopened else ""
    rule = f"It is {each.severity} by the rule {each.rule}; " if each.rule else ""
    done = f"{actions_said(each)} {'was' if each.actions == 1 else 'were'} taken{again}."
    yield f"{rule}{done}" if rule else f"{done[:1].upper()}{done[1:]}"
    if view.impact:
        yield f"Affected when it opened: {view.impact}."
    if (taken := each.acknowledged) is not None:
        until = f" until {local(taken.until, zone)}" if taken.until else ""
        yield f"{taken.by} took it on at {local(taken.at, zone)}{until}."
    causes = [note for note in view.notes if note.about == "root_cause"]
    if causes:
        yield f"Root cause, by {causes[-1].by}: {causes[-1].text}"


def _what(each: IncidentSummaryView) -> str:
    if each.declared:
        about = f" about {each.root}" if each.root else ""
        return f"A person declared it{about}: {each.declared}"
    detail = f" ({each.detail})" if each.detail else ""
    return f"The root is {each.root or 'not known'}: {each.reason or 'no reason is known'}{detail}."


def _happened(timeline: Sequence[TimelineEntryView], zone: tzinfo | None) -> Iterator[Text]:
    """With the day where another one begins."""
    day = ""
    for entry in timeline:
        if (its_day := local(entry.at, zone, "%Y-%m-%d")) != day:
            day = its_day
            yield Text(day, style="dim")
        yield Text(f"{local(entry.at, zone, CLOCK)}  ") + Text(entry.said, style="dim" if entry.kind in CALM else "")


def _told(deliveries: Sequence[DeliveryView], zone: tzinfo | None) -> Iterator[Text]:
    """How much each has heard; and what nobody has heard yet, or ever will."""
    heard = [each for each in deliveries if each.state == "delivered"]
    for contact in dict.fromkeys(each.contact for each in heard):
        times = [local(each.changed, zone, CLOCK) for each in heard if each.contact == contact]
        many = f"{len(times)} message{'s' if len(times) != 1 else ''}"
        yield Text(f"{times[0]}  {contact}: {many}{f', the last at {times[-1]}' if len(times) > 1 else ''}")
    for each in deliveries:
        if each.state != "delivered":
            state = {"pending": "waits to be told", "given_up": "given up"}.get(each.state, each.state)
            why = f" ({each.detail})" if each.detail else ""
            yield Text(
                f"{local(each.changed, zone, CLOCK)}  {each.contact}: {state}{why}: {each.title}", style="yellow"
            )


def _kept(incident: str, evidence: Sequence[EvidenceView], zone: tzinfo | None) -> Iterator[Text]:
    """Each part with the command that prints it, for a shell: so that line is never broken."""
    for each in evidence:
        at = local(each.at, zone, CLOCK)
        yield Text(f"{at}  {each.number}: of {each.dependency} ({each.occasion}), in {duration(each.seconds)}")
        for part in each.parts:
            size = f"{part.size} characters{', the end of more' if part.cut else ''}"
            words = f"nemo-watchdog incident {shlex.quote(incident)} --evidence {each.number}/{shlex.quote(part.name)}"
            yield Text(f"  {words}  # {size}", no_wrap=True)
        for missing in each.missing:
            yield Text(f"  {missing.name} could not be had: {missing.why}", style="yellow")


def _notes(notes: Sequence[NoteView], zone: tzinfo | None) -> Iterator[Text]:
    for note in notes:
        about = {"root_cause": " (root cause)", "public": " (for users)"}.get(note.about, "")
        yield Text(f"{local(note.at, zone, CLOCK)}  {note.by}{about}: {note.text}")
