"""This machine for people to read: load, memory, pressure, disks, the largest processes, and what its kernel says.

It needs no dependency of the policy: `machine_questions` is for everybody. What may block, a file system or the kernel,
is asked in a thread of its own, that one which hangs costs no other answer.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from time import monotonic

from nemo_watchdog.durations import duration
from nemo_watchdog.errors import in_one_line
from nemo_watchdog.evidence import Questions
from nemo_watchdog.one_thread import OneThread, StillBusy
from nemo_watchdog.probes.host import readings
from nemo_watchdog.probes.host.kernel_log import kernel_text
from nemo_watchdog.probes.shared.deadline import FOR_EVIDENCE
from nemo_watchdog.sizes import size

LARGEST = 5

_MEMORY = (
    *("MemTotal", "MemFree", "MemAvailable", "Buffers", "Cached", "Shmem", "Slab", "SUnreclaim", "Dirty", "Writeback"),
    *("SwapTotal", "SwapFree", "CommitLimit", "Committed_AS"),
)


def machine_questions(mounts: Iterable[str]) -> Questions:
    """Of these mount points and of `/` it tells how full they are. They may be asked again and again."""
    machine = _Machine(mounts)
    return {"host.txt": machine.host_text, "kernel.txt": machine.kernel_text}


class _Machine:
    def __init__(self, mounts: Iterable[str]) -> None:
        self._disks = {mount: OneThread("nemo-watchdog-disk") for mount in dict.fromkeys((*mounts, "/"))}
        self._figures = OneThread("nemo-watchdog-figures")
        self._processes = OneThread("nemo-watchdog-processes")
        self._log = OneThread("nemo-watchdog-kernel-log")

    async def host_text(self) -> str:
        until = monotonic() + FOR_EVIDENCE
        disks = (self._told(thread, partial(_disk, mount), mount, until) for mount, thread in self._disks.items())
        figures, processes, *told = await asyncio.gather(
            self._told(self._figures, _figures, "the kernel's own figures", until),
            self._told(self._processes, _largest_processes, "the list of processes", until),
            *disks,
        )
        return "\n".join([figures, "", *told, "", processes])

    async def kernel_text(self) -> str:
        return await self._told(self._log, kernel_text, "the kernel's log", monotonic() + FOR_EVIDENCE)

    @staticmethod
    async def _told(thread: OneThread, ask: Callable[[], str], what: str, until: float) -> str:
        try:
            async with asyncio.timeout(until - monotonic()):
                return await thread.run(ask)
        except StillBusy:
            return f"{what} has not answered since it was asked before"
        except TimeoutError:
            return f"{what} did not answer within {duration(FOR_EVIDENCE)}"
        except OSError as error:
            return f"{what} cannot be read: {error.strerror}"


def _figures() -> str:
    return "\n".join([*_load(), "", *_memory(), "", *_pressure()])


def _load() -> Iterator[str]:
    up = (readings.text_of("uptime") or "").split()
    yield f"up for {duration(float(up[0]))}" if up else "how long it is up is not told"
    load = (readings.text_of("loadavg") or "").split()
    if len(load) >= 4:
        running = f"{load[3].replace('/', ' of ')} tasks run"
        yield f"load {' '.join(load[:3])} (1, 5 and 15 minutes) on {os.cpu_count()} cores, {running}"


def _memory() -> Iterator[str]:
    told = dict(line.split(":", 1) for line in (readings.text_of("meminfo") or "").splitlines() if ":" in line)
    for name in _MEMORY:
        amount = told.get(name, "").split()
        if amount:
            yield f"{name} {size(int(amount[0]) * 1024)}"
    if (kills := readings.oom_kills()) is not None:
        yield f"processes killed for memory since boot: {kills}"


def _pressure() -> Iterator[str]:
    for resource in ("cpu", "memory", "io"):
        lines = (readings.text_of(f"pressure/{resource}") or "").splitlines()
        yield from (f"{resource} pressure: {line}" for line in lines or ["the kernel does not tell"])


def _disk(mount: str) -> str:
    """As df counts it: for ordinary users. Blocking, perhaps for ever."""
    its = os.statvfs(mount)
    usable = its.f_blocks - its.f_bfree + its.f_bavail
    free, whole = its.f_bavail * its.f_frsize, usable * its.f_frsize
    inodes = f", {its.f_favail / its.f_files:.0%} of its inodes" if its.f_files else ""
    return f"{in_one_line(mount)}: {size(free)} of {size(whole)} free ({free / (whole or 1):.0%}){inodes}"


def _largest_processes() -> str:
    """By the memory that they have for themselves and with others; of the kernel's there is none.

    From `statm` and `stat` alone: a command line is in memory that a process which hangs in the kernel may hold.
    """
    numbers = [each.name for each in readings.PROC.iterdir() if each.name.isdigit()]
    found = sorted(filter(None, map(_process, numbers)), reverse=True)[:LARGEST]
    lines = [f"the {len(found)} largest processes:"]
    lines += [f"  {size(held)} process {number} {name}, state {state}" for held, number, name, state in found]
    if "1" not in numbers:
        lines.append("  those of others are hidden from the watchdog (ProtectProc of its unit)")
    return "\n".join(lines)


def _process(number: str) -> tuple[int, int, str, str] | None:
    """Bytes, number, name and state of one that is still there. Source: proc(5)."""
    statm, stat = readings.text_of(f"{number}/statm"), readings.text_of(f"{number}/stat")
    if not statm or not stat:
        return None
    before, _, after = stat.rpartition(")")
    held = int(statm.split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return held, int(number), in_one_line(before.partition("(")[2]), after.split()[0]
