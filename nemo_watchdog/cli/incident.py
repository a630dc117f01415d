"""`nemo-watchdog incident`: all about one incident, its evidence, and a folder of it to keep."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from nemo_watchdog.cli import options
from nemo_watchdog.cli.notes import NOTE, PUBLIC, ROOT_CAUSE, add_note
from nemo_watchdog.cli.output import USAGE, WRONG, CommandFailed, as_json, print_lines
from nemo_watchdog.incident_views import IncidentDetailView

if TYPE_CHECKING:
    from rich.text import Text

    from nemo_watchdog.cli.client import Answer

PAPER = 120
"""Columns of what is written into a file."""

KEPT_AS = {NOTE: "as its note", ROOT_CAUSE: "as its root cause", PUBLIC: "for users to read"}

ID_HELP = "The incident's id, as `incidents` shows it."


def incident(
    identity: Annotated[str, typer.Argument(metavar="ID", help=ID_HELP)],
    evidence: Annotated[
        str | None, typer.Option(metavar="PART", help="Print this part of the evidence: NAME, the newest, or 2/NAME.")
    ] = None,
    export: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write all of it into this folder, new or empty.")
    ] = None,
    note: Annotated[str | None, typer.Option(metavar="TEXT", help="Write this about it, with your name.")] = None,
    root_cause: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Write down why it happened, for its report.")
    ] = None,
    public: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Tell users of it, as part of what the daemon publishes.")
    ] = None,
    utc: Annotated[bool, typer.Option("--utc", help="Times in UTC instead of this machine's zone.")] = False,
    listen: options.ListenOption = options.DEFAULT_LISTEN,
    state_dir: options.StateDirOption = options.DEFAULT_STATE_DIR,
    json: options.JsonOption = False,
) -> None:
    """Tell all about one incident: what happened, what was decided and done, who was told, what evidence is kept.

    Exit code 1 when there is no such incident or part.
    """
    notes = {NOTE: note, ROOT_CAUSE: root_cause, PUBLIC: public}
    if sum((evidence is not None, export is not None, json)) > 1 or (
        (evidence is not None or export is not None) and any(notes.values())
    ):
        raise CommandFailed(
            "--evidence, --export and --json each print something else, and a note is none of them: give one of them",
            USAGE,
        )
    if any(text is not None for text in notes.values()):
        _write(listen, state_dir, identity, notes, json=json)
        return
    if evidence is not None:
        _print_part(_part(listen, identity, evidence))
        return
    from nemo_watchdog.cli import client

    answer = client.get(listen, client.path_of(identity), IncidentDetailView)
    if export is not None:
        _export(listen, answer, export, utc=utc)
    elif json:
        as_json(answer.document)
    else:
        print_lines(_lines(answer.view, None, utc=utc))


def _write(listen: str, state_dir: Path, identity: str, notes: Mapping[str, str | None], *, json: bool) -> None:
    for about, text in notes.items():
        if text is None:
            continue
        answer = add_note(listen, state_dir, identity, about, text)
        if json:
            as_json(answer.document)
        else:
            print(f"Written down by {answer.view.by}, {KEPT_AS[about]}.")


def _lines(view: IncidentDetailView, width: int | None, *, utc: bool) -> list[Text]:
    from rich.console import Console

    from nemo_watchdog.cli.incident_page import page
    from nemo_watchdog.cli.page import Screen

    return page(view, Screen(width or Console().width, None, UTC if utc else None))


def _part(listen: str, identity: str, part: str) -> str:
    from nemo_watchdog.cli import client

    number, mark, name = part.partition("/")
    where = f"{number}/{quote(name, safe='')}" if mark and number.isascii() and number.isdecimal() else quote(part, "")
    return client.text(listen, f"{client.path_of(identity)}/evidence/{where}")


def _print_part(text: str) -> None:
    from nemo_watchdog.cli.raw_text import for_people, for_programs

    shown = for_people(text) if sys.stdout.isatty() else for_programs(text)
    sys.stdout.write(shown if shown.endswith("\n") else f"{shown}\n")


def _export(listen: str, answer: Answer[IncidentDetailView], folder: Path, *, utc: bool) -> None:
    """Readable by its owner alone, for what is in logs may be nobody else's business."""
    import json

    from nemo_watchdog.cli.raw_text import for_programs

    view = answer.view
    parts = [(each.number, part.name) for each in view.evidence for part in each.parts]
    texts = {
        f"evidence-{number}-{re.sub(r'[^A-Za-z0-9._-]', '_', name)}": for_programs(
            _part(listen, view.incident.id, f"{number}/{name}")
        )
        for number, name in parts
    }
    timeline = "\n".join(line.plain for line in _lines(view, PAPER, utc=utc))
    texts |= {"incident.json": json.dumps(answer.document, indent=2), "timeline.txt": timeline}
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise CommandFailed(f"{folder} is not empty: name a folder that is new or empty", USAGE)
        for name, text in texts.items():
            with (folder / name).open("x", encoding="utf-8") as file:
                file.write(text if text.endswith("\n") else f"{text}\n")
    except OSError as error:
        raise CommandFailed(f"{folder} cannot be written: {error.strerror or error}", WRONG) from None
    print(f"{len(texts)} files are in {folder}.")
