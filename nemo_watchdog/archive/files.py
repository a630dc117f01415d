"""The archive's file: opened, and put aside when it is damaged, for losing it loses nothing that binds.

One connection writes and one reads, each with a lock of its own: in WAL mode neither waits for the other.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import structlog

from nemo_watchdog.archive.migrations import migrate
from nemo_watchdog.errors import ArchiveError

log = structlog.get_logger("nemo_watchdog")

FAILURES = (OSError, sqlite3.Error, zlib.error, ValueError, OverflowError, LookupError, TypeError)
"""Of the system, of SQLite, and of values that nobody wrote so: damage that SQLite does not see."""

BUSY_TIMEOUT = 2.0
"""Seconds that a call waits for somebody who has the file locked, such as a backup."""

LARGEST_LOG = 4 * 2**20
"""Bytes that the write-ahead log keeps on disk after it was larger."""

ASIDE = "damaged"


class Files:
    """Both connections may be used from any thread, one call at a time each. Every method raises `ArchiveError`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writing = threading.Lock()
        self._reading = threading.Lock()
        self._writer: sqlite3.Connection | None = None
        self._reader: sqlite3.Connection | None = None
        self._inode = 0
        self._damage = ""
        self._closed = False
        with self.transaction():
            pass

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Committed at the end, or rolled back. What a crash of the machine costs is the newest, never the file."""
        with self._writing:
            connection: sqlite3.Connection | None = None
            try:
                connection = self._use()
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
            except FAILURES as error:
                _roll_back(connection)
                raise self._failed("written", error) from error
            except BaseException:
                _roll_back(connection)
                raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        with self._reading:
            try:
                if self._reader is None or self._damage:
                    raise sqlite3.ProgrammingError(self._damage or "it is not open")
                yield self._reader
            except FAILURES as error:
                raise self._failed("read", error) from error

    def give_back(self) -> None:
        """Free pages go to the file system."""
        with self._writing:
            try:
                connection = self._use()
                connection.executescript("PRAGMA incremental_vacuum")  # `execute` would free one page of them
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            except FAILURES as error:
                raise self._failed("written", error) from error

    def close(self) -> None:
        """A second call does nothing."""
        with self._writing, self._reading:
            self._closed = True
            try:
                self._let_go()
            except sqlite3.Error as error:
                raise ArchiveError(f"the archive {self._path} cannot be closed: {error}") from error

    def _use(self) -> sqlite3.Connection:
        """The writer's. Whoever calls has its lock."""
        if self._closed:
            raise sqlite3.ProgrammingError("it is closed")
        if self._writer is not None and not self._damage and self._is_in_place():
            return self._writer
        with self._reading:
            self._let_go()
            if self._damage:
                self._put_aside()
            try:
                self._open()
            except (sqlite3.Error, UnicodeError) as error:
                if not _is_damage(error):
                    raise
                self._damage = str(error)
                self._put_aside()
                self._open()
        assert self._writer is not None  # noqa: S101 - or _open had raised
        return self._writer

    def _is_in_place(self) -> bool:
        """Whoever removed it shall find a new one, and not have us write into what nobody can see."""
        try:
            return self._path.stat().st_ino == self._inode
        except FileNotFoundError:
            return False

    def _open(self) -> None:
        """Raises `ArchiveError`, `OSError` and `sqlite3.Error`."""
        new = not self._path.exists()
        if not new and not self._path.is_file():  # SQLite would wait for the other end of a pipe
            raise ArchiveError(f"the archive {self._path} is not a regular file: move it away, and a new one is made")
        if new:
            for suffix in ("-wal", "-shm"):  # of one that is gone
                Path(f"{self._path}{suffix}").unlink(missing_ok=True)
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        writer = _connect(self._path, "mode=rw")
        try:
            if not writer.execute("PRAGMA page_count").fetchone()[0]:
                writer.execute("PRAGMA auto_vacuum = INCREMENTAL")  # before there is anything in it
            migrate(writer)
            writer.execute("PRAGMA journal_mode = WAL")
            writer.execute("PRAGMA synchronous = NORMAL")
            writer.execute(f"PRAGMA journal_size_limit = {LARGEST_LOG}")
            reader = _connect(self._path, "mode=rw")
            reader.execute("PRAGMA query_only = ON")
        except ArchiveError as error:
            writer.close()
            raise ArchiveError(f"the archive {self._path} cannot be used: {error}") from None
        except BaseException:
            writer.close()
            raise
        self._writer, self._reader = writer, reader
        self._inode = self._path.stat().st_ino

    def _let_go(self) -> None:
        for connection in (self._reader, self._writer):
            if connection is not None:
                connection.close()
        self._reader = self._writer = None

    def _put_aside(self) -> None:
        """Only the newest is kept: nobody may ever look. Raises `OSError`."""
        for old in self._path.parent.glob(f"{self._path.name}.{ASIDE}-*"):
            old.unlink()
        aside = Path(f"{self._path}.{ASIDE}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
        self._path.replace(aside)
        with suppress(FileNotFoundError):
            Path(f"{self._path}-wal").replace(f"{aside}-wal")
        Path(f"{self._path}-shm").unlink(missing_ok=True)
        log.error("archive is damaged: put aside, and a new one begun", error=self._damage, aside=str(aside))
        self._damage = ""

    def _failed(self, to_be: str, error: Exception) -> ArchiveError:
        if _is_damage(error):
            self._damage = str(error)
        return ArchiveError(f"the archive {self._path} cannot be {to_be}: {error}")


def size_of(path: Path) -> int:
    """Bytes of the archive at that path, with its write-ahead log."""
    size = 0
    for each in (path, Path(f"{path}-wal")):
        with suppress(OSError):
            size += each.stat().st_size
    return size


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?{mode}",
        uri=True,
        timeout=BUSY_TIMEOUT,
        isolation_level=None,
        check_same_thread=False,
    )


def _roll_back(connection: sqlite3.Connection | None) -> None:
    # SQLite has already rolled back after some errors.
    if connection is not None and connection.in_transaction:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")


def _is_damage(error: Exception) -> bool:
    """Whether the file is not sound, and not that the disk is full, say."""
    if isinstance(error, UnicodeDecodeError):  # in SQLite's own words about what it read
        return True
    name = getattr(error, "sqlite_errorname", "")
    if name == "SQLITE_ERROR" and "no such" in str(error):  # we ask for what we made: its schema is not what it was
        return True
    return name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB"))
