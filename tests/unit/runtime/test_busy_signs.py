"""The files and locks of `busy_while`, on real files: seen, never made, never taken, never waited for."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from nemo_watchdog.policy.policy import BusyWhile
from nemo_watchdog.runtime import busy_signs as module
from nemo_watchdog.runtime.busy_signs import BusySigns, is_locked

HOLD = """
import fcntl, struct, sys
held = open(sys.argv[1], "a")
kind = sys.argv[2]
if kind == "flock":
    fcntl.flock(held, fcntl.LOCK_SH)
elif kind == "lockf":
    fcntl.lockf(held, fcntl.LOCK_EX)
else:
    fcntl.fcntl(held, fcntl.F_OFD_SETLK, struct.pack("hhqqhxxxx", fcntl.F_WRLCK, 0, 0, 0, 0))
print(flush=True)
sys.stdin.read()
"""


@contextmanager
def another_holds(path: Path, kind: str = "flock") -> Iterator[None]:
    """A process of its own."""
    command = [sys.executable, "-c", HOLD, str(path), kind]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert holder.stdout.readline()
        try:
            yield
        finally:
            holder.stdin.close()


async def seen(*signs: tuple[str, Path]) -> str | None:
    return await BusySigns([BusyWhile(kind, str(path)) for kind, path in signs]).seen()


@pytest.mark.parametrize("kind", ["flock", "lockf", "ofd"])
async def test_a_lock_of_each_kind_is_seen_while_it_is_held(tmp_path: Path, kind: str) -> None:
    path, other = tmp_path / "backup.lock", tmp_path / "other.lock"
    other.touch()
    with another_holds(path, kind):
        assert await seen(("lock", path)) == f"{path} is locked"
        assert await seen(("lock", other)) == ""
    assert await seen(("lock", path)) == ""


def test_a_lock_is_not_taken_to_be_seen(tmp_path: Path) -> None:
    """A `flock --nonblock` of the same moment would fail: who looks holds nothing, at no time."""
    path = tmp_path / "backup.lock"
    path.touch()
    ended = threading.Event()
    failures = []

    def take_and_let_go() -> None:
        with path.open() as file:
            while not ended.is_set():
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError as error:
                    failures.append(error)
                fcntl.flock(file, fcntl.LOCK_UN)

    taking = threading.Thread(target=take_and_let_go)
    taking.start()
    try:
        for _ in range(200):
            is_locked(str(path))
    finally:
        ended.set()
        taking.join()
    assert not failures


async def test_what_is_not_there_is_not_made(tmp_path: Path) -> None:
    assert await seen(("file", tmp_path / "a"), ("lock", tmp_path / "b"), ("lock", tmp_path / "c" / "d")) == ""
    assert list(tmp_path.iterdir()) == []


async def test_a_file_is_whatever_stands_there(tmp_path: Path) -> None:
    """A directory, a link that leads nowhere, a pipe that nobody writes to: none is opened."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe")
    for name in ("folder", "link", "pipe"):
        assert await seen(("file", tmp_path / name)) == f"{tmp_path / name} exists"
    assert await seen(("lock", tmp_path / "pipe"), ("lock", tmp_path / "folder")) == ""


async def test_all_that_is_seen_is_said(tmp_path: Path) -> None:
    path = tmp_path / "x"
    with another_holds(path):
        assert await seen(("file", path), ("lock", path)) == f"{path} exists, {path} is locked"


async def test_a_path_that_cannot_be_looked_at_is_unknown(tmp_path: Path) -> None:
    """A circle of links; a folder that we may not enter is the same to us."""
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    assert await seen(("file", tmp_path / "circle" / "x")) is None
    assert await seen(("lock", tmp_path / "circle")) is None


async def test_a_file_system_that_hangs_holds_up_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Unknown after a second, and at once while that call has not returned; then it is seen again."""
    monkeypatch.setattr(module, "ANSWERS_WITHIN", 0.05)
    answers = threading.Event()
    lstat = os.lstat

    def hangs(path: str) -> os.stat_result:
        answers.wait()
        return lstat(path)

    monkeypatch.setattr(os, "lstat", hangs)
    signs = BusySigns([BusyWhile("file", str(tmp_path))])
    assert await signs.seen() is None
    assert await signs.seen() is None
    answers.set()
    while (said := await signs.seen()) is None:
        pass
    assert said == f"{tmp_path} exists"


async def test_a_dependency_is_not_looked_for_here() -> None:
    assert await seen(("dependency", Path("dump"))) == ""
