"""A dependency in a row, and the sections by tag in which rows stand, problems first. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nemo_watchdog.durations import duration
from nemo_watchdog.view_words import Clock, budget_said, decision_said, is_well, pauses_said, place_of
from nemo_watchdog.views import EVERYTHING, StatusView
from nemo_watchdog.web.pages.bars import Bars, Sparkline, bars_of, sparkline_of
from nemo_watchdog.web.pages.cards import Time, meaning_of, time_at
from nemo_watchdog.web.recent import RecentView

OTHER = "other"
"""The section of what has no tag."""

SHORT = 12
"""A section of more names only what is well."""

FEW = 60
"""Of more dependencies every section does; and so many rows stand on the page in full."""


@dataclass(frozen=True, slots=True)
class Row:
    """What is not so is empty. `bars` and `sparkline` are None where nobody has read them yet."""

    name: str
    health: str
    since: Time | None
    lasted: str
    reason: str
    """The word."""
    meaning: str
    """What the word means, as a sentence."""
    detail: str
    """The probe's own words."""
    decided: str
    """`wait (backoff) until 03:20:10`."""
    decided_why: str
    until: Time | None
    latency: str
    """Of the last look: `12ms`."""
    held: str
    maintenance: str
    paused: tuple[str, ...]
    flapping: bool
    budget: str
    """`2 of 3 in 1h`."""
    container: str
    incident: str
    bars: Bars | None
    sparkline: Sparkline | None
    well: bool


@dataclass(frozen=True, slots=True)
class Section:
    """Those of one tag. In a `brief` one those that are well are only `named`, and so are `more` that are not."""

    name: str
    rows: tuple[Row, ...]
    well: int
    of: int
    brief: bool
    named: tuple[str, ...]
    more: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Arranged:
    """Which dependencies stand where. `full` are those of which there is a row."""

    name: str
    full: tuple[str, ...]
    well: tuple[str, ...]
    of: int
    brief: bool
    more: tuple[str, ...]


def section_names(view: StatusView, tag: str) -> tuple[str, ...]:
    """All of that section, problems first; a dependency is in that of its first tag. Empty for an unknown one."""
    return _sorted(view, [name for name in view.dependencies if _section_of(view, name) == tag])


def arranged(view: StatusView) -> tuple[Arranged, ...]:
    """The sections in which something is wrong first, and then by their names; what has no tag last."""
    found = dict[str, list[str]]()
    for name in view.dependencies:
        found.setdefault(_section_of(view, name), []).append(name)
    ill = {tag: any(not is_well(view.dependencies[name]) for name in names) for tag, names in found.items()}
    room, sections = FEW, []
    for tag in sorted(found, key=lambda tag: (not ill[tag], tag == OTHER, tag)):
        names = _sorted(view, found[tag])
        well = tuple(name for name in names if is_well(view.dependencies[name]))
        brief = len(names) > SHORT or len(view.dependencies) > FEW
        rows = names[: len(names) - len(well)] if brief else names
        sections.append(Arranged(tag, rows[:room], well, len(names), brief, rows[room:]))
        room -= len(rows[:room])
    return tuple(sections)


def section(view: StatusView, at: Arranged, recent: Mapping[str, RecentView], clock: Clock) -> Section:
    rows = tuple(row_of(view, name, recent.get(name), clock) for name in at.full)
    named = at.well if at.brief else ()
    return Section(at.name, rows, len(at.well), at.of, at.brief, named, at.more)


def row_of(view: StatusView, name: str, recent: RecentView | None, clock: Clock, *, titled: bool = False) -> Row:
    """`titled`: each bar by itself, with what it stands for. Raises `KeyError` for a name that is not there."""
    each = view.dependencies[name]
    decided, why = decision_said(each, clock)
    until = each.decision.until if each.decision is not None else None
    pauses = [(scope, view.pauses[scope]) for scope in (name, EVERYTHING) if scope in view.pauses]
    planned = each.maintenance
    return Row(
        name=name,
        health=each.health,
        since=time_at(each.since, clock) if each.since else None,
        lasted=duration(round(clock.ago(each.since))) if each.since else "",
        reason=each.reason or "",
        meaning=meaning_of(each.reason),
        detail=each.detail,
        decided=decided,
        decided_why=why,
        until=time_at(until, clock) if until else None,
        latency=duration(each.latency) if each.latency is not None else "",
        held=each.held or "",
        maintenance=f"planned maintenance: {planned.windows} until {clock.at(planned.until)}" if planned else "",
        paused=tuple(said for scope, pause in pauses for said in pauses_said(scope, pause, clock)),
        flapping=each.flapping,
        budget=budget_said(view.budgets[name]) if name in view.budgets else "",
        container=each.container or "",
        incident=each.incident or "",
        bars=bars_of(recent, clock, titled=titled) if recent is not None else None,
        sparkline=sparkline_of(recent) if recent is not None else None,
        well=is_well(each),
    )


def _section_of(view: StatusView, name: str) -> str:
    return next(iter(view.dependencies[name].tags), OTHER)


def _sorted(view: StatusView, names: list[str]) -> tuple[str, ...]:
    """Problems first, and then as the policy has them."""
    return tuple(sorted(names, key=lambda name: _place(view, name)))


def _place(view: StatusView, name: str) -> tuple[bool, int]:
    each = view.dependencies[name]
    return is_well(each), place_of(each.health)
