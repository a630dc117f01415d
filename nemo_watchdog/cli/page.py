"""The status for a screen of some size: what is wrong comes first, and no line is cut where it matters. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from nemo_watchdog.cli.quiet_words import scope_said
from nemo_watchdog.durations import duration
from nemo_watchdog.people_views import ToldView
from nemo_watchdog.views import (
    EVERYTHING,
    AcknowledgementView,
    BudgetView,
    DeclaredView,
    DependencyView,
    GroupView,
    IncidentView,
    PauseView,
    PolicyView,
    StatusView,
)

COLOURS = {"up": "green", "degraded": "yellow", "starting": "cyan", "down": "red", "unknown": "magenta"}
WORST_FIRST = ("down", "unknown", "starting", "degraded")
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


class Clock:
    """Times as the reader of the page knows them: the day only where it is another one."""

    def __init__(self, now: str, zone: tzinfo | None) -> None:
        self._zone = zone
        self._now = self._local(now)

    @property
    def now(self) -> str:
        """`03:19:51 CET`."""
        return f"{self._now:%H:%M:%S} {self._now.tzname()}"

    @property
    def day(self) -> str:
        """`2026-11-27`."""
        return f"{self._now:%Y-%m-%d}"

    def at(self, time: str) -> str:
        """`03:19:51`, or `Nov 26 03:19:51`."""
        local = self._local(time)
        return f"{local:%H:%M:%S}" if local.date() == self._now.date() else f"{local:%b %d %H:%M:%S}"

    def _local(self, time: str) -> datetime:
        try:
            return datetime.fromisoformat(time).astimezone(self._zone)
        except (ValueError, OverflowError):
            return datetime.fromtimestamp(0, UTC)


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
        *(line for said in _reloaded(view.policy, clock) for line in wrapped(said, width, None if rows else 1)),
    ]


def _squeezed(lines: list[Text], room: int, width: int) -> list[Text]:
    """The first of them: they are in the order in which they matter."""
    left = len(lines) - room + 1
    return [*lines[: room - 1], _cut(Text(f"… {left} lines more: a taller terminal, or --all", style="dim"), width)]


# -- the parts --------------------------------------------------------------------------------------------------


def _head(view: StatusView, clock: Clock) -> Text:
    healths = [each.health for each in view.dependencies.values()]
    places = [*WORST_FIRST, "up"]
    order = sorted(set(healths), key=lambda health: places.index(health) if health in places else -1)
    counted = ", ".join(f"{healths.count(health)} {health}" for health in order)
    many = len(healths)
    known = f"{many} {'dependencies' if many != 1 else 'dependency'}{': ' if counted else ''}{counted}"
    return Text(f"{clock.now}  {known}  autonomy {view.autonomy}", style="bold")


def _alarms(view: StatusView, clock: Clock) -> Iterator[Text]:
    """What holds back or blinds the watchdog, for the platform or by its own fault."""
    if (storm := view.storm) is not None:
        many = f"storm: {storm.failing} of {storm.of} fail together since {clock.at(storm.since)}"
        yield Text(f"{many}; what runs is not restarted while it lasts", style="bold red")
    if view.journal != "ok":
        yield Text(f"nothing is done, for the journal cannot be trusted or written: {view.journal}", style="bold red")
    for trouble in view.troubles:
        yield Text(f"{trouble.what}, since {clock.at(trouble.since)}: {trouble.why}", style="bold red")
    yield from _first([Text(f"policy not reloaded: {problem}", style="red") for problem in view.policy.problems])
    yield from _first([Text(f"label not used: {problem}", style="yellow") for problem in view.policy.unused_labels])
    paused = [said for scope, pause in view.pauses.items() for said in pauses_said(scope, pause, clock)]
    yield from _first([Text(said, style="yellow") for said in paused])
    silenced = ((scope_said(each), clock.at(each.until), each.by, each.reason) for each in view.silences)
    said = [f"silenced: {what} until {end}, by {by}: {why}" for what, end, by, why in silenced]
    yield from _first([Text(each, style="yellow") for each in said])
    waiting = [each for each in view.proposals if each.state == "open"]
    asked = [f"{each.what}? `nemo-watchdog approve {each.id}` until {clock.at(each.until)}" for each in waiting]
    yield from _first([Text(each, style="bold yellow") for each in asked])
    planned: dict[tuple[str, str], list[str]] = {}
    for name, each in view.dependencies.items():
        if each.maintenance is not None:
            planned.setdefault((each.maintenance.windows, each.maintenance.until), []).append(name)
    for (windows, end), names in planned.items():
        yield Text(f"planned maintenance: {windows} until {clock.at(end)}, of {', '.join(names)}", style="cyan")


def _first(lines: list[Text]) -> Iterator[Text]:
    """Some of them: more would hide what is below."""
    yield from lines[:ALIKE]
    if (more := len(lines) - ALIKE) > 0:
        yield Text(f"  and {more} more like that", style=lines[0].style)


def pauses_said(scope: str, pause: PauseView, clock: Clock) -> Iterator[str]:
    """A line for each that holds of this scope."""
    what = "everything" if scope == EVERYTHING else scope
    for each in (pause, *pause.beside):
        until = f" until {clock.at(each.until)}" if each.until else ""
        yield f"paused: {what}{until}, by {each.by}: {each.reason}"


def _incidents(view: StatusView, clock: Clock, width: int, most: int | None) -> Iterator[Text]:
    """The gravest first; `most` lines in all, where there is no room for what was done about each of many."""
    opened: list[IncidentView | DeclaredView] = [*view.incidents, *view.declared]
    incidents = sorted(opened, key=lambda each: (each.severity, each.opened))
    brief = most is not None and 2 * len(incidents) > most
    shown = incidents[: most - 1] if most is not None and len(incidents) > most else incidents
    for incident in shown:
        grave, rest = _said(incident, clock)
        yield from wrapped(Text(grave, style="bold red"), width, 1 if brief else 2)
        if not brief:
            yield from wrapped(Text(f"  {rest}"), width, 2)
    if more := len(incidents) - len(shown):
        yield Text(f"and {more} incidents more", style="bold red")


def _said(incident: IncidentView | DeclaredView, clock: Clock) -> tuple[str, str]:
    return declared_said(incident, clock) if isinstance(incident, DeclaredView) else incident_said(incident, clock)


def declared_said(declared: DeclaredView, clock: Clock) -> tuple[str, str]:
    """What it is; and who says so, of what, and how it is ended."""
    grave = f"{declared.severity} {declared.title}".rstrip()
    since = f"since {clock.at(declared.opened)} ({duration(declared.age)})"
    about = f" of {declared.dependency}" if declared.dependency else ""
    taken = taken_said(declared.acknowledged, clock)
    told = told_said(declared.told, clock)
    return f"{grave}: {declared.text}", f"{declared.id}, reported{about} by {declared.by} {since}{taken}{told}"


def taken_said(taken: AcknowledgementView | None, clock: Clock) -> str:
    if taken is None:
        return ""
    until = f" until {clock.at(taken.until)}" if taken.until else ""
    return f"; taken by {taken.by}{until}"


def told_said(told: ToldView | None, clock: Clock) -> str:
    """Who knows of it, and who will unless somebody takes it."""
    if told is None or not told.page:
        return ""
    following = f", next {told.next} at {clock.at(told.next_at)}" if told.next and told.next_at else ""
    held = f", {told.held_back} held back" if told.held_back else ""
    return f"; told: {', '.join(told.to)}{following}{held}"


def incident_said(incident: IncidentView, clock: Clock) -> tuple[str, str]:
    """What it is; and what was done about it and whom it hurts."""
    others = len(incident.members) - 1
    also = f" and {others} more" if others > 0 else ""
    counted = sum(ladder.attempts for ladder in incident.ladders.values())
    tried = counted if incident.actions is None else incident.actions
    grave = f"{incident.severity} {incident.title}".rstrip()
    since = f"since {clock.at(incident.since or incident.opened)} ({duration(incident.lasted or incident.age)})"
    affected = f"; affected: {incident.impact.said}" if incident.impact is not None else ""
    told = f"; told to look: {', '.join(incident.escalated)}" if incident.escalated else ""
    told += told_said(incident.told, clock)
    actions = f"{tried} action{'s' if tried != 1 else ''}"
    taken = taken_said(incident.acknowledged, clock)
    again = f", reopened {incident.reopened}x" if incident.reopened else ""
    return f"{grave}: {incident.root}{also} {since}", f"{actions}{again}, rule {incident.rule}{taken}{told}{affected}"


def _rows(view: StatusView, clock: Clock) -> list[_Row]:
    """Of what does not simply serve: the same is said once."""
    alike: dict[tuple[str, tuple[str, ...], str, str, str, str], list[str]] = {}
    for name, each in view.dependencies.items():
        if not _is_well(each):
            why = each.reason or ""
            decided, value = decision_said(each, clock)
            marks = tuple(
                mark for mark, holds in (("flapping", each.flapping), ("maintenance", each.maintenance)) if holds
            )
            key = (each.health, marks, why, _detail(each), decided, value)
            alike.setdefault(key, []).append(name)
    rows = [_Row(tuple(names), *key) for key, names in alike.items()]
    order = {health: place for place, health in enumerate(WORST_FIRST)}
    return sorted(rows, key=lambda row: order.get(row.health, -1))


def _is_well(each: DependencyView) -> bool:
    return each.health == "up" and not each.flapping and not each.held and each.maintenance is None


def _detail(each: DependencyView) -> str:
    held = f"held: {each.held}" if each.held else ""
    return "; ".join(part for part in (each.detail, held) if part)


def decision_said(each: DependencyView, clock: Clock) -> tuple[str, str]:
    """What is decided and until when; and why, in words."""
    decision = each.decision
    if decision is None:
        return "", ""
    until = f" until {clock.at(decision.until)}" if decision.until else ""
    return f"{decision.verdict} ({decision.gate}){until}", decision.value


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
            said = f"redundancy: {group.said}: {group.serving} of {group.of} serve, at least {group.least} must"
            style = "dim" if group.serving == group.of else "yellow" if group.serving >= group.least else "red"
            yield from wrapped(Text(said, style=style), width, 2)


def _up(view: StatusView, width: int, *, whole: bool) -> Iterator[Text]:
    names = [name for name, each in view.dependencies.items() if _is_well(each)]
    if names:
        line = Text(f"{'up':<{HEALTH_WIDTH}} ", style=COLOURS["up"]) + Text(", ".join(names))
        yield from wrapped(line, width, None if whole else 1, indent=INDENT)


def _oncall(view: StatusView, clock: Clock) -> Iterator[Text]:
    for name, rota in view.oncall.items():
        then = f" until {clock.at(rota.until)}, then {', '.join(rota.then)}" if rota.until else ""
        swapped = " (a swap)" if rota.swap is not None else ""
        yield Text(f"{name}: {', '.join(rota.people)}{swapped}{then}", style="dim")


def _foot(view: StatusView) -> Text:
    return Text(f"actions left: {_left(view.budgets)}", style="dim")


def _reloaded(policy: PolicyView, clock: Clock) -> Iterator[Text]:
    """What the last reload changed, and what goes on as it was begun."""
    if policy.changed:
        at = clock.at(datetime.fromtimestamp(policy.loaded_at, UTC).isoformat())
        yield Text(f"policy reloaded at {at}: {'; '.join(policy.changed)}", style="dim")
    for each in policy.unchanged:
        until = f"verified until {clock.at(each.until)}" if each.until else "carried out"
        yield Text(f"not yet for {each.dependency}: {each.action} is {until} as it was ordered", style="dim")


def _left(budgets: Mapping[str, BudgetView]) -> str:
    """The total, and what of the others is spent."""
    shown = {scope: each for scope, each in budgets.items() if scope == "total" or each.remaining < each.of}
    return ", ".join(f"{scope} {each.remaining}/{each.of}" for scope, each in shown.items())


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
