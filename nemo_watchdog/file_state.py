"""Whether a file is still the one that was read: what was read from a file is read again when it changes."""

from __future__ import annotations

from pathlib import Path

FileState = tuple[int, int, int, int]
"""What differs when a file was written or another one was put in its place: inode, two times in ns, size in bytes.

The second time is that of the last change of the inode, which no tool that keeps the first one can set.
"""


def file_state(path: Path) -> FileState | None:
    """None where no file can be seen. Follows links, as reading does; some two microseconds on a local disk."""
    try:
        stat = path.stat()
    except (OSError, ValueError):  # a NUL in the path
        return None
    return (stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size)
