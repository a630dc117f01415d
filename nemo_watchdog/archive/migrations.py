"""The schema only moves forward, one numbered step a change; a step that was released is never edited.

`PRAGMA user_version` holds the number of steps that a file has been through, each committed together with its number.
"""

from __future__ import annotations

import sqlite3

from nemo_watchdog.errors import ArchiveError

APPLICATION_ID = 0x4E574441
"""Marks a SQLite file as ours ("NWDA"; https://www.sqlite.org/pragma.html#pragma_application_id)."""

_RUN = """
    dependency INTEGER NOT NULL,
    first INTEGER NOT NULL,
    span INTEGER NOT NULL,
    sight INTEGER NOT NULL,
    looks INTEGER NOT NULL,
    latency_sum INTEGER NOT NULL,
    latency_max INTEGER NOT NULL,
    histogram BLOB NOT NULL
"""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE dependencies (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT",
        # A reason that is none is '': two NULLs would be two sights.
        """
        CREATE TABLE sights (
            id INTEGER PRIMARY KEY, outcome TEXT NOT NULL, reason TEXT NOT NULL, UNIQUE (outcome, reason)
        ) STRICT
        """,
        # In the order in which they are read, so that what is read together lies together. Milliseconds since the
        # epoch and from `first`, latencies in microseconds.
        f"CREATE TABLE looks ({_RUN}, PRIMARY KEY (dependency, first)) STRICT, WITHOUT ROWID",
        # The newest run of each is written again every minute: here all of them lie on a few pages.
        f"CREATE TABLE newest_looks ({_RUN}, PRIMARY KEY (dependency)) STRICT, WITHOUT ROWID",
        """
        CREATE TABLE gates (
            dependency INTEGER NOT NULL,
            at INTEGER NOT NULL,
            body BLOB NOT NULL,
            PRIMARY KEY (dependency, at)
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE evidence (
            id INTEGER PRIMARY KEY,
            incident TEXT NOT NULL,
            at INTEGER NOT NULL,
            dependency TEXT NOT NULL,
            occasion TEXT NOT NULL,
            seconds REAL NOT NULL,
            missing TEXT NOT NULL,
            bytes INTEGER NOT NULL,
            UNIQUE (incident, at, dependency, occasion)
        ) STRICT
        """,
        "CREATE INDEX evidence_by_time ON evidence (at, id, bytes)",
        """
        CREATE TABLE parts (
            evidence INTEGER NOT NULL,
            place INTEGER NOT NULL,
            name TEXT NOT NULL,
            cut INTEGER NOT NULL,
            text BLOB NOT NULL
        ) STRICT
        """,
        "CREATE INDEX parts_by_evidence ON parts (evidence, place)",
    ),
)


def migrate(connection: sqlite3.Connection) -> None:
    """Brings the file to the newest schema. `connection` is in autocommit mode.

    Raises `ArchiveError` for a file of a newer version or of another program, `sqlite3.Error` when it cannot be
    written.
    """
    owner: int = connection.execute("PRAGMA application_id").fetchone()[0]
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    tables: int = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if owner != APPLICATION_ID and (owner or version or tables):
        raise ArchiveError("this SQLite file belongs to another program: move it away, and a new one is made")
    if version > len(MIGRATIONS):
        raise ArchiveError(
            f"it was written by a newer nemo-watchdog (schema {version}; this one knows {len(MIGRATIONS)}): "
            "install that version again, or move the file away, and a new one is made"
        )
    for number, statements in enumerate(MIGRATIONS[version:], start=version + 1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in statements:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {number}")
            connection.execute("COMMIT")
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
