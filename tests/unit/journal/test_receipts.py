"""Which address has taken what outlives the daemon, a damaged journal and nothing that is over for long."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from nemo_watchdog.errors import JournalDamaged, JournalError
from nemo_watchdog.journal import SqliteJournal
from nemo_watchdog.journal.migrations import MIGRATIONS
from nemo_watchdog.receipts import Receipt, Received
from tests.unit.journal.parts import NOON, moment, notification

A = Receipt("a", "i-1", ("k1", "k2"), "ts-1")
B = Receipt("b", "i-1", ("k1",))


def opened(folder: Path, boot: str = "boot-1") -> SqliteJournal:
    return SqliteJournal(folder / "journal.sqlite3", boot)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqliteJournal]:
    with closing(opened(tmp_path)) as journal:
        yield journal


def told(journal: SqliteJournal) -> list[tuple[str, str]]:
    return list(journal.received(100).told)


def test_what_was_taken_outlives_the_process(tmp_path: Path, journal: SqliteJournal) -> None:
    """Each message of a letter, and what the channel left."""
    assert journal.received(100) == Received([], {})
    journal.keep_receipts([A, B], moment(0))
    journal.close()
    with closing(opened(tmp_path, "boot-2")) as after:
        received = after.received(100)
    assert list(received.told) == [("k1", "a"), ("k2", "a"), ("k1", "b")]
    assert received.memos == {("i-1", "a"): "ts-1"}


def test_the_same_again_changes_nothing_and_a_new_memo_is_the_memo(journal: SqliteJournal) -> None:
    """A write that is repeated is one; a letter that leaves nothing leaves what there was."""
    journal.keep_receipts([A], moment(0))
    journal.keep_receipts([A, Receipt("a", "i-1", ("k3",)), Receipt("a", "i-2", (), "ts-2")], moment(1))
    journal.keep_receipts([Receipt("a", "i-1", (), "ts-3")], moment(2))
    assert told(journal) == [("k1", "a"), ("k2", "a"), ("k3", "a")]
    assert journal.received(100).memos == {("i-1", "a"): "ts-3", ("i-2", "a"): "ts-2"}


def test_the_newest_are_read(journal: SqliteJournal) -> None:
    """So many of each."""
    for number in range(5):
        journal.keep_receipts([Receipt("a", f"i-{number}", (f"k{number}",), f"m{number}")], moment(number))
    received = journal.received(2)
    assert list(received.told) == [("k3", "a"), ("k4", "a")]
    assert received.memos == {("i-3", "a"): "m3", ("i-4", "a"): "m4"}


def test_what_is_over_for_long_is_forgotten(journal: SqliteJournal) -> None:
    """But not of what is still to be delivered, and no thread of an incident that is remembered."""
    journal.append([{"type": "incident_opened", "incident": "i-1"}], [notification("k1")], moment(0))
    journal.keep_receipts([A, Receipt("a", "i-2", ("k9",), "ts-2")], moment(0))
    journal.keep_receipts([Receipt("a", "i-3", ("new",), "ts-3")], moment(100))
    journal.prune(NOON + timedelta(seconds=50))
    assert told(journal) == [("k1", "a"), ("new", "a")]
    assert journal.received(100).memos == {("i-1", "a"): "ts-1", ("i-3", "a"): "ts-3"}


def test_it_goes_over_into_the_journal_that_is_accepted(tmp_path: Path, journal: SqliteJournal) -> None:
    """What is damaged elsewhere tells nobody twice."""
    journal.append([{"type": "paused", "incident": ""}], [], moment(0))
    journal.keep_receipts([A, B], moment(0))
    journal.close()
    with closing(sqlite3.connect(tmp_path / "journal.sqlite3")) as raw, raw:
        raw.execute("UPDATE records SET body = ?", ('{"type": "resumed"}',))
    with closing(opened(tmp_path)) as after:
        with pytest.raises(JournalDamaged):
            after.received(100)
        after.accept(moment(1))
        received = after.received(100)
    assert (len(received.told), received.memos) == (3, {("i-1", "a"): "ts-1"})


def test_a_journal_of_the_schema_before_gets_the_tables(tmp_path: Path, journal: SqliteJournal) -> None:
    """With all that was in it."""
    journal.append([], [notification("k1")], moment(0))
    journal.close()
    with closing(sqlite3.connect(tmp_path / "journal.sqlite3")) as raw, raw:
        raw.executescript("DROP TABLE told_addresses; DROP TABLE threads; PRAGMA user_version = 2")
    with closing(opened(tmp_path)) as after:
        assert [item.notification.key for item in after.pending(9)] == ["k1"]
        after.keep_receipts([B], moment(1))
        assert told(after) == [("k1", "b")]
    assert len(MIGRATIONS) == 3


def test_a_journal_that_is_closed_takes_none(journal: SqliteJournal) -> None:
    """In words."""
    journal.close()
    with pytest.raises(JournalError, match="closed"):
        journal.keep_receipts([A], moment(0))
    with pytest.raises(JournalError, match="closed"):
        journal.received(1)
