"""The journal: what was committed survives a crash and a power cut; what cannot be read or written is a `JournalError`.

It fails closed. A damaged, foreign, newer, empty or vanished file is never replaced by a fresh one behind the
operator's back: a fresh journal would have forgotten the budgets that were spent and the pause that somebody ordered.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nemo_watchdog.errors import JournalError
from nemo_watchdog.journal import codec
from nemo_watchdog.journal.migrations import migrate
from nemo_watchdog.model import Moment, Notification
from nemo_watchdog.ports import Clock, OutboxItem

BUSY_TIMEOUT = 5.0
"""Seconds to wait for another reader of the file, such as the `sqlite3` shell or a backup."""

OPENING_TYPES = ("incident_opened", "incident_reopened")
HEARTBEAT_TYPE = "heartbeat_heard"
CLOSING_TYPES = ("incident_resolved", "incident_merged")


class _SystemClock:
    def now(self) -> Moment:
        return Moment(time.monotonic(), datetime.now(UTC))


class SqliteJournal:
    """One daemon's journal at `path`; satisfies `ports.Journal`. Calls block for one fsync (milliseconds).

    `boot_id` names this boot of the machine (Linux: /proc/sys/kernel/random/boot_id): monotonic readings compare
    within one boot only. The file and its folder are made when they do not exist, readable by their owner alone.
    Every method, the constructor included, raises `JournalError`; after a failed write the next one may succeed.
    """

    def __init__(self, path: Path, boot_id: str, *, clock: Clock | None = None) -> None:
        self._path = path
        self._boot_id = boot_id
        self._clock: Clock = clock or _SystemClock()
        self._guard = threading.Lock()
        self._lock_file = self._lock()
        try:
            self._connection = self._open()
            self._inode = path.stat().st_ino
        except (OSError, sqlite3.Error) as error:
            os.close(self._lock_file)
            raise JournalError(
                f"the journal {path} cannot be used: {error}. Repair or restore it, or move it away to begin without "
                "its incidents and spent budgets"
            ) from error
        except JournalError as error:
            os.close(self._lock_file)
            raise JournalError(f"the journal {path} cannot be used: {error}") from error

    def append(self, records: Sequence[Mapping[str, Any]], notifications: Sequence[Notification], at: Moment) -> None:
        """See `ports.Journal.append`. On return the transaction is on disk (synchronous=FULL)."""
        utc = codec.write_time(at.utc)
        rows = [
            (utc, at.monotonic, self._boot_id, record["type"], str(record.get("incident") or ""), body)
            for record, body in ((record, codec.write_record(record)) for record in records)
        ]
        items = [
            (notification.key, contact, codec.write_notification(notification), utc, at.monotonic, self._boot_id, utc)
            for notification in notifications
            for contact in notification.contacts
        ]
        if not rows and not items:
            return
        with self._transaction() as connection:
            connection.executemany(
                "INSERT INTO records (at_utc, at_monotonic, boot_id, type, incident, body) VALUES (?, ?, ?, ?, ?, ?)",
                rows,
            )
            connection.executemany(
                "INSERT INTO outbox (key, contact, body, due_utc, due_monotonic, boot_id, changed_utc) "
                "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key, contact) DO NOTHING",
                items,
            )

    def replay(self, now: Moment) -> Sequence[tuple[Moment, Mapping[str, Any]]]:
        """See `ports.Journal.replay`.

        A record of another boot is as old as UTC says, or as old as the last record of that boot plus the monotonic
        time between the two, whichever is less: a wall clock that jumped must not make a spent budget look old.
        """
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT id, at_utc, at_monotonic, boot_id, body FROM records ORDER BY id"
            ).fetchall()
        read = [
            (codec.read_time(row, utc), mono, boot, codec.read_record(row, body)) for row, utc, mono, boot, body in rows
        ]
        last: dict[str, tuple[datetime, float]] = {boot: (utc, mono) for utc, mono, boot, _ in read}
        replayed: list[tuple[Moment, Mapping[str, Any]]] = []
        for utc, mono, boot, record in read:
            if boot == self._boot_id:
                age = now.monotonic - mono
            else:
                last_utc, last_mono = last[boot]
                since_last = max((now.utc - last_utc).total_seconds(), 0.0)
                age = min((now.utc - utc).total_seconds(), since_last + last_mono - mono)
            replayed.append((Moment(now.monotonic - age if age > 0.0 else now.monotonic, utc), record))
        return replayed

    def records(self, incident: str | None = None, limit: int = 1000) -> Sequence[tuple[Moment, Mapping[str, Any]]]:
        """The last `limit` records, of one incident or of all, oldest first, with the moments as they were written."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT id, at_utc, at_monotonic, body FROM records WHERE ?1 IS NULL OR incident = ?1 "
                "ORDER BY id DESC LIMIT ?2",
                (incident, limit),
            ).fetchall()
        return [
            (Moment(mono, codec.read_time(row, utc)), codec.read_record(row, body))
            for row, utc, mono, body in reversed(rows)
        ]

    def pending(self, limit: int) -> Sequence[OutboxItem]:
        """See `ports.Journal.pending`. Due: the new, what waited through a reboot, and by the monotonic clock."""
        now = self._clock.now()
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT id, contact, body, attempts FROM outbox "
                "WHERE state = 'pending' AND (attempts = 0 OR boot_id != ? OR due_monotonic <= ?) ORDER BY id LIMIT ?",
                (self._boot_id, now.monotonic, limit),
            ).fetchall()
        return [
            OutboxItem(row, contact, codec.read_notification(row, body), attempts)
            for row, contact, body, attempts in rows
        ]

    def delivered(self, item_id: int, at: Moment) -> None:
        self._settle(item_id, "delivered", at, "")

    def retry_later(self, item_id: int, at: Moment, delay: float, detail: str) -> None:
        """See `ports.Journal.retry_later`."""
        try:
            due_utc = codec.write_time(datetime.fromtimestamp(at.utc.timestamp() + delay, UTC))
        except (ValueError, OverflowError) as error:
            raise JournalError(f"a retry in {delay} seconds cannot be written to the journal: {error}") from error
        with self._transaction() as connection:
            changed = connection.execute(
                "UPDATE outbox SET attempts = attempts + 1, due_utc = ?, due_monotonic = ?, boot_id = ?, "
                "changed_utc = ?, detail = ? WHERE id = ?",
                (due_utc, at.monotonic + delay, self._boot_id, codec.write_time(at.utc), detail, item_id),
            ).rowcount
            self._must_have_changed(changed, item_id)

    def give_up(self, item_id: int, at: Moment, detail: str) -> None:
        self._settle(item_id, "given_up", at, detail)

    def outbox_counts(self) -> Mapping[str, int]:
        """How many items are `pending`, `delivered` and `given_up`."""
        counts = {"pending": 0, "delivered": 0, "given_up": 0}
        with self._reading() as connection:
            counts.update(connection.execute("SELECT state, count(*) FROM outbox GROUP BY state"))
        return counts

    def prune(self, before: datetime) -> int:
        """Forgets settled outbox items and whole closed incidents that are older than `before`; returns how many rows.

        An incident goes only when it is closed and its newest record is older. Facts outside incidents (a pause,
        a container held for a person) stay, but of heartbeats only each job's newest. `before` must lie further back
        than the longest budget window.
        """
        limit = codec.write_time(before)
        opening, closing = (", ".join(f"'{kind}'" for kind in kinds) for kinds in (OPENING_TYPES, CLOSING_TYPES))
        with self._transaction() as connection:
            gone = connection.execute(
                "DELETE FROM outbox WHERE state != 'pending' AND changed_utc < ?", (limit,)
            ).rowcount
            gone += connection.execute(
                "DELETE FROM records WHERE incident IN (SELECT incident FROM records WHERE incident != '' "  # noqa: S608 - the words are this module's own
                "GROUP BY incident HAVING max(at_utc) < ? "
                f"AND max(CASE WHEN type IN ({closing}) THEN id ELSE 0 END) "
                f"> max(CASE WHEN type IN ({opening}) THEN id ELSE 0 END))",
                (limit,),
            ).rowcount
            # Of heartbeats only the newest of each job is ever asked for.
            gone += connection.execute(
                "DELETE FROM records WHERE type = ? AND id NOT IN (SELECT max(id) FROM records WHERE type = ? "
                "GROUP BY json_extract(body, '$.dependency'))",
                (HEARTBEAT_TYPE, HEARTBEAT_TYPE),
            ).rowcount
        return gone

    def close(self) -> None:
        """Closes the file and lets another daemon have the state directory. A second call does nothing."""
        with self._guard:
            if self._lock_file < 0:
                return
            try:
                self._connection.close()
            except sqlite3.Error as error:
                raise JournalError(f"the journal {self._path} cannot be closed: {error}") from error
            finally:
                os.close(self._lock_file)
                self._lock_file = -1

    def _settle(self, item_id: int, state: str, at: Moment, detail: str) -> None:
        with self._transaction() as connection:
            changed = connection.execute(
                "UPDATE outbox SET state = ?, changed_utc = ?, detail = ? WHERE id = ?",
                (state, codec.write_time(at.utc), detail, item_id),
            ).rowcount
            self._must_have_changed(changed, item_id)

    def _must_have_changed(self, changed: int, item_id: int) -> None:
        if changed != 1:
            raise JournalError(f"the journal {self._path} has no outbox item {item_id}")

    def _lock(self) -> int:
        """Takes the state directory for this process until the descriptor is closed, by us or by our death."""
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise JournalError(
                f"the state directory {self._path.parent} cannot be used: {error}. It must be a directory that "
                "nemo-watchdog may write"
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            raise JournalError(
                f"another nemo-watchdog uses the state directory {self._path.parent}: stop it, or give this one "
                "a state directory of its own"
            ) from error
        return descriptor

    def _open(self) -> sqlite3.Connection:
        if not self._path.exists():
            self._create()
        elif self._path.stat().st_size == 0:
            raise JournalError(
                "the file is empty, so what it held is lost: restore it, or delete it to begin without its incidents "
                "and spent budgets"
            )
        connection = self._connect(self._path)
        try:
            findings = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if findings != "ok":
                raise sqlite3.DatabaseError(findings)
            migrate(connection)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
        except (sqlite3.Error, JournalError):
            connection.close()
            raise
        return connection

    def _create(self) -> None:
        """Builds the empty journal aside and moves it into place, so that an empty file always means a loss."""
        if Path(f"{self._path}-wal").exists():
            raise JournalError(
                "the file is gone but its write-ahead log is there: restore the file, or move the log away"
            )
        new = self._path.with_name(f"{self._path.name}.new")
        new.unlink(missing_ok=True)
        os.close(os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        connection = self._connect(new)
        try:
            migrate(connection)
        finally:
            connection.close()
        new.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    @staticmethod
    def _connect(path: Path) -> sqlite3.Connection:
        return sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=BUSY_TIMEOUT,
            isolation_level=None,
            check_same_thread=False,
        )

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._guard:
            try:
                yield self._connection
            except sqlite3.Error as error:
                raise JournalError(f"the journal {self._path} cannot be read: {error}") from error

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._guard:
            try:
                self._must_be_in_place()
                self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
                self._connection.execute("COMMIT")
            except (sqlite3.Error, OSError) as error:
                self._roll_back()
                raise JournalError(f"the journal {self._path} cannot be written: {error}") from error
            except BaseException:
                self._roll_back()
                raise

    def _must_be_in_place(self) -> None:
        # SQLite goes on writing into a file that was deleted; those facts would be gone at the next start.
        if self._path.stat().st_ino != self._inode:
            raise JournalError(f"the journal {self._path} was replaced while in use: restart nemo-watchdog")

    def _roll_back(self) -> None:
        # SQLite has already rolled back after some errors, and a closed connection has nothing to roll back.
        with suppress(sqlite3.Error):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
