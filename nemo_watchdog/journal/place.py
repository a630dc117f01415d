"""Whose the state directory is, and whether the files that this process has open are still those that it shows."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from nemo_watchdog.errors import JournalDamaged, JournalError
from nemo_watchdog.journal.seal import head_of


def lock(path: Path) -> int:
    """Takes the state directory of the journal for this process until the descriptor is closed, by us or by our death.

    Raises `JournalError`.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise JournalError(
            f"the state directory {path.parent} cannot be used: {error}. It must be a directory that "
            "nemo-watchdog may write"
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise JournalError(
            f"another nemo-watchdog uses the state directory {path.parent}: stop it, or give this one "
            "a state directory of its own"
        ) from error
    return descriptor


class Place:
    """The files that SQLite has open. It goes on writing into one that was deleted, which the next start will miss."""

    def __init__(self, path: Path) -> None:
        """Raises `OSError` when one of them is not there."""
        self._head = head_of(path)
        self._inodes = {file: file.stat().st_ino for file in (path, Path(f"{path}-wal"), Path(f"{path}-shm"))}

    def check(self) -> None:
        """Raises `JournalDamaged` when one was removed or replaced, `OSError` when that cannot be seen."""
        for file, inode in self._inodes.items():
            try:
                there = file.stat().st_ino
            except FileNotFoundError:
                raise JournalDamaged(f"{file.name} was removed while it was in use") from None
            if there != inode:
                raise JournalDamaged(f"{file.name} was replaced while it was in use")
        if not self._head.exists():
            raise JournalDamaged(f"{self._head.name} was removed while it was in use")
