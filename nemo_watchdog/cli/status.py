"""`nemo-watchdog status`: how the platform is, and why the watchdog acts or does not."""

from __future__ import annotations

import time
from datetime import UTC
from typing import TYPE_CHECKING, Annotated

import typer

from nemo_watchdog.cli import options
from nemo_watchdog.cli.output import GOOD, UNREACHABLE, USAGE, WRONG, CommandFailed, as_json, print_lines
from nemo_watchdog.views import StatusView

if TYPE_CHECKING:
    from rich.text import Text

    from nemo_watchdog.cli.client import Answer

LOOK_EVERY = 1.0


def status(
    name: Annotated[
        str | None, typer.Argument(metavar="[DEPENDENCY]", help="All about one; the platform when left out.")
    ] = None,
    listen: options.ListenOption = options.DEFAULT_LISTEN,
    watch: Annotated[bool, typer.Option("--watch", help="Keep it live, until Ctrl-C.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Every line whole, however many there are.")] = False,
    utc: Annotated[bool, typer.Option("--utc", help="Times in UTC instead of this machine's zone.")] = False,
    json: options.JsonOption = False,
) -> None:
    """Show what is wrong, what is done about it and when: incidents, dependencies, pauses, budgets.

    On a terminal it fits the screen, what matters most first. Exit code 1 while an incident is open, or one of
    DEPENDENCY is.
    """
    if json and watch:
        raise CommandFailed("--json is one answer, and --watch is many: leave one of them out", USAGE)
    answer = _ask(listen)
    if name is not None:
        _must_have(answer.view, name)
    if json:
        as_json(answer.document if name is None else answer.document["dependencies"][name])
    elif watch:
        _watch(listen, answer.view, name, utc=utc)
    else:
        print_lines(_lines(answer.view, name, fits=not everything, utc=utc))
    raise typer.Exit(WRONG if _is_ill(answer.view, name) else GOOD)


def _is_ill(view: StatusView, name: str | None) -> bool:
    """An incident is open, of that dependency where one is named; whoever opened it."""
    if name is None:
        return bool(view.incidents or view.declared)
    return view.dependencies[name].incident is not None or any(each.dependency == name for each in view.declared)


def _ask(listen: str) -> Answer[StatusView]:
    from nemo_watchdog.cli import client

    return client.get(listen, "/api/v1/status", StatusView)


def _must_have(view: StatusView, name: str) -> None:
    if name not in view.dependencies:
        raise CommandFailed(f"there is no dependency {name}: there are {', '.join(view.dependencies)}", USAGE)


def _lines(view: StatusView, name: str | None, *, fits: bool, utc: bool, spare: int = 1) -> list[Text]:
    """`spare` lines are left, for the prompt that comes after."""
    from rich.console import Console

    from nemo_watchdog.cli.page import Screen, page
    from nemo_watchdog.cli.page_of_one import page_of_one

    console = Console()
    room = console.height - spare if fits and console.is_terminal else None
    screen = Screen(console.width, room, UTC if utc else None)
    if name is None:
        return page(view, screen)
    _must_have(view, name)
    return page_of_one(view, name, screen)


def _watch(listen: str, view: StatusView, name: str | None, *, utc: bool) -> None:
    """A daemon that is started anew, or not there for a while, ends nothing: what was seen last stays in sight."""
    from rich.console import Group
    from rich.live import Live
    from rich.text import Text

    def shown(trouble: str = "") -> Group:
        above = [Text(f"{trouble}; this is what it said last:", style="bold red")] if trouble else []
        lines = _lines(view, name, fits=True, utc=utc, spare=len(above) + 1)
        return Group(*(_on_one_line(line) for line in (*above, *lines)))

    def _on_one_line(line: Text) -> Text:
        line.no_wrap, line.overflow = True, "ellipsis"
        return line

    try:
        with Live(shown(), auto_refresh=False) as live:
            while True:
                time.sleep(LOOK_EVERY)
                trouble = ""
                try:
                    view = _ask(listen).view
                except CommandFailed as error:
                    if error.code != UNREACHABLE:
                        raise
                    trouble = f"{error}".partition(": is it running?")[0]
                live.update(shown(trouble), refresh=True)
    except KeyboardInterrupt:
        return
