"""Everything of a journal put back at once, or taken away at once, is of another time: that is not passed over."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from nemo_watchdog.errors import JournalDamaged
from nemo_watchdog.journal import reading, seal
from nemo_watchdog.journal.birth import birth
from nemo_watchdog.state_dir import TOKEN_NAME
from tests.unit.journal.parts import moment
from tests.unit.journal.test_damage import DATABASE, HEAD, WAL, damage_of, opened

IS_A_COPY = "journal.head is a copy"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state directory whose daemon has ended; the folder `early` beside it is a copy of an hour ago."""
    folder = tmp_path / "state"
    with closing(opened(folder)) as journal:
        journal.append([{"type": "action_intended"}], [], moment(1))
    (folder / TOKEN_NAME).write_text("token", encoding="ascii")
    shutil.copytree(folder, tmp_path / "early")
    with closing(opened(folder)) as journal:
        journal.append([{"type": "paused"}], [], moment(2))
    return folder


def into_a_new_folder(early: Path, state: Path) -> None:
    shutil.rmtree(state)
    shutil.copytree(early, state)


def with_all_times(early: Path, state: Path) -> None:
    """As `cp -a` and `rsync -a` do."""
    for file in state.iterdir():
        file.unlink()
    for file in early.iterdir():
        shutil.copy2(file, state)


def over_what_is_there(early: Path, state: Path) -> None:
    """Neither an inode's number nor its birth is another one then."""
    for file in early.iterdir():
        (state / file.name).write_bytes(file.read_bytes())


def by_a_rename(early: Path, state: Path) -> None:
    shutil.rmtree(state)
    early.rename(state)


@pytest.mark.parametrize("put_back", [into_a_new_folder, with_all_times, over_what_is_there, by_a_rename])
def test_an_older_copy_of_everything_is_found(state: Path, put_back: Callable[[Path, Path], None]) -> None:
    """However it got there; a person can go on from it, and then it is no copy any more."""
    put_back(state.with_name("early"), state)
    assert IS_A_COPY in damage_of(state)
    with closing(opened(state)) as journal:
        assert IS_A_COPY in journal.accept(moment(3))
        journal.append([{"type": "paused"}], [], moment(4))
    assert damage_of(state) == ""


def test_a_copy_of_now_is_one_too(state: Path) -> None:
    """A state directory that was copied to another disk: nobody can tell it from an older one."""
    moved = Path(shutil.copytree(state, state.with_name("moved")))
    assert IS_A_COPY in damage_of(moved)
    assert reading.read(moved / DATABASE, backup=True).damage == []


def renamed(state: Path) -> Path:
    return state.rename(state.with_name("elsewhere"))


def given_another_mode(state: Path) -> Path:
    for file in state.iterdir():
        file.chmod(0o640)
    return state


def given_another_owner(state: Path) -> Path:
    for file in state.iterdir():
        os.chown(file, os.getuid(), os.getgid())
    return state


def linked(state: Path) -> Path:
    os.link(state / HEAD, state.with_name("backup"))
    return state


def touched(state: Path) -> Path:
    (state / HEAD).touch()
    return state


def by_an_older_version(state: Path) -> Path:
    """Which says nothing of a birth, and reads a head that does."""
    head = json.loads((state / HEAD).read_bytes())
    del head["born"]
    (state / HEAD).write_text(json.dumps(head), encoding="ascii")
    return state


@pytest.mark.parametrize(
    "change", [renamed, given_another_mode, given_another_owner, linked, touched, by_an_older_version]
)
def test_what_is_no_copy_is_no_damage(state: Path, change: Callable[[Path], Path]) -> None:
    """Of what a reboot, an upgrade, a dynamic user or a backup do to the files themselves."""
    assert damage_of(change(state)) == ""


def test_a_file_system_that_keeps_no_birth_shows_no_copy(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And damages nothing, neither when it is written there nor when it was written elsewhere."""
    into_a_new_folder(state.with_name("early"), state)
    monkeypatch.setattr(seal, "birth", lambda _: None)
    with closing(opened(state)) as journal:
        journal.append([{"type": "paused"}], [], moment(3))
    monkeypatch.undo()
    assert damage_of(state) == ""


def test_a_birth_is_the_file_s_own(tmp_path: Path) -> None:
    """What this machine keeps: otherwise the tests above would prove nothing."""
    born: list[int] = []
    for name in ("one", "two"):
        (tmp_path / name).write_bytes(b"")
        descriptor = os.open(tmp_path / name, os.O_RDONLY)
        born += [birth(descriptor) or 0, birth(descriptor) or 0]
        os.close(descriptor)
    assert born[0] == born[1] <= born[2] == born[3]
    assert abs(born[0] - (tmp_path / "one").stat().st_ctime_ns) < 1_000_000_000
    assert birth(descriptor) is None


def test_a_token_without_a_journal_tells_that_there_was_one(state: Path) -> None:
    """All with the journal's name was removed: what it knew is forgotten, and not without a word."""
    for file in state.glob("journal*"):
        file.unlink()
    assert "all of its files are gone" in damage_of(state)
    with closing(opened(state)) as journal:
        assert "all of its files are gone" in journal.accept(moment(3))
    assert damage_of(state) == ""


@pytest.mark.parametrize("name", [HEAD, WAL, f"{DATABASE}-shm", DATABASE])
def test_a_pipe_in_the_place_of_a_file_is_damage_and_holds_up_nobody(state: Path, name: str) -> None:
    (state / name).unlink(missing_ok=True)
    os.mkfifo(state / name)
    with closing(opened(state)) as journal:
        with pytest.raises(JournalDamaged):
            journal.check()
        assert "not a regular file" in journal.accept(moment(3))
    assert damage_of(state) == ""


def test_a_pipe_where_the_next_head_is_made_holds_up_nobody(state: Path) -> None:
    os.mkfifo(state / f"{HEAD}.new")
    with closing(opened(state)) as journal:
        journal.append([{"type": "paused"}], [], moment(3))
    assert damage_of(state) == ""
