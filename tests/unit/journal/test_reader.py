"""Past incidents, read beside the writer: page by page, by who was in them, and one as a whole."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemo_watchdog import records as r
from nemo_watchdog.errors import JournalError
from nemo_watchdog.journal import SqliteJournal
from nemo_watchdog.journal import reader as of_reader
from nemo_watchdog.journal.reader import Asked, JournalReader
from nemo_watchdog.model import Moment
from tests.unit.engine.world import NOON
from tests.unit.pasts import BOOT, at, healed, id_of, incident_of, journal_of, keep, short, written

MANY = 10_000
EVERY = 777.0
"""Seconds from one of them to the next: together some 90 days."""


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqliteJournal]:
    made = SqliteJournal(tmp_path / "journal.db", BOOT)
    yield made
    made.close()


@pytest.fixture
def reader(tmp_path: Path) -> JournalReader:
    return JournalReader(tmp_path / "journal.db")


def ids(reader: JournalReader, asked: Asked | None = None, limit: int = 50) -> list[str]:
    """Of all pages."""
    found, before = list[str](), None
    while True:
        page = reader.incidents(asked or Asked(), before, limit)
        found += [incident for incident, _ in page.incidents]
        before = page.next
        if before is None:
            return found


def test_the_newest_comes_first_with_what_its_summary_needs(journal: SqliteJournal, reader: JournalReader) -> None:
    """And nothing of another one."""
    older, newer = short("redis", 0.0), short("gateway", 100.0)
    keep(journal, [*older, *newer, (at(170.0), r.DecisionMade(id_of(newer), "gateway", "act", "none", ""))])
    page = reader.incidents(Asked(), None, 50)
    assert [each for each, _ in page.incidents] == [id_of(newer), id_of(older)]
    assert [body["type"] for _, body in page.incidents[0][1]] == ["incident_opened", "incident_resolved"]
    assert page.incidents[0][1][0][0] == at(100.0)
    assert page.next is None


def test_an_empty_journal_has_none(journal: SqliteJournal, reader: JournalReader) -> None:
    """Facts outside of incidents are none, either."""
    assert ids(reader) == []
    keep(journal, [(at(0.0), r.Paused("*", "deploying", "anna", None))])
    assert ids(reader) == []
    assert not reader.knows("")
    assert reader.records_of("") == ()


def test_what_is_asked_for_is_found(journal: SqliteJournal, reader: JournalReader) -> None:
    """By time to the second, by who was in it however it came in, by the gravest that it was, by its being open."""
    first, second, third = short("redis", 0.0), short("gateway", 100.0), short("redis", 200.0, lasted=None)
    joined = r.MemberJoined(id_of(second), "users", "refused", "")
    raised = r.SeverityRaised(id_of(third), "SEV1", "outage", "SEV2")
    keep(journal, [*first, *second, (at(110.0), joined), *third, (at(210.0), raised)])
    a, b, c = id_of(first), id_of(second), id_of(third)
    assert ids(reader, Asked(since=NOON + timedelta(seconds=100))) == [c, b]
    assert ids(reader, Asked(until=NOON + timedelta(seconds=100))) == [a]
    assert ids(reader, Asked(dependency="redis")) == [c, a]
    assert ids(reader, Asked(dependency="users")) == [b]
    assert ids(reader, Asked(dependency="use")) == []
    assert ids(reader, Asked(severity="SEV1")) == [c]
    assert ids(reader, Asked(severity="SEV2")) == [b, a]
    assert ids(reader, Asked(open_only=True)) == [c]
    assert ids(reader, Asked(open_only=True, dependency="gateway")) == []


def test_what_was_opened_again_is_open_and_what_was_merged_is_not(
    journal: SqliteJournal, reader: JournalReader
) -> None:
    """A declared one is listed like the others."""
    again, merged = short("redis", 0.0), short("gateway", 100.0, lasted=None)
    declared = r.IncidentDeclared("20260105-120320-declared", "users see old prices", "SEV3", "anna")
    reopened = r.IncidentReopened(id_of(again), "redis", "refused", "")
    into = r.IncidentMerged(id_of(merged), id_of(again))
    keep(journal, [*again, (at(90.0), reopened), *merged, (at(110.0), into), (at(200.0), declared)])
    assert ids(reader, Asked(open_only=True)) == [declared.incident, id_of(again)]
    assert ids(reader, Asked(severity="SEV3")) == [declared.incident]


def test_where_little_is_found_a_page_ends_all_the_same(
    journal: SqliteJournal, reader: JournalReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says where to go on, and the pages together have all."""
    monkeypatch.setattr(of_reader, "LOOKED_AT", 3)
    rare, others = short("redis", 0.0), [each for n in range(1, 9) for each in short("gateway", 100.0 * n)]
    keep(journal, [*rare, *others])
    page = reader.incidents(Asked(dependency="redis"), None, 5)
    assert page.incidents == ()
    assert page.next is not None
    assert ids(reader, Asked(dependency="redis")) == [id_of(rare)]


def test_all_of_one_incident_is_read(tmp_path: Path, reader: JournalReader) -> None:
    """In the order in which it was written."""
    world = healed()
    name = incident_of(world)
    journal = journal_of(tmp_path, world)
    assert reader.records_of(name) == written(world, name)
    assert reader.knows(name)
    assert not reader.knows(f"{name}-2")
    assert reader.records_of(f"{name}-2") == ()
    journal.close()


def test_what_goes_on_in_an_incident_is_told_in_both(journal: SqliteJournal, reader: JournalReader) -> None:
    """The record of the merging belongs to the one that ends with it."""
    root, other = short("redis", 0.0), short("gateway", 10.0, lasted=None)
    merged = r.IncidentMerged(id_of(other), id_of(root))
    keep(journal, [root[0], *other, (at(20.0), merged), root[1]])
    types = ["incident_opened", "incident_merged", "incident_resolved"]
    assert [body["type"] for _, body in reader.records_of(id_of(root))] == types
    assert [body["type"] for _, body in reader.records_of(id_of(other))] == types[:2]


def test_of_those_that_are_known_the_records_of_some_kinds_are_read(
    journal: SqliteJournal, reader: JournalReader
) -> None:
    """Of several at once, or of a page; what is in no journal is left out."""
    one, two = short("gateway", 0.0), short("redis", 100.0, lasted=None)
    keep(journal, [*one, *two])
    kinds = (r.IncidentResolved,)
    found = reader.records_of_each([id_of(one), "20260105-120000-nobody", id_of(two)], kinds)
    assert [(incident, [body["type"] for _, body in records]) for incident, records in found] == [
        (id_of(one), ["incident_resolved"]),
        (id_of(two), []),
    ]
    page = reader.incidents(Asked(), None, 50, kinds).incidents
    assert sorted(page) == sorted(found)


def test_who_was_told_what_and_when(tmp_path: Path, reader: JournalReader) -> None:
    """Delivered, given up, and what still waits; each with how often it was tried."""
    world = healed()
    journal = journal_of(tmp_path, world)
    first, second, third, *_ = journal.pending(10)
    journal.delivered(first.item_id, at(60.0))
    journal.retry_later(second.item_id, at(61.0), 5.0, "timed out")
    journal.give_up(second.item_id, at(66.0), "401")
    told = reader.deliveries_of(incident_of(world))
    assert len(told) == sum(len(each.contacts) for each in world.notifications)
    assert [(each.state, each.attempts, each.detail) for each in told[:3]] == [
        ("delivered", 1, ""),
        ("given_up", 2, "401"),
        ("pending", 0, ""),
    ]
    assert (told[0].contact, told[0].kind, told[0].title) == ("on-call", "opened", "[SEV2] postgres is down")
    assert (told[0].queued, told[0].changed) == (world.notifications[0].at.isoformat(), at(60.0).utc.isoformat())
    assert told[2].contact == third.contact
    journal.close()


def test_the_newest_messages_are_found_whatever_they_are_about(journal: SqliteJournal, reader: JournalReader) -> None:
    """Newest first, each with its incident; and how many of all wait still."""
    message = healed().notifications[0]
    for name in ("i", "i-2", ""):
        journal.append([], [replace(message, key=f"{name}:opened", incident=name, contacts=("on-call",))], at(0.0))
    first, *_ = journal.pending(10)
    journal.delivered(first.item_id, at(60.0))
    outbox = reader.newest_deliveries(2)
    assert [(about, told.state) for about, told in outbox.newest] == [("", "pending"), ("i-2", "pending")]
    assert outbox.waiting == 2
    assert [(about, told.state) for about, told in reader.newest_deliveries(10).newest][-1] == ("i", "delivered")


def test_where_nobody_was_told_anything_there_is_no_message(journal: SqliteJournal, reader: JournalReader) -> None:
    keep(journal, short("redis", 0.0))
    assert (reader.newest_deliveries(10).newest, reader.newest_deliveries(10).waiting) == ((), 0)


def test_an_id_that_another_begins_with_has_its_own_messages_alone(
    journal: SqliteJournal, reader: JournalReader
) -> None:
    """Names of dependencies end where a message's key goes on."""
    message = healed().notifications[0]
    for name in ("i", "i-2", "i;"):
        journal.append([], [replace(message, key=f"{name}:opened", incident=name)], at(0.0))
    assert len(reader.deliveries_of("i")) == 1
    assert len(reader.deliveries_of("i-2")) == 1


def test_what_was_pruned_is_none_any_more(journal: SqliteJournal, reader: JournalReader) -> None:
    """Though how a dependency was last stays in the journal."""
    old = short("redis", 0.0)
    up = r.HealthChanged("redis", "up", None, None, "", id_of(old))
    keep(journal, [*old, (at(61.0), up), (at(9e6), r.SeenUp("redis", "digest"))])
    assert reader.knows(id_of(old))
    journal.prune(at(8e6).utc)
    assert [body["type"] for _, body in journal.records()] == ["health_changed", "seen_up"]
    assert not reader.knows(id_of(old))
    assert ids(reader) == []


def test_a_reader_holds_up_no_writer_and_sees_one_state(journal: SqliteJournal, reader: JournalReader) -> None:
    """As long as it reads."""
    keep(journal, short("redis", 0.0))
    with reader._reading() as connection:
        count = "SELECT count(*) FROM records"
        before = connection.execute(count).fetchone()
        keep(journal, short("gateway", 100.0))
        assert connection.execute(count).fetchone() == before
    assert len(ids(reader)) == 2


def test_it_cannot_write(journal: SqliteJournal, reader: JournalReader) -> None:
    """What asks must change nothing."""
    with pytest.raises(JournalError, match="readonly"), reader._reading() as connection:
        connection.execute("DELETE FROM records")


def test_a_read_that_takes_too_long_ends(
    journal: SqliteJournal, reader: JournalReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With words for it."""
    keep(journal, short("redis", 0.0))
    monkeypatch.setattr(of_reader, "WITHIN", 0.0)
    monkeypatch.setattr(of_reader, "STEPS", 1)
    with pytest.raises(JournalError, match="cannot be read: that takes longer than 0s"):
        reader.incidents(Asked(), None, 50)


@pytest.mark.parametrize("content", [None, b"", b"no database" * 1000], ids=["gone", "empty", "damaged"])
def test_what_cannot_be_read_is_said(tmp_path: Path, content: bytes | None) -> None:
    """Of every question, with the journal's name."""
    path = tmp_path / "journal.db"
    if content is not None:
        path.write_bytes(content)
    reader = JournalReader(path)
    questions: tuple[Any, ...] = (
        lambda: reader.incidents(Asked(), None, 50),
        lambda: reader.records_of("i"),
        lambda: reader.deliveries_of("i"),
        lambda: reader.newest_deliveries(1),
        lambda: reader.knows("i"),
    )
    for question in questions:
        with pytest.raises(JournalError, match=r"the journal .*journal\.db cannot be read: "):
            question()


def test_a_journal_that_a_person_accepted_is_read_anew(tmp_path: Path, reader: JournalReader) -> None:
    """It is another file under the same name."""
    journal = SqliteJournal(tmp_path / "journal.db", BOOT)
    keep(journal, short("redis", 0.0))
    assert len(ids(reader)) == 1
    journal.distrust("a test says so")
    journal.accept(at(100.0))
    keep(journal, short("gateway", 200.0))
    assert len(ids(reader)) == 2
    journal.close()


one_for_all = pytest.mark.xdist_group("ninety days")
"""Of ninety days: one journal takes a core for ten seconds."""


@pytest.fixture(scope="module")
def ninety_days(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JournalReader]:
    """10,000 incidents with some 15 records each, and two that are open."""
    folder = tmp_path_factory.mktemp("ninety days")
    journal = SqliteJournal(folder / "journal.db", BOOT)
    utc = at(EVERY).utc
    bodies = list[dict[str, Any]]()
    for n in range(MANY):
        root = ("redis", "gateway", "postgres")[n % 3]
        records = short(root, EVERY * n)
        opened, resolved = (record for _, record in records)
        waits = [r.DecisionMade(id_of(records), root, "wait", "backoff", f"{k}s after attempt 1") for k in range(13)]
        end = [] if n in (1, MANY - 2) else [resolved]
        bodies += [each.body() for each in (opened, *waits, *end)]
    journal.append(bodies, [], Moment(0.0, utc))
    yield JournalReader(folder / "journal.db")
    journal.close()


@one_for_all
@pytest.mark.parametrize(
    "asked",
    [
        Asked(),
        Asked(since=NOON + timedelta(days=80)),
        Asked(dependency="redis"),
        Asked(open_only=True),
        Asked(severity="SEV1"),
    ],
    ids=["all", "since", "dependency", "open", "none"],
)
@pytest.mark.parametrize("before", [None, "20260215"], ids=["first page", "later"])
def test_a_page_of_ninety_days_takes_less_than_50_ms(
    ninety_days: JournalReader, asked: Asked, before: str | None
) -> None:
    """Of this thread's own time on a core, as others may want that, too: the quickest of some."""
    taken = []
    for _ in range(5):
        began = time.thread_time()
        ninety_days.incidents(asked, before, 50)
        taken.append(time.thread_time() - began)
    assert min(taken) < 0.05


@one_for_all
def test_the_pages_of_ninety_days_have_all_of_them_once(ninety_days: JournalReader) -> None:
    """Newest first; the two that are open are found however old."""
    found = ids(ninety_days, limit=200)
    assert len(found) == len(set(found)) == MANY
    assert found == sorted(found, reverse=True)
    assert ids(ninety_days, Asked(open_only=True)) == [found[1], found[-2]]


@settings(max_examples=40)
@given(
    had=st.integers(0, 12),
    limit=st.integers(1, 5),
    looked_at=st.integers(1, 7),
    meanwhile=st.lists(st.integers(0, 3), max_size=12),
    dependency=st.sampled_from(["", "redis", "gateway"]),
)
def test_pages_are_whole_and_without_repeats_while_new_ones_come(
    had: int, limit: int, looked_at: int, meanwhile: list[int], dependency: str
) -> None:
    """Whatever the size of a page, whatever is asked for, and however many open between two of them."""
    names, number = ("redis", "gateway"), 0
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(of_reader, "LOOKED_AT", looked_at)
        journal = SqliteJournal(Path(folder) / "journal.db", BOOT)
        reader = JournalReader(Path(folder) / "journal.db")

        def opens(many: int) -> list[str]:
            nonlocal number
            new = [short(names[n % 2], 100.0 * n) for n in range(number, number + many)]
            number += many
            keep(journal, [each for records in new for each in records])
            return [id_of(each) for each in new if dependency in ("", each[0][1].body()["root"])]

        there, found, before = opens(had), list[str](), None
        for many in [*meanwhile, *[0] * (had + 1)]:
            page = reader.incidents(Asked(dependency=dependency), before, limit)
            assert len(page.incidents) <= limit
            found += [each for each, _ in page.incidents]
            before = page.next
            if before is None:
                break
            opens(many)
        assert before is None
        assert found == there[::-1]
        journal.close()
