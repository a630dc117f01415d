"""The one way to read a file that an operator named, or that others can put something in the place of.

What stands there for a moment may be a pipe, which waits for its writer for ever, or a device without an end. Opening
some devices is an act in itself, so that nothing but a regular file is opened at all.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_AT_ONCE = 64 * 1024


class NotRegular(OSError):
    """A directory, a pipe, a socket or a device."""

    def __init__(self) -> None:
        super().__init__(errno.EINVAL, "it is not a regular file")


class TooLarge(OSError):
    def __init__(self, limit: int) -> None:
        super().__init__(errno.EFBIG, f"it is larger than {limit // 1024} KiB")


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """A descriptor to read the file from. Raises `OSError`, `NotRegular` among them, and `ValueError` for a NUL.

    It waits for nobody but the file system: one that hangs (a dead network mount) is the caller's to expect.
    """
    _must_be_regular(path.stat())
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        _must_be_regular(os.fstat(descriptor))  # it may have been replaced in between
        yield descriptor
    finally:
        os.close(descriptor)


def read_regular(path: Path, limit: int) -> bytes:
    """All of the file, which has `limit` bytes at most. Raises as `opened` does, and `TooLarge`."""
    with opened(path) as descriptor:
        parts = []
        left = limit + 1
        while left and (part := os.read(descriptor, min(left, _AT_ONCE))):
            parts.append(part)
            left -= len(part)
    if not left:
        raise TooLarge(limit)
    return b"".join(parts)


def _must_be_regular(seen: os.stat_result) -> None:
    if not stat.S_ISREG(seen.st_mode):
        raise NotRegular
