"""A daemon that kills itself (SIGKILL) at one point of what it writes and looks at, in the place of `nemo_watchdog`.

python -m tests.integration.killed_at POINT run …

POINT is `before:TYPE` or `after:TYPE`: a record of that type is about to be written, or is on disk; `unproven:TYPE`: it
is on disk, and the file beside the journal does not say so yet; `look:TYPE`: the first look after it begins. TYPE may
be `evidence` for `before` and `after`: that which is taken before an action. Nothing in the product knows of this.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from runpy import run_module
from typing import Any
from unittest.mock import patch

from nemo_watchdog.archive.sqlite import SqliteArchive
from nemo_watchdog.evidence import Evidence
from nemo_watchdog.journal.files import Files
from nemo_watchdog.journal.seal import Head
from nemo_watchdog.journal.sqlite import SqliteJournal
from nemo_watchdog.model import Finding, Moment, Notification
from nemo_watchdog.probes.http.probe import HttpProbe

EVIDENCE = "evidence"


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class _Journal:
    """What stands in the place of the journal's own functions."""

    def __init__(self, when: str, kind: str) -> None:
        self._when, self._kind = when, kind
        self._being_written = self._written = False
        self._append, self._prove, self._look = SqliteJournal.append, Files.prove, HttpProbe.look

    def replaced(self) -> Sequence[tuple[type, str, Callable[..., Any]]]:
        def append(
            journal: SqliteJournal, records: Sequence[Mapping[str, Any]], told: Sequence[Notification], at: Moment
        ) -> None:
            self._being_written = any(record["type"] == self._kind for record in records)
            if self._being_written and self._when == "before":
                die()
            self._append(journal, records, told, at)
            self._written = self._written or self._being_written
            if self._being_written and self._when == "after":
                die()

        def prove(files: Files, head: Head) -> None:
            if self._being_written and self._when == "unproven":
                die()
            self._prove(files, head)

        async def look(probe: HttpProbe) -> Finding:
            if self._written and self._when == "look":
                die()
            return await self._look(probe)

        return [(SqliteJournal, "append", append), (Files, "prove", prove), (HttpProbe, "look", look)]


def _archive(when: str) -> Sequence[tuple[type, str, Callable[..., Any]]]:
    keep = SqliteArchive.keep_evidence

    def keep_evidence(archive: SqliteArchive, evidence: Evidence) -> None:
        is_it = evidence.occasion.startswith("before ")
        if is_it and when == "before":
            die()
        keep(archive, evidence)
        if is_it and when == "after":
            die()

    return [(SqliteArchive, "keep_evidence", keep_evidence)]


def main() -> None:
    when, _, kind = sys.argv.pop(1).partition(":")
    replaced = _archive(when) if kind == EVIDENCE else _Journal(when, kind).replaced()
    with ExitStack() as stack:
        for owner, name, function in replaced:
            stack.enter_context(patch.object(owner, name, function))
        run_module("nemo_watchdog", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
