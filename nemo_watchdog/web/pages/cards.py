"""What is open, a card for each: incidents, what people declared, and what waits for a person. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nemo_watchdog.durations import duration
from nemo_watchdog.reasons import Reason
from nemo_watchdog.view_words import Clock, done_said, taken_said, told_said
from nemo_watchdog.views import EVERYTHING, DeclaredView, IncidentView, StatusView

AFTER_OTHERS = "; "
"""How what is said of people begins where something stands before it."""


@dataclass(frozen=True, slots=True)
class Time:
    """`iso` for `datetime`, `said` to read."""

    iso: str
    said: str


def time_at(iso: str, clock: Clock) -> Time:
    return Time(iso, clock.at(iso))


@dataclass(frozen=True, slots=True)
class PlanLine:
    """What happens next. `said` without the time, which is `at`: a countdown goes there; None where no clock tells."""

    kind: str
    dependency: str
    said: str
    at: Time | None


@dataclass(frozen=True, slots=True)
class Orders:
    """What a person may order of it; empty names where that makes no sense now.

    `act`: the dependency whose next step may be done now; `retry`: the one whose ladder may begin anew; `pause`: the
    one that may be paused; `resume`: the scope of the pause that holds it; `silence`: the one of which nothing need be
    told.
    """

    take: bool
    act: str
    retry: str
    pause: str
    resume: str
    silence: str


@dataclass(frozen=True, slots=True)
class Card:
    """An open incident. `wrong`, `done`, `taken`, `told`, `impact` are sentences without a full stop, or empty."""

    id: str
    severity: str
    title: str
    root: str
    members: tuple[str, ...]
    """The root first."""
    since: Time
    lasted: str
    wrong: tuple[str, ...]
    """What is wrong in words: the reason, what it means, and the probe's own words."""
    done: str
    """`2 actions, reopened 1x, rule default`."""
    plan: tuple[PlanLine, ...]
    taken: str
    """By whom, until when; empty: by nobody."""
    told: str
    """Whom, and who is next."""
    impact: str
    orders: Orders


@dataclass(frozen=True, slots=True)
class DeclaredCard:
    """An open incident that a person declared."""

    id: str
    severity: str
    title: str
    text: str
    dependency: str
    since: Time
    lasted: str
    by: str
    taken: str
    told: str
    may_take: bool


@dataclass(frozen=True, slots=True)
class ProposalCard:
    """What a person may have done."""

    id: str
    dependency: str
    what: str
    until: Time
    said: str


def card(view: StatusView, incident: IncidentView, clock: Clock) -> Card:
    """`view` is what it is of."""
    since = incident.since or incident.opened
    told = told_said(incident.told, clock).removeprefix(AFTER_OTHERS)
    looks = f"told to look: {', '.join(incident.escalated)}" if incident.escalated else ""
    return Card(
        id=incident.id,
        severity=incident.severity,
        title=incident.title,
        root=incident.root,
        members=tuple(dict.fromkeys((incident.root, *incident.members))),
        since=time_at(since, clock),
        lasted=duration(round(incident.lasted or incident.age)),
        wrong=tuple(_wrong(view, incident)),
        done=done_said(incident),
        plan=tuple(
            PlanLine(each.kind, each.dependency, _about(each.dependency, each.said, incident), _time(each.at, clock))
            for each in incident.plan
        ),
        taken=taken_said(incident.acknowledged, clock).removeprefix(AFTER_OTHERS),
        told=AFTER_OTHERS.join(part for part in (told, looks) if part),
        impact=incident.impact.said if incident.impact is not None else "",
        orders=_orders(view, incident),
    )


def declared_card(declared: DeclaredView, clock: Clock) -> DeclaredCard:
    return DeclaredCard(
        id=declared.id,
        severity=declared.severity,
        title=declared.title,
        text=declared.text,
        dependency=declared.dependency,
        since=time_at(declared.opened, clock),
        lasted=duration(round(declared.age)),
        by=declared.by,
        taken=taken_said(declared.acknowledged, clock).removeprefix(AFTER_OTHERS),
        told=told_said(declared.told, clock).removeprefix(AFTER_OTHERS),
        may_take=declared.acknowledged is None,
    )


def proposal_cards(view: StatusView, clock: Clock) -> tuple[ProposalCard, ...]:
    """Of what nobody has answered."""
    return tuple(
        ProposalCard(each.id, each.dependency, each.what, time_at(each.until, clock), each.said)
        for each in view.proposals
        if each.state == "open"
    )


def meaning_of(reason: str | None) -> str:
    """A sentence; empty for a word that is not known."""
    return next((each.meaning for each in Reason if each.value == reason), "")


def _time(iso: str | None, clock: Clock) -> Time | None:
    return None if iso is None else time_at(iso, clock)


def _about(dependency: str, said: str, incident: IncidentView) -> str:
    """With the name, where it is not the root's."""
    return f"{dependency}: {said}" if dependency and dependency != incident.root else said


def _failing(view: StatusView, incident: IncidentView) -> str:
    """The root while it fails, or else the first member that does; empty when none does."""
    members = (name for name in (incident.root, *incident.members) if name in view.dependencies)
    return next((name for name in members if view.dependencies[name].health != "up"), "")


def _wrong(view: StatusView, incident: IncidentView) -> Iterator[str]:
    name = _failing(view, incident)
    if not name:
        meant = f": {incident.reason}" if incident.reason else ""
        yield f"it was opened for {incident.root}{meant}"
        yield "it is over when all of it has been seen to serve"
        return
    each = view.dependencies[name]
    yield f"{name} is {each.health}{f' ({each.reason})' if each.reason else ''}"
    if meaning := meaning_of(each.reason):
        yield meaning
    if each.detail:
        yield each.detail


def _orders(view: StatusView, incident: IncidentView) -> Orders:
    """For what fails first: what has a budget has a remedy."""
    name, watched = _failing(view, incident), incident.root in view.dependencies
    remedied = name if name in view.budgets else ""
    ladder = incident.ladders.get(name)
    begun = ladder is not None and ladder.phase == "idle" and (ladder.attempts > 0 or bool(ladder.ended))
    paused = next((scope for scope in (incident.root, EVERYTHING) if scope in view.pauses), "")
    return Orders(
        take=incident.acknowledged is None,
        act=remedied,
        retry=remedied if begun else "",
        pause=incident.root if watched and not paused else "",
        resume=paused,
        silence=incident.root if watched else "",
    )
