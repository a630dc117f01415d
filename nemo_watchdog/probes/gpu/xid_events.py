"""Where the NVML child hears of Xid errors: NVML's events and the kernel's log. Only the child imports this module.

NVML's events tell no process, the kernel's log does; without the right to read it the events are enough to be told.
"""

from __future__ import annotations

import ctypes
import os
import re
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any

import pynvml

KERNEL_LOG = "/dev/kmsg"

_KEPT = 64
_SAME_WITHIN = 5.0
"""Seconds within which the event and the line of one error arrive."""
_MOST_EVENTS = 64
_WANTED_EVENTS = pynvml.nvmlEventTypeXidCriticalError | pynvml.nvmlEventTypeDoubleBitEccError
_DOUBLE_BIT = 48
# open-gpu-kernel-modules, src/nvidia/src/kernel/core/locks.c and others; older drivers tell the process without quotes.
_LINE = re.compile(rb"NVRM: Xid \(PCI:([0-9a-fA-F]+:[0-9a-fA-F]+:[0-9a-fA-F]+)[^)]*\): (\d+)(?:, pid='?(\d+))?")
_CONTAINER = re.compile(r"[0-9a-f]{64}")


def container_of(pid: int) -> str | None:
    """The id of the container whose control group the process is in; None for none, or when /proc does not tell."""
    try:
        found = _CONTAINER.findall(Path(f"/proc/{pid}/cgroup").read_text(encoding="ascii", errors="replace"))
    except OSError:
        return None
    return found[-1] if found else None


class Xids:
    """What was heard since the start, oldest first: `gpu` (index), `code`, `at` (monotonic seconds), `container`."""

    def __init__(self, kernel_log: str = KERNEL_LOG) -> None:
        self._heard: deque[dict[str, Any]] = deque(maxlen=_KEPT)
        self._rest = b""
        self._events: Any = None
        self._index_of_handle: dict[int | None, int] = {}
        self._index_of_address: dict[str, int] = {}
        self._container_of_pid: dict[int, str] = {}
        try:
            self._log: int | None = os.open(kernel_log, os.O_RDONLY | os.O_NONBLOCK)
            os.lseek(self._log, 0, os.SEEK_END)
        except OSError:
            self._log = None

    def register(self, handles: Sequence[Any]) -> None:
        """Asks NVML for the events of these devices (None: it did not answer); what is not supported is left out."""
        for index, handle in enumerate(handles):
            if handle is None:
                continue
            self._index_of_handle[_address(handle)] = index
            with suppress(pynvml.NVMLError):
                bus_id = pynvml.nvmlDeviceGetPciInfo(handle).busId
                self._index_of_address[_short(bus_id.decode() if isinstance(bus_id, bytes) else bus_id)] = index
            with suppress(pynvml.NVMLError):
                if self._events is None:
                    self._events = pynvml.nvmlEventSetCreate()
                kinds = pynvml.nvmlDeviceGetSupportedEventTypes(handle) & _WANTED_EVENTS
                if kinds:
                    pynvml.nvmlDeviceRegisterEvents(handle, kinds, self._events)

    def remember(self, containers: Mapping[int, str]) -> None:
        """Which container each process on a GPU is in: a process that an Xid ends cannot be asked any more."""
        self._container_of_pid = dict(containers)

    def heard(self) -> list[dict[str, Any]]:
        self._hear_events()
        self._read_log()
        return list(self._heard)

    def _hear_events(self) -> None:
        if self._events is None:
            return
        with suppress(pynvml.NVMLError):  # a timeout says that there are no more
            for _ in range(_MOST_EVENTS):
                event = pynvml.nvmlEventSetWait_v2(self._events, 0)
                double_bit = event.eventType == pynvml.nvmlEventTypeDoubleBitEccError
                index = self._index_of_handle.get(_address(event.device))
                self._hear(index, _DOUBLE_BIT if double_bit else int(event.eventData), None)

    def _read_log(self) -> None:
        if self._log is None:
            return
        while True:
            try:
                data = os.read(self._log, 65536)
            except BlockingIOError:
                return
            except BrokenPipeError:  # records were overwritten before they were read: the next read goes on after them
                continue
            except OSError:
                self._log = None
                return
            if not data:
                return
            *lines, self._rest = (self._rest + data).split(b"\n")
            for line in lines:
                if (told := _LINE.search(line)) is not None:
                    index = self._index_of_address.get(_short(told[1].decode()))
                    self._hear(index, int(told[2]), None if told[3] is None else int(told[3]))

    def _hear(self, gpu: int | None, code: int, pid: int | None) -> None:
        now = monotonic()
        container = None if pid is None else self._container_of_pid.get(pid) or container_of(pid)
        for before in self._heard:
            if (before["gpu"], before["code"]) == (gpu, code) and now - before["at"] < _SAME_WITHIN:
                before["container"] = before["container"] or container
                return
        self._heard.append({"gpu": gpu, "code": code, "at": now, "container": container})


def _address(handle: Any) -> int | None:
    return ctypes.cast(handle, ctypes.c_void_p).value


def _short(bus_id: str) -> str:
    """`00000000:65:00.0` of NVML and `0000:65:00` of the kernel are one device."""
    domain, bus, device = bus_id.lower().split(".")[0].split(":")
    return f"{int(domain, 16):x}:{bus}:{device}"
