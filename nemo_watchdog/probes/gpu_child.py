"""The only process that speaks to NVML: a driver call can hang for ever, and a process can be killed.

It answers every line on its standard input with one line of JSON on its standard output: `{"error": code}` when NVML
as a whole does not work (it ends then, so that the next one loads the library afresh), else `{"devices": [...]}`.
A value that the hardware does not have is null: unknown, never unhealthy. It judges nothing.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

import pynvml

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


def _maybe(call: Callable[..., Any], *args: Any) -> Any:
    """The call's result, or None when this device or driver does not know it. Raises NVMLError for the rest."""
    try:
        return call(*args)
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


def _device(index: int) -> dict[str, Any]:
    """One device's readings; `error` is set, and readings may be missing, when the device itself failed."""
    reading: dict[str, Any] = {"index": index, "error": None}
    try:
        handle = pynvml.nvmlDeviceGetHandleByIndex(index)
        reading["recovery_action"] = _recovery_action(handle)
        memory = _maybe(pynvml.nvmlDeviceGetMemoryInfo, handle)
        if memory is not None and memory.total:
            reading["memory_used_ratio"] = memory.used / memory.total
        reading["temperature"] = _maybe(pynvml.nvmlDeviceGetTemperature, handle, pynvml.NVML_TEMPERATURE_GPU)
        utilization = _maybe(pynvml.nvmlDeviceGetUtilizationRates, handle)
        if utilization is not None:
            reading["utilization_ratio"] = utilization.gpu / 100
        reading["ecc_uncorrected"] = _maybe(
            pynvml.nvmlDeviceGetTotalEccErrors,
            handle,
            pynvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED,
            pynvml.NVML_VOLATILE_ECC,
        )
    except pynvml.NVMLError as error:
        reading["error"] = error.value
    return reading


def main() -> None:
    # The answers' own way out: whatever a library prints goes to standard error.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    ready = False
    for _ in sys.stdin:
        try:
            if not ready:
                pynvml.nvmlInit()
                ready = True
            answer: dict[str, Any] = {"devices": [_device(index) for index in range(pynvml.nvmlDeviceGetCount())]}
        except pynvml.NVMLError as error:
            answer = {"error": error.value}
        answers.write(json.dumps(answer) + "\n")
        if "error" in answer:
            return


if __name__ == "__main__":
    main()
