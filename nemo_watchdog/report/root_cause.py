"""Why it happened: a person's word, else what is established, else what speaks and that it is not established."""

from __future__ import annotations

from collections.abc import Iterator

from nemo_watchdog.model import Category, Reason
from nemo_watchdog.report.document import Block, Code, Items, Paragraph, Quote, Verbatim, line
from nemo_watchdog.report.excerpts import blockers, last_words, part_of, usage
from nemo_watchdog.report.facts import Facts, parts_read
from nemo_watchdog.report.words import moment, named, short


def root_cause(facts: Facts) -> tuple[Block, ...]:
    note = facts.cause_of_a_person
    if note is not None:
        clock = facts.clock
        at = f"{clock.day(note.at)} {clock.time(note.at)}"
        return (Quote(note.text), Paragraph(line(f"Written by {note.by}, {at}.")))
    return tuple(_from_the_record(facts))


def _from_the_record(facts: Facts) -> Iterator[Block]:
    established, speaks = _established(facts), tuple(_speaks(facts))
    excerpts = tuple(_excerpts(facts))
    if established:
        yield Paragraph(line(established))
    elif speaks or excerpts:
        yield Paragraph(line("Not established. What speaks:"))
    else:
        yield Paragraph(line("Not established, and the record has nothing that speaks for a cause."))
    if speaks:
        yield Items(tuple(line(each) for each in speaks))
    yield from excerpts
    if facts.evidence_trouble:
        yield Paragraph(line(f"The evidence could not be read: {short(facts.evidence_trouble)}."))


def _established(facts: Facts) -> str:
    """Only what Docker, the kernel or the dependency itself says of its own data."""
    incident, reason = facts.incident, _reason(facts)
    if reason is Reason.OOM_KILLED:
        return f"{incident.root} was killed for memory. Why it needed so much is not established."
    if reason is not None and reason.category is Category.INTEGRITY:
        return f"{incident.root}: {reason.meaning} How it came to that is not established."
    return ""


def _speaks(facts: Facts) -> Iterator[str]:
    incident, reason = facts.incident, _reason(facts)
    if incident.declared:
        yield f"It was declared by a person: {short(incident.declared)}"
    if incident.root and incident.reason:
        detail = f" It was seen as: {short(incident.detail)}." if incident.detail else ""
        meaning = f" {reason.meaning}" if reason is not None else ""
        yield f"{incident.root} failed first, as {incident.reason}.{meaning}{detail}"
    later = _later(facts)
    if later:
        yield f"The members that need it failed after it: {named(later)}."
    if (name := part_of(facts.evidence_text, "usage")) and (used := usage(facts.evidence_text[name])):
        yield f"Its usage then: {used}."
    for each in facts.entries("storm_began"):
        yield f"Much failed together, so that something shared is suspected: {short(each.said)}."


def _later(facts: Facts) -> list[str]:
    """Those that joined when the root had already failed; of a declared one nobody knows who needs whom."""
    opened = moment(facts.incident.opened)
    joined = (each for each in facts.entries("member_joined") if moment(each.at) >= opened)
    names = dict.fromkeys(each.dependency for each in joined if each.dependency not in {None, facts.incident.root})
    return [name for name in names if name] if facts.incident.root else []


def _excerpts(facts: Facts) -> Iterator[Block]:
    text = facts.evidence_text
    if (log := part_of(text, ".log")) and (words := last_words(text[log])):
        yield Paragraph(line("The end of ", Code(log), f"{_taken(facts, log)}:"))
        yield Verbatim(words)
    if (activity := part_of(text, "activity")) and (found := blockers(text[activity])):
        yield Paragraph(line("Who held up whom, from ", Code(activity), f"{_taken(facts, activity)}:"))
        yield Verbatim(found)


def _taken(facts: Facts, name: str) -> str:
    """When that part was, and for what."""
    for each, part in parts_read(facts.detail):
        if part == name:
            return f", taken at {facts.clock.time(each.at, facts.incident.opened)} ({short(each.occasion)})"
    return ""


def _reason(facts: Facts) -> Reason | None:
    """None too for a word of a newer daemon."""
    return next((each for each in Reason if each == facts.incident.reason), None)
