"""The report as a whole, in the order in which people read one: summary, timeline, cause, resolution, notes, items."""

from __future__ import annotations

from collections.abc import Iterator

from nemo_watchdog.durations import in_words
from nemo_watchdog.report.action_items import action_items
from nemo_watchdog.report.document import Block, Document, Heading, Items, Paragraph, Quote, Strong, Words, line
from nemo_watchdog.report.facts import Facts
from nemo_watchdog.report.resolution import resolution
from nemo_watchdog.report.root_cause import root_cause
from nemo_watchdog.report.timeline import timeline
from nemo_watchdog.report.words import moment, named, short, times


def report(facts: Facts) -> Document:
    incident = facts.incident
    called = short(incident.title or incident.declared or incident.root)
    return Document(f"Incident {incident.id}{f': {called}' if called else ''}", tuple(_blocks(facts)))


def _blocks(facts: Facts) -> Iterator[Block]:
    if state := _state(facts):
        yield Paragraph(line(state))
    yield Heading("Incident Summary")
    yield Items(tuple(_summary(facts)))
    for title, part in (
        ("Timeline", timeline),
        ("Root Cause", root_cause),
        ("Resolution", resolution),
        ("Notes", _notes),
        ("Action Items", action_items),
    ):
        if blocks := part(facts):
            yield Heading(title)
            yield from blocks


def _state(facts: Facts) -> str:
    incident, clock = facts.incident, facts.clock
    if incident.merged_into:
        return f"This incident became part of {incident.merged_into}."
    if incident.resolved is None:
        return f"Draft of {clock.day(facts.written)} {clock.time(facts.written)}: the incident is still open."
    return ""


def _summary(facts: Facts) -> Iterator[Words]:
    incident, clock = facts.incident, facts.clock
    yield line(Strong("Date"), f": {clock.day(incident.opened)}, times in {clock.name}")

    began, again = clock.time(incident.opened), f", reopened {times(incident.reopened)}" if incident.reopened else ""
    span = f"{began} to {clock.time(incident.resolved, incident.opened)}" if incident.resolved else f"since {began}"
    yield line(Strong("Duration"), f": {in_words(incident.seconds)} ({span}{again})")
    by = f", by the rule {incident.rule}" if incident.rule else ""
    yield line(Strong("Severity"), f": {incident.severity}{by}")
    yield line(Strong("Impact"), f": {_impact(facts)}")


def _impact(facts: Facts) -> str:
    incident = facts.incident
    said = [short(facts.detail.impact or incident.declared)]
    if any(name not in said[0] for name in incident.members):
        said.append(f"Failed in it: {named(incident.members)}")
    return f"{'. '.join(filter(None, said)) or 'Not recorded'}."


def _notes(facts: Facts) -> tuple[Block, ...]:
    """All but the cause that stands above, oldest first."""
    blocks: list[Block] = []
    notes = (each for each in facts.detail.notes if each is not facts.cause_of_a_person)
    for note in sorted(notes, key=lambda each: moment(each.at)):
        about = {"root_cause": ", on the cause, before the one above", "public": ", for users"}.get(note.about, "")
        at = f"{facts.clock.day(note.at)} {facts.clock.time(note.at)}"
        blocks += [Paragraph(line(f"{note.by}, {at}{about}:")), Quote(note.text)]
    return tuple(blocks)
