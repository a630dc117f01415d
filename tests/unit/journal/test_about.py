"""What the journal has about one dependency: its own records, and what became of the incidents that it was in."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.engine.explaining_past import OF_INCIDENTS, explanation_at
from nemo_watchdog.errors import JournalError
from nemo_watchdog.journal import about as module
from nemo_watchdog.journal.about import About, open_to_read, read_about
from nemo_watchdog.journal.sqlite import SqliteJournal
from nemo_watchdog.records import Record
from tests.unit.engine.test_gates import CASES, Case
from tests.unit.engine.world import World
from tests.unit.journal.parts import NOON, moment

DOWN = r.HealthChanged("redis", "down", "fault", "refused", "test")
OPENED = r.IncidentOpened("i-1", "redis", "SEV2", "down", "down", "fault", "refused", "test")
JOINED = r.MemberJoined("i-1", "gateway", "refused", "test", "down")
WAITS = r.DecisionMade("i-1", "gateway", "wait", "upstream", "it needs redis, which is down")
MERGED = r.IncidentMerged("i-1", "i-2")
ENDED = r.IncidentResolved("i-2", "postgres", 60.0, "up")


def written(folder: Path, records: Sequence[Record], *, every: float = 1.0) -> Path:
    path = folder / "journal.sqlite3"
    journal = SqliteJournal(path, "a boot")
    for number, record in enumerate(records):
        journal.append([record.body()], [], moment(number * every))
    journal.close()
    return path


def types(about: About) -> list[str]:
    return [str(record["type"]) for _, record in about.records]


def asked(path: Path, name: str, seconds: float = 1e6) -> About:
    return read_about(path, name, NOON + timedelta(seconds=seconds), OF_INCIDENTS)


def test_of_a_member_the_whole_life_of_its_incident_is_read(tmp_path: Path) -> None:
    """Also of the one that its own was merged into, though no record of that names it."""
    other = r.IncidentOpened("i-2", "postgres", "SEV1", "outage", "down", "fault", "refused", "test")
    path = written(tmp_path, [DOWN, OPENED, JOINED, WAITS, other, MERGED, ENDED])
    about = asked(path, "gateway")
    assert types(about) == [
        "incident_opened", "member_joined", "decision_made", "incident_opened", "incident_merged", "incident_resolved",
    ]  # fmt: skip
    assert (about.begins, about.known) == (NOON, True)
    assert [at.utc for at, _ in about.records] == sorted(at.utc for at, _ in about.records)
    view = explanation_at("gateway", about.records, None, (), NOON + timedelta(seconds=5), about.begins)
    assert view.incident == "i-2"


def test_what_came_later_is_not_read(tmp_path: Path) -> None:
    """But that it is named there is known."""
    path = written(tmp_path, [DOWN, OPENED, JOINED, WAITS])
    assert types(asked(path, "gateway", 2.0)) == ["incident_opened", "member_joined"]
    early = asked(path, "gateway", 0.5)
    assert (early.records, early.known) == ([], True)


def test_a_name_that_nobody_used_is_not_known(tmp_path: Path) -> None:
    path = written(tmp_path, [DOWN, OPENED, JOINED, WAITS])
    assert not asked(path, "red").known
    assert not asked(path, "nobody", 0.5).known


@pytest.mark.parametrize("name", ['a "quoted" name', "back\\slash", "ümläut", "100%_", ':"redis"'])
def test_any_name_is_found_and_no_other_for_it(tmp_path: Path, name: str) -> None:
    """Whatever JSON makes of it; a text that looks like a record is none."""
    looks_alike = r.HealthChanged("other", "down", "fault", "refused", f'"dependency":"{name}"')
    path = written(tmp_path, [DOWN, looks_alike, r.HealthChanged(name, "up", None, None, "")])
    assert [record["dependency"] for _, record in asked(path, name).records] == [name]


def test_who_has_it_as_target_or_scope_is_another(tmp_path: Path) -> None:
    """Only what is about it counts."""
    paused = r.Paused("redis", "deploying", "redis", None, container="redis")
    assert types(asked(written(tmp_path, [paused, DOWN]), "redis")) == ["health_changed"]


def test_only_the_newest_records_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_RECORDS", 2)
    path = written(tmp_path, [DOWN] * 5)
    assert [at.utc for at, _ in asked(path, "redis").records] == [NOON + timedelta(seconds=at) for at in (3, 4)]


def test_of_many_incidents_the_newest_are_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_INCIDENTS", 2)
    made = [r.DecisionMade(f"i-{number}", "gateway", "wait", "upstream", "test") for number in range(4)]
    raised = [r.SeverityRaised(f"i-{number}", "SEV1", "outage", "SEV2", "redis") for number in range(4)]
    about = asked(written(tmp_path, [*made, *raised]), "gateway")
    assert [record["incident"] for _, record in about.records if record["type"] == "severity_raised"] == ["i-2", "i-3"]


def test_an_empty_journal_begins_nowhere(tmp_path: Path) -> None:
    assert asked(written(tmp_path, []), "redis") == About((), None, known=False)


def test_it_is_read_while_the_daemon_has_it_and_never_written(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "journal.sqlite3", "a boot")
    journal.append([DOWN.body()], [], moment(0))
    connection = open_to_read(tmp_path / "journal.sqlite3")
    with pytest.raises(sqlite3.OperationalError, match=r"readonly|read-only|query_only"):
        connection.execute("DELETE FROM records")
    connection.close()
    assert types(asked(tmp_path / "journal.sqlite3", "redis")) == ["health_changed"]
    journal.close()


def test_what_cannot_be_read_is_an_error_for_people(tmp_path: Path) -> None:
    """No file, no database, and no record."""
    with pytest.raises(JournalError, match="cannot be read"):
        asked(tmp_path / "none.sqlite3", "redis")
    (tmp_path / "text").write_text("no database, and long enough to be looked at as one" * 10, encoding="utf-8")
    with pytest.raises(JournalError, match="cannot be read"):
        asked(tmp_path / "text", "redis")
    path = written(tmp_path, [DOWN])
    with sqlite3.connect(path) as connection:
        connection.execute("""UPDATE records SET body = '{"dependency":"redis"'""")
    connection.close()
    with pytest.raises(JournalError, match="damaged"):
        asked(path, "redis")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.scenario.__name__)
def test_what_is_read_explains_as_much_as_all_records_do(tmp_path: Path, case: Case) -> None:
    """For every member, at every decision."""
    world: World = case.scenario()
    path = tmp_path / "journal.sqlite3"
    journal = SqliteJournal(path, "a boot")
    for made, record in world.records:
        journal.append([record.body()], [], made)
    journal.close()
    everything = [(made, record.body()) for made, record in world.records]
    for name in world.engine.trackers:
        for at in {made.utc for made, record in world.records if isinstance(record, r.DecisionMade)}:
            about = read_about(path, name, at, OF_INCIDENTS)
            whole = explanation_at(name, everything, None, (), at, about.begins)
            assert explanation_at(name, about.records, None, (), at, about.begins) == whole


def test_a_long_journal_costs_little(tmp_path: Path) -> None:
    """CPU of one question to 100,000 records: a fraction of what a person waits for."""
    path = tmp_path / "journal.sqlite3"
    journal = SqliteJournal(path, "a boot")
    detail = "connection refused " * 5
    bodies = [r.HealthChanged(f"d{n % 300}", "down", "fault", "refused", detail).body() for n in range(20_000)]
    for batch in range(5):
        journal.append(bodies, [], moment(batch))
    journal.close()
    began = time.thread_time()
    about = asked(path, "nobody")
    took = time.thread_time() - began
    assert not about.known
    assert took < 0.5
