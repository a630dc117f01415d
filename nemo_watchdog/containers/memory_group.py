"""What the kernel keeps of a container's memory in its control group: the most it had, its limit, how often it killed.

The group is gone with the container's last process. Sources: Linux, Documentation/admin-guide/cgroup-v2.rst and
cgroup-v1/memory.rst; Docker's documentation of `--cgroup-parent`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

GROUPS = Path("/sys/fs/cgroup")

_ID = re.compile(r"[0-9a-f]{64}")
_NO_LIMIT = 1 << 62
"""A limit of v1 that is none is the largest number of pages."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes, and processes that the kernel killed in it; None where it does not tell. A `limit` of None is none."""

    peak: int | None
    limit: int | None
    kills: int | None


def memory_of(container_id: str, parent: str) -> Memory | None:
    """None when the group cannot be seen. `parent` is `HostConfig.CgroupParent`. Blocks for a file of the kernel."""
    for folder in _folders(container_id, parent):
        second, first = GROUPS / folder, GROUPS / "memory" / folder
        if (events := _text(second / "memory.events")) is not None:
            limit = _text(second / "memory.max") or ""
            return Memory(_number(_text(second / "memory.peak")), _number(limit), _kills(events))
        if (peak := _text(first / "memory.max_usage_in_bytes")) is not None:
            limit_of_first = _number(_text(first / "memory.limit_in_bytes"))
            limited = limit_of_first is not None and limit_of_first < _NO_LIMIT
            kills = _kills(_text(first / "memory.oom_control") or "")
            return Memory(_number(peak), limit_of_first if limited else None, kills)
    return None


def _folders(container_id: str, parent: str) -> Iterator[str]:
    """Where Docker puts it, itself (cgroupfs) or through systemd, whose slices contain each other by their names."""
    if _ID.fullmatch(container_id) is None or ".." in parent.split("/"):
        return
    if not parent.endswith(".slice"):
        yield f"{parent.strip('/') or 'docker'}/{container_id}"
    if not parent or parent.endswith(".slice"):
        steps = (parent or "system.slice").removesuffix(".slice").split("-")
        slices = ["-".join(steps[: count + 1]) + ".slice" for count in range(len(steps))]
        yield "/".join([*slices, f"docker-{container_id}.scope"])


def _kills(text: str) -> int | None:
    for line in text.splitlines():
        name, _, count = line.partition(" ")
        if name == "oom_kill":
            return _number(count)
    return None


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.strip().isdecimal() else None


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
