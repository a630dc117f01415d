"""Whose the state directory is, and whether the files that this process has open are still those that it shows."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from nemo_watchdog.errors import JournalDamaged, JournalError
from nemo_watchdog.journal.seal import head_of


class Claim:
    """The journal's state directory is this process's alone until `release`, or our death.

    Locked are the folder, which nobody can take from under us, and a file in it: not every file system locks a folder
    (NFS does not), and an older version asks for the file.
    """

    def __init__(self, path: Path) -> None:
        """Raises `JournalError`."""
        self._path = path
        self._name = Path(f"{path}.lock")
        self._folder = self._file = -1
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._folder = _locked(path.parent, os.O_RDONLY | os.O_DIRECTORY, must=False)
            self._file = self._lock_file()
        except BlockingIOError as error:
            self.release()
            raise JournalError(
                f"another nemo-watchdog uses the state directory {path.parent}: stop it, or give this one "
                "a state directory of its own"
            ) from error
        except OSError as error:
            self.release()
            raise JournalError(
                f"the state directory {path.parent} cannot be used: {error}. It must be a directory that "
                "nemo-watchdog may write"
            ) from error

    @property
    def held(self) -> bool:
        return self._file >= 0

    def check(self) -> None:
        """Whoever removed the file has let others in: it is made and locked again.

        Raises `JournalDamaged` when another process was faster, `OSError` when that cannot be seen.
        """
        try:
            if self._name.stat().st_ino == os.fstat(self._file).st_ino:
                return
        except FileNotFoundError:
            pass
        try:
            again = self._lock_file()
        except BlockingIOError:
            raise JournalDamaged(
                f"{self._name.name} was removed while it was in use, and another nemo-watchdog has taken the directory"
            ) from None
        os.close(self._file)
        self._file = again

    def release(self) -> None:
        for descriptor in (self._file, self._folder):
            if descriptor >= 0:
                os.close(descriptor)
        self._folder = self._file = -1

    def _lock_file(self) -> int:
        return _locked(self._name, os.O_RDWR | os.O_CREAT, must=True)


def _locked(path: Path, flags: int, *, must: bool) -> int:
    """Raises `BlockingIOError` when somebody else has it, and, if it `must`, `OSError` when it cannot be locked."""
    descriptor = os.open(path, flags | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if must or isinstance(error, BlockingIOError):
            os.close(descriptor)
            raise
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
