"""`nemo-watchdog status`: how the platform is, and why the watchdog acts or does not."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from nemo_watchdog.cli import options
from nemo_watchdog.cli.output import GOOD, WRONG, as_json, whole_table
from nemo_watchdog.durations import duration
from nemo_watchdog.views import DependencyView, GroupView, IncidentView, StatusView

if TYPE_CHECKING:
    from nemo_watchdog.cli.client import Answer

COLOURS = {"up": "green", "degraded": "yellow", "starting": "cyan", "down": "red", "unknown": "magenta"}


def status(
    listen: options.ListenOption = options.DEFAULT_LISTEN,
    watch: Annotated[bool, typer.Option("--watch", help="Keep it live, until Ctrl-C.")] = False,
    json: options.JsonOption = False,
) -> None:
    """Show dependencies, open incidents, budgets and pauses. Exit code 1 while an incident is open."""
    answer = _ask(listen)
    if json:
        as_json(answer.document)
    elif watch:
        _watch(listen, answer.view)
    else:
        Console().print(render(answer.view))
    raise typer.Exit(WRONG if answer.view.incidents else GOOD)


def _ask(listen: str) -> Answer[StatusView]:
    from nemo_watchdog.cli import client

    return client.get(listen, "/api/v1/status", StatusView)


def _watch(listen: str, view: StatusView) -> None:
    try:
        with Live(render(view), refresh_per_second=4) as live:
            while True:
                time.sleep(1.0)
                live.update(render(_ask(listen).view))
    except KeyboardInterrupt:
        return


def render(view: StatusView) -> Group:
    """The status as a person reads it."""
    parts: list[RenderableType] = []
    if (storm := view.storm) is not None:
        many = f"storm: {storm.failing} of {storm.of} fail together since {storm.since}"
        parts.append(Text(f"{many}; what runs is not restarted while it lasts", style="bold red"))
    parts.append(_dependencies(view.dependencies))
    parts += [Text(_incident(incident), style="bold") for incident in view.incidents]
    for scope, pause in view.pauses.items():
        what = "everything" if scope == "*" else scope
        for each in (pause, *pause.beside):
            until = f" until {each.until}" if each.until else ""
            parts.append(Text(f"paused: {what}{until}, by {each.by}: {each.reason}", style="yellow"))
    planned: dict[tuple[str, str], list[str]] = {}
    for name, each_one in view.dependencies.items():
        if each_one.maintenance:
            planned.setdefault((each_one.maintenance.windows, each_one.maintenance.until), []).append(name)
    for (windows, end), names in planned.items():
        parts.append(Text(f"planned maintenance: {windows} until {end}, of {', '.join(names)}", style="cyan"))
    parts += [Text(f"policy not reloaded: {problem}", style="red") for problem in view.policy.problems]
    if view.journal != "ok":
        parts.append(
            Text(f"nothing is done, for the journal cannot be trusted or written: {view.journal}", style="red")
        )
    parts += [_group(group) for group in view.groups]
    left = ", ".join(f"{scope} {budget.remaining}/{budget.of}" for scope, budget in view.budgets.items())
    parts.append(Text(f"autonomy {view.autonomy}; actions left: {left}", style="dim"))
    return Group(*parts)


def _dependencies(dependencies: Mapping[str, DependencyView]) -> Table:
    table = whole_table("dependency", "health", "why", "container", "decision", unbroken=["health"])
    for name, each in dependencies.items():
        why = ": ".join(part for part in (each.reason, each.detail) if part)
        decision = each.decision
        said = f"{decision.verdict} ({decision.gate}): {decision.value}" if decision else ""
        held = f" held: {each.held}" if each.held else ""
        health = Text(each.health, style=COLOURS.get(each.health, ""))
        if each.maintenance:
            health.append("\nmaintenance", style="cyan")
        if each.flapping:
            health.append(" flapping", style="red")
        # As Text: what a probe says may hold brackets, which rich would take for markup.
        table.add_row(name, health, Text(why), Text(f"{each.container_state or ''}{held}"), Text(said))
    return table


def _incident(incident: IncidentView) -> str:
    members = ", ".join(name for name in incident.members if name != incident.root)
    also = f", with it {members}" if members else ""
    counted = sum(ladder.attempts for ladder in incident.ladders.values())
    tried = counted if incident.actions is None else incident.actions
    affected = "" if incident.impact is None else f"; affected: {incident.impact.said}"
    grave = f"{incident.severity} {incident.title}".rstrip()
    return (
        f"{grave} by the rule {incident.rule}, {incident.id}: {incident.root}{also}, open {duration(incident.age)}, "
        f"{tried} action{'s' if tried != 1 else ''}{affected}"
    )


def _group(group: GroupView) -> Text:
    serving = f"{group.serving} of {group.of} serve"
    style = "dim" if group.serving == group.of else "yellow" if group.serving >= group.least else "red"
    return Text(f"redundancy: {group.said}: {serving}, at least {group.least} must", style=style)
