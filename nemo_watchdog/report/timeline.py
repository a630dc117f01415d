"""What happened, in at most some thirty lines: an order with what came of it is one, and what repeats is one.

What is left out is counted, and the command that shows all of it is named.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nemo_watchdog.incident_views import TimelineEntryView
from nemo_watchdog.report.attempts import Attempt, Verdict, runs
from nemo_watchdog.report.document import Block, Code, Items, Paragraph, Strong, line
from nemo_watchdog.report.facts import Facts
from nemo_watchdog.report.words import Clock, brief, counted, done, moment, short, times

MOST_LINES = 30
SHOWS_ALL = "nemo-watchdog incident"
"""The command that shows the whole timeline of the incident that is named after it."""

FOLDED_FROM = 3
"""So many of the same in a row are one line."""

_MILESTONE, _DEED, _TURN, _DETAIL = range(4)
"""The lower the number, the later it is left out."""

_LABELS = {
    "incident_opened": "Detected",
    "incident_declared": "Declared",
    "incident_acknowledged": "Acknowledged",
    "incident_resolved": "Resolved",
}
_RANKS = {
    **dict.fromkeys(_LABELS, _MILESTONE),
    "incident_merged": _MILESTONE,
    "incident_reopened": _DEED,
    "severity_raised": _DEED,
    "escalated": _DEED,
    "busy_too_long": _DEED,
    "spared_too_long": _DEED,
    "work_too_long": _DEED,
    "member_joined": _TURN,
    "root_changed": _TURN,
    "flapping_began": _TURN,
    "flapping_ended": _TURN,
    "storm_began": _TURN,
    "storm_ended": _TURN,
    "touched": _TURN,
    "released": _TURN,
    "paused": _TURN,
    "resumed": _TURN,
    "oncall_swapped": _TURN,
    "oncall_swap_ended": _TURN,
    "ladder_rearmed": _TURN,
    "suggested": _TURN,
    "proposed": _TURN,
    "proposal_approved": _TURN,
    "proposal_rejected": _TURN,
    "proposal_over": _DETAIL,
    "acted_by_hand": _TURN,
    "member_down": _DETAIL,
    "member_recovered": _DETAIL,
    "evidence_taken": _DETAIL,
    "given_up": _DETAIL,
}
"""What is essential. The rest (decisions, deliveries that went well, shared ladders) is in the whole timeline."""


@dataclass(frozen=True, slots=True)
class Line:
    """`entries` is how many of the timeline it stands for."""

    at: str
    said: str
    rank: int
    label: str = ""
    entries: int = 1


def timeline(facts: Facts) -> tuple[Block, ...]:
    lines = sorted(_lines(facts), key=lambda each: (each.rank, moment(each.at)))[:MOST_LINES]
    lines.sort(key=lambda each: moment(each.at))
    shown = tuple(_shown(each, facts) for each in lines)
    blocks: list[Block] = [Items(shown)] if shown else [Paragraph(line("The record has no timeline any more."))]
    left = len(facts.detail.timeline) - sum(each.entries for each in lines)
    if left > 0:
        command = Code(f"{SHOWS_ALL} {facts.incident.id}")
        more = counted(left, "more entry was", "more entries were")
        blocks.append(Paragraph(line(f"{more} left out: ", command, " shows all.")))
    return tuple(blocks)


def _shown(each: Line, facts: Facts) -> tuple[str | Strong | Code, ...]:
    at = f"{facts.clock.time(each.at, facts.incident.opened)} - "
    return line(at, Strong(each.label), f": {each.said}") if each.label else line(at, each.said)


def _lines(facts: Facts) -> Iterator[Line]:
    """In no order."""
    first, mitigated, attempts = facts.first_sign, facts.mitigated, facts.attempts
    if first is not None:
        yield Line(first.at, short(first.said), _MILESTONE, "First sign")
    if mitigated is not None:
        counted_already = any(each.judged is mitigated for each in attempts)
        yield Line(mitigated.at, brief(mitigated.said), _MILESTONE, "Mitigated", int(not counted_already))
    for run in runs(attempts):
        yield from _of_run(run, facts.clock)
    judged = {id(each.judged) for each in attempts}
    entries = [
        each
        for each in facts.detail.timeline
        if each.kind in _RANKS and each is not first and each is not mitigated and id(each) not in judged
    ]
    for row in _rows(entries):
        yield from _of_row(row, facts.clock)


def _of_run(run: tuple[Attempt, ...], clock: Clock) -> Iterator[Line]:
    first, last = run[0], run[-1]
    if len(run) < FOLDED_FROM:
        yield from (Line(each.ordered.at, _of_one(each, clock), _DEED, entries=each.entries) for each in run)
        return
    to = clock.time(last.ordered.at, first.ordered.at)
    said = (
        f"{first.dependency} {done(first.action, len(run))} between {clock.time(first.ordered.at)} and {to}, "
        f"{_ALL[first.verdict]}"
    )
    yield Line(first.ordered.at, said, _DEED, entries=sum(each.entries for each in run))


_ALL = {
    Verdict.VERIFIED: "each verified",
    Verdict.NO_HELP: "none helped",
    Verdict.REFUSED: "each refused: nothing was ordered",
    Verdict.OPEN: "none judged",
}


def _of_one(attempt: Attempt, clock: Clock) -> str:
    parts = [brief(attempt.ordered.said)]
    if attempt.ended is not None:
        parts.append(brief(attempt.ended.said))
    if attempt.judged is None:
        parts += ["not verified"] if attempt.verdict is Verdict.OPEN else []
    elif attempt.verdict is Verdict.VERIFIED:
        parts.append(f"verified at {clock.time(attempt.judged.at, attempt.ordered.at)}")
    else:
        parts.append(f"did not help: {short(attempt.judged.said)}")
    return "; ".join(parts)


def _rows(entries: Sequence[TimelineEntryView]) -> Iterator[list[TimelineEntryView]]:
    """Those of one kind and dependency together; a label's stand alone."""
    rows: dict[tuple[str, str | None], list[TimelineEntryView]] = {}
    for entry in entries:
        if entry.kind in _LABELS:
            yield [entry]
        else:
            rows.setdefault((entry.kind, entry.dependency), []).append(entry)
    yield from rows.values()


def _of_row(row: list[TimelineEntryView], clock: Clock) -> Iterator[Line]:
    first, last = row[0], row[-1]
    rank, label = _RANKS[first.kind], _LABELS.get(first.kind, "")
    if len(row) < FOLDED_FROM:
        say = brief if first.kind == "incident_opened" else short
        yield from (Line(each.at, say(each.said), rank, label) for each in row)
        return
    said = f"{short(first.said)} (and so {times(len(row))} until {clock.time(last.at, first.at)})"
    yield Line(first.at, said, rank, label, len(row))
