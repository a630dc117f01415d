"""The schema only moves forward, one numbered step a change; a step that was released is never edited.

`PRAGMA user_version` holds the number of steps that a file has been through. Each step and its number are
committed together, so a crash between two steps loses nothing.
"""

from __future__ import annotations

import sqlite3

from nemo_watchdog.errors import JournalError
from nemo_watchdog.journal.seal import DigestSum, digest

APPLICATION_ID = 0x4E57444A
"""Marks a SQLite file as ours ("NWDJ"; https://www.sqlite.org/pragma.html#pragma_application_id)."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """
        CREATE TABLE records (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            at_utc TEXT NOT NULL,
            at_monotonic REAL NOT NULL,
            boot_id TEXT NOT NULL,
            type TEXT NOT NULL,
            incident TEXT NOT NULL DEFAULT '',
            body TEXT NOT NULL
        ) STRICT
        """,
        "CREATE INDEX records_by_incident ON records (incident, id)",
        """
        CREATE TABLE outbox (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            key TEXT NOT NULL,
            contact TEXT NOT NULL,
            body TEXT NOT NULL,
            state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'given_up')),
            attempts INTEGER NOT NULL DEFAULT 0,
            due_utc TEXT NOT NULL,
            due_monotonic REAL NOT NULL,
            boot_id TEXT NOT NULL,
            changed_utc TEXT NOT NULL,
            detail TEXT NOT NULL DEFAULT '',
            UNIQUE (key, contact)
        ) STRICT
        """,
        "CREATE INDEX outbox_pending ON outbox (id) WHERE state = 'pending'",
    ),
    (
        "ALTER TABLE records ADD COLUMN digest BLOB NOT NULL DEFAULT x''",
        "UPDATE records SET digest = record_digest(id, at_utc, at_monotonic, boot_id, type, incident, body)",
        """
        CREATE TABLE tally (
            one INTEGER PRIMARY KEY CHECK (one = 1),
            records INTEGER NOT NULL,
            last INTEGER NOT NULL,
            total BLOB NOT NULL
        ) STRICT
        """,
        """
        INSERT INTO tally
        SELECT 1, count(*), coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'records'), 0),
            coalesce(digest_sum(digest), zeroblob(32))
        FROM records
        """,
    ),
    (
        """
        CREATE TABLE told_addresses (
            key TEXT NOT NULL,
            address TEXT NOT NULL,
            at_utc TEXT NOT NULL,
            PRIMARY KEY (key, address)
        ) STRICT
        """,
        """
        CREATE TABLE threads (
            thread TEXT NOT NULL,
            address TEXT NOT NULL,
            memo TEXT NOT NULL,
            at_utc TEXT NOT NULL,
            PRIMARY KEY (thread, address)
        ) STRICT
        """,
    ),
)

SEALED = 2
"""The schema from which on each record has a checksum, and the journal a head."""

RECEIPTS = 3
"""The schema from which on it is known which address has taken what."""


def schema(connection: sqlite3.Connection) -> int:
    """The schema that the file has. Raises `JournalError` for one of a newer version or of another program."""
    owner: int = connection.execute("PRAGMA application_id").fetchone()[0]
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    tables: int = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if owner != APPLICATION_ID and (owner or version or tables):
        raise JournalError(
            "this SQLite file belongs to another program: give nemo-watchdog a state directory of its own"
        )
    if version > len(MIGRATIONS):
        raise JournalError(
            f"it was written by a newer nemo-watchdog (schema {version}; this one knows {len(MIGRATIONS)}): "
            "install that version again"
        )
    return version


def migrate(connection: sqlite3.Connection) -> None:
    """Brings the file to the newest schema. `connection` is in autocommit mode.

    Raises `JournalError` for a file of a newer version or of another program, `sqlite3.Error` when it cannot be
    written.
    """
    version = schema(connection)
    connection.create_function("record_digest", -1, digest, deterministic=True)
    connection.create_aggregate("digest_sum", 1, DigestSum)  # type: ignore[arg-type]  # its step takes one argument
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
