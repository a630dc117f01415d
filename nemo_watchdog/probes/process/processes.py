"""The processes of this host as /proc shows them, through psutil. Blocking: for a thread.

Reading a command line can hang: the kernel takes the memory lock of that process for it. And what /proc hides is not
missing: a mount with `hidepid`, or systemd's ProtectProc=, hides the processes of other users.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from nemo_watchdog.model import Finding, Reason, failed

_LONGEST_PID_FILE = 64
_YOUNGER_BY = 60.0
"""Seconds. A PID file is written after its process started; start times are known to some seconds only."""


class NotSeen(Exception):
    """The look cannot tell; `finding` says why, and is always blind."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.finding: Finding = failed(reason, detail)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a process must be to count. `pieces` must stand in its command line, in this order."""

    name: str | None
    pieces: tuple[str, ...]

    def fits(self, process: psutil.Process) -> bool:
        """Errors of psutil pass through: the process may have gone, or be closed to us."""
        if self.name is not None and process.name() != self.name:
            return False
        if not self.pieces:
            return True
        line, at = " ".join(process.cmdline()), 0
        for piece in self.pieces:
            at = line.find(piece, at)
            if at < 0:
                return False
            at += len(piece)
        return True


@dataclass(frozen=True, slots=True)
class Counted:
    """`running` includes those that are uninterruptible (state D) or stopped (T); zombies are no running processes."""

    running: int = 0
    zombies: int = 0
    uninterruptible: int = 0
    stopped: int = 0
    hidden: bool = False
    """/proc does not show all processes: there may be more that fit."""


def count(wanted: Wanted) -> Counted:
    """All processes that fit, but for the watchdog and its own children."""
    states: list[str] = []
    hidden = not psutil.pid_exists(1)
    me = os.getpid()
    for pid in psutil.pids():
        # Not psutil.process_iter, which would remember the name that a process had before it became another program.
        try:
            process = psutil.Process(pid)
            if pid != me and wanted.fits(process) and process.ppid() != me:
                states.append(process.status())
        except psutil.ZombieProcess:
            states.extend(_zombie_that_fits(pid, wanted))
        except psutil.NoSuchProcess:
            continue  # it ended while we looked
        except psutil.AccessDenied:
            hidden = True
    return replace(_counted(states), hidden=hidden)


def _zombie_that_fits(pid: int, wanted: Wanted) -> Iterator[str]:
    """A zombie has no command line any more: its name is all there is to compare."""
    try:
        if wanted.name is not None and psutil.Process(pid).name() == wanted.name:
            yield psutil.STATUS_ZOMBIE
    except psutil.Error:
        return


def from_pid_file(path: Path, wanted: Wanted, *, seen: bool) -> Counted:
    """The process that the file names, if it fits. `seen`: the file was there before. Raises `NotSeen`."""
    pid, written = _read(path, seen=seen)
    if pid is None:
        return Counted()
    try:
        process = psutil.Process(pid)
        status = process.status()
        if status != psutil.STATUS_ZOMBIE:
            if process.create_time() > written + _YOUNGER_BY:
                raise NotSeen(Reason.WRONG_TARGET, f"process {pid} is younger than the PID file: it may be another one")
            if not wanted.fits(process):
                return Counted()
    except psutil.ZombieProcess:
        status = psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        if not psutil.pid_exists(1):
            raise NotSeen(Reason.PERMISSION_DENIED, "/proc hides the processes of others from the watchdog") from None
        return Counted()
    except psutil.AccessDenied:
        raise NotSeen(Reason.PERMISSION_DENIED, f"the watchdog may not look at process {pid}") from None
    return _counted([status])


def _read(path: Path, *, seen: bool) -> tuple[int | None, float]:
    """The PID, None when the file has gone, and when the file was written (seconds since the epoch)."""
    try:
        # A pipe in its place must not hold us up.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0) as file:
            text = file.read(_LONGEST_PID_FILE).split()
            written = os.fstat(file.fileno()).st_mtime
    except FileNotFoundError:
        if seen:
            return None, 0.0
        raise NotSeen(Reason.WRONG_TARGET, "the PID file does not exist and was never seen") from None
    except PermissionError:
        raise NotSeen(Reason.PERMISSION_DENIED, "the watchdog may not read the PID file") from None
    except OSError as error:
        raise NotSeen(Reason.WRONG_TARGET, f"the PID file cannot be read: {error.strerror}") from None
    if not text or not text[0].isdigit() or not 0 < int(text[0]) < 2**31:
        raise NotSeen(Reason.WRONG_TARGET, "the PID file does not begin with a process number")
    return int(text[0]), written


def _counted(states: Sequence[str]) -> Counted:
    zombies = sum(state in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD) for state in states)
    return Counted(
        running=len(states) - zombies,
        zombies=zombies,
        uninterruptible=states.count(psutil.STATUS_DISK_SLEEP),
        stopped=sum(state in (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP) for state in states),
    )
