"""All about one dependency: what was seen, what is decided, and what every gate says. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.text import Text

from nemo_watchdog.cli.page import COLOURS, Screen, wrapped
from nemo_watchdog.durations import duration
from nemo_watchdog.view_words import (
    Clock,
    budget_said,
    decision_said,
    declared_said,
    incident_said,
    pauses_said,
)
from nemo_watchdog.views import EVERYTHING, DependencyView, GateView, StatusView

LABEL_WIDTH = 13


def page_of_one(view: StatusView, name: str, screen: Screen) -> list[Text]:
    """Nothing of it is cut: who asks for one wants to know."""
    clock, each = Clock(view.now, screen.zone), view.dependencies[name]
    parts = [*_seen(view, name, each, clock), *_decided(view, name, each, clock)]
    return [Text(f"{name}, at {clock.now}", style="bold"), *labelled(parts, screen.columns)]


def labelled(parts: Iterable[tuple[str, str, str]], columns: int) -> Iterator[Text]:
    """Lines of a label, what is said, and its style."""
    for label, said, style in parts:
        line = Text(f"{label:<{LABEL_WIDTH}}") + Text(said, style=style)
        yield from wrapped(line, columns, None, indent=LABEL_WIDTH)


def gates_said(gates: Iterable[GateView], clock: Clock) -> Iterator[tuple[str, str, str]]:
    """Those that are shut, in their order, and then the open ones."""
    opened = []
    for gate in gates:
        if gate.verdict == "open":
            opened.append(gate.gate)
            continue
        until = f" until {clock.at(gate.until)}" if gate.until else ""
        yield "gate", f"{gate.gate}: {gate.verdict}{until}: {gate.value}", ""
    if opened:
        yield "open gates", ", ".join(opened), "dim"


def _seen(view: StatusView, name: str, each: DependencyView, clock: Clock) -> Iterator[tuple[str, str, str]]:
    since = f" since {clock.at(each.since)}" if each.since else ""
    flapping = ", flapping" if each.flapping else ""
    yield "health", f"{each.health}{since}{flapping}", COLOURS.get(each.health, "")
    if each.reason:
        why = ": ".join(part for part in (each.reason, each.detail) if part)
        yield "why", f"{why} ({each.category})", ""
    if each.latency is not None:
        yield "last look", f"took {duration(each.latency)}", ""
    if each.container is not None:
        yield "container", " ".join(part for part in (each.container, each.container_state) if part), ""
    if each.held:
        yield "left alone", each.held, "yellow"
    if each.needs or each.needs_any:
        single = [need for need in each.needs if not any(need in group for group in each.needs_any)]
        groups = [" or ".join(group) for group in each.needs_any]
        yield "needs", ", ".join((*single, *groups)), ""
    if each.maintenance is not None:
        yield "maintenance", f"{each.maintenance.windows} until {clock.at(each.maintenance.until)}", "cyan"
    for scope in (name, EVERYTHING):
        if scope in view.pauses:
            for said in pauses_said(scope, view.pauses[scope], clock):
                yield "paused", said.removeprefix("paused: "), "yellow"


def _decided(view: StatusView, name: str, each: DependencyView, clock: Clock) -> Iterator[tuple[str, str, str]]:
    incident = next((one for one in view.incidents if one.id == each.incident), None)
    if incident is not None:
        grave, rest = incident_said(incident, clock)
        yield "incident", f"{incident.id}: {grave}; {rest}", "bold"
    for declared in view.declared:
        if declared.dependency == name:
            yield "declared", "; ".join(declared_said(declared, clock)), "bold"
    decided, value = decision_said(each, clock)
    if decided:
        yield "decided", f"{decided}: {value}" if value else decided, "bold"
    if (budget := view.budgets.get(name)) is not None:
        yield "actions left", budget_said(budget), ""
    yield from gates_said(each.explain, clock)
