"""The only process that speaks to NVML: a driver call can hang for ever, and a process can be killed.

It answers every line on its standard input with one line of JSON on its standard output: `{"error": code}` when NVML
as a whole does not work (it ends then, so that the next one loads the library afresh), else
`{"devices": [...], "xids": [...]}`. To the line `more` each device has `more` as well, which is for people; what goes
wrong there is nothing that a look has seen. A value that the hardware does not have is null: unknown, never unhealthy.
It judges nothing. `python -m nemo_watchdog.probes.gpu.child [KERNEL_LOG]`
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pynvml

from nemo_watchdog.probes.gpu.xid_events import KERNEL_LOG, Xids, container_of

# These tell about the one reading, not about the device.
_UNKNOWN = frozenset(
    {
        pynvml.NVML_ERROR_NOT_SUPPORTED,
        pynvml.NVML_ERROR_FUNCTION_NOT_FOUND,
        pynvml.NVML_ERROR_NO_PERMISSION,
        pynvml.NVML_ERROR_NO_DATA,
        pynvml.NVML_ERROR_INVALID_ARGUMENT,
        pynvml.NVML_ERROR_DEPRECATED,
        pynvml.NVML_ERROR_ARGUMENT_VERSION_MISMATCH,
    }
)
MORE = "more"
_CLOCKS = {
    "graphics": pynvml.NVML_CLOCK_GRAPHICS,
    "memory": pynvml.NVML_CLOCK_MEM,
}
_NONE_REMAPPED = (None, None, None, None)


def _maybe(call: Callable[..., Any], *args: Any) -> Any:
    """The call's result, or None when this device or driver does not know it. Raises NVMLError for the rest."""
    try:
        return call(*args)
    except pynvml.NVMLLibraryMismatchError:  # pynvml's own word about a function that an old library lacks
        return None
    except pynvml.NVMLError as error:
        if error.value in _UNKNOWN:
            return None
        raise


def _recovery_action(handle: Any) -> int | None:
    """Field 230: 0 none, 1 GPU reset, 2 reboot, more on newer drivers (nvml.h, nvmlDeviceGpuRecoveryAction_t)."""
    values = _maybe(pynvml.nvmlDeviceGetFieldValues, handle, [pynvml.NVML_FI_DEV_GET_GPU_RECOVERY_ACTION])
    if values is None or values[0].nvmlReturn != pynvml.NVML_SUCCESS:
        return None
    return int(values[0].value.uiVal)


def _ecc(handle: Any, counter: int) -> int | None:
    errors = _maybe(pynvml.nvmlDeviceGetTotalEccErrors, handle, pynvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED, counter)
    return None if errors is None else int(errors)


def _ratio(part: Any, whole: Any) -> float | None:
    return None if part is None or not whole else part / whole


def _device(index: int, containers: dict[int, str]) -> dict[str, Any]:
    """One device's readings; `error` is set, and readings may be missing, when the device itself failed."""
    reading: dict[str, Any] = {"index": index, "error": None}
    try:
        handle = pynvml.nvmlDeviceGetHandleByIndex(index)
        reading["recovery_action"] = _recovery_action(handle)
        memory = _maybe(pynvml.nvmlDeviceGetMemoryInfo, handle)
        if memory is not None:
            reading["memory_used"] = memory.used
            reading["memory_used_ratio"] = _ratio(memory.used, memory.total)
        reading["temperature"] = _maybe(pynvml.nvmlDeviceGetTemperature, handle, pynvml.NVML_TEMPERATURE_GPU)
        reading["slowdown_temperature"] = _maybe(
            pynvml.nvmlDeviceGetTemperatureThreshold, handle, pynvml.NVML_TEMPERATURE_THRESHOLD_SLOWDOWN
        )
        utilization = _maybe(pynvml.nvmlDeviceGetUtilizationRates, handle)
        reading["utilization_ratio"] = None if utilization is None else utilization.gpu / 100
        power = _maybe(pynvml.nvmlDeviceGetPowerUsage, handle)
        reading["power_watts"] = None if power is None else power / 1000
        reading["power_ratio"] = _ratio(power, _maybe(pynvml.nvmlDeviceGetEnforcedPowerLimit, handle))
        reading["clock_event_reasons"] = _maybe(pynvml.nvmlDeviceGetCurrentClocksEventReasons, handle)
        reading["ecc_uncorrected"] = _ecc(handle, pynvml.NVML_VOLATILE_ECC)
        reading["ecc_uncorrected_ever"] = _ecc(handle, pynvml.NVML_AGGREGATE_ECC)
        remapped = _maybe(pynvml.nvmlDeviceGetRemappedRows, handle) or _NONE_REMAPPED
        reading["remapped_rows"] = None if remapped[1] is None else remapped[0] + remapped[1]
        reading["remapping_pending"], reading["remapping_failed"] = remapped[2:]
        reading["retirement_pending"] = _maybe(pynvml.nvmlDeviceGetRetiredPagesPendingStatus, handle)
        reading["pcie_replays"] = _maybe(pynvml.nvmlDeviceGetPcieReplayCounter, handle)
        reading["pcie_width"] = _maybe(pynvml.nvmlDeviceGetCurrPcieLinkWidth, handle)
        reading["containers"] = _held_by(handle, containers)
    except pynvml.NVMLError as error:
        reading["error"] = error.value
    return reading


def _held_by(handle: Any, containers: dict[int, str]) -> Mapping[str, int]:
    """Bytes of the device's memory by the id of the container; `containers` learns whose each process is."""
    held: dict[str, int] = {}
    for process in _maybe(pynvml.nvmlDeviceGetComputeRunningProcesses, handle) or ():
        container = container_of(process.pid)
        if container is not None:
            containers[process.pid] = container
            held[container] = held.get(container, 0) + (process.usedGpuMemory or 0)
    return held


def _more(index: int) -> Mapping[str, Any]:
    """What people want to know of a device beside its readings; `error` is set when it did not tell all."""
    more: dict[str, Any] = {"error": None}
    try:
        handle = pynvml.nvmlDeviceGetHandleByIndex(index)
        more["name"] = _maybe(pynvml.nvmlDeviceGetName, handle)
        more["uuid"] = _maybe(pynvml.nvmlDeviceGetUUID, handle)
        memory = _maybe(pynvml.nvmlDeviceGetMemoryInfo, handle)
        more["memory_total"] = None if memory is None else memory.total
        more["persistence"] = _maybe(pynvml.nvmlDeviceGetPersistenceMode, handle)
        more["clocks"] = {
            kind: (
                _maybe(pynvml.nvmlDeviceGetClockInfo, handle, clock),
                _maybe(pynvml.nvmlDeviceGetMaxClockInfo, handle, clock),
            )
            for kind, clock in _CLOCKS.items()
        }
        processes = _maybe(pynvml.nvmlDeviceGetComputeRunningProcesses, handle)
        more["processes"] = processes and [
            {"pid": each.pid, "memory": each.usedGpuMemory, "container": container_of(each.pid)} for each in processes
        ]
    except pynvml.NVMLError as error:
        more["error"] = error.value
    return more


def _handles() -> Sequence[Any]:
    handles = []
    for index in range(pynvml.nvmlDeviceGetCount()):
        try:
            handles.append(pynvml.nvmlDeviceGetHandleByIndex(index))
        except pynvml.NVMLError:
            handles.append(None)
    return handles


def _look(xids: Xids, asked: str) -> Mapping[str, Any]:
    containers: dict[int, str] = {}
    heard = xids.heard()
    devices = [_device(index, containers) for index in range(pynvml.nvmlDeviceGetCount())]
    xids.remember(containers)
    if asked == MORE:
        for device in devices:
            device["more"] = _more(device["index"])
    return {"devices": devices, "xids": heard}


def main(kernel_log: str = KERNEL_LOG) -> None:
    # The answers' own way out: whatever a library prints goes to standard error.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    xids: Xids | None = None
    for asked in sys.stdin:
        try:
            if xids is None:
                pynvml.nvmlInit()
                xids = Xids(kernel_log)
                xids.register(_handles())
            answer = _look(xids, asked.strip())
        except pynvml.NVMLError as error:
            answer = {"error": error.value}
        answers.write(json.dumps(answer) + "\n")
        if "error" in answer:
            return


if __name__ == "__main__":
    main(*sys.argv[1:2])
