"""All about one incident: its summary, and what happened in it and who was told, line by line, in its order. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from nemo_watchdog import records as r
from nemo_watchdog.durations import duration
from nemo_watchdog.engine.unpack import from_body
from nemo_watchdog.errors import JournalError, in_one_line
from nemo_watchdog.evidence import Evidence
from nemo_watchdog.incident_views import (
    DeliveryView,
    EvidencePartView,
    EvidenceView,
    IncidentDetailView,
    MissingPartView,
    TimelineEntryView,
)
from nemo_watchdog.timeline import proposal_words, remedy_words, watched_words
from nemo_watchdog.timeline.reading import Written, readable
from nemo_watchdog.timeline.summary import Titles, summary_of
from nemo_watchdog.timeline.words import Story, said
from nemo_watchdog.views import NoteView

__all__ = ["detail_of", "evidence_views", "proposal_words", "remedy_words", "watched_words"]

NOT_AS_WRITTEN = (TypeError, ValueError, AttributeError, OverflowError)
"""What words do with a value that no record of ours has."""

WORD_OF = {"action_intended": "action", "action_ended": "outcome", "decision_made": "gate"}
"""The field that holds the closed word of such a record."""

LATE_AFTER = 10.0
"""Seconds from a message to its delivery after which that is said."""


def detail_of(
    incident: str,
    written: Written,
    deliveries: Sequence[DeliveryView],
    evidence: Sequence[Evidence],
    titles: Titles,
    now: datetime,
) -> IncidentDetailView:
    """`now` (aware UTC) is until when an open one has lasted. There must be one record at least."""
    known = list(readable(written))
    actions = {each.action_id: each for _, each in known if isinstance(each, r.ActionIntended)}
    opened, at = next(((each, at.utc) for at, each in known if isinstance(each, r.IncidentOpened)), (None, now))
    entries = [
        *([_first_sign(opened, at)] if opened is not None and opened.failing_for > 0.0 else []),
        *_of_records(written, Story(incident, actions)),
        *_of_deliveries(deliveries),
        *_of_evidence(evidence),
    ]
    return IncidentDetailView(
        incident=summary_of(incident, written, titles, now),
        impact=opened.affected if opened is not None else "",
        timeline=tuple(entry for _, entry in sorted(entries, key=lambda each: each[0])),
        deliveries=tuple(deliveries),
        evidence=evidence_views(evidence),
        notes=tuple(
            NoteView(at.utc.isoformat(), note.by, note.about, note.text)
            for at, note in known
            if isinstance(note, r.NoteAdded)
        ),
    )


def evidence_views(evidence: Sequence[Evidence]) -> tuple[EvidenceView, ...]:
    """What was taken, without the text; the numbers count from 1."""
    return tuple(
        EvidenceView(
            number,
            each.dependency,
            each.at.isoformat(),
            each.seconds,
            each.occasion,
            tuple(EvidencePartView(part.name, len(part.text), part.cut) for part in each.parts),
            tuple(MissingPartView(part.name, part.why) for part in each.missing),
        )
        for number, each in enumerate(evidence, start=1)
    )


_Placed = tuple[datetime, TimelineEntryView]
"""An entry, and the time that gives it its place."""


def _of_records(written: Written, story: Story) -> Iterator[_Placed]:
    """In the order in which they were written, also where the wall clock went back meanwhile."""
    place = written[0][0].utc
    for at, body in written:
        place = max(place, at.utc)
        name = body.get("dependency") or body.get("root")
        kind = str(body.get("type"))
        word = str(body.get(WORD_OF.get(kind, ""), ""))
        yield place, TimelineEntryView(at.utc.isoformat(), kind, str(name) if name else None, _said(body, story), word)


def _first_sign(opened: r.IncidentOpened, at: datetime) -> _Placed:
    began = at - timedelta(seconds=max(0.0, opened.failing_for))
    why = ": ".join(part for part in (opened.reason, opened.detail) if part)
    words = in_one_line(f"{opened.root} was first seen to fail{f' ({why})' if why else ''}.")
    return began, TimelineEntryView(began.isoformat(), "first_sign", opened.root, words)


def _said(body: Mapping[str, Any], story: Story) -> str:
    try:
        words = said(from_body(body), story)
    except JournalError as error:
        words = f"This record cannot be read: {error}."
    except NOT_AS_WRITTEN as error:
        words = (
            f"This record cannot be read: its values are not those of a {body.get('type')} ({type(error).__name__})."
        )
    return in_one_line(words)


def _of_deliveries(deliveries: Sequence[DeliveryView]) -> Iterator[_Placed]:
    """What is settled: what still waits is in the list of the messages alone."""
    for each in deliveries:
        at = datetime.fromisoformat(each.changed)
        after = (at - datetime.fromisoformat(each.queued)).total_seconds()
        late = f", {duration(after)} late" if after > LATE_AFTER else ""
        if each.state == "delivered":
            words = f"{each.contact} was told{late}: {each.title}."
        elif each.state == "given_up":
            tries = f"{each.attempts} attempt{'s' if each.attempts != 1 else ''}"
            why = f" ({each.detail})" if each.detail else ""
            words = f"{each.contact} could not be told, given up after {tries}{why}: {each.title}."
        else:
            continue
        yield at, TimelineEntryView(each.changed, each.state, None, in_one_line(words))


def _of_evidence(evidence: Sequence[Evidence]) -> Iterator[_Placed]:
    for number, each in enumerate(evidence, start=1):
        parts = f"{len(each.parts)} part{'s' if len(each.parts) != 1 else ''}"
        missing = f", {len(each.missing)} more could not be had" if each.missing else ""
        took = f"in {duration(each.seconds)}"
        words = f"Evidence {number} was taken of {each.dependency} {took} ({each.occasion}): {parts}{missing}."
        yield each.at, TimelineEntryView(each.at.isoformat(), "evidence_taken", each.dependency, in_one_line(words))
