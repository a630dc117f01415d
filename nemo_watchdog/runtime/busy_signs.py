"""Are the files and locks of `busy_while` there? A lock is looked for in the kernel's own list, and never taken.

To take it for a moment would make a `flock --nonblock` of that moment fail. The list names a file by its device and
inode (man 5 proc_locks). It is the kernel's device of the file system, which `stat` has not for btrfs: it stands in
mountinfo, under the mount that the opened path has.

A path is opened with O_PATH: that opens no pipe and no device, and makes nothing. A mount that hangs holds up a thread.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Sequence
from pathlib import Path

from nemo_watchdog.one_thread import OneThread, StillBusy
from nemo_watchdog.policy.policy import BusyWhile

ANSWERS_WITHIN = 1.0
"""Seconds that the file systems have."""

_NOT_THERE = (FileNotFoundError, NotADirectoryError)
_LOCK = re.compile(r"^\d+: (?:FLOCK|POSIX|OFDLCK)\s+\S+\s+\S+\s+-?\d+ ([0-9a-f]+):([0-9a-f]+):(\d+) ", re.MULTILINE)


class BusySigns:
    """Of one dependency."""

    def __init__(self, signs: Sequence[BusyWhile]) -> None:
        self._signs = [sign for sign in signs if sign.kind != "dependency"]
        self._thread = OneThread("nemo-watchdog-busy-while")

    async def seen(self) -> str | None:
        """Which are seen, in one line for people; empty when none is, None when nobody can tell."""
        if not self._signs:
            return ""
        try:
            async with asyncio.timeout(ANSWERS_WITHIN):
                return await self._thread.run(self._look)
        except (TimeoutError, StillBusy, OSError, ValueError):
            return None

    def _look(self) -> str:
        said = []
        for sign in self._signs:
            if sign.kind == "file" and _exists(sign.name):
                said.append(f"{sign.name} exists")
            elif sign.kind == "lock" and is_locked(sign.name):
                said.append(f"{sign.name} is locked")
        return ", ".join(said)


def _exists(path: str) -> bool:
    """Also of a link that leads nowhere: somebody made it. Raises `OSError` when nobody can tell."""
    try:
        os.lstat(path)
    except _NOT_THERE:
        return False
    return True


def is_locked(path: str) -> bool:
    """Whether a process that we can see holds a lock on it. Raises `OSError` when nobody can tell."""
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except _NOT_THERE:
        return False
    try:
        seen = os.fstat(descriptor)
        devices = {(os.major(seen.st_dev), os.minor(seen.st_dev)), _kernels_device(descriptor)}
    finally:
        os.close(descriptor)
    locks = _LOCK.finditer(Path("/proc/locks").read_text("ascii", "replace"))
    return any((int(lock[1], 16), int(lock[2], 16)) in devices and int(lock[3]) == seen.st_ino for lock in locks)


def _kernels_device(descriptor: int) -> tuple[int, int] | None:
    info = Path(f"/proc/self/fdinfo/{descriptor}").read_text("ascii", "replace")
    mount = re.search(r"^mnt_id:\s*(\d+)$", info, re.MULTILINE)
    if mount is None:
        return None
    mounts = Path("/proc/self/mountinfo").read_text("utf-8", "replace")
    device = re.search(rf"^{mount[1]} \d+ (\d+):(\d+) ", mounts, re.MULTILINE)
    return (int(device[1]), int(device[2])) if device is not None else None
