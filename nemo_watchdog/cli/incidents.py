"""`nemo-watchdog incidents`: what has happened, from the daemon's journal."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

import typer

from nemo_watchdog.cli import options
from nemo_watchdog.cli.output import as_json, print_lines
from nemo_watchdog.incident_views import IncidentSummaryView, IncidentsView

if TYPE_CHECKING:
    from rich.text import Text

USUAL_SINCE = "7d"
ON_A_PAGE = 200
"""As many as the daemon gives at once."""


def incidents(
    since: Annotated[
        str | None, typer.Option(help="Opened since: 24h, or 2026-11-23T03:00:00Z; 7d when left out, all with --open.")
    ] = None,
    only_open: Annotated[bool, typer.Option("--open", help="Only those that are open.")] = False,
    dependency: Annotated[str | None, typer.Option(help="Only those that this dependency was in.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 100,
    utc: Annotated[bool, typer.Option("--utc", help="Times in UTC instead of this machine's zone.")] = False,
    listen: options.ListenOption = options.DEFAULT_LISTEN,
    json: options.JsonOption = False,
) -> None:
    """List the incidents that are and that were, newest first: how long, how grave, why, and how they ended.

    `incident ID` tells all about one.
    """
    asked = {"since": since if since is not None or only_open else USUAL_SINCE, "dependency": dependency}
    query = {name: value for name, value in asked.items() if value is not None}
    if only_open:
        query["open"] = "true"
    found, documents, following = _ask(listen, query, limit)
    if json:
        as_json({"incidents": documents, "next": following})
        return
    print_lines(_lines(found, "" if following is None else _more(len(found)), utc=utc))


def _ask(listen: str, query: dict[str, str], limit: int) -> tuple[list[IncidentSummaryView], list[Any], str | None]:
    """Page by page: as they are understood, and as they came; and what a next page would be asked for."""
    from nemo_watchdog.cli import client

    found, documents = list[IncidentSummaryView](), list[Any]()
    cursor: dict[str, str] = {}
    while True:
        asked = {**query, "limit": str(min(ON_A_PAGE, limit - len(found))), **cursor}
        answer = client.get(listen, f"{client.INCIDENTS}?{urlencode(asked)}", IncidentsView)
        found += answer.view.incidents
        documents += answer.document["incidents"]
        following = answer.view.next
        if following is None or len(found) >= limit:
            return found, documents, following
        cursor = {"cursor": following}


def _more(shown: int) -> str:
    return f"There may be more than these {shown}: --limit {10 * shown} shows more, --since and --dependency fewer."


def _lines(found: list[IncidentSummaryView], more: str, *, utc: bool) -> list[Text]:
    from rich.console import Console

    from nemo_watchdog.cli.incident_list import page
    from nemo_watchdog.cli.page import Screen

    return page(found, Screen(Console().width, None, UTC if utc else None), more)
