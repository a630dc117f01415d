"""What a person writes about an incident, open or over, goes to the daemon here."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING

from nemo_watchdog.views import NoteView

if TYPE_CHECKING:
    from nemo_watchdog.cli.client import Answer

NOTE, ROOT_CAUSE, PUBLIC = "note", "root_cause", "public"
"""What a note may be about."""


def add_note(listen: str, state_dir: Path, incident: str, about: str, text: str) -> Answer[NoteView]:
    """The note as the daemon keeps it. Raises `CommandFailed` with its words when it does not take it."""
    from nemo_watchdog.cli import client

    body = {"about": about, "text": text, "by": getpass.getuser()}
    return client.post(listen, f"{client.path_of(incident)}/notes", body, state_dir, NoteView)
