"""The journal's files while a daemon has them: found, opened, looked after, and, when a person says so, made anew.

It fails closed. What is damaged, foreign, newer, empty, older than it was or gone is never replaced by a fresh file
behind the operator's back: that would have forgotten the budgets that were spent and the pause that somebody ordered.
It is read as far as it can be, and takes no write until a person accepts that.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from nemo_watchdog.errors import JournalDamaged, JournalError
from nemo_watchdog.journal import mending, reading
from nemo_watchdog.journal.migrations import migrate
from nemo_watchdog.journal.place import Claim, Place
from nemo_watchdog.journal.reading import Found
from nemo_watchdog.journal.seal import Head, Row, head_of

WORTH_SAYING = 5
"""Findings of one kind of damage that a sentence names; `nemo-watchdog journal verify` prints all."""


FAILURES = (OSError, sqlite3.Error, UnicodeError)
"""Of the system and of SQLite; in the words of its complaint about a damaged file there can be any bytes."""


class Files:
    """Every method may be called from any thread and raises `JournalError`; `JournalDamaged` until `accept`."""

    def __init__(self, path: Path) -> None:
        """Raises `JournalError` when there is no reading or making a journal here, and not for one that is damaged."""
        self._path = path
        self._guard = threading.Lock()
        self._damage = ""
        self._connection: sqlite3.Connection | None = None
        self._place: Place | None = None
        self._claim = Claim(path)
        try:
            self._found = reading.read(path)
            if self._found.damage:
                self._damage = _in_short(self._found.damage)
            elif self._found.there:
                with suppress(JournalError):  # a full disk, say: the next write tries again
                    self.check()
            else:
                mending.create(path)
                self._open()
        except FAILURES as error:
            self._claim.release()
            raise JournalError(f"the journal {path} cannot be made: {error}") from error
        except JournalError:
            self._claim.release()
            raise

    def rows(self) -> list[Row]:
        """All records in order; of a damaged journal those that can be read."""
        with self._guard:
            if self._connection is None and self._claim.held:
                return self._found.rows
            try:
                return self._use().execute(f"SELECT {reading.COLUMNS} FROM records ORDER BY id").fetchall()  # noqa: S608
            except FAILURES as error:
                raise self._failed("read", error) from error

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        with self._guard:
            self._must_be_whole()
            try:
                yield self._use()
            except FAILURES as error:
                raise self._failed("read", error) from error

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Committed and on disk at the end (synchronous=FULL), or rolled back."""
        with self._guard:
            self._must_be_whole()
            try:
                connection = self._use()
                self._must_be_in_place()
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
            except FAILURES as error:
                self._roll_back()
                raise self._failed("written", error) from error
            except BaseException:
                self._roll_back()
                raise

    def prove(self, head: Head) -> None:
        """From now on a journal without that record is damaged."""
        with self._guard:
            try:
                head.write(head_of(self._path))
            except OSError as error:
                raise self._failed("written", error) from error

    def prove_newest(self) -> Row | None:
        """The newest record there is, which is proven from now on."""
        with self.reading() as connection:
            return self._prove_newest(connection)

    def check(self) -> None:
        """Returns when it is whole, in its place and open, as far as can be seen without reading it."""
        with self._guard:
            self._must_be_whole()
            try:
                self._use()
                self._must_be_in_place()
            except FAILURES as error:
                raise self._failed("written", error) from error

    def distrust(self, why: str) -> None:
        """Whoever reads the records cannot make sense of one."""
        self._damage = self._damage or why

    def accept(self, at: datetime) -> str:
        """Goes on from what can be read; what there is of the damaged files is kept aside. Says what went on."""
        with self._guard:
            if not self._damage:
                raise JournalError(f"the journal {self._path} is whole: there is nothing to accept")
            try:
                self._claim.check()
                if self._connection is not None:
                    self._found = Found()
                    reading.read_from(self._connection, self._found, None)
                    self._let_go()
                mending.renew(self._path, self._found, at)
                damage, self._damage = self._damage, ""
                self._open()
            except FAILURES as error:
                raise self._failed("written", error) from error
            return damage

    def close(self) -> None:
        """Closes the files and lets another daemon have the state directory. A second call does nothing."""
        with self._guard:
            if not self._claim.held:
                return
            try:
                self._let_go()
            except sqlite3.Error as error:
                raise JournalError(f"the journal {self._path} cannot be closed: {error}") from error
            finally:
                self._claim.release()

    def _open(self) -> None:
        """Of a journal that was found whole. Raises `OSError` and `sqlite3.Error`."""
        self._found.head().write(
            head_of(self._path)
        )  # before a journal of an older schema gets to where it must have one
        connection = reading.connect(self._path, "mode=rw")
        try:
            migrate(connection)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("SELECT count(*) FROM tally").fetchone()  # now it has all of its files open
            self._place = Place(self._path)
        except FAILURES:
            connection.close()
            raise
        self._connection = connection
        self._found = Found()

    def _let_go(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _use(self) -> sqlite3.Connection:
        if not self._claim.held:
            raise sqlite3.ProgrammingError("it is closed")
        if self._connection is None:
            self._open()
        assert self._connection is not None  # noqa: S101 - or _open had raised
        return self._connection

    def _failed(self, to_be: str, error: Exception) -> JournalError:
        if not reading.is_damage(error):
            return JournalError(f"the journal {self._path} cannot be {to_be}: {error}")
        self._damage = f"SQLite says: {error}"
        return self._damaged()

    def _must_be_whole(self) -> None:
        if self._damage:
            raise self._damaged()

    def _damaged(self) -> JournalDamaged:
        return JournalDamaged(
            f"the journal {self._path} is damaged: {self._damage}. Nothing is done until a person has looked: "
            "nemo-watchdog journal verify, then nemo-watchdog journal accept --reason TEXT"
        )

    def _must_be_in_place(self) -> None:
        assert self._place is not None  # noqa: S101 - it is open
        try:
            self._place.check()
            self._claim.check()
        except JournalDamaged as error:
            self._damage = str(error)
            with suppress(*FAILURES):  # or the next start could take it for the first one
                self._prove_newest(self._use())
            self._must_be_whole()

    def _prove_newest(self, connection: sqlite3.Connection) -> Row | None:
        newest: Row | None = connection.execute(
            f"SELECT {reading.COLUMNS} FROM records ORDER BY id DESC LIMIT 1"  # noqa: S608 - the words are this module's own
        ).fetchone()
        if newest is not None:
            Head.of(newest).write(head_of(self._path))
        return newest

    def _roll_back(self) -> None:
        # SQLite has already rolled back after some errors, and a closed connection has nothing to roll back.
        with suppress(sqlite3.Error):
            if self._connection is not None and self._connection.in_transaction:
                self._connection.execute("ROLLBACK")


def _in_short(damage: list[str]) -> str:
    more = len(damage) - WORTH_SAYING
    return "; ".join(damage[:WORTH_SAYING]) + (f"; and {more} more" if more > 0 else "")
