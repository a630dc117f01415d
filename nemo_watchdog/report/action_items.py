"""What the record suggests to do: each item is a fact with its figure, from a rule of its own; never advice in general.

A rule is a function of the facts that yields its items, none where it has nothing to say. `RULES` has them in the order
in which they are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from nemo_watchdog.durations import in_words
from nemo_watchdog.incident_views import DeliveryView, IncidentSummaryView
from nemo_watchdog.model import Category, Gate, Reason
from nemo_watchdog.report.attempts import Attempt, Verdict
from nemo_watchdog.report.document import Block, Items, Paragraph, line
from nemo_watchdog.report.excerpts import part_of, usage
from nemo_watchdog.report.facts import Facts
from nemo_watchdog.report.words import between, counted, done, named, short, times

Rule = Callable[[Facts], Iterator[str]]

AGAIN = 2
"""Incidents of one root with one reason in 7 days that are a pattern."""

LONG_WAIT = 60.0
"""Seconds for which a message may wait before that is worth a word."""

LONG_HOLD = 600.0
"""Seconds, of what people held; they mostly meant to."""

LONG_BLIND = 60.0
"""Seconds without knowing how it is."""


_OF_MEMORY = frozenset({Reason.OOM_KILLED, Reason.MEMORY_HIGH})


def action_items(facts: Facts) -> tuple[Block, ...]:
    items = tuple(line(each) for rule in RULES for each in rule(facts))
    return (Items(items, checklist=True),) if items else (Paragraph(line("None that the record suggests.")),)


def failed_again(facts: Facts) -> Iterator[str]:
    """The same root for the same reason, within 7 days."""
    incident = facts.incident
    if not incident.root:
        return
    alike = {each.id: each for each in facts.recent if each.root == incident.root and not each.merged_into}
    alike[incident.id] = incident
    same: list[IncidentSummaryView] = [each for each in alike.values() if each.reason == incident.reason]
    if len(same) < AGAIN:
        return
    actions = sum(each.actions for each in same)
    acted = f", with {counted(actions, 'action')}" if actions else ""
    part = part_of(facts.evidence_text, "usage") if incident.reason in _OF_MEMORY else None
    used = usage(facts.evidence_text[part]) if part else ""
    why = incident.reason or "unknown reasons"
    yield f"{incident.root} failed {times(len(same))} in 7 days for {why}{acted}{f': {used}' if used else ''}"


def reopened(facts: Facts) -> Iterator[str]:
    if facts.incident.reopened:
        yield f"The incident was reopened {times(facts.incident.reopened)}: what looked like its end was none"


def flapped(facts: Facts) -> Iterator[str]:
    for each in facts.entries("flapping_began"):
        yield f"{each.dependency} flapped from {facts.clock.time(each.at, facts.incident.opened)}: {short(each.said)}"


def nothing_helped(facts: Facts) -> Iterator[str]:
    """Of each dependency on which something was tried."""
    of: dict[str, list[Attempt]] = {}
    for each in facts.attempts:
        of.setdefault(each.dependency, []).append(each)
    for name, tried in of.items():
        judged = [each for each in tried if each.verdict is Verdict.NO_HELP]
        if judged and not any(each.verdict is Verdict.VERIFIED for each in tried):
            helped = "that did not help" if len(judged) == 1 else "none of them helped"
            yield f"{name} was {done(judged[0].action, len(judged))} and {helped}"


def refused(facts: Facts) -> Iterator[str]:
    for each in facts.attempts:
        if each.verdict is Verdict.REFUSED and each.ended is not None:
            yield f"{each.dependency}: {each.action or 'an action'} was refused: {short(each.ended.said)}"
            return


def acknowledged_late(facts: Facts) -> Iterator[str]:
    incident, at = facts.incident, facts.acknowledged_at
    allowed = facts.respond_within.get(incident.severity)
    if allowed is None or incident.merged_into:
        return
    took = between(incident.opened, at or facts.end)
    if took <= allowed:
        return
    limit = f"{incident.severity} allows {in_words(allowed)}"
    if at is None:
        so_far = "was open" if incident.resolved else "has been open"
        yield f"Nobody acknowledged the incident, which {so_far} for {in_words(took)}; {limit}"
    else:
        yield f"The incident was acknowledged after {in_words(took)}; {limit}"


def not_delivered(facts: Facts) -> Iterator[str]:
    """One item a contact: the first message that did not come, and how many did not."""
    for contact, of in _by_contact(facts, "given_up"):
        first = of[0]
        why = f": {short(first.detail)}" if first.detail else ""
        more = f" and {counted(len(of) - 1, 'more message')}" if len(of) > 1 else ""
        yield (
            f"The message “{short(first.title)}”{more} to {contact} could not be delivered, "
            f"after {counted(first.attempts, 'failed try', 'failed tries')}{why}"
        )


def delivered_late(facts: Facts) -> Iterator[str]:
    """One item a contact: the message that waited longest, whether it has come or not."""
    late: dict[str, tuple[float, DeliveryView]] = {}
    for state in ("delivered", "pending"):
        for contact, of in _by_contact(facts, state):
            for each in of:
                waited = between(each.queued, each.changed if state == "delivered" else facts.written)
                if waited >= LONG_WAIT and waited > late.get(contact, (0.0, each))[0]:
                    late[contact] = (waited, each)
    for contact, (waited, each) in late.items():
        tries = f", after {counted(each.attempts, 'failed try', 'failed tries')}" if each.attempts else ""
        what = "was delivered after" if each.state == "delivered" else "is not delivered, and has waited for"
        why = f": {short(each.detail)}" if each.detail else ""
        yield f"The message “{short(each.title)}” to {contact} {what} {in_words(waited)}{tries}{why}"


def _by_contact(facts: Facts, state: str) -> Iterator[tuple[str, list[DeliveryView]]]:
    found: dict[str, list[DeliveryView]] = {}
    for each in facts.detail.deliveries:
        if each.state == state:
            found.setdefault(each.contact, []).append(each)
    yield from found.items()


def no_contact(facts: Facts) -> Iterator[str]:
    severity = facts.incident.severity
    contacts = facts.contacts_of.get(severity)
    if contacts is not None and not contacts and not facts.detail.deliveries:
        yield f"No contact for {severity}: the policy names nobody, and nobody was told"


def budget_spent(facts: Facts) -> Iterator[str]:
    yield from _first_of_each(facts, "the budget held an action back", Gate.BUDGET)


def no_remedy(facts: Facts) -> Iterator[str]:
    yield from _first_of_each(facts, "nothing could be done", Gate.REMEDY)


def _first_of_each(facts: Facts, what: str, gate: str) -> Iterator[str]:
    seen: set[str] = set()
    for held in facts.held(gate):
        if held.dependency not in seen:
            seen.add(held.dependency)
            at = facts.clock.time(held.at, facts.incident.opened)
            yield f"{held.dependency}: {what} from {at} for {in_words(held.seconds)}: {short(held.said)}"


def held_by_people(facts: Facts) -> Iterator[str]:
    """A pause, a container that somebody stopped, work that was planned: the longest of each dependency."""
    yield from _longest_of_each(facts, "held by people", LONG_HOLD, Gate.PAUSE, Gate.HUMAN_HOLD, Gate.MAINTENANCE)


def was_blind(facts: Facts) -> Iterator[str]:
    """The watchdog could not see it, and so did nothing."""
    incident = facts.incident
    found = list(_longest_of_each(facts, "not seen by the watchdog", LONG_BLIND, Gate.BLIND))
    if not found and incident.category == Category.BLIND and incident.seconds >= LONG_BLIND:
        detail = f": {short(incident.detail)}" if incident.detail else ""
        found = [
            f"{incident.root} was not seen by the watchdog for {in_words(incident.seconds)} ({incident.reason}){detail}"
        ]
    yield from found


def _longest_of_each(facts: Facts, how: str, least: float, *gates: str) -> Iterator[str]:
    longest = {held.dependency: held for held in sorted(facts.held(*gates), key=lambda each: each.seconds)}
    for name, held in longest.items():
        if held.seconds >= least:
            yield f"{name} was {how} for {in_words(held.seconds)}: {short(held.said)}"


def evidence_missing(facts: Facts) -> Iterator[str]:
    """One item for each reason."""
    why: dict[str, list[str]] = {}
    for taken in facts.detail.evidence:
        for missing in taken.missing:
            names = why.setdefault(missing.why, [])
            if missing.name not in names:
                names.append(missing.name)
    for reason, names in why.items():
        yield f"Evidence is missing ({named(names)}): {short(reason)}"


RULES: tuple[Rule, ...] = (
    failed_again,
    reopened,
    flapped,
    nothing_helped,
    refused,
    budget_spent,
    no_remedy,
    held_by_people,
    was_blind,
    no_contact,
    acknowledged_late,
    not_delivered,
    delivered_late,
    evidence_missing,
)
