"""A journal is whole or it says that it is damaged: never is a budget, a pause or a hold lost without a word.

The files are those that a process leaves behind which was killed, or has ended well, and every damage is done to them.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from nemo_watchdog.errors import JournalDamaged, JournalError
from nemo_watchdog.journal import SqliteJournal, reading
from nemo_watchdog.journal.migrations import MIGRATIONS
from nemo_watchdog.journal.seal import BINDING
from nemo_watchdog.model import Moment
from tests.unit.journal.parts import MovableClock, moment, notification

DATABASE, WAL, HEAD = "journal.sqlite3", "journal.sqlite3-wal", "journal.head"

WRITE_AND_DIE = """
import os, pathlib, signal, sys
from tests.unit.journal.parts import moment, notification
from nemo_watchdog.journal import SqliteJournal
journal = SqliteJournal(pathlib.Path(sys.argv[1]), "boot-1")
def write(n, *types):
    journal.append([{"type": kind, "incident": f"i-{n}", "n": n, "why": "x" * 300} for kind in types],
                   [notification(f"k-{n}")], moment(n))
for n in range(20):
    write(n, "incident_opened", "action_intended", "action_ended", "incident_resolved")
if sys.argv[2] == "half in the log":
    journal.close()
    journal = SqliteJournal(pathlib.Path(sys.argv[1]), "boot-1")
write(20, "touched", "health_changed")
journal.prune(moment(5).utc)
write(21, "incident_opened", "action_intended", "action_ended")
write(22, "paused")
write(23, "health_changed")
if sys.argv[2] == "in one file":
    journal.close()
else:
    os.kill(os.getpid(), signal.SIGKILL)
"""

ENDS = ("all in the log", "half in the log", "in one file")
"""Where the journal's pages are when its process has ended."""

Records = list[tuple[Moment, Mapping[str, Any]]]


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The state directories that those processes left."""
    folders = {}
    for end in ENDS:
        folders[end] = tmp_path_factory.mktemp("left")
        command = [sys.executable, "-c", WRITE_AND_DIE, str(folders[end] / DATABASE), end]
        child = subprocess.run(command, check=False, cwd=Path(__file__).parents[3])
        assert child.returncode == (0 if end == "in one file" else -signal.SIGKILL)
    return folders


@pytest.fixture(params=ENDS)
def state(request: pytest.FixtureRequest, left: dict[str, Path], tmp_path: Path) -> Path:
    """A copy of one of them, to do damage to."""
    return copy(left[request.param], tmp_path / "state")


def copy(source: Path, target: Path) -> Path:
    """As if the process had left them there: of the file that tells a copy from what was written, without that."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)
    with suppress(FileNotFoundError, ValueError):
        head = json.loads((target / HEAD).read_bytes())
        head.pop("born", None)
        (target / HEAD).write_text(json.dumps(head), encoding="ascii")
    return target


def opened(state: Path) -> SqliteJournal:
    return SqliteJournal(state / DATABASE, "boot-1", clock=MovableClock())


def binding(records: Records) -> Records:
    return [(at, body) for at, body in records if body["type"] in BINDING]


def contents(state: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in state.iterdir() if file.name in (DATABASE, WAL, HEAD)}


def damage_of(state: Path) -> str:
    """What it says to be damaged, "" when it says that it is whole; damaged it takes no write and changes nothing."""
    before = contents(state)
    with closing(opened(state)) as journal:
        try:
            journal.check()
        except JournalDamaged as error:
            with pytest.raises(JournalDamaged):
                journal.append([{"type": "a"}], [], moment(99))
            with pytest.raises(JournalDamaged):
                journal.pending(1)
            damage = str(error)
        else:
            return ""
    after = contents(state)
    assert {name: after[name] for name in before if name != HEAD} == {
        name: before[name] for name in before if name != HEAD
    }
    assert damage.endswith("nemo-watchdog journal verify, then nemo-watchdog journal accept --reason TEXT")
    return damage


def test_what_a_killed_process_leaves_is_whole(state: Path) -> None:
    """So is what is left when it was killed in between the two, with the head behind the database."""
    with closing(opened(state)) as journal:
        journal.check()
        types = [body["type"] for _, body in journal.replay(moment(99))]
    assert types[-5:] == ["incident_opened", "action_intended", "action_ended", "paused", "health_changed"]
    assert types.count("action_intended") == 16  # the others were pruned
    assert damage_of(state) == ""


# -- files that are not there, or not those of now


def test_the_log_removed(left: dict[str, Path], tmp_path: Path) -> None:
    """SQLite finds the database sound without it: what was in it is missed all the same."""
    for end in ("all in the log", "half in the log"):
        state = copy(left[end], tmp_path / "state")
        (state / WAL).unlink()
        assert "is missing" in damage_of(state)


def test_the_database_removed(state: Path) -> None:
    """With the log left or not, it is no first start."""
    (state / DATABASE).unlink()
    assert "the file is gone" in damage_of(state)
    (state / WAL).unlink(missing_ok=True)
    assert "the file is gone" in damage_of(state)


def test_everything_with_the_journal_s_name_removed(state: Path) -> None:
    """The head has another name on purpose."""
    for file in state.glob("journal.sqlite3*"):
        file.unlink()
    assert "the file is gone" in damage_of(state)


def test_the_head_removed(state: Path) -> None:
    """Without it nobody can say that nothing is missing."""
    (state / HEAD).unlink()
    assert "journal.head is gone" in damage_of(state)


def test_a_head_of_nothing_without_a_journal_is_a_first_start(tmp_path: Path) -> None:
    """A process that was killed while it made its journal loses nothing."""
    with closing(opened(tmp_path)):
        pass
    (tmp_path / DATABASE).unlink()
    assert damage_of(tmp_path) == ""


def test_an_older_copy_put_back(tmp_path: Path) -> None:
    """A backup is the journal of another time: a person says whether to go on from it."""
    with closing(opened(tmp_path / "state")) as journal:
        journal.append([{"type": "action_intended"}], [], moment(1))
    shutil.copy(tmp_path / "state" / DATABASE, tmp_path / "backup")
    with closing(opened(tmp_path / "state")) as journal:
        journal.append([{"type": "paused"}], [], moment(2))
    shutil.copy(tmp_path / "backup", tmp_path / "state" / DATABASE)
    assert "record 2 is missing: its newest is 1" in damage_of(tmp_path / "state")


def test_a_backup_of_a_running_journal_is_whole_by_itself(tmp_path: Path) -> None:
    """The head is copied first: the database may be ahead of it. Where it is used it is the journal of another time."""
    backup = tmp_path / "backup"
    backup.mkdir()
    with closing(opened(tmp_path / "state")) as journal:
        journal.append([{"type": "action_intended"}], [], moment(1))
        shutil.copy(tmp_path / "state" / HEAD, backup / HEAD)
        journal.append([{"type": "paused"}], [], moment(2))
        with (
            closing(sqlite3.connect(tmp_path / "state" / DATABASE)) as source,
            closing(sqlite3.connect(backup / DATABASE)) as target,
        ):
            source.backup(target)
        assert reading.read(backup / DATABASE, backup=True).damage == []
    assert "journal.head is a copy" in damage_of(backup)


def test_the_journal_of_another_machine_put_there(tmp_path: Path) -> None:
    """It has as many records, and they say something else."""
    for name in ("here", "there"):
        with closing(opened(tmp_path / name)) as journal:
            journal.append([{"type": "paused", "where": name}], [], moment(1))
    shutil.copy(tmp_path / "there" / DATABASE, tmp_path / "here" / DATABASE)
    assert "record 1 is another one than was written" in damage_of(tmp_path / "here")


@pytest.mark.parametrize("content", [b"", b"this is no database at all, but it is long enough to have a header" * 20])
def test_a_file_that_is_no_journal(tmp_path: Path, content: bytes) -> None:
    """An empty one has lost what it held; neither is replaced."""
    (tmp_path / DATABASE).write_bytes(content)
    assert damage_of(tmp_path)
    assert (tmp_path / DATABASE).read_bytes() == content


def test_another_programs_file_gets_no_tables_of_ours(tmp_path: Path) -> None:
    """A SQLite file that is not a journal is left as it is."""
    with closing(sqlite3.connect(tmp_path / DATABASE)) as raw, raw:
        raw.execute("CREATE TABLE theirs (x)")
    assert "another program" in damage_of(tmp_path)


def test_a_newer_journal_is_left_alone_with_advice(state: Path) -> None:
    """It is not ours to read."""
    with closing(sqlite3.connect(state / DATABASE)) as raw, raw:
        raw.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    assert "newer nemo-watchdog" in damage_of(state)


# -- bytes that are not those that were written


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("body", "{"),
        ("body", '{"n": 1}'),
        ("body", '{"type": "health_changed", "n": 21}'),
        ("at_utc", "yesterday"),
        ("at_utc", "2026-01-01T00:00:00"),
        ("at_monotonic", 3.0),
        ("incident", "i-9"),
        ("type", "resumed"),
    ],
)
def test_a_record_that_says_something_else(state: Path, column: str, value: object) -> None:
    """It is named; what cannot be read of it is not replayed, and all the others are."""
    with closing(sqlite3.connect(state / DATABASE)) as raw, raw:
        raw.execute(f"UPDATE records SET {column} = ? WHERE id = 83", (value,))  # noqa: S608 - the test's own words
    assert "record 83 " in damage_of(state)
    with closing(opened(state)) as journal:
        assert len(journal.replay(moment(99))) in (66, 67)


def test_a_record_that_was_taken_out(state: Path) -> None:
    """Of the middle, where no head tells of it."""
    with closing(sqlite3.connect(state / DATABASE)) as raw, raw:
        raw.execute("DELETE FROM records WHERE id = 50")
    assert "it has 66 of 67 records" in damage_of(state)


def test_overwritten_pages(state: Path) -> None:
    """What is before and behind them can still be read."""
    shutil.copy(state / DATABASE, state / "copy")
    with closing(sqlite3.connect(state / DATABASE)) as raw:
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    damaged = bytearray((state / DATABASE).read_bytes())
    damaged[4096 * 6 : 4096 * 8] = b"\xa5" * (4096 * 2)
    (state / DATABASE).write_bytes(damaged)
    assert damage_of(state)
    with closing(opened(state)) as journal:
        assert "paused" in [body["type"] for _, body in journal.replay(moment(99))]


def test_every_byte_of_the_head(left: dict[str, Path], tmp_path: Path) -> None:
    """One that is flipped is damage, or changes nothing."""
    state = copy(left["in one file"], tmp_path / "state")
    content = (state / HEAD).read_bytes()
    for position in range(len(content)):
        (state / HEAD).write_bytes(_flipped(content, position, 0x01))
        assert damage_of(state)


@settings(max_examples=250, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    end=st.sampled_from(ENDS),
    name=st.sampled_from([DATABASE, WAL]),
    where=st.floats(0.0, 1.0),
    bits=st.integers(1, 255),
)
def test_any_byte_of_any_file(
    left: dict[str, Path], tmp_path: Path, end: str, name: str, where: float, bits: int
) -> None:
    """Whole with all that binds in it, or damaged."""
    _whole_or_damaged(left[end], tmp_path / "state", name, lambda content: _flipped(content, _at(where, content), bits))


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(end=st.sampled_from(ENDS), name=st.sampled_from([DATABASE, WAL, HEAD]), where=st.floats(0.0, 1.0))
@example(end="half in the log", name=DATABASE, where=0.00002)
@example(end="half in the log", name=DATABASE, where=0.001)
def test_any_tail_cut_off(left: dict[str, Path], tmp_path: Path, end: str, name: str, where: float) -> None:
    """Whole with all that binds in it, or damaged."""
    _whole_or_damaged(left[end], tmp_path / "state", name, lambda content: content[: _at(where, content)])


def _at(where: float, content: bytes) -> int:
    return min(int(where * len(content)), len(content) - 1)


def _flipped(content: bytes, position: int, bits: int) -> bytes:
    return content[:position] + bytes([content[position] ^ bits]) + content[position + 1 :]


def _whole_or_damaged(source: Path, state: Path, name: str, change: Callable[[bytes], bytes]) -> None:
    if not (source / name).exists() or not (source / name).stat().st_size:
        return
    copy(source, state)
    with closing(opened(state)) as journal:
        expected = binding(list(journal.replay(moment(99))))
    copy(source, state)
    (state / name).write_bytes(change((state / name).read_bytes()))
    if damage_of(state) == "":
        with closing(opened(state)) as journal:
            assert binding(list(journal.replay(moment(99)))) == expected


# -- while it is in use


@pytest.mark.parametrize("name", [DATABASE, WAL, f"{DATABASE}-shm", HEAD])
@pytest.mark.parametrize("how", ["removed", "replaced"])
def test_a_file_that_goes_while_in_use(tmp_path: Path, name: str, how: str) -> None:
    """Nothing more is written; the head is put back, so that the next start is no first one; it ends with `accept`."""
    state = tmp_path / "state"
    with closing(opened(state)) as journal:
        journal.append([{"type": "action_intended"}], [notification("k")], moment(1))
        if how == "removed":
            (state / name).unlink()
        elif name != HEAD:
            shutil.copy(state / name, state / "other")
            (state / "other").replace(state / name)
        else:
            return  # every head is another file than the one before it
        with pytest.raises(JournalDamaged, match=f"{name} was {how} while it was in use"):
            journal.append([{"type": "paused"}], [], moment(2))
        with pytest.raises(JournalDamaged):
            journal.check()
        assert (state / HEAD).exists()
        journal.accept(moment(3))
        journal.append([{"type": "paused"}], [], moment(4))
    with closing(opened(state)) as journal:
        assert [body["type"] for _, body in journal.replay(moment(9))] == ["action_intended", "paused"]
        assert [item.notification.key for item in journal.pending(9)] == ["k"]


def test_all_files_removed_while_in_use(tmp_path: Path) -> None:
    """As soon as it looks; what it was told so far goes on when a person says so, and is missed when it is killed."""
    state = tmp_path / "state"
    with closing(opened(state)) as journal:
        journal.append([{"type": "action_intended"}], [], moment(1))
        for file in state.iterdir():
            file.unlink()
        with pytest.raises(JournalDamaged, match="was removed while it was in use"):
            journal.check()
        copy(state, tmp_path / "killed")
        journal.accept(moment(3))
    assert "the file is gone" in damage_of(tmp_path / "killed")
    with closing(opened(state)) as journal:
        assert [body["type"] for _, body in journal.replay(moment(9))] == ["action_intended"]


# -- going on


def test_accept_goes_on_from_what_can_be_read(state: Path, tmp_path: Path) -> None:
    """The damaged files are kept aside, byte for byte; what is missing is said."""
    with closing(opened(copy(state, tmp_path / "whole"))) as journal:
        waiting = [item.notification for item in journal.pending(99)]
    (state / HEAD).write_text("nonsense", encoding="ascii")
    before = contents(state)
    with closing(opened(state)) as journal:
        read = list(journal.replay(moment(99)))
        assert "journal.head is damaged" in journal.accept(moment(100))
        journal.check()
        assert list(journal.replay(moment(99))) == read
        assert [item.notification for item in journal.pending(99)] == waiting
        journal.append([{"type": "paused", "after": True}], [], moment(101))
    assert damage_of(state) == ""
    (aside,) = state.glob("damaged-*")
    assert {file.name: file.read_bytes() for file in aside.iterdir() if file.name in before} == before


def test_what_is_whole_is_not_accepted(state: Path) -> None:
    """Nothing is made anew that needs it not."""
    with closing(opened(state)) as journal, pytest.raises(JournalError, match="nothing to accept"):
        journal.accept(moment(100))


def test_a_crash_anywhere_in_accept_leaves_the_damage_or_a_whole_journal(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never a journal that calls itself whole and has less than could be read."""
    (state / WAL).unlink(missing_ok=True)
    with closing(sqlite3.connect(state / DATABASE)) as raw, raw:
        raw.execute("DELETE FROM records WHERE id = (SELECT max(id) FROM records)")
    seen = 0
    for name in ("link", "unlink", "replace", "open"):
        for count in range(20):
            calls = _dies_at(monkeypatch, name, count)
            victim = copy(state, tmp_path / "victim")
            with closing(opened(victim)) as journal:
                readable = list(journal.replay(moment(99)))
                calls.clear()
                try:
                    journal.accept(moment(100))
                except KeyboardInterrupt:
                    seen += 1
                finally:
                    monkeypatch.undo()
            if damage_of(victim) == "":
                with closing(opened(victim)) as journal:
                    assert list(journal.replay(moment(99))) == readable
    assert seen > 10


def _dies_at(monkeypatch: pytest.MonkeyPatch, name: str, count: int) -> list[str]:
    """The `count`-th call of that function of the system after the list was cleared is the process's last."""
    real, calls = getattr(os, name), ["before"] * 1000

    def call(*args: Any, **more: Any) -> Any:
        calls.append(name)
        if len(calls) == count + 1:
            raise KeyboardInterrupt
        return real(*args, **more)

    monkeypatch.setattr(os, name, call)
    return calls


# -- what can fail when nothing is damaged


def test_a_head_that_cannot_be_written_keeps_the_intent_from_being_proven(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller is told that it failed, and the same call again writes nothing twice."""
    with closing(opened(tmp_path)) as journal:
        replace = os.replace

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "replace", full)
        for _ in range(3):
            with pytest.raises(JournalError, match="No space left"):
                journal.append([{"type": "action_intended"}], [], moment(1))
        monkeypatch.setattr(os, "replace", replace)
        journal.append([{"type": "action_intended"}], [], moment(1))
        journal.append([{"type": "action_intended"}], [], moment(1))
        assert len(journal.replay(moment(9))) == 2
    assert damage_of(tmp_path) == ""


def test_a_disk_that_is_full_at_the_start_is_no_damage(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is there is read; nothing is written until there is room, and then the same journal goes on."""
    with closing(opened(copy(state, state.with_name("other")))) as journal:
        expected = list(journal.replay(moment(99)))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", full)
        journal = opened(state)
        assert list(journal.replay(moment(99))) == expected
        for call in (journal.check, lambda: journal.append([{"type": "paused"}], [], moment(99))):
            with pytest.raises(JournalError, match=r"cannot be written.*No space left") as caught:
                call()
            assert not isinstance(caught.value, JournalDamaged)
    with closing(journal):
        journal.check()
        journal.append([{"type": "paused"}], [], moment(100))
        assert len(journal.replay(moment(101))) == len(expected) + 1
    assert damage_of(state) == ""


def test_a_distrusted_journal_takes_no_write_until_it_is_accepted(tmp_path: Path) -> None:
    """The engine cannot make sense of a record, though it is as it was written."""
    with closing(opened(tmp_path)) as journal:
        journal.append([{"type": "strange"}], [], moment(1))
        journal.distrust("a record of an unknown type")
        with pytest.raises(JournalDamaged, match="a record of an unknown type"):
            journal.check()
        assert len(journal.replay(moment(9))) == 1
        journal.accept(moment(2))
        journal.check()
        assert len(journal.replay(moment(9))) == 1


KILL_ME = """
import os, pathlib, sys
from nemo_watchdog.journal import SqliteJournal
from tests.unit.journal.parts import moment
journal = SqliteJournal(pathlib.Path(sys.argv[1]), "boot-1")
n = 0
while True:
    journal.append([{"type": ("action_intended", "health_changed")[n % 2], "n": n}], [], moment(n))
    if n % 50 == 49:
        journal.prune(moment(0).utc)
    os.write(1, b"%d\\n" % n)
    n += 1
"""


@pytest.mark.parametrize("kill_after", [1, 2, 3, 20, 61, 150])
def test_kill_9_is_no_damage(tmp_path: Path, kill_after: int) -> None:
    """At any moment, between the record and the head too."""
    command = [sys.executable, "-c", KILL_ME, str(tmp_path / DATABASE)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[3]) as child:
        assert child.stdout is not None
        for _ in range(kill_after):
            assert child.stdout.readline()
        os.kill(child.pid, signal.SIGKILL)
        committed = kill_after + len(child.stdout.read().splitlines())
    with closing(opened(tmp_path)) as journal:
        journal.check()
        assert len(journal.replay(moment(999))) in (committed, committed + 1)
