"""When a file was made, which no copy of it can bring along: every tool that copies makes a file of its own.

Unlike the inode's number it is not given to another file, and neither a new owner, another mode, a link nor a rename
changes it. Only statx(2) tells it, for which Python has no function.
"""

from __future__ import annotations

import ctypes
import struct

_EMPTY_PATH = 0x1000  # AT_EMPTY_PATH and STATX_BTIME of linux/fcntl.h and linux/stat.h
_BIRTH = 0x800
_SIZE = 256
_MASK = struct.Struct("=I")
_BIRTH_AT = 80
_TIME = struct.Struct("=qI")


def birth(descriptor: int) -> int | None:
    """Nanoseconds since the epoch; None where the file system does not keep it, or the system does not tell."""
    try:
        statx = ctypes.CDLL(None, use_errno=True).statx
    except (OSError, AttributeError):
        return None
    seen = ctypes.create_string_buffer(_SIZE)
    if statx(ctypes.c_int(descriptor), b"", _EMPTY_PATH, _BIRTH, seen) != 0:
        return None
    (known,) = _MASK.unpack_from(seen)
    if not known & _BIRTH:
        return None
    seconds, nanoseconds = _TIME.unpack_from(seen, _BIRTH_AT)
    return (seconds * 1_000_000_000 + nanoseconds) or None
