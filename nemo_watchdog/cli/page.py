"""The status for a screen of some size: what is wrong comes first, and no line is cut where it matters. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import tzinfo

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from nemo_watchdog.view_words import (
    Clock,
    budgets_left,
    counts_said,
    decision_said,
    gravest_first,
    group_said,
    held_said,
    is_well,
    journal_said,
    oncall_said,
    opened_said,
    pauses_said,
    place_of,
    planned_said,
    policy_problem_said,
    reloaded_said,
    silence_said,
    storm_said,
    trouble_said,
    unused_label_said,
)
from nemo_watchdog.views import DependencyView, GroupView, StatusView

COLOURS = {"up": "green", "degraded": "yellow", "starting": "cyan", "down": "red", "unknown": "magenta"}
HEALTH_WIDTH = 9
INDENT = HEALTH_WIDTH + 1
NAME_WIDTH = 20
"""A longer name goes beyond its column."""

ALARM_LINES = 3
"""Lines that one alarm may take: where a policy's mistake stands and what is wrong fit into them."""

ALIKE = 3
"""Alarms of one sort that are shown."""


@dataclass(frozen=True, slots=True)
class Screen:
    """`lines` is None where all of it may be printed, as into a pipe; `zone` None means the local one."""

    columns: int
    lines: int | None = None
    zone: tzinfo | None = None


@dataclass(frozen=True, slots=True)
class _Row:
    """Dependencies of which the same is to be said."""

    names: tuple[str, ...]
    health: str
    marks: tuple[str, ...]
    why: str
    detail: str
    decided: str
    value: str

    @property
    def said(self) -> str:
        """Who it is about."""
        return " ".join((", ".join(self.names), *self.marks))


def page(view: StatusView, screen: Screen) -> list[Text]:
    """The lines, as many as fit; what gives way first is the text of a row, then names that are up, then rows."""
    lines = _laid_out(view, screen, rows=True, names=True)
    if screen.lines is None or len(lines) <= screen.lines:
        return lines
    lines = _laid_out(view, screen, rows=False, names=True)
    if len(lines) > screen.lines:
        lines = _laid_out(view, screen, rows=False, names=False)
    return lines if len(lines) <= screen.lines else _squeezed(lines, screen.lines, screen.columns)


def _laid_out(view: StatusView, screen: Screen, *, rows: bool, names: bool) -> list[Text]:
    """With whole rows or each on one line; with all names that are up, or those that one line takes."""
    clock, width = Clock(view.now, screen.zone), screen.columns
    most = None if rows or screen.lines is None else screen.lines // 3
    return [
        _cut(_head(view, clock), width),
        *(line for alarm in _alarms(view, clock) for line in wrapped(alarm, width, ALARM_LINES)),
        *_incidents(view, clock, width, most),
        *_table(_rows(view, clock), width, whole=rows),
        *_groups(view.groups, width, whole=rows),
        *_up(view, width, whole=names),
        *(line for each in _oncall(view, clock) for line in wrapped(each, width, None if rows else 1)),
        _cut(_foot(view), width),
        *(
            line
            for said in reloaded_said(view.policy, clock)
            for line in wrapped(Text(said, style="dim"), width, None if rows else 1)
        ),
    ]


def _squeezed(lines: list[Text], room: int, width: int) -> list[Text]:
    """The first of them: they are in the order in which they matter."""
    left = len(lines) - room + 1
    return [*lines[: room - 1], _cut(Text(f"… {left} lines more: a taller terminal, or --all", style="dim"), width)]


# -- the parts --------------------------------------------------------------------------------------------------


def _head(view: StatusView, clock: Clock) -> Text:
    return Text(f"{clock.now}  {counts_said(view)}  autonomy {view.autonomy}", style="bold")


def _alarms(view: StatusView, clock: Clock) -> Iterator[Text]:
    """What holds back or blinds the watchdog, for the platform or by its own fault."""
    if view.storm is not None:
        yield Text(storm_said(view.storm, clock), style="bold red")
    if view.journal != "ok":
        yield Text(journal_said(view.journal), style="bold red")
    for trouble in view.troubles:
        yield Text(trouble_said(trouble, clock), style="bold red")
    yield from _first([Text(policy_problem_said(problem), style="red") for problem in view.policy.problems])
    yield from _first([Text(unused_label_said(problem), style="yellow") for problem in view.policy.unused_labels])
    paused = [said for scope, pause in view.pauses.items() for said in pauses_said(scope, pause, clock)]
    yield from _first([Text(said, style="yellow") for said in paused])
    yield from _first([Text(silence_said(each, clock), style="yellow") for each in view.silences])
    waiting = [each for each in view.proposals if each.state == "open"]
    asked = [f"{each.what}? `nemo-watchdog approve {each.id}` until {clock.at(each.until)}" for each in waiting]
    yield from _first([Text(each, style="bold yellow") for each in asked])
    for said in planned_said(view.dependencies, clock):
        yield Text(said, style="cyan")


def _first(lines: list[Text]) -> Iterator[Text]:
    """Some of them: more would hide what is below."""
    yield from lines[:ALIKE]
    if (more := len(lines) - ALIKE) > 0:
        yield Text(f"  and {more} more like that", style=lines[0].style)


def _incidents(view: StatusView, clock: Clock, width: int, most: int | None) -> Iterator[Text]:
    """The gravest first; `most` lines in all, where there is no room for what was done about each of many."""
    incidents = gravest_first(view)
    brief = most is not None and 2 * len(incidents) > most
    shown = incidents[: most - 1] if most is not None and len(incidents) > most else incidents
    for incident in shown:
        grave, rest = opened_said(incident, clock)
        yield from wrapped(Text(grave, style="bold red"), width, 1 if brief else 2)
        if not brief:
            yield from wrapped(Text(f"  {rest}"), width, 2)
    if more := len(incidents) - len(shown):
        yield Text(f"and {more} incidents more", style="bold red")


def _rows(view: StatusView, clock: Clock) -> list[_Row]:
    """Of what does not simply serve: the same is said once."""
    alike: dict[tuple[str, tuple[str, ...], str, str, str, str], list[str]] = {}
    for name, each in view.dependencies.items():
        if not is_well(each):
            why = each.reason or ""
            decided, value = decision_said(each, clock)
            marks = tuple(
                mark for mark, holds in (("flapping", each.flapping), ("maintenance", each.maintenance)) if holds
            )
            key = (each.health, marks, why, _detail(each), decided, value)
            alike.setdefault(key, []).append(name)
    rows = [_Row(tuple(names), *key) for key, names in alike.items()]
    return sorted(rows, key=lambda row: place_of(row.health))


def _detail(each: DependencyView) -> str:
    return "; ".join(part for part in (each.detail, held_said(each)) if part)


def _table(rows: list[_Row], width: int, *, whole: bool) -> Iterator[Text]:
    named = [cell_len(row.said) for row in rows]
    column = max((each for each in named if each <= NAME_WIDTH), default=0)
    for row in rows:
        yield from _row(row, width, column, whole=whole)


def _row(row: _Row, width: int, column: int, *, whole: bool) -> Iterator[Text]:
    head = Text(f"{row.health:<{HEALTH_WIDTH}} ", style=COLOURS.get(row.health, ""))
    head.append(f"{row.said:<{column}}", style="bold")
    fixed = f"  {row.why}", f" → {row.decided}" if row.decided else ""
    detail, value = (f": {part}" if part else "" for part in (row.detail, row.value))
    if whole:
        yield from wrapped(head + Text(f"{fixed[0]}{detail}{fixed[1]}{value}"), width, None, indent=INDENT)
        return
    room = width - sum(map(cell_len, fixed))
    if len(row.names) > 1 and head.cell_len > room:
        head = _cut(head, max(room - len(" …"), width // 3))
    room = max(0, room - head.cell_len)
    for_value = min(cell_len(value), max(room // 2, room - cell_len(detail)))
    detail, value = _fit(detail, room - for_value), _fit(value, for_value)
    yield from wrapped(head + Text(f"{fixed[0]}{detail}{fixed[1]}{value}"), width, 2, indent=INDENT)


def _groups(groups: tuple[GroupView, ...], width: int, *, whole: bool) -> Iterator[Text]:
    for group in groups:
        if whole or group.serving < group.of:
            style = "dim" if group.serving == group.of else "yellow" if group.serving >= group.least else "red"
            yield from wrapped(Text(group_said(group), style=style), width, 2)


def _up(view: StatusView, width: int, *, whole: bool) -> Iterator[Text]:
    names = [name for name, each in view.dependencies.items() if is_well(each)]
    if names:
        line = Text(f"{'up':<{HEALTH_WIDTH}} ", style=COLOURS["up"]) + Text(", ".join(names))
        yield from wrapped(line, width, None if whole else 1, indent=INDENT)


def _oncall(view: StatusView, clock: Clock) -> Iterator[Text]:
    for name, rota in view.oncall.items():
        yield Text(oncall_said(name, rota, clock), style="dim")


def _foot(view: StatusView) -> Text:
    left = ", ".join(f"{scope} {each.remaining}/{each.of}" for scope, each in budgets_left(view.budgets))
    return Text(f"actions left: {left}", style="dim")


# -- lines of a width ---------------------------------------------------------------------------------------------


def _cut(text: Text, width: int) -> Text:
    short = text.copy()
    short.truncate(width, overflow="ellipsis")
    return short


def _fit(text: str, width: int) -> str:
    """What is shorter than a word helps nobody."""
    if cell_len(text) <= width:
        return text
    return f"{set_cell_size(text, width - 1).rstrip()}…" if width >= len(": word…") else ""


def wrapped(text: Text, width: int, most: int | None, *, indent: int = 2) -> list[Text]:
    """So many lines; what goes on is set in, and the last one says when there is more."""
    indent = min(indent, width // 2)
    lines = _broken(text, max(1, width), max(1, width - indent))
    if most is not None and len(lines) > most:
        rest = Text(" ").join(lines[most - 1 :])
        lines = [*lines[: most - 1], _cut(rest, width - (indent if most > 1 else 0))]
    return [lines[0], *(Text(" " * indent) + line for line in lines[1:])]


def _broken(text: Text, first: int, then: int) -> list[Text]:
    """Lines of these widths, broken between words, or within one that is longer than a line."""
    lines, rest = list[Text](), text
    width = first
    while rest.cell_len > width:
        at = _break_of(rest.plain, width)
        head, rest = rest.divide([at])
        head.rstrip()
        lines.append(head)
        rest = rest[len(rest.plain) - len(rest.plain.lstrip()) :]
        width = then
    return [*lines, rest]


def _break_of(plain: str, width: int) -> int:
    end = len(set_cell_size(plain, width).rstrip()) if cell_len(plain) > width else len(plain)
    end = max(1, min(end, len(plain)))
    if plain[end : end + 1] == " ":
        return end
    space = plain.rfind(" ", 1, end)
    return space if space > end // 2 else end
