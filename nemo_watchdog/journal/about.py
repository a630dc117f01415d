"""What the journal has about one dependency, read beside the daemon that writes it.

Records have no index by dependency: they are gone through from the end, as text, and only those that name it are read
as JSON. Without the GIL, that takes some 0.1 s of CPU for 100,000 of them.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from nemo_watchdog.errors import JournalError
from nemo_watchdog.journal import codec
from nemo_watchdog.model import Moment

MOST_RECORDS = 500
"""Of those that name it, the newest: what is older explains nothing more."""

MOST_INCIDENTS = 20
"""Of those that these are of, the newest: with their openings, severities and ends."""

BUSY_TIMEOUT = 2.0

_COLUMNS = "id, at_utc, at_monotonic, body"
_Row = tuple[int, str, float, str]
_Found = tuple[_Row, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class About:
    """`begins`: when the oldest record of all was written; None of an empty journal. `known`: some record names it."""

    records: Sequence[tuple[Moment, Mapping[str, Any]]]
    begins: datetime | None
    known: bool


def open_to_read(path: Path) -> sqlite3.Connection:
    """Beside the daemon that writes; for one thread. Raises `JournalError`."""
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_TIMEOUT)
        connection.execute("PRAGMA query_only = ON")
    except sqlite3.Error as error:
        raise JournalError(f"the journal {path} cannot be read: {error}") from error
    return connection


def read_about(path: Path, dependency: str, until: datetime, of_incidents: Collection[str]) -> About:
    """See `about`, on a connection of its own. Raises `JournalError`."""
    with closing(open_to_read(path)) as connection:
        return about(connection, dependency, until, of_incidents)


def about(connection: sqlite3.Connection, dependency: str, until: datetime, of_incidents: Collection[str]) -> About:
    """Up to that time: the last records that name it, and those of these types of the incidents that it was in.

    Raises `JournalError`.
    """
    try:
        return _about(connection, dependency, until, of_incidents)
    except sqlite3.Error as error:
        raise JournalError(f"the journal cannot be read: {error}") from error


def _about(connection: sqlite3.Connection, dependency: str, until: datetime, types: Collection[str]) -> About:
    first = connection.execute("SELECT id, at_utc FROM records ORDER BY id LIMIT 1").fetchone()
    if first is None:
        return About((), None, known=False)
    limit = codec.write_time(until)
    last = connection.execute("SELECT max(at_utc) FROM (SELECT at_utc FROM records ORDER BY id DESC LIMIT 100)")
    has_later = last.fetchone()[0] > limit
    found = _naming(connection, dependency, "at_utc <= ?", (limit,), MOST_RECORDS)
    wanted = dict.fromkeys(str(record.get("incident") or "") for _, record in found.values())
    wanted.pop("", None)
    read: set[str] = set()
    while todo := [incident for incident in [*wanted][:MOST_INCIDENTS] if incident not in read]:
        for incident in todo:
            read.add(incident)
            for row, record in _of_incident(connection, incident, limit, types):
                found[row[0]] = row, record
                if into := record.get("into"):
                    wanted.setdefault(str(into))
    told = [(Moment(row[2], codec.read_time(row[0], row[1])), record) for _, (row, record) in sorted(found.items())]
    known = bool(found) or (has_later and bool(_naming(connection, dependency, "at_utc > ?", (limit,), 1)))
    return About(told, codec.read_time(*first), known)


def _naming(
    connection: sqlite3.Connection, dependency: str, which: str, values: tuple[str, ...], most: int
) -> dict[int, _Found]:
    """The newest of those that have it as their dependency, or as their root.

    Text is searched once for both. Others may have the name, too, as their target, say: no text within a value is like
    that, for a quote there is written with a backslash.
    """
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM records WHERE {which} AND instr(body, ?) ORDER BY id DESC LIMIT ?",  # noqa: S608 - the words are this module's own
        (*values, f":{json.dumps(dependency)}", most),
    ).fetchall()
    read = ((row, codec.read_record(row[0], row[3])) for row in rows)
    return {row[0]: (row, each) for row, each in read if dependency in (each.get("dependency"), each.get("root"))}


def _of_incident(connection: sqlite3.Connection, incident: str, limit: str, types: Collection[str]) -> Sequence[_Found]:
    marks = ", ".join("?" * len(types))
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM records WHERE incident = ? AND at_utc <= ? AND type IN ({marks})",  # noqa: S608
        (incident, limit, *types),
    ).fetchall()
    return [(row, codec.read_record(row[0], row[3])) for row in rows]
