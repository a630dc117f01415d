"""Who has waited for a core, and how long: what a machine that is busy takes is not what a test measures."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path


def waits_for_a_core() -> dict[str, int]:
    """How long each thread of this process has waited for a core so far, in nanoseconds; empty where nobody tells.

    And how long the cores themselves were away, where this machine is a virtual one: a thread seems to run then.
    Sources: Linux, Documentation/scheduler/sched-stats.rst, "/proc/<pid>/schedstat", second field; proc_stat(5),
    "steal".
    """
    waits = {}
    with contextlib.suppress(OSError, IndexError):
        stolen = Path("/proc/stat").read_text(encoding="ascii").partition("\n")[0].split()[8]
        waits["stolen"] = int(stolen) * 10**9 // os.sysconf("SC_CLK_TCK")
    for file in Path("/proc/self/task").glob("*/schedstat"):
        with contextlib.suppress(OSError):  # a thread may end while it is looked at
            waits[file.parent.name] = int(file.read_text(encoding="ascii").split()[1])
    return waits


def seconds_without_a_core(since: Mapping[str, int]) -> float:
    """How long the threads and the cores have waited since then, all of them: a step waits for whom it starts, too."""
    return sum(max(0, waited - since.get(thread, 0)) for thread, waited in waits_for_a_core().items()) / 1e9


def seconds_anybody_waited() -> float:
    """How long anybody on this machine has waited for a core or a disk so far; 0 where nobody tells.

    Source: Linux, Documentation/accounting/psi.rst, "some", "total" in microseconds.
    """
    waited = 0
    for what in ("cpu", "io"):
        with contextlib.suppress(OSError, IndexError, ValueError):
            first = Path(f"/proc/pressure/{what}").read_text(encoding="ascii").partition("\n")[0]
            waited += int(first.rpartition("total=")[2])
    return waited / 1e6
