"""`nemo-watchdog explain`: why one dependency is so, and why the watchdog acts or does not, now or at a time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import quote, urlencode

import typer

from nemo_watchdog.cli import options
from nemo_watchdog.cli.output import USAGE, CommandFailed, as_json
from nemo_watchdog.incident_views import ExplanationView


def explain(
    name: Annotated[str, typer.Argument(metavar="DEPENDENCY", help="Also one that the policy had at that time.")],
    at: Annotated[
        str | None, typer.Option("--at", help="A time that is past: 03:12, 2026-11-27 03:12, ISO 8601, -2h, 2h ago.")
    ] = None,
    listen: options.ListenOption = options.DEFAULT_LISTEN,
    utc: Annotated[bool, typer.Option("--utc", help="Times in UTC instead of this machine's zone.")] = False,
    json: options.JsonOption = False,
) -> None:
    """Say why a dependency is in its state, and why the watchdog acts or does not: now, or at a time from the records.

    In sentences, and below them every gate with its answer. Exit code 1 when there is no such dependency.
    """
    from nemo_watchdog.cli import client

    path = f"/api/v1/dependencies/{quote(name, safe='')}/explain"
    if at is not None:
        path = f"{path}?{urlencode({'at': _past(at, utc=utc).isoformat()})}"
    answer = client.get(listen, path, ExplanationView)
    if json:
        as_json(answer.document)
    else:
        _print(answer.view, past=at is not None, utc=utc)


def _past(at: str, *, utc: bool) -> datetime:
    from nemo_watchdog.cli.times import past

    try:
        return past(at, datetime.now(UTC), UTC if utc else None)
    except ValueError as error:
        raise CommandFailed(f"--at {error}", USAGE) from None


def _print(view: ExplanationView, *, past: bool, utc: bool) -> None:
    from rich.console import Console

    from nemo_watchdog.cli.page import Screen
    from nemo_watchdog.cli.page_of_explanation import page_of_explanation

    console = Console()
    for line in page_of_explanation(view, Screen(console.width, None, UTC if utc else None), past=past):
        console.print(line, soft_wrap=True)
