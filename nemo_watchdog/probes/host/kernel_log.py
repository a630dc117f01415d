"""What the kernel's log has of the last hour about memory kills, GPUs, hung tasks and disks: read, never waited for.

Only the kernel's own lines: what a process writes to /dev/kmsg cannot have the kernel's facility. Source: Linux,
Documentation/ABI/testing/dev-kmsg.
"""

from __future__ import annotations

import os
import re
import time
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

KERNEL_LOG = "/dev/kmsg"
WITHIN = 3600.0
MOST_LINES = 200

_LONGEST_LINE = 500
_LONGEST = 2.0
"""Seconds for reading: each record of the log is a call to the kernel."""
_MOST = 32 * 1024 * 1024
"""Bytes: more than a kernel keeps."""
_RECORD = re.compile(rb"(\d+),\d+,(\d+),[^;\n]*;(.*)")
_WANTED = re.compile(
    rb"out of memory|oom[-_]kill|oom_reaper|killed process"
    rb"|nvrm|xid"
    rb"|blocked for more than|lockup|stall"
    rb"|i/o error|medium error|ext4-fs error|ext4-fs warning|xfs .*(error|corrupt|shut)|btrfs.*(error|corrupt)"
    rb"|remount.*read-only|nvme.*(timeout|reset|abort)|ata\d.*(failed|error|exception)|nfs: server",
    re.IGNORECASE,
)


def kernel_text(path: str = KERNEL_LOG) -> str:
    """Its newest lines of that kind, with their UTC time, or in words why they are not to be had. For a thread."""
    try:
        log = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        return f"there is no {path} here"
    except OSError as error:
        return (
            f"the watchdog may not read {path} ({error.strerror}): the shipped unit closes the kernel's log"
            " (ProtectKernelLogs, DevicePolicy), and docs/probes/gpu.md has what opens it"
        )
    try:
        kept, gone = _wanted(_lines(log))
    finally:
        os.close(log)
    if not kept:
        return "nothing of memory kills, GPUs, hung tasks and disks in the last hour"
    return "\n".join([f"… {gone} earlier lines of it are left out"] * bool(gone) + kept)


def _wanted(lines: Iterator[bytes]) -> tuple[list[str], int]:
    """The newest of them, and how many more there were."""
    now, since_boot = datetime.now(UTC), time.monotonic()
    kept, seen = deque[str](maxlen=MOST_LINES), 0
    for line in lines:
        record = _RECORD.match(line)
        if record is None or int(record[1]) >> 3 or _WANTED.search(record[3]) is None:
            continue
        age = since_boot - int(record[2]) / 1e6
        if age <= WITHIN:
            seen += 1
            text = record[3].decode("utf-8", "replace")[:_LONGEST_LINE]
            kept.append(f"{now - timedelta(seconds=max(age, 0.0)):%Y-%m-%dT%H:%M:%SZ} {text}")
    return list(kept), seen - len(kept)


def _lines(log: int) -> Iterator[bytes]:
    """From the oldest that is kept on. The device gives a record a call, with its properties in lines of their own."""
    until, left = time.monotonic() + _LONGEST, _MOST
    while left > 0 and time.monotonic() < until:
        try:
            data = os.read(log, 65536)
        except BrokenPipeError:  # records were overwritten before they were read: the next read goes on after them
            continue
        except OSError:  # BlockingIOError: that was the last one
            return
        if not data:
            return
        left -= len(data)
        yield from data.split(b"\n")
