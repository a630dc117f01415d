"""`nemo-watchdog report`: what happened in an incident, as a document that a person would send."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated
from urllib.parse import quote, urlencode

import typer

from nemo_watchdog.cli import options
from nemo_watchdog.cli.output import WRONG, CommandFailed

UTC_NAME = "UTC"
LOCALTIME = Path("/etc/localtime")
_ZONES = "/zoneinfo/"


def report(
    incident: Annotated[str, typer.Argument(metavar="ID", help="Of an incident, open or over.")],
    html: Annotated[bool, typer.Option("--html", help="A page for a browser or a printer, not Markdown.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="Write it there instead of printing it.")
    ] = None,
    utc: Annotated[bool, typer.Option("--utc", help="Times in UTC instead of this machine's zone.")] = False,
    listen: options.ListenOption = options.DEFAULT_LISTEN,
) -> None:
    """Write the report on an incident: summary, timeline, cause, resolution, notes, action items.

    What is not known it says, and of an incident that is still open it is a draft. What it suggests comes from the
    record.
    """
    from nemo_watchdog.cli import client

    asked = urlencode({"format": "html" if html else "markdown", "zone": UTC_NAME if utc else machine_zone()})
    path = f"/api/v1/incidents/{quote(incident, safe='')}/report?{asked}"
    text = client.get_text(listen, path, "text/html" if html else "text/markdown")
    if output is None:
        print(text, end="")
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandFailed(f"cannot write {output}: {error.strerror}", WRONG) from None


def machine_zone() -> str:
    """The IANA name of this machine's zone, as TZ or /etc/localtime has it; UTC where neither names one.

    Source: tzset(3), localtime(5).
    """
    named = os.environ.get("TZ", "").removeprefix(":")
    where = named or os.path.realpath(LOCALTIME)
    _, found, name = where.partition(_ZONES)
    if found:
        return name
    return named if named and not named.startswith("/") else UTC_NAME
