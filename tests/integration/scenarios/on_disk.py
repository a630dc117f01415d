"""What is on disk of a daemon that does not run: its journal, its head and its evidence, read without touching them."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

from nemo_watchdog.journal.seal import head_of
from nemo_watchdog.state_dir import ARCHIVE_NAME, JOURNAL_NAME


class OnDisk:
    """`records` are those of the journal, in their order, each with its `type`."""

    def __init__(self, state_dir: Path) -> None:
        rows = _asked(state_dir / JOURNAL_NAME, "SELECT id, type, body FROM records ORDER BY id")
        self.records: list[dict[str, Any]] = [json.loads(body) | {"type": kind} for _, kind, body in rows]
        self._intent = max((row for row, kind, _ in rows if kind == "action_intended"), default=0)
        self._head = head_of(state_dir / JOURNAL_NAME)
        archive = state_dir / ARCHIVE_NAME
        asked = "SELECT occasion FROM evidence WHERE occasion LIKE 'before %'"
        self.evidence = len(_asked(archive, asked)) if archive.exists() else 0
        """How often evidence was kept that was taken before an action."""

    def of(self, *kinds: str) -> list[dict[str, Any]]:
        return [record for record in self.records if record["type"] in kinds]

    @property
    def is_intent_proven(self) -> bool:
        """A journal without its newest intent would be found damaged."""
        return bool(json.loads(self._head.read_text(encoding="ascii"))["last"] >= self._intent > 0)


def _asked(database: Path, question: str) -> list[Any]:
    """Of a copy: whoever opens the database itself would bring its log into it."""
    with tempfile.TemporaryDirectory() as folder:
        for end in ("", "-wal"):
            if (file := database.with_name(database.name + end)).exists():
                shutil.copy(file, folder)
        with closing(sqlite3.connect(Path(folder, database.name))) as connection:
            return connection.execute(question).fetchall()
