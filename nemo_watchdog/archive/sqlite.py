"""The archive: what it cannot keep or read is an `ArchiveError`, and the next call may succeed."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from nemo_watchdog.archive import rows
from nemo_watchdog.archive.files import Files
from nemo_watchdog.archive.rows import LookRow, microseconds, milliseconds
from nemo_watchdog.evidence import Evidence, Missing, Part
from nemo_watchdog.stores import LookRun

FORGOTTEN_AT_ONCE = 20_000
"""Rows that one call of `prune` forgets at most, or little more."""
EVIDENCE_FORGOTTEN_AT_ONCE = 20

_COLUMNS = "dependency, first, span, sight, looks, latency_sum, latency_max, histogram"
_PUT = f"({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_READ = "sight, first, span, looks, latency_sum, latency_max, histogram"


class SqliteArchive:
    """The archive at `path`, which is made where it is not; satisfies `stores.Archive`.

    `evidence_of`, `looks` and `gates` read through a connection of their own and may be called in another thread than
    the rest: neither waits for the other. Calls of one kind wait for each other. The constructor raises `ArchiveError`
    for a file of a newer version or of another program and where there is no making one. What is found damaged, then or
    later, is put aside as `NAME.damaged-TIME`, at the latest by the next call that writes, and a new file begun.
    """

    def __init__(self, path: Path) -> None:
        self._files = Files(path)

    # -- evidence

    def keep_evidence(self, evidence: Evidence) -> None:
        """See `stores.Archive.keep_evidence`."""
        bodies = [(part.name, part.cut, rows.compressed(part.text)) for part in evidence.parts]
        with self._files.transaction() as connection:
            (number,) = connection.execute(
                "INSERT INTO evidence (incident, at, dependency, occasion, seconds, missing, bytes) "
                "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (incident, at, dependency, occasion) DO UPDATE "
                "SET seconds = excluded.seconds, missing = excluded.missing, bytes = excluded.bytes RETURNING id",
                (
                    evidence.incident,
                    microseconds(evidence.at),
                    evidence.dependency,
                    evidence.occasion,
                    evidence.seconds,
                    rows.missing_text(evidence.missing),
                    sum(len(body) for _, _, body in bodies),
                ),
            ).fetchone()
            connection.execute("DELETE FROM parts WHERE evidence = ?", (number,))
            connection.executemany(
                "INSERT INTO parts (evidence, place, name, cut, text) VALUES (?, ?, ?, ?, ?)",
                [(number, place, *body) for place, body in enumerate(bodies)],
            )

    def evidence_of(self, incident: str) -> Sequence[Evidence]:
        """See `stores.Archive.evidence_of`. A part whose text is damaged is a missing one."""
        with self._files.reading() as connection:
            found = connection.execute(
                "SELECT id, at, dependency, occasion, seconds, missing FROM evidence WHERE incident = ? "
                "ORDER BY at, id",
                (incident,),
            ).fetchall()
            kept = []
            for number, at, dependency, occasion, seconds, missing in found:
                parts, damaged = _parts(connection, number)
                lacking = (*rows.missing_of(missing), *damaged)
                kept.append(Evidence(incident, dependency, rows.time_of(at), seconds, occasion, parts, lacking))
            return kept

    # -- looks

    def keep_looks(self, runs: Sequence[LookRun]) -> None:
        """See `stores.Archive.keep_looks`."""
        with self._files.transaction() as connection:
            names = _Names(connection)
            newest: dict[int, LookRow] = {
                row[0]: row
                for row in connection.execute(f"SELECT {_COLUMNS} FROM newest_looks")  # noqa: S608 - the words are this module's own
            }
            older, changed = list[LookRow](), set[int]()
            for run in runs:
                row = rows.look_row(run, names.dependency(run.dependency), names.sight(run.outcome, run.reason))
                before = newest.get(row[0])
                if before is not None and row[1] < before[1]:
                    _put(connection, older)
                    older = []
                    before = _set_back(connection, row)
                if before is not None and before[1] < row[1]:
                    older.append(_ended_before(before, row[1]))
                newest[row[0]] = row
                changed.add(row[0])
            _put(connection, older)
            connection.executemany(
                f"INSERT OR REPLACE INTO newest_looks {_PUT}",
                [newest[number] for number in changed],
            )

    def looks(self, dependency: str, since: datetime, until: datetime) -> Sequence[LookRun]:
        """See `stores.Archive.looks`."""
        with self._files.reading() as connection:
            begin, end = milliseconds(since), milliseconds(until)
            number = _number(connection, dependency)
            if number is None:
                return []
            sights = {
                number: (outcome, reason or None)
                for number, outcome, reason in connection.execute("SELECT id, outcome, reason FROM sights")
            }
            found = connection.execute(
                f"SELECT {_READ} FROM looks WHERE dependency = ?1 AND first <= ?3 AND first >= "  # noqa: S608 - likewise
                # Runs do not overlap: of those that began before, only the last may still have been going on.
                "coalesce((SELECT max(first) FROM looks WHERE dependency = ?1 AND first < ?2), ?2) "
                f"AND first + span >= ?2 UNION ALL SELECT {_READ} FROM newest_looks "
                "WHERE dependency = ?1 AND first <= ?3 AND first + span >= ?2",
                (number, begin, end),
            )
            return rows.look_runs(dependency, sights, found)

    # -- gates

    def keep_gates(self, dependency: str, at: datetime, gates: str) -> None:
        """See `stores.Archive.keep_gates`. What is said of the same time later is right."""
        with self._files.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO gates (dependency, at, body) VALUES (?, ?, ?)",
                (_Names(connection).dependency(dependency), microseconds(at), rows.compressed(gates)),
            )

    def gates(self, dependency: str, until: datetime) -> tuple[datetime, str] | None:
        """See `stores.Archive.gates`."""
        with self._files.reading() as connection:
            found = connection.execute(
                "SELECT at, body FROM gates WHERE dependency = ? AND at <= ? ORDER BY at DESC LIMIT 1",
                (_number(connection, dependency), microseconds(until)),
            ).fetchone()
            return None if found is None else (rows.time_of(found[0]), rows.expanded(found[1]))

    # -- its size

    def prune(self, records_before: datetime, evidence_before: datetime, evidence_bytes: int) -> int:
        """See `stores.Archive.prune`. What it forgets is given back to the file system at once."""
        with self._files.transaction() as connection:
            gone = _forget_evidence(connection, microseconds(evidence_before), evidence_bytes)
            gone += _forget_records(connection, records_before)
        if gone:
            self._files.give_back()
        return gone

    def close(self) -> None:
        """Lets the file go. A second call does nothing, and any other fails."""
        self._files.close()


class _Names:
    """Numbers of names in one transaction, which are given where there are none."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._dependencies: dict[str, int] = {}
        self._sights: dict[tuple[str, str | None], int] = {}

    def dependency(self, name: str) -> int:
        if (known := self._dependencies.get(name)) is None:
            known = self._dependencies[name] = self._given("dependencies", ("name",), (name,))
        return known

    def sight(self, outcome: str, reason: str | None) -> int:
        if (known := self._sights.get((outcome, reason))) is None:
            known = self._given("sights", ("outcome", "reason"), (outcome, reason or ""))
            self._sights[outcome, reason] = known
        return known

    def _given(self, table: str, columns: Sequence[str], values: Sequence[str]) -> int:
        where = " AND ".join(f"{column} = ?" for column in columns)
        found = self._connection.execute(f"SELECT id FROM {table} WHERE {where}", values).fetchone()  # noqa: S608 - likewise
        if found is not None:
            return int(found[0])
        marks = ", ".join("?" * len(columns))
        added = self._connection.execute(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", values)  # noqa: S608 - likewise
        assert added.lastrowid is not None  # noqa: S101 - it was an INSERT
        return added.lastrowid


def _number(connection: sqlite3.Connection, dependency: str) -> int | None:
    found = connection.execute("SELECT id FROM dependencies WHERE name = ?", (dependency,)).fetchone()
    return None if found is None else int(found[0])


def _put(connection: sqlite3.Connection, runs: Iterable[LookRow]) -> None:
    connection.executemany(f"INSERT OR REPLACE INTO looks {_PUT}", runs)


def _set_back(connection: sqlite3.Connection, row: LookRow) -> LookRow | None:
    """Somebody has set the clock back: what lies at and after that run goes; what was before it is the newest."""
    dependency, first = row[:2]
    connection.execute("DELETE FROM looks WHERE dependency = ? AND first >= ?", (dependency, first))
    found = connection.execute(
        f"SELECT {_COLUMNS} FROM looks WHERE dependency = ? ORDER BY first DESC LIMIT 1",  # noqa: S608 - likewise
        (dependency,),
    ).fetchone()
    return None if found is None else tuple(found)


def _ended_before(row: LookRow, first: int) -> LookRow:
    """Two runs of one dependency never overlap."""
    return (*row[:2], min(row[2], first - 1 - row[1]), *row[3:])


def _parts(connection: sqlite3.Connection, evidence: int) -> tuple[tuple[Part, ...], list[Missing]]:
    parts, damaged = list[Part](), list[Missing]()
    for name, cut, body in connection.execute(
        "SELECT name, cut, text FROM parts WHERE evidence = ? ORDER BY place", (evidence,)
    ):
        try:
            parts.append(Part(name, rows.expanded(body), bool(cut)))
        except (zlib.error, UnicodeError):
            damaged.append(Missing(name, "its text is damaged on the disk"))
    return tuple(parts), damaged


def _forget_evidence(connection: sqlite3.Connection, before: int, most: int) -> int:
    """The oldest first, a few at once: each may be large."""
    ids = connection.execute(
        "SELECT id FROM (SELECT id, at, sum(bytes) OVER (ORDER BY at DESC, id DESC) AS kept FROM evidence) "
        "WHERE at < ? OR kept > ? ORDER BY at, id LIMIT ?",
        (before, most, EVIDENCE_FORGOTTEN_AT_ONCE),
    ).fetchall()
    connection.executemany("DELETE FROM parts WHERE evidence = ?", ids)
    connection.executemany("DELETE FROM evidence WHERE id = ?", ids)
    return len(ids)


def _forget_records(connection: sqlite3.Connection, before: datetime) -> int:
    gone = 0
    for (number,) in connection.execute("SELECT id FROM dependencies").fetchall():
        for table, column, limit in (
            ("looks", "first", milliseconds(before)),
            ("newest_looks", "first", milliseconds(before)),
            ("gates", "at", microseconds(before)),
        ):
            gone += connection.execute(
                f"DELETE FROM {table} WHERE dependency = ? AND {column} < ?",  # noqa: S608 - likewise
                (number, limit),
            ).rowcount
        if gone >= FORGOTTEN_AT_ONCE:
            break
    else:
        connection.execute(
            "DELETE FROM dependencies WHERE NOT EXISTS (SELECT 1 FROM looks WHERE dependency = id) "
            "AND NOT EXISTS (SELECT 1 FROM newest_looks WHERE dependency = id) "
            "AND NOT EXISTS (SELECT 1 FROM gates WHERE dependency = id)"
        )
    return gone
