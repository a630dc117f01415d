"""NVIDIA GPUs as NVML sees them, through a child process. What a driver does not tell is unknown, never unhealthy.

Nothing in here is a fault: a restart of a container repairs no GPU. A device that wants a reset or is lost is for a
person; a driver that hangs or does not answer says nothing about the containers on top of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator

from nemo_watchdog.model import CATEGORY_OF, Category, Finding, Outcome, Reason, degraded, failed, ok
from nemo_watchdog.policy.units import Duration, Ratio, Whole, duration_within, number_within
from nemo_watchdog.ports import ProbeContext
from nemo_watchdog.probes.nvml import ChildEnded, ChildStuck, NvmlClient
from nemo_watchdog.probes.options import ProbeOptions

# nvml.h, nvmlReturn_t. Numbers, because only the child may import pynvml.
_REASON_OF_CODE = {
    4: (Reason.PERMISSION_DENIED, "the watchdog may not use NVML"),
    9: (Reason.NVML_UNAVAILABLE, "the NVIDIA driver is not loaded"),
    10: (Reason.DRIVER_STUCK, "the driver's call timed out"),
    12: (Reason.NVML_UNAVAILABLE, "the library libnvidia-ml.so.1 is not installed"),
    15: (Reason.GPU_LOST, "it fell off the bus or is not accessible"),
    16: (Reason.GPU_RESET_REQUIRED, "it needs a reset before it can be used"),
    18: (Reason.DRIVER_MISMATCH, "library and kernel module differ: the driver was upgraded, and a reboot is due"),
    28: (Reason.GPU_LOST, "the driver no longer finds it"),
}
_RECOVERY = {1: "a reset of the GPU", 2: "a reboot of the host", 3: "a drain of its peers", 4: "a drain and a reset"}
_GRAVITY = {Category.INTEGRITY: 0, Category.FAULT: 1, Category.BLIND: 2, Category.BUSY: 3}


class GpuOptions(ProbeOptions):
    device: Annotated[Whole, AfterValidator(number_within(0, 255))] | None = None
    """NVML's index; all devices when it is not given."""
    max_memory: Ratio | None = None
    """Degraded when more than this part of a device's memory is used."""
    max_temperature: Annotated[Whole, AfterValidator(number_within(1, 150))] | None = None
    """Degraded when a device is hotter than this, in °C."""
    stuck_after: Annotated[Duration, AfterValidator(duration_within(0.1, 45.0))] = 30.0
    """The child process is killed when the driver has not answered it for so many seconds."""


class GpuProbe:
    def __init__(self, options: GpuOptions, context: ProbeContext) -> None:
        self._options = options
        # A little below the runtime's deadline: this probe knows better what a missing answer means.
        self._patience = context.timeout - min(0.25, context.timeout / 10)
        self._client = NvmlClient()
        self._seen = False

    async def look(self) -> Finding:
        try:
            answer = await self._client.child().ask(self._patience, self._options.stuck_after)
        except ChildStuck as error:
            return failed(Reason.DRIVER_STUCK, f"the NVIDIA driver hangs: {error}")
        except ChildEnded as error:
            return failed(Reason.NVML_UNAVAILABLE, f"the process that reads NVML ended: {error}")
        except OSError as error:
            return failed(Reason.WATCHDOG_OVERLOADED, f"the process that reads NVML did not start: {error.strerror}")
        if "error" in answer:
            return _code_failure("NVML", answer["error"])
        return self._judge(answer["devices"])

    async def close(self) -> None:
        await self._client.close()

    def _judge(self, devices: Sequence[Mapping[str, Any]]) -> Finding:
        wanted = self._options.device
        chosen = [device for device in devices if wanted is None or device["index"] == wanted]
        if not chosen:
            which = "no GPU" if wanted is None else f"no GPU {wanted}"
            if self._seen:
                return failed(Reason.GPU_LOST, f"the driver has {which} any more")
            return failed(Reason.WRONG_TARGET, f"the driver has {which}")
        self._seen = True
        measured = _measured(chosen)
        findings = [finding for device in chosen if (finding := self._trouble(device)) is not None]
        if not findings:
            return ok(f"{len(chosen)} GPU{'s' if len(chosen) > 1 else ''}", measured)
        worst = min(findings, key=_gravity)
        return Finding(worst.outcome, worst.reason, "; ".join(finding.detail for finding in findings), measured)

    def _trouble(self, device: Mapping[str, Any]) -> Finding | None:
        name = f"GPU {device['index']}"
        if device["error"] is not None:
            return _code_failure(name, device["error"])
        action = device.get("recovery_action") or 0
        if action:
            wants = _RECOVERY.get(action, f"recovery action {action}")
            return failed(Reason.GPU_RESET_REQUIRED, f"{name} wants {wants}")
        errors = device.get("ecc_uncorrected") or 0
        if errors:
            return degraded(Reason.ECC_ERROR, f"{name} has {errors} uncorrected memory errors since the driver loaded")
        most, used = self._options.max_memory, device.get("memory_used_ratio")
        if most is not None and used is not None and used > most:
            return degraded(Reason.MEMORY_HIGH, f"{name} uses {used:.1%} of its memory, more than {most:.1%}")
        hottest, temperature = self._options.max_temperature, device.get("temperature")
        if hottest is not None and temperature is not None and temperature > hottest:
            return degraded(Reason.TEMPERATURE_HIGH, f"{name} has {temperature} °C, more than {hottest} °C")
        return None


def _gravity(finding: Finding) -> tuple[bool, int]:
    assert finding.reason is not None  # noqa: S101 - trouble has a reason
    return finding.outcome is not Outcome.FAILED, _GRAVITY[CATEGORY_OF[finding.reason]]


def _code_failure(name: str, code: int) -> Finding:
    reason, text = _REASON_OF_CODE.get(code, (Reason.NVML_UNAVAILABLE, "the driver gives an error"))
    return failed(reason, f"{name}: {text} (NVML code {code})")


def _measured(devices: Sequence[Mapping[str, Any]]) -> Mapping[str, float]:
    """The highest value among the devices, of each reading that at least one of them has."""
    names = {
        "memory_used_ratio": "gpu_memory_used_ratio",
        "temperature": "gpu_temperature_celsius",
        "utilization_ratio": "gpu_utilization_ratio",
    }
    values = {name: [device[key] for device in devices if device.get(key) is not None] for key, name in names.items()}
    return {name: float(max(found)) for name, found in values.items() if found}
