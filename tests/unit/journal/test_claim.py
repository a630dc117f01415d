"""One daemon has the state directory, whatever is removed from it while it runs."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from contextlib import closing
from pathlib import Path

import pytest

from nemo_watchdog.errors import JournalDamaged, JournalError
from tests.unit.journal.parts import moment
from tests.unit.journal.test_damage import DATABASE, damage_of, opened

LOCK = f"{DATABASE}.lock"
ANOTHER = "another nemo-watchdog uses the state directory"


def remove(lock: Path) -> None:
    lock.unlink()


def replace(lock: Path) -> None:
    lock.unlink()
    lock.touch()


def link_elsewhere(lock: Path) -> None:
    lock.unlink()
    lock.symlink_to("elsewhere")


@pytest.mark.parametrize("change", [remove, replace, link_elsewhere])
def test_who_removes_the_lock_lets_nobody_in(tmp_path: Path, change: object) -> None:
    """The folder itself is locked; and the file is made again, for who asks for that alone."""
    with closing(opened(tmp_path)) as journal:
        change(tmp_path / LOCK)  # type: ignore[operator]
        with pytest.raises(JournalError, match=ANOTHER):
            opened(tmp_path)
        journal.append([{"type": "paused"}], [], moment(1))
        with (tmp_path / LOCK).open() as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        journal.check()
    assert damage_of(tmp_path) == ""


@pytest.fixture
def no_folder_is_locked(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on NFS, where the file must be open for writing (flock(2))."""
    flock = fcntl.flock

    def as_there(descriptor: int, how: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EBADF, "Bad file descriptor")
        flock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", as_there)


@pytest.mark.usefixtures("no_folder_is_locked")
def test_where_no_folder_can_be_locked_the_file_keeps_others_out(tmp_path: Path) -> None:
    with closing(opened(tmp_path)), pytest.raises(JournalError, match=ANOTHER):
        opened(tmp_path)
    opened(tmp_path).close()


@pytest.mark.usefixtures("no_folder_is_locked")
def test_of_two_who_got_in_the_first_takes_no_write_and_no_acceptance(tmp_path: Path) -> None:
    """It would spend a budget that the other one spends too."""
    with closing(opened(tmp_path)) as first:
        (tmp_path / LOCK).unlink()
        with closing(opened(tmp_path)) as second:
            with pytest.raises(JournalDamaged, match="another nemo-watchdog has taken the directory"):
                first.check()
            with pytest.raises(JournalDamaged):
                first.append([{"type": "action_intended"}], [], moment(1))
            with pytest.raises(JournalDamaged, match="another nemo-watchdog has taken the directory"):
                first.accept(moment(2))
            second.append([{"type": "paused"}], [], moment(3))


def test_a_lock_that_cannot_be_made_again_is_no_write(tmp_path: Path) -> None:
    """Until it can."""
    with closing(opened(tmp_path)) as journal:
        (tmp_path / LOCK).unlink()
        (tmp_path / LOCK).mkdir()
        with pytest.raises(JournalError, match="cannot be written"):
            journal.append([{"type": "paused"}], [], moment(1))
        (tmp_path / LOCK).rmdir()
        journal.append([{"type": "paused"}], [], moment(1))
    assert damage_of(tmp_path) == ""


def test_no_descriptor_stays_open(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    with closing(opened(tmp_path)) as journal:
        for _ in range(3):
            (tmp_path / LOCK).unlink()
            journal.check()
            with pytest.raises(JournalError, match=ANOTHER):
                opened(tmp_path)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
