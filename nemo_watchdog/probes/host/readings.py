"""Readings of this host from the kernel. What this kernel or this container does not show is None, never zero.

Cheap enough for the event loop, but for `space_of`: statvfs on a dead network mount does not return.
"""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

PROC = Path("/proc")

_STA_UNSYNC = 0x0040  # linux/timex.h
_STEADY = 0.001
_TRIES = 5


class _Timex(ctypes.Structure):
    """struct timex of adjtimex(2), as far as `status`; the rest is room for what the kernel writes behind it."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 512),
    )


@dataclass(frozen=True, slots=True)
class Space:
    """What a file system has free for ordinary users, from 0 to 1. `inodes` is None where it has no fixed number."""

    free: float
    inodes: float | None


def memory_available() -> float:
    """MemAvailable as a part of all memory."""
    memory = psutil.virtual_memory()
    return memory.available / memory.total


def pressure(resource: str) -> float | None:
    """The part of the last 60 s in which some task waited for `cpu`, `memory` or `io`.

    Source: Linux, Documentation/accounting/psi.rst; the file is absent or refuses without CONFIG_PSI or with psi=0.
    """
    for line in (text_of(f"pressure/{resource}") or "").splitlines():
        kind, *fields = line.split()
        if kind == "some":
            values = dict(field.split("=", 1) for field in fields)
            return float(values["avg60"]) / 100
    return None


def load_per_core() -> float | None:
    """The load average of five minutes, divided by the number of cores."""
    try:
        return os.getloadavg()[1] / (os.cpu_count() or 1)
    except OSError:
        return None


def files_used() -> float | None:
    """Open file handles of the whole system, as a part of its limit. Source: proc(5), /proc/sys/fs/file-nr."""
    numbers = (text_of("sys/fs/file-nr") or "").split()
    return int(numbers[0]) / int(numbers[2]) if len(numbers) == 3 and int(numbers[2]) else None


def oom_kills() -> int | None:
    """Processes that the kernel killed for memory since boot, in all control groups (`oom_kill`, Linux 4.13)."""
    for line in (text_of("vmstat") or "").splitlines():
        name, _, value = line.partition(" ")
        if name == "oom_kill":
            return int(value)
    return None


def wall_offset() -> float:
    """Seconds from the monotonic clock to the wall clock. Slewing moves both; a step or a suspended host only one."""
    for _ in range(_TRIES):
        before, wall, after = time.monotonic(), time.time(), time.monotonic()
        if after - before < _STEADY:
            break
    return wall - after


def clock_synchronised() -> bool | None:
    """Whether something keeps the clock right; None where the kernel may not be asked. Source: adjtimex(2)."""
    timex = _Timex()
    try:
        adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex
    except (OSError, AttributeError):
        return None
    return None if adjtimex(ctypes.byref(timex)) < 0 else not timex.status & _STA_UNSYNC


def spaces_of(mounts: tuple[str, ...]) -> Mapping[str, Space | OSError]:
    """Blocking, perhaps for ever: for a thread."""
    return {mount: _space_of(mount) for mount in mounts}


def _space_of(mount: str) -> Space | OSError:
    """As df counts it: without the blocks that are kept for root."""
    try:
        its = os.statvfs(mount)
    except OSError as error:
        return error
    usable = its.f_blocks - its.f_bfree + its.f_bavail
    return Space(its.f_bavail / usable if usable else 0.0, its.f_favail / its.f_files if its.f_files else None)


def text_of(name: str) -> str | None:
    """A file below /proc; None where there is none, or it may not be read."""
    try:
        return (PROC / name).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
