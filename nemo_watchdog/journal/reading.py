"""What is on disk and what of it can be believed, read without changing a byte: at the start and for `verify`.

A journal is whole when SQLite finds its file sound, each record has the checksum of what it says, their number and sum
are those that the database keeps, and the record that the head names is there. Anything else is damage, in words.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from nemo_watchdog.errors import JournalError
from nemo_watchdog.journal import codec, receipts, seal
from nemo_watchdog.journal.migrations import RECEIPTS, SEALED, schema
from nemo_watchdog.journal.seal import Head, Row, head_of
from nemo_watchdog.state_dir import TOKEN_NAME

BUSY_TIMEOUT = 5.0
"""Seconds to wait for another reader of the file, such as the `sqlite3` shell or a backup."""

SQLITE_HEADER = 100
"""Bytes (https://www.sqlite.org/fileformat.html). SQLite takes what is shorter for new, and removes its log."""

COLUMNS = "id, at_utc, at_monotonic, boot_id, type, incident, body"
OUTBOX_COLUMNS = "key, contact, body, state, attempts, due_utc, due_monotonic, boot_id, changed_utc, detail"

NOT_DAMAGE = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_CANTOPEN", "SQLITE_FULL", "SQLITE_PERM", "SQLITE_IOERR_SHM")
"""How the names of SQLite's errors begin that say nothing about the file: https://www.sqlite.org/rescode.html."""


@dataclass(slots=True)
class Found:
    """What can be read, in order; `damage` is empty for a journal that is whole."""

    there: bool = True
    rows: list[Row] = field(default_factory=list)
    outbox: list[tuple[object, ...]] = field(default_factory=list)
    told: list[tuple[object, ...]] = field(default_factory=list)
    threads: list[tuple[object, ...]] = field(default_factory=list)
    damage: list[str] = field(default_factory=list)

    def head(self) -> Head:
        return Head.of(self.rows[-1]) if self.rows else Head()


def read(path: Path, *, backup: bool = False) -> Found:
    """Of the journal at that path. Raises `JournalError` when the system does not let it be read.

    Of a `backup` it is no damage that it is a copy.
    """
    found = Found(there=path.exists())
    wal = Path(f"{path}-wal")
    try:
        head = _head(path, found, backup=backup)
        odd = [
            each.name
            for each in (path, wal, Path(f"{path}-shm"))
            if each.exists() and not (each.is_file() or each.is_dir())
        ]
        if odd:  # SQLite would wait for the other end of a pipe
            found.damage.extend(f"{name} is not a regular file" for name in odd)
            return found
        size = path.stat().st_size if found.there else 0
        if size >= SQLITE_HEADER:
            # Without a log nothing can be newer than the file, and then a full disk does not keep it from being read.
            mode = "mode=ro" if wal.exists() else "mode=ro&immutable=1"
            with closing(connect(path, mode)) as connection:
                read_from(connection, found, head)
        elif found.there:
            what = "cut short" if size else "empty"
            found.damage.append(f"the file is {what}, so what it held is lost")
        elif wal.exists():
            found.damage.append("the file is gone and its write-ahead log is there")
        elif found.damage or (head is not None and head.last):
            found.damage.append("the file is gone")
        elif not backup and path.with_name(TOKEN_NAME).exists():  # which is made after it
            found.damage.append("all of its files are gone, and the token beside them tells that they were there")
    except (OSError, sqlite3.Error) as error:
        raise JournalError(f"the journal {path} cannot be read: {error}") from error
    return found


def connect(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?{mode}",
        uri=True,
        timeout=BUSY_TIMEOUT,
        isolation_level=None,
        check_same_thread=False,
    )


def read_from(connection: sqlite3.Connection, found: Found, head: Head | None) -> None:
    """Adds what that connection sees. Raises `sqlite3.Error` for what says nothing about the file."""
    try:
        version = schema(connection)
        sealed = version >= SEALED
        connection.text_factory = lambda value: value.decode(errors="replace")
        _read_rows(connection, found, sealed=sealed)
        _check_head(found, head, sealed=sealed)
        (finding,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if finding != "ok":
            found.damage.append(f"SQLite finds: {finding}")
        found.outbox = connection.execute(f"SELECT {OUTBOX_COLUMNS} FROM outbox ORDER BY id").fetchall()  # noqa: S608 - the words are this module's own
        if version >= RECEIPTS:
            found.told, found.threads = receipts.rows(connection)
    except JournalError as error:
        found.damage.append(str(error))
    except sqlite3.Error as error:
        if _name(error).startswith(NOT_DAMAGE):
            raise
        found.damage.append(f"SQLite says: {error}")
    except UnicodeDecodeError:  # in SQLite's own words about what it read
        found.damage.append("SQLite cannot read its schema")
    finally:
        connection.text_factory = str


def is_damage(error: Exception) -> bool:
    """Whether a write that failed says that the file is not sound, and not that the disk is full."""
    return isinstance(error, UnicodeDecodeError) or (
        isinstance(error, sqlite3.Error) and _name(error).startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB"))
    )


def _name(error: sqlite3.Error) -> str:
    return getattr(error, "sqlite_errorname", "")


def _head(path: Path, found: Found, *, backup: bool) -> Head | None:
    try:
        head = Head.read(head_of(path))
    except ValueError as error:
        found.damage.append(f"{head_of(path)} is damaged: {error}")
        return None
    if head is not None and head.copied and not backup:
        found.damage.append(
            f"{head_of(path).name} is a copy and not the file that was written here, "
            "so nobody knows whether the newest records are there"
        )
    return head


def _read_rows(connection: sqlite3.Connection, found: Found, *, sealed: bool) -> None:
    by_id: dict[int, tuple[Row, bytes]] = {}
    trouble: sqlite3.Error | None = None
    for order in ("ASC", "DESC"):  # where the middle cannot be read, what is behind it can be
        trouble = _collect(connection, order, by_id, sealed=sealed) or trouble
        if trouble is None:
            break
    digests = []
    for number, (row, kept) in sorted(by_id.items()):
        if sealed and _proven(row, kept):
            digests.append(kept)
        elif not _legible(row):
            found.damage.append(f"record {number} cannot be read")
            continue
        elif sealed:
            found.damage.append(f"record {number} is not as it was written")
            digests.append(seal.digest(*row))
        found.rows.append(row)
    if trouble is not None:
        raise trouble
    if sealed:
        _check_tally(connection, found, digests)


def _collect(
    connection: sqlite3.Connection, order: str, by_id: dict[int, tuple[Row, bytes]], *, sealed: bool
) -> sqlite3.Error | None:
    digest = "digest" if sealed else "x''"
    try:
        for *row, kept in connection.execute(f"SELECT {COLUMNS}, {digest} FROM records ORDER BY id {order}"):  # noqa: S608 - the words are this module's own
            if row[0] in by_id and order == "DESC":
                break
            by_id[row[0]] = (tuple(row), kept)
    except sqlite3.Error as error:
        return error
    return None


def _proven(row: Row, kept: bytes) -> bool:
    try:
        return seal.digest(*row) == kept
    except TypeError:  # damage has made a value one that no record has
        return False


def _legible(row: Row) -> bool:
    if not isinstance(row[2], float) or not all(isinstance(row[column], str) for column in (1, 3, 4, 5, 6)):
        return False
    try:
        codec.read_time(row[0], row[1])
        codec.read_record(row[0], row[6])
    except JournalError:
        return False
    return True


def _check_tally(connection: sqlite3.Connection, found: Found, digests: list[bytes]) -> None:
    tally = connection.execute("SELECT records, last, total FROM tally").fetchone()
    if tally is None:
        found.damage.append("the count of its records is gone")
        return
    records, last, total = tally
    if records != len(digests):
        found.damage.append(f"it has {len(digests)} of {records} records")
    elif total != seal.add(seal.NOTHING, digests):
        found.damage.append("its records do not add up to what was written")
    if found.rows and found.rows[-1][0] > last:
        found.damage.append(f"it counts {last} records and has number {found.rows[-1][0]}")


def _check_head(found: Found, head: Head | None, *, sealed: bool) -> None:
    if head is None:
        if sealed and not found.damage:
            found.damage.append("the file journal.head is gone, so nobody knows whether the newest records are there")
        return
    if not head.last:
        return
    named = next((row for row in reversed(found.rows) if row[0] == head.last), None)
    if named is None:
        newest = f"its newest is {found.rows[-1][0]}" if found.rows else "it has none"
        found.damage.append(f"record {head.last} is missing: {newest}")
    elif seal.digest(*named).hex() != head.digest:
        found.damage.append(f"record {head.last} is another one than was written: it is the journal of another time")
