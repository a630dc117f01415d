"""`nemo-watchdog journal`: what is said of a journal on disk, and what is asked of the daemon to go on."""

from __future__ import annotations

import getpass
import json
import shutil
from contextlib import closing
from pathlib import Path

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.journal import SqliteJournal
from nemo_watchdog.state_dir import JOURNAL_NAME
from tests.unit.cli.calling import TOKEN, Call, StandIn
from tests.unit.journal.parts import moment

ACCEPTED = {
    "damage": "record 3 is missing",
    "pauses": {},
    "budgets": {"total": {"remaining": 7, "of": 10, "window": 3600.0}},
}


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    """With a journal of a pause and a hold."""
    with closing(SqliteJournal(tmp_path / JOURNAL_NAME, "boot-1")) as journal:
        facts = [r.Paused("*", "deploying", "ops", None), r.HoldPlaced("redis", "stopped", "", "container", "c-redis")]
        journal.append([fact.body() for fact in facts], [], moment(1))
    (tmp_path / "token").write_text(f"{TOKEN}\n", encoding="ascii")
    return tmp_path


def test_verify_of_a_whole_journal(call: Call, state_dir: Path) -> None:
    """Exit code 0, and what it knows that holds the watchdog back."""
    result = call("journal", "verify", "--state-dir", state_dir)
    assert (result.code, result.err) == (0, "")
    assert result.out == (
        f"The journal {state_dir / JOURNAL_NAME} is whole: 2 records, the newest of 2026-03-01T12:00:01+00:00; "
        "0 actions that were ordered; paused: *; held for a person: c-redis.\n"
    )
    as_json = call("journal", "verify", "--state-dir", state_dir, "--json").json()
    assert as_json == {"whole": True, "damage": [], "records": 2, "newest": "2026-03-01T12:00:01+00:00"}


def test_verify_while_the_daemon_has_it(call: Call, state_dir: Path) -> None:
    """It reads beside it, and what was written this moment is there."""
    with closing(SqliteJournal(state_dir / JOURNAL_NAME, "boot-1")) as journal:
        journal.append([r.Resumed("*", "ops").body()], [], moment(2))
        result = call("journal", "verify", "--state-dir", state_dir)
        assert (result.code, "3 records" in result.out, "paused: none" in result.out) == (0, True, True)
        journal.append([r.Resumed("*", "ops").body()], [], moment(3))
    assert call("journal", "verify", "--state-dir", state_dir).code == 0


def test_verify_of_a_damaged_journal(call: Call, state_dir: Path) -> None:
    """Exit code 1, each finding, what can be read, and the way out."""
    (state_dir / "journal.head").unlink()
    result = call("journal", "verify", "--state-dir", state_dir)
    assert (result.code, result.err) == (1, "")
    head, finding, known, way_out = result.out.splitlines()
    assert (head, way_out) == (
        f"The journal {state_dir / JOURNAL_NAME} is damaged:",
        "To go on from that, with the daemon running: nemo-watchdog journal accept --reason TEXT",
    )
    assert "journal.head is gone" in finding
    assert known.startswith("What can be read: 2 records")


def test_verify_of_records_that_make_no_sense(call: Call, state_dir: Path) -> None:
    """Nothing is damaged, and the engine could not go on from it."""
    with closing(SqliteJournal(state_dir / JOURNAL_NAME, "boot-1")) as journal:
        journal.append([{"type": "from_the_future"}], [], moment(2))
    result = call("journal", "verify", "--state-dir", state_dir)
    assert (result.code, "unknown type 'from_the_future'" in result.out) == (1, True)


def test_verify_of_a_backup(call: Call, state_dir: Path, tmp_path: Path) -> None:
    """Whole as a backup, and of another time where a daemon would use it."""
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("journal.head", JOURNAL_NAME):
        shutil.copy2(state_dir / name, copy)
    result = call("journal", "verify", "--state-dir", copy, "--backup")
    assert (result.code, "is whole" in result.out) == (0, True)
    result = call("journal", "verify", "--state-dir", copy)
    assert (result.code, "journal.head is a copy" in result.out) == (1, True)


def test_verify_where_there_is_none(call: Call, tmp_path: Path) -> None:
    """A check of a backup must not pass for nothing; and it makes none."""
    result = call("journal", "verify", "--state-dir", tmp_path)
    assert (result.code, result.out) == (1, "")
    assert f"there is no journal in {tmp_path}" in result.err
    assert list(tmp_path.iterdir()) == []


def test_verify_of_what_may_not_be_read_is_an_error_and_no_damage(call: Call, tmp_path: Path) -> None:
    """Exit code 2."""
    (tmp_path / JOURNAL_NAME).mkdir()
    result = call("journal", "verify", "--state-dir", tmp_path)
    assert (result.code, "cannot be read" in result.err) == (2, True)


def test_accept_says_who_and_why_and_what_is_known_now(call: Call, daemon: StandIn, state_dir: Path) -> None:
    """A pause that was lost is for the person to order again."""
    daemon.body = ACCEPTED
    where = ("--listen", daemon.listen, "--state-dir", state_dir)
    result = call("journal", "accept", "--reason", "I have looked", *where)
    assert (result.code, result.err) == (0, "")
    sent = {"reason": "I have looked", "by": getpass.getuser()}
    assert daemon.asked == [("POST", "/api/v1/journal/accept", sent)]
    assert daemon.tokens == [f"Bearer {TOKEN}"]
    assert result.out.splitlines() == [
        "Accepted; the watchdog acts again as the policy allows. What was damaged: record 3 is missing.",
        "Actions left: total 7/10",
        "Nothing is paused that it knows of: if somebody had paused it, pause again.",
    ]
    assert json.loads(call("journal", "accept", "--reason", "x", "--json", *where).out) == ACCEPTED


def test_accept_needs_a_reason(call: Call) -> None:
    """It is written down."""
    assert call("journal", "accept").code == 2
