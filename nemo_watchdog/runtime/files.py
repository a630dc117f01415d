"""File descriptors: how many this process has open of those that it may have.

Each look, each word to Docker and each message needs one. Where none is left we are blind, and it is our own doing.
"""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import sys
from contextlib import suppress
from dataclasses import dataclass

import structlog

from nemo_watchdog.metrics import Metrics

log = structlog.get_logger("nemo_watchdog")

WANTED = 65536
"""No process needs more, and a program that we start may close each that it could have, one after the other."""

NEARLY_ALL = 0.9
LOOK_EVERY = 5.0

LACKS = {
    errno.EMFILE: "the watchdog has no file descriptor left",
    errno.ENFILE: "the host has no file descriptor left",
    errno.ENOMEM: "the kernel has no memory for the watchdog",
    errno.ENOBUFS: "the kernel has no memory for the watchdog",
}
"""Errors of the kernel that tell about us, whatever was asked for."""

_DEPTH = 8


@dataclass(frozen=True, slots=True)
class OpenFiles:
    used: int
    limit: int

    @property
    def nearly_all(self) -> bool:
        return self.used >= NEARLY_ALL * self.limit


def soft_limit() -> int:
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return sys.maxsize if limit == resource.RLIM_INFINITY else limit


def raise_limit() -> None:
    """The soft limit is low for programs that use select(2); who does not may have the hard one (systemd.exec(5))."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED if hard == resource.RLIM_INFINITY else min(hard, WANTED)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):  # a sandbox may forbid it, and then has set what it wants
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def open_files() -> OpenFiles | None:
    """None where the kernel does not show it. Counting takes one: where there is none, all are used."""
    limit = soft_limit()
    try:
        return OpenFiles(len(os.listdir("/proc/self/fd")) - 1, limit)  # noqa: PTH208 - names only, and many of them
    except OSError as error:
        return OpenFiles(limit, limit) if error.errno in LACKS else None


def none_left() -> str:
    """Why a file cannot be opened now; empty where one can."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
    except OSError as error:
        return LACKS.get(error.errno or 0, "")
    return ""


def lack_behind(error: BaseException) -> str:
    """What we lacked, where that is the cause of the error or of one that it came from; else empty."""
    at: BaseException | None = error
    for _ in range(_DEPTH):
        if isinstance(at, OSError) and at.errno in LACKS:
            return LACKS[at.errno]
        at = at and (at.__cause__ or at.__context__)
    return ""


async def watch(metrics: Metrics) -> None:
    """For ever: the metric, and one line when they run short and one when that is over."""
    short = False
    while True:
        now = open_files()
        if now is not None:
            metrics.open_files.set(now.used)
            metrics.open_files_limit.set(now.limit)
            if now.nearly_all is not short:
                short = now.nearly_all
                say = log.error if short else log.info
                said = "file descriptors run short: looks will be blind" if short else "file descriptors suffice again"
                say(said, used=now.used, limit=now.limit)
        await asyncio.sleep(LOOK_EVERY)
