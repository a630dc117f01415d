"""The state directory: rights, owner, room, journal, token, each with what to do."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.doctor.state import look_at_state
from nemo_watchdog.journal import SqliteJournal
from nemo_watchdog.state_dir import ANSWER_KEY_NAME, JOURNAL_NAME, TOKEN_NAME
from tests.unit.doctor.parts import told
from tests.unit.journal.parts import moment

TOKEN = "hunter2"
ME = pwd.getpwuid(os.geteuid()).pw_name

Lie = Callable[..., None]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """As a daemon leaves it."""
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    with closing(SqliteJournal(folder / JOURNAL_NAME, "boot-1")) as journal:
        journal.append([r.Paused("*", "deploying", "ops", None).body()], [], moment(1))
    (folder / TOKEN_NAME).write_text(TOKEN)
    (folder / TOKEN_NAME).chmod(0o600)
    return folder


@pytest.fixture
def lie(monkeypatch: pytest.MonkeyPatch) -> Lie:
    """`lie(f_bavail=0)`: the file system is said to be so."""
    real = os.statvfs

    def say(**told: int) -> None:
        class Room:
            def __init__(self, path: Any) -> None:
                self.real = real(path)

            def __getattr__(self, name: str) -> int:
                return int(told.get(name, getattr(self.real, name)))

        monkeypatch.setattr("nemo_watchdog.doctor.state.os.statvfs", Room)

    return say


def look(folder: Path) -> dict[str, tuple[str, str, str]]:
    """By check; there must be one finding of each."""
    found = told(list(look_at_state(folder)))
    assert len({each[0] for each in found}) == len(found), found
    assert TOKEN not in str(found)
    return {check: (grade, seen, remedy) for check, grade, seen, remedy in found}


def test_all_is_well(folder: Path, lie: Lie) -> None:
    lie(f_bavail=5 * 2**20, f_frsize=2**12)
    found = look(folder)
    assert found["state directory"] == ("good", f"{folder} is {ME}'s alone, 20.0 GiB free", "")
    assert found["journal"][:2] == ("good", found["journal"][1])
    assert found["journal"][1].startswith("whole: 1 records, the newest ")
    assert found["token"] == ("good", "its owner alone may read it", "")


def test_it_is_not_there_yet(tmp_path: Path) -> None:
    grade, seen, remedy = look(tmp_path / "nothing")["state directory"]
    assert (grade, seen) == ("warning", f"there is no {tmp_path / 'nothing'}")
    assert remedy == "the daemon's first start makes it; if it runs already, give its own with --state-dir"


def test_a_file_is_no_directory(folder: Path) -> None:
    assert look(folder / TOKEN_NAME)["state directory"][0] == "bad"
    assert look(folder / TOKEN_NAME)["state directory"][2].startswith("give another with --state-dir")


def test_who_may_not_look_is_told_to_be_root(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The directory of a dynamic user is in one that root alone may enter."""
    monkeypatch.setattr("nemo_watchdog.doctor.state.os.geteuid", lambda: 12345)
    assert look(folder)["state directory"] == (
        "skipped",
        f"{folder} belongs to {ME}, and only its owner may see what is in it",
        "run it with sudo, or as the daemon's user",
    )

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "stat", denied)
    assert look(folder)["state directory"][0] == "skipped"


def test_others_may_look_into_it(folder: Path) -> None:
    folder.chmod(0o755)
    assert look(folder)["state directory"] == (
        "bad",
        f"others may look into {folder} (mode 0755)",
        f"chmod 700 {folder}",
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a file away: needs root")
def test_somebody_else_ran_the_daemon_here(folder: Path) -> None:
    os.chown(folder / JOURNAL_NAME, 12345, -1)
    grade, seen, remedy = look(folder)["state directory"]
    assert (grade, remedy) == ("bad", f"stop the daemon, chown -R {ME}: {folder}, start it")
    assert seen.startswith(f"{JOURNAL_NAME} do not belong to {ME}, whose the directory is")


def test_the_disk_is_nearly_full(folder: Path, lie: Lie) -> None:
    lie(f_bavail=99 * 256, f_frsize=4096)
    assert look(folder)["state directory"] == (
        "bad",
        f"only 99 MiB are free for {folder}",
        f"make room: df -h {folder}; with a full disk nothing is done",
    )


def test_no_inode_is_free(folder: Path, lie: Lie) -> None:
    lie(f_bavail=10**9, f_files=1000, f_favail=0)
    assert look(folder)["state directory"] == (
        "bad",
        f"no file can be made in {folder}: no inode is free",
        f"remove files: df -i {folder}",
    )


def test_the_file_system_is_read_only(folder: Path, lie: Lie) -> None:
    lie(f_bavail=10**9, f_flag=os.ST_RDONLY)
    grade, seen, remedy = look(folder)["state directory"]
    assert (grade, seen) == ("bad", f"the file system of {folder} is read-only")
    assert remedy.startswith("mount it for writing (dmesg says why")


def test_it_cannot_be_written(folder: Path, lie: Lie, monkeypatch: pytest.MonkeyPatch) -> None:
    lie(f_bavail=10**9)
    monkeypatch.setattr("nemo_watchdog.doctor.state.os.access", lambda *_: False)
    assert look(folder)["state directory"] == ("bad", f"nothing can be written into {folder}", f"chmod 700 {folder}")


def test_a_damaged_journal(folder: Path) -> None:
    (folder / "journal.head").unlink()
    grade, seen, remedy = look(folder)["journal"]
    assert (grade, remedy) == ("bad", "nemo-watchdog journal verify, then journal accept --reason TEXT")
    assert seen.startswith("it is damaged, and nothing is done: the file journal.head is gone")


def test_much_damage_is_counted(folder: Path) -> None:
    (folder / "journal.head").write_text("{}")
    (folder / JOURNAL_NAME).write_bytes(b"")
    assert look(folder)["journal"][1].endswith("(and 1 more)")


def test_a_journal_that_cannot_be_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("nemo_watchdog.journal.reading.connect", denied)
    grade, seen, remedy = look(folder)["journal"]
    assert (grade, remedy) == ("bad", "run it as the daemon's user, or with sudo: nemo-watchdog journal verify")
    assert "cannot be read" in seen


def test_no_journal_yet(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()
    found = look(folder)
    assert found["journal"] == ("skipped", "there is none yet: the daemon's first start makes it", "")
    assert "token" not in found


def test_a_journal_without_a_record(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()
    SqliteJournal(folder / JOURNAL_NAME, "boot-1").close()
    assert look(folder)["journal"] == ("good", "whole, with no record yet", "")


def test_a_token_that_others_may_read(folder: Path) -> None:
    (folder / TOKEN_NAME).chmod(0o644)
    grade, seen, remedy = look(folder)["token"]
    assert (grade, seen) == ("bad", f"others may read {folder / TOKEN_NAME} (mode 0644)")
    assert remedy.startswith(f"chmod 600 {folder / TOKEN_NAME}; who has read it may pause the watchdog")


def test_a_key_of_the_links_that_others_may_read(folder: Path) -> None:
    """Who has read it may sign links of his own; of one that is well nothing is said."""
    key = folder / ANSWER_KEY_NAME
    key.write_text("x", encoding="ascii")
    key.chmod(0o600)
    assert "answer.key" not in look(folder)
    key.chmod(0o640)
    grade, seen, remedy = look(folder)["answer.key"]
    assert (grade, seen) == ("bad", f"others may read {key} (mode 0640)")
    assert "who has read it may take outages" in remedy


def test_a_token_that_is_none(folder: Path) -> None:
    """Empty, or a pipe that nobody writes to."""
    token = folder / TOKEN_NAME
    token.write_text("")
    assert look(folder)["token"] == (
        "bad",
        f"{token} is empty",
        "remove it and restart the daemon, which makes a new one",
    )
    token.unlink()
    os.mkfifo(token)
    assert look(folder)["token"][:2] == ("bad", f"{token} is no regular file")
