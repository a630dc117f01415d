"""What users are told of incidents: which components, how bad, when, and what a person wrote for them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from nemo_watchdog import records as r
from nemo_watchdog.engine.announced import Announced
from nemo_watchdog.engine.published import Component, Published, Shown, shown_of, worst
from nemo_watchdog.model import Health
from nemo_watchdog.public_views import (
    PublicComponentView,
    PublicDayView,
    PublicIncidentView,
    PublicMaintenanceView,
    PublicUpdateView,
    PublicView,
)
from nemo_watchdog.timeline.reading import Written, readable

PUBLIC = "public"
"""What a note is about that users may read."""

HISTORY = timedelta(days=90)

READ: tuple[type[r.Record], ...] = (
    r.IncidentOpened,
    r.IncidentDeclared,
    r.IncidentReopened,
    r.IncidentResolved,
    r.IncidentMerged,
    r.MemberJoined,
    r.MemberDown,
    r.HealthChanged,
    r.NoteAdded,
)
"""Of all records of an incident, those that are needed here."""


@dataclass(frozen=True, slots=True)
class Told:
    """One incident, as users may know of it; `incident` is its own id, and for nobody else."""

    incident: str
    components: Mapping[str, Shown]
    """Those that looks saw it make worse, each at its worst."""
    about: tuple[str, ...]
    """The components that what it is about belongs to."""
    began: datetime
    ended: datetime | None
    updates: tuple[PublicUpdateView, ...]
    """The oldest first."""
    into: str = ""
    """In which other incident it goes on."""


@dataclass(slots=True)
class _Sum:
    began: datetime
    ended: datetime | None = None
    into: str = ""
    states: dict[str, Shown] = field(default_factory=dict)
    components: dict[str, Shown] = field(default_factory=dict)
    about: dict[str, None] = field(default_factory=dict)
    updates: list[PublicUpdateView] = field(default_factory=list)


def told_of(incident: str, written: Written, published: Published) -> Told:
    """By what the policy publishes now. There must be one record at least."""
    told = _Sum(written[0][0].utc)
    for at, record in readable(written):
        match record:
            case r.IncidentDeclared():
                told.about[record.dependency] = None
            case r.IncidentMerged() if record.incident == incident:
                told.ended, told.into = at.utc, record.into
            case r.IncidentResolved():
                told.ended = at.utc
            case r.NoteAdded() if record.about == PUBLIC:
                told.updates.append(PublicUpdateView(at.utc.isoformat(), record.text))
            case _:
                _see(told, record, published)
    return Told(
        incident,
        told.components,
        published.having(told.about),
        told.began,
        told.ended,
        tuple(told.updates),
        told.into,
    )


def _see(told: _Sum, record: r.Record, published: Published) -> None:
    """What looks saw of a member, and which components that makes worse."""
    match record:
        case r.IncidentOpened():
            name, health, reason = record.root, record.health, record.reason
        case r.MemberJoined() | r.IncidentReopened():
            name, health, reason = record.dependency, record.health or Health.DOWN, record.reason
        case r.MemberDown():
            name, health, reason = record.dependency, Health.DOWN, record.reason
        case r.HealthChanged():
            name, health, reason = record.dependency, record.health, record.reason
        case _:
            return
    if isinstance(record, r.IncidentReopened):
        told.ended = None
    told.about[name] = None
    told.states[name] = shown_of(health, reason)
    for component, how in published.concerned(name, told.states).items():
        told.components[component] = worst((how, told.components.get(component, Shown.OPERATIONAL)))


def joined(every: Iterable[Told]) -> list[Told]:
    """What went on in another is one with that, as far as that is among them."""
    by_id = {each.incident: each for each in every}
    parts: dict[str, list[Told]] = {}
    for each in sorted(by_id.values(), key=lambda told: told.began):
        if not each.into:
            continue
        seen, into = {each.incident}, each.into
        while into not in seen and into in by_id and by_id[into].into:
            seen.add(into)
            into = by_id[into].into
        if (target := by_id.get(into)) is not None and not target.into:
            parts.setdefault(into, []).append(each)
    return [
        _whole(each, parts.get(each.incident, [])) for each in by_id.values() if not each.into or each.into not in by_id
    ]


def _whole(target: Told, parts: Sequence[Told]) -> Told:
    if not parts:
        return target
    components = dict(target.components)
    for name, how in (found for each in parts for found in each.components.items()):
        components[name] = worst((how, components.get(name, how)))
    every = (target, *parts)
    return replace(
        target,
        components=components,
        about=tuple(dict.fromkeys(name for each in every for name in each.about)),
        began=min(each.began for each in every),
        updates=tuple(sorted((update for each in every for update in each.updates), key=lambda update: update.at)),
    )


Days = Mapping[str, Sequence[PublicDayView]]
"""Of each component."""


def page_of(
    published: Published,
    states: Mapping[str, Shown],
    every: Sequence[Told],
    days: Days,
    now: datetime,
    sign: Callable[[str], str],
    *,
    announced: Sequence[Announced] = (),
    complete: bool = True,
) -> PublicView:
    """`states` are the components now; `sign` makes of an incident's id, or a maintenance's, one that tells nothing."""
    if not published.components:
        return PublicView(published=False, at=now.isoformat(), state=Shown.UNKNOWN)
    shown = [each for each in joined(every) if _is_shown(each)]
    shown.sort(key=lambda each: (each.began, each.incident), reverse=True)
    said = {name for each in shown if each.ended is None and not _seen(each) for name in each.about}
    how = {name: worst((state, Shown.DEGRADED)) if name in said else state for name, state in states.items()}
    return PublicView(
        published=True,
        at=now.isoformat(),
        state=worst(how.values()),
        components=tuple(_component(each, how[each.name], days.get(each.name, ())) for each in published.components),
        incidents=tuple(_incident(each, sign) for each in shown if each.ended is None),
        history=tuple(_incident(each, sign) for each in shown if each.ended is not None and now - each.ended < HISTORY),
        complete=complete,
        maintenance=tuple(_maintenance(each, sign) for each in announced),
    )


def _seen(told: Told) -> list[str]:
    """The components of which users noticed it."""
    return [name for name, how in told.components.items() if how in (Shown.OUTAGE, Shown.DEGRADED)]


def _is_shown(told: Told) -> bool:
    """Users noticed it, or a person told them of it."""
    return bool(told.updates or _seen(told))


def _incident(told: Told, sign: Callable[[str], str]) -> PublicIncidentView:
    """Of what looks do not see, a person says that something is wrong, and no more: that is `degraded`."""
    seen = _seen(told)
    return PublicIncidentView(
        sign(told.incident),
        tuple(seen or told.about),
        worst(told.components[name] for name in seen) if seen else Shown.DEGRADED,
        told.began.isoformat(),
        told.ended.isoformat() if told.ended is not None else None,
        told.updates[::-1],
    )


def _maintenance(announced: Announced, sign: Callable[[str], str]) -> PublicMaintenanceView:
    return PublicMaintenanceView(
        sign(announced.identity),
        announced.components,
        announced.text,
        announced.begins.isoformat(),
        announced.ends.isoformat(),
    )


def _component(component: Component, state: Shown, days: Sequence[PublicDayView]) -> PublicComponentView:
    return PublicComponentView(component.name, component.description, state, _mean(days), tuple(days))


def _mean(days: Sequence[PublicDayView]) -> float | None:
    known = [each.uptime for each in days if each.uptime is not None]
    return round(sum(known) / len(known), 6) if known else None
