"""The outbox gives each notification to each contact once, when it is due."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from nemo_watchdog.errors import JournalError
from nemo_watchdog.journal import SqliteJournal
from nemo_watchdog.model import Moment
from nemo_watchdog.stores import OutboxItem
from tests.unit.journal.parts import NOON, MovableClock, moment, notification


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def journal(tmp_path: Path, clock: MovableClock) -> Iterator[SqliteJournal]:
    with closing(SqliteJournal(tmp_path / "journal.sqlite3", "boot-1", clock=clock)) as journal:
        yield journal


def due(journal: SqliteJournal) -> list[OutboxItem]:
    return [item for item in journal.pending(10) if item.due]


def test_the_same_fact_is_queued_once_for_each_contact(journal: SqliteJournal) -> None:
    """A key and contact that were queued before, pending or delivered, are not queued again; a new contact is."""
    journal.append([], [notification("k")], moment(0))
    journal.delivered(journal.pending(10)[0].item_id, moment(1))
    journal.append([], [notification("k", contacts=("on-call", "team-lead"))], moment(2))
    assert [item.contact for item in journal.pending(10)] == ["team-lead"]
    assert journal.outbox_counts() == {"pending": 1, "delivered": 1, "given_up": 0}


def test_oldest_first_up_to_the_limit_of_each_contact(journal: SqliteJournal) -> None:
    """`pending` gives at most so many items of a contact, the oldest first: who is away crowds out nobody."""
    for n in range(5):
        journal.append([], [notification(f"k{n}")], moment(0))
    journal.append([], [notification("k9", contacts=("team-lead",))], moment(0))
    assert [item.notification.key for item in journal.pending(3)] == ["k0", "k1", "k2", "k9"]


def test_what_waits_for_its_next_try_is_not_left_out(journal: SqliteJournal, clock: MovableClock) -> None:
    """Whoever reads must know that what is newer has to wait behind it."""
    for key in ("k0", "k1"):
        journal.append([], [notification(key)], moment(0))
    journal.retry_later(journal.pending(1)[0].item_id, moment(10), 30.0, "timed out")
    clock.moment = moment(20)
    assert [(item.notification.key, item.due) for item in journal.pending(9)] == [("k0", False), ("k1", True)]


def test_a_retry_waits_for_its_delay(journal: SqliteJournal, clock: MovableClock) -> None:
    """An item that failed is due again exactly when its delay is over, with one more attempt counted."""
    journal.append([], [notification("k")], moment(0))
    journal.retry_later(journal.pending(1)[0].item_id, moment(10), 30.0, "timed out")
    clock.moment = moment(39.9)
    assert not due(journal)
    clock.moment = moment(40)
    assert [item.attempts for item in due(journal)] == [1]


def test_a_wall_clock_set_backwards_delays_no_retry(journal: SqliteJournal, clock: MovableClock) -> None:
    """Retries go by the monotonic clock."""
    journal.append([], [notification("k")], moment(0))
    journal.retry_later(journal.pending(1)[0].item_id, moment(10), 30.0, "timed out")
    clock.moment = Moment(40.0, NOON - timedelta(days=365))
    assert len(due(journal)) == 1


def test_what_waited_through_a_reboot_is_due_at_once(
    tmp_path: Path, journal: SqliteJournal, clock: MovableClock
) -> None:
    """A monotonic reading of another boot holds nothing back."""
    journal.append([], [notification("k")], moment(90_000))
    journal.retry_later(1, moment(90_000), 30.0, "timed out")
    assert not due(journal)
    journal.close()
    with closing(SqliteJournal(tmp_path / "journal.sqlite3", "boot-2", clock=clock)) as after:
        assert len(due(after)) == 1


def test_an_item_that_was_given_up_is_not_due(journal: SqliteJournal) -> None:
    """`give_up` ends an item and counts it."""
    journal.append([], [notification("k")], moment(0))
    journal.give_up(journal.pending(1)[0].item_id, moment(1), "no such contact")
    assert journal.pending(10) == []
    assert journal.outbox_counts() == {"pending": 0, "delivered": 0, "given_up": 1}


def test_an_item_that_does_not_exist_is_an_error(journal: SqliteJournal) -> None:
    """Settling an unknown item is a JournalError that names it."""
    with pytest.raises(JournalError, match="no outbox item 7"):
        journal.delivered(7, moment(1))
    with pytest.raises(JournalError, match="no outbox item 7"):
        journal.retry_later(7, moment(1), 1.0, "")


@pytest.mark.parametrize("delay", [float("inf"), float("nan"), 1e30])
def test_a_delay_without_a_date_is_an_error(journal: SqliteJournal, delay: float) -> None:
    """A delay that no calendar holds is a JournalError and leaves the item due."""
    journal.append([], [notification("k")], moment(0))
    with pytest.raises(JournalError, match="cannot be written"):
        journal.retry_later(1, moment(1), delay, "")
    assert len(journal.pending(1)) == 1


@pytest.mark.parametrize("body", ["{", "{}", '{"kind": "opened"}'])
def test_a_damaged_item_is_an_error(tmp_path: Path, journal: SqliteJournal, body: str) -> None:
    """An outbox item that cannot be read is not skipped."""
    journal.append([], [notification("k")], moment(0))
    with closing(sqlite3.connect(tmp_path / "journal.sqlite3")) as raw, raw:
        raw.execute("UPDATE outbox SET body = ?", (body,))
    with pytest.raises(JournalError, match="outbox item 1 is damaged"):
        journal.pending(1)
