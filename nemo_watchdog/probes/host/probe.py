"""This host's memory, disks, pressure, files and clock. Beyond a limit is degraded: nothing is broken yet.

Nothing in here is a fault: a host has no container that a restart could help.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from time import monotonic
from typing import Annotated

from pydantic import AfterValidator, Field

from nemo_watchdog.durations import duration, shift
from nemo_watchdog.evidence import Questions
from nemo_watchdog.model import Category, Finding, Outcome, Reason, degraded, failed, ok
from nemo_watchdog.one_thread import OneThread, StillBusy
from nemo_watchdog.policy.units import Duration, Ratio, duration_within, number_within, wrong
from nemo_watchdog.ports import ProbeContext
from nemo_watchdog.probes.host import readings
from nemo_watchdog.probes.host.evidence import machine_questions
from nemo_watchdog.probes.shared.deadline import patience_of
from nemo_watchdog.probes.shared.options import ProbeOptions

# Blindness in one thing must not hide what the others tell.
_GRAVITY = {Category.INTEGRITY: 0, Category.FAULT: 1, Category.BUSY: 2, Category.BLIND: 3}


def _mounts(mounts: Mapping[str, float]) -> Mapping[str, float]:
    if not all(path.startswith("/") for path in mounts):
        raise wrong("expected absolute paths, such as `{/: 5%}`")
    return mounts


Load = Annotated[float, Field(allow_inf_nan=False), AfterValidator(number_within(0.01, 1000))]


class HostOptions(ProbeOptions):
    min_memory_available: Ratio | None = None
    """Degraded when available memory (MemAvailable) is less than this part of all memory."""
    min_disk_free: Annotated[Mapping[str, Ratio], AfterValidator(_mounts)] = Field(default_factory=dict)
    """Mount point to the part of its file system that must be free for ordinary users."""
    min_inodes_free: Annotated[Mapping[str, Ratio], AfterValidator(_mounts)] = Field(default_factory=dict)
    """Mount point to the part of its inodes that must be free: without one no file can be made."""
    max_load_per_core: Load | None = None
    """Degraded when the load average of five minutes, divided by the number of cores, is higher."""
    max_cpu_pressure: Ratio | None = None
    """Degraded when some task waited for a core in more than this part of the last 60 s."""
    max_memory_pressure: Ratio | None = None
    """Degraded when some task waited for memory in more than this part of the last 60 s."""
    max_io_pressure: Ratio | None = None
    """Degraded when some task waited for a disk in more than this part of the last 60 s."""
    max_files_used: Ratio | None = None
    """Degraded when more than this part of the system's file handles is open."""
    oom_kills_within: Duration | None = None
    """Degraded for this long after the kernel killed a process for memory."""
    max_clock_jump: Annotated[Duration, AfterValidator(duration_within(0.1, 86400.0))] | None = None
    """Blind when the wall clock moved by more than this against the monotonic one since the look before."""
    require_synchronised_clock: bool = False
    """Blind when the kernel says that nothing keeps the clock right; left out where it may not be asked."""


class HostProbe:
    def __init__(self, options: HostOptions, context: ProbeContext) -> None:
        self._options = options
        self._mounts = tuple(dict.fromkeys((*options.min_disk_free, *options.min_inodes_free)))
        self._evidence = machine_questions(self._mounts)
        self._patience = patience_of(context.timeout)
        self._thread = OneThread("nemo-watchdog-disk")
        self._oom_kills: int | None = None
        self._oom_at: float | None = None
        self._wall_offset: float | None = None

    async def look(self) -> Finding:
        measured: dict[str, float] = {}
        troubles = [
            *await self._disks(measured),
            *self._memory(measured),
            *self._limits(measured),
            *self._clock(measured),
        ]
        if not troubles:
            return ok(f"{measured['host_memory_available_ratio']:.0%} of memory available", measured)
        troubles.sort(key=_gravity)
        worst = troubles[0]
        return Finding(worst.outcome, worst.reason, "; ".join(trouble.detail for trouble in troubles), measured)

    def evidence(self) -> Questions:
        """See `ports.EvidenceSource`."""
        return self._evidence

    async def close(self) -> None:
        """A thread in a file system that hangs ends with it, or with the process."""

    async def _disks(self, measured: dict[str, float]) -> list[Finding]:
        if not self._mounts:
            return []
        mounts = self._mounts
        try:
            async with asyncio.timeout(self._patience):
                spaces = await self._thread.run(lambda: readings.spaces_of(mounts))
        except StillBusy:
            return [failed(Reason.IO_ERROR, "a file system has not answered since an earlier look")]
        except TimeoutError:
            return [failed(Reason.IO_ERROR, f"a file system did not answer within {duration(self._patience)}")]
        return list(self._low_disks(spaces, measured))

    def _low_disks(
        self, spaces: Mapping[str, readings.Space | OSError], measured: dict[str, float]
    ) -> Iterator[Finding]:
        for mount, space in spaces.items():
            if isinstance(space, OSError):
                yield _disk_failure(mount, space)
                continue
            least = self._options.min_disk_free.get(mount)
            if least is not None:
                measured["host_disk_free_ratio"] = min(measured.get("host_disk_free_ratio", 1.0), space.free)
                if space.free < least:
                    yield degraded(Reason.DISK_FULL, f"{mount} has {space.free:.1%} free, less than {least:.1%}")
            least = self._options.min_inodes_free.get(mount)
            if least is not None and space.inodes is not None:
                measured["host_inodes_free_ratio"] = min(measured.get("host_inodes_free_ratio", 1.0), space.inodes)
                if space.inodes < least:
                    detail = f"{mount} has {space.inodes:.1%} of its inodes free, less than {least:.1%}"
                    yield degraded(Reason.DISK_FULL, detail)

    def _memory(self, measured: dict[str, float]) -> Iterator[Finding]:
        available = measured["host_memory_available_ratio"] = readings.memory_available()
        least = self._options.min_memory_available
        if least is not None and available < least:
            yield degraded(Reason.MEMORY_HIGH, f"{available:.1%} of memory available, less than {least:.1%}")
        kills = readings.oom_kills()
        if kills is None:
            return
        measured["host_oom_kills"] = float(kills)
        if self._oom_kills is not None and kills > self._oom_kills:
            self._oom_at = monotonic()
        self._oom_kills = kills
        within = self._options.oom_kills_within
        if within is not None and self._oom_at is not None and monotonic() - self._oom_at < within:
            ago = monotonic() - self._oom_at
            detail = f"the kernel killed a process for memory {duration(ago)} ago ({kills} since boot)"
            yield degraded(Reason.MEMORY_HIGH, detail)

    def _limits(self, measured: dict[str, float]) -> Iterator[Finding]:
        options = self._options
        load = readings.load_per_core()
        if load is not None:
            measured["host_load_per_core"] = load
            if options.max_load_per_core is not None and load > options.max_load_per_core:
                detail = f"a load of {load:.2f} on each core, more than {options.max_load_per_core:g}"
                yield degraded(Reason.CPU_HIGH, detail)
        most = {"cpu": options.max_cpu_pressure, "memory": options.max_memory_pressure, "io": options.max_io_pressure}
        for resource, limit in most.items():
            waited = readings.pressure(resource)
            if waited is None:
                continue
            measured[f"host_{resource}_pressure_ratio"] = waited
            if limit is not None and waited > limit:
                detail = f"tasks waited for {resource} in {waited:.1%} of the last 60s, more than {limit:.1%}"
                yield degraded(Reason.PRESSURE_HIGH, detail)
        used = readings.files_used()
        if used is not None:
            measured["host_files_used_ratio"] = used
            if options.max_files_used is not None and used > options.max_files_used:
                detail = f"{used:.1%} of the system's file handles are open, more than {options.max_files_used:.1%}"
                yield degraded(Reason.FILES_HIGH, detail)

    def _clock(self, measured: dict[str, float]) -> Iterator[Finding]:
        before, now = self._wall_offset, readings.wall_offset()
        self._wall_offset = now
        if before is not None:
            jump = measured["host_clock_jump_seconds"] = now - before
            most = self._options.max_clock_jump
            if most is not None and abs(jump) > most:
                detail = f"the clock moved by {shift(jump)} since the last look, or the host slept"
                yield degraded(Reason.CLOCK_JUMPED, detail)
        if not self._options.require_synchronised_clock:
            return
        synchronised = readings.clock_synchronised()
        if synchronised is not None:
            measured["host_clock_synchronised"] = float(synchronised)
            if not synchronised:
                yield degraded(Reason.CLOCK_UNSYNCHRONISED, "the kernel says that nothing keeps the clock right")


def _gravity(finding: Finding) -> tuple[int, bool]:
    assert finding.reason is not None  # noqa: S101 - trouble has a reason
    return _GRAVITY[finding.reason.category], finding.outcome is not Outcome.FAILED


def _disk_failure(mount: str, error: OSError) -> Finding:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return failed(Reason.WRONG_TARGET, f"{mount} does not exist")
    if isinstance(error, PermissionError):
        return failed(Reason.PERMISSION_DENIED, f"the watchdog may not look at {mount}")
    return failed(Reason.IO_ERROR, f"{mount} cannot be read: {error.strerror}")
