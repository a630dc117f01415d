"""Which address has taken which message, and what its channel remembers of each thread: two tables of the journal.

An address is known by a digest; nothing here can be turned into where it leads.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import suppress

from nemo_watchdog.receipts import Receipt, Received

TOLD_COLUMNS = "key, address, at_utc"
THREAD_COLUMNS = "thread, address, memo, at_utc"


def read(connection: sqlite3.Connection, limit: int) -> Received:
    """The newest so many of each, oldest first."""
    told = connection.execute(
        "SELECT key, address FROM told_addresses ORDER BY at_utc DESC, rowid DESC LIMIT ?", (limit,)
    ).fetchall()
    threads = connection.execute(
        "SELECT thread, address, memo FROM threads ORDER BY at_utc DESC, rowid DESC LIMIT ?", (limit,)
    ).fetchall()
    memos = {(thread, address): memo for thread, address, memo in reversed(threads)}
    return Received([(key, address) for key, address in reversed(told)], memos)


def write(connection: sqlite3.Connection, receipts: Sequence[Receipt], utc: str) -> None:
    connection.executemany(
        f"INSERT INTO told_addresses ({TOLD_COLUMNS}) VALUES (?, ?, ?) ON CONFLICT (key, address) DO NOTHING",  # noqa: S608 - the words are this module's own
        [(key, receipt.address, utc) for receipt in receipts for key in receipt.keys],
    )
    connection.executemany(
        f"INSERT INTO threads ({THREAD_COLUMNS}) VALUES (?, ?, ?, ?) "  # noqa: S608 - the words are this module's own
        "ON CONFLICT (thread, address) DO UPDATE SET memo = excluded.memo, at_utc = excluded.at_utc",
        [(receipt.thread, receipt.address, receipt.memo, utc) for receipt in receipts if receipt.memo],
    )


def prune(connection: sqlite3.Connection, before: str) -> int:
    """Forgets what is older, but not of what is still to be delivered, nor of an incident that is remembered."""
    told = connection.execute(
        "DELETE FROM told_addresses WHERE at_utc < ? AND key NOT IN (SELECT key FROM outbox WHERE state = 'pending')",
        (before,),
    ).rowcount
    threads = connection.execute(
        "DELETE FROM threads WHERE at_utc < ? AND thread NOT IN (SELECT incident FROM records)", (before,)
    ).rowcount
    return int(told) + int(threads)


def rows(connection: sqlite3.Connection) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    """All of both tables, as they are."""
    return (
        connection.execute(f"SELECT {TOLD_COLUMNS} FROM told_addresses ORDER BY rowid").fetchall(),  # noqa: S608 - the words are this module's own
        connection.execute(f"SELECT {THREAD_COLUMNS} FROM threads ORDER BY rowid").fetchall(),  # noqa: S608 - the words are this module's own
    )


def put_back(
    connection: sqlite3.Connection, told: Iterable[tuple[object, ...]], threads: Iterable[tuple[object, ...]]
) -> None:
    """What `rows` gave, into another journal; what damage has made of some is left out."""
    for each in told:
        with suppress(sqlite3.IntegrityError):
            connection.execute(f"INSERT INTO told_addresses ({TOLD_COLUMNS}) VALUES (?, ?, ?)", each)  # noqa: S608 - the words are this module's own
    for each in threads:
        with suppress(sqlite3.IntegrityError):
            connection.execute(f"INSERT INTO threads ({THREAD_COLUMNS}) VALUES (?, ?, ?, ?)", each)  # noqa: S608 - the words are this module's own
