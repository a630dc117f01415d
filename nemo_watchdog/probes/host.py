"""The host's own memory and file systems. Below a limit is degraded: nothing is broken yet."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from typing import Annotated

import psutil
from pydantic import AfterValidator, Field

from nemo_watchdog.model import Finding, Reason, degraded, failed, ok
from nemo_watchdog.policy.units import Ratio, wrong
from nemo_watchdog.ports import ProbeContext
from nemo_watchdog.probes.options import ProbeOptions


def _mounts(mounts: Mapping[str, float]) -> Mapping[str, float]:
    if not all(path.startswith("/") for path in mounts):
        raise wrong("expected absolute paths, such as `{/: 5%}`")
    return mounts


class HostOptions(ProbeOptions):
    min_memory_available: Ratio | None = None
    """Degraded when available memory (MemAvailable) is less than this part of all memory."""
    min_disk_free: Annotated[Mapping[str, Ratio], AfterValidator(_mounts)] = Field(default_factory=dict)
    """Mount point to the part of its file system that must be free for ordinary users."""


class HostProbe:
    def __init__(self, options: HostOptions, context: ProbeContext) -> None:
        self._min_memory = options.min_memory_available
        self._min_free = options.min_disk_free
        self._timeout = context.timeout
        self._thread: threading.Thread | None = None

    async def look(self) -> Finding:
        memory = psutil.virtual_memory()
        available = memory.available / memory.total
        measured = {"host_memory_available_ratio": available}
        free: Mapping[str, float | OSError] = {}
        if self._min_free:
            if self._thread is not None and self._thread.is_alive():
                return failed(Reason.IO_ERROR, "a file system has not answered since an earlier look", measured)
            free = await self._free_ratios()
        for mount, ratio in free.items():
            if isinstance(ratio, OSError):
                return _disk_failure(mount, ratio, measured)
        ratios = {mount: ratio for mount, ratio in free.items() if not isinstance(ratio, OSError)}
        if ratios:
            measured["host_disk_free_ratio"] = min(ratios.values())
        low = [
            f"{mount} has {ratio:.1%} free, less than {self._min_free[mount]:.1%}"
            for mount, ratio in ratios.items()
            if ratio < self._min_free[mount]
        ]
        if low:
            return degraded(Reason.DISK_FULL, "; ".join(low), measured)
        if self._min_memory is not None and available < self._min_memory:
            detail = f"{available:.1%} of memory available, less than {self._min_memory:.1%}"
            return degraded(Reason.MEMORY_HIGH, detail, measured)
        return ok(f"{available:.0%} of memory available", measured)

    async def close(self) -> None:
        """A thread in a file system that hangs ends with it, or with the process."""

    async def _free_ratios(self) -> Mapping[str, float | OSError]:
        """What each mount has free, read in a thread: a network file system may never answer.

        A daemon thread and not `asyncio.to_thread`: asyncio.run waits at its end for all threads of its pool, and one
        that hangs would hold up the exit of the whole process.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Mapping[str, float | OSError]] = loop.create_future()
        mounts = tuple(self._min_free)

        def deliver(ratios: Mapping[str, float | OSError]) -> None:
            if not answer.done():
                answer.set_result(ratios)

        def read() -> None:
            ratios = {mount: _free_ratio(mount) for mount in mounts}
            try:
                loop.call_soon_threadsafe(deliver, ratios)
            except RuntimeError:
                return  # the loop has closed meanwhile: nobody waits

        self._thread = threading.Thread(target=read, name="nemo-watchdog-disk", daemon=True)
        self._thread.start()
        return await answer


def _free_ratio(mount: str) -> float | OSError:
    """As df counts it: without the blocks that are kept for root."""
    try:
        usage = psutil.disk_usage(mount)
    except OSError as error:
        return error
    return usage.free / (usage.used + usage.free) if usage.used + usage.free else 0.0


def _disk_failure(mount: str, error: OSError, measured: Mapping[str, float]) -> Finding:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return failed(Reason.WRONG_TARGET, f"{mount} does not exist", measured)
    if isinstance(error, PermissionError):
        return failed(Reason.PERMISSION_DENIED, f"the watchdog may not look at {mount}", measured)
    return failed(Reason.IO_ERROR, f"{mount} cannot be read: {error.strerror}", measured)
