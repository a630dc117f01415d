"""What it costs to write a record down, next to a bare SQLite transaction in the same run and folder.

An ordinary record must not pay for the proof that nothing is missing; one that binds the watchdog (an intent, a pause,
a hold) pays for the file beside the database. Reading 100,000 records back is what a start pays. Fails when an ordinary
record costs more than the limit allows.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from nemo_watchdog.journal import SqliteJournal
from nemo_watchdog.model import Moment

ROUNDS = 300
LIMIT = 2.0
"""Times the bare transaction."""
ROWS = 100_000
BODY = {"incident": "20261124-084313-search", "dependency": "search", "detail": "x" * 200}


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def bare(folder: Path) -> Callable[[], None]:
    """The same bytes in one transaction that is on disk at its end."""
    connection = sqlite3.connect(folder / "bare.sqlite3", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE records (id INTEGER PRIMARY KEY AUTOINCREMENT, incident TEXT, body TEXT) STRICT")
    connection.execute("CREATE INDEX by_incident ON records (incident, id)")

    def write() -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO records (incident, body) VALUES (?, ?)", (BODY["incident"], str(BODY)))
        connection.execute("COMMIT")

    return write


def main() -> int:
    at = Moment(1.0, datetime.now(UTC))
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCHMARK_FOLDER")) as name:
        folder = Path(name)
        path = folder / "journal.sqlite3"
        with closing(SqliteJournal(path, "boot-1")) as journal:
            plain, ordinary, binding = bare(folder), list[float](), list[float]()
            reference = list[float]()
            for _ in range(ROUNDS):  # in turns, so that a busy disk is shared
                reference.append(seconds(plain))
                ordinary.append(seconds(lambda: journal.append([{"type": "decision_made", **BODY}], [], at)))
                binding.append(seconds(lambda: journal.append([{"type": "action_intended", **BODY}], [], at)))
            journal.append([{"type": "decision_made", **BODY}] * ROWS, [], at)
        start = seconds(lambda: SqliteJournal(path, "boot-1").close())
    ratio = median(ordinary) / median(reference)
    print(f"a bare transaction:   {median(reference) * 1000:6.2f} ms")
    print(f"an ordinary record:   {median(ordinary) * 1000:6.2f} ms, {ratio:.2f} times that")
    print(
        f"a record that binds:  {median(binding) * 1000:6.2f} ms, {median(binding) / median(reference):.2f} times that"
    )
    print(f"a start with {ROWS:,} records: {start:.2f} s to read and prove them")
    holds = ratio <= LIMIT
    print(f"an ordinary record costs at most {LIMIT:g} times a bare transaction: {'holds' if holds else 'FAILS'}")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
