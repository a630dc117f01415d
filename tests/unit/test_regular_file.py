"""Only a regular file is read, to its limit; whatever else stands there holds up nobody."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from nemo_watchdog.regular_file import NotRegular, TooLarge, read_regular


def _link_to_a_pipe(path: Path) -> None:
    os.mkfifo(f"{path}.pipe")
    path.symlink_to(f"{path}.pipe")


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


ODD: dict[str, Callable[[Path], None]] = {
    "pipe": os.mkfifo,
    "folder": Path.mkdir,
    "socket": _socket,
    "device without an end": lambda path: path.symlink_to("/dev/zero"),
    "terminal": lambda path: path.symlink_to("/dev/tty"),
    "link to a pipe": _link_to_a_pipe,
}


@pytest.mark.parametrize("odd", ODD)
def test_what_is_no_regular_file_is_not_read(tmp_path: Path, odd: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not even opened: to open some devices is an act (a watchdog's starts it, a tape's rewinds it)."""
    path = tmp_path / "file"
    ODD[odd](path)
    monkeypatch.setattr(os, "open", lambda *_: pytest.fail("opened"))
    with pytest.raises(NotRegular) as caught:
        read_regular(path, 10)
    assert caught.value.strerror == "it is not a regular file"


def test_what_becomes_a_pipe_in_the_moment_between_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    os.mkfifo(path)
    a_file = Path(__file__).stat()
    monkeypatch.setattr(Path, "stat", lambda _: a_file)
    with pytest.raises(NotRegular):
        read_regular(path, 10)


def test_a_file_is_read_to_its_limit_and_no_further(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 100_000)
    assert read_regular(path, 100_000) == b"x" * 100_000
    assert read_regular(path, 200_000) == b"x" * 100_000
    with pytest.raises(TooLarge):
        read_regular(path, 99_999)
    path.write_bytes(b"")
    assert read_regular(path, 0) == b""


@pytest.mark.parametrize(("name", "error"), [("no such file", FileNotFoundError), ("a\0b", ValueError)])
def test_what_cannot_be_opened_says_why(tmp_path: Path, name: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        read_regular(tmp_path / name, 10)


def test_no_descriptor_stays_open(tmp_path: Path) -> None:
    before = descriptors()
    (tmp_path / "file").write_bytes(b"long")
    for _ in range(3):
        with pytest.raises(TooLarge):
            read_regular(tmp_path / "file", 2)
    assert descriptors() == before


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
