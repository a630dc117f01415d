"""What the readings of a GPU mean. What a device or driver does not tell (None) is unknown, never unhealthy. No IO.

Sources: nvml.h for the codes, the clock event reasons and the recovery actions; NVIDIA, "GPU Memory Error Management"
for row remapping and page retirement.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nemo_watchdog.durations import duration
from nemo_watchdog.model import Category, Finding, Outcome, Reason, degraded, failed
from nemo_watchdog.probes.gpu.xid_table import REASON_OF, XidAction, action_of, describe

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
RECOVERY = {1: "a reset of the GPU", 2: "a reboot of the host", 3: "a drain of its peers", 4: "a drain and a reset"}
# nvmlClocksEventReason*: the others (idle, a power cap that was set, application clocks) are no trouble.
THROTTLES = {
    0x8: "the hardware slows it down",
    0x20: "it is too hot (software slowdown)",
    0x40: "it is too hot (hardware slowdown)",
    0x80: "the power supply asks for less (power brake)",
}
_GRAVITY = {Category.INTEGRITY: 0, Category.FAULT: 1, Category.BLIND: 2, Category.BUSY: 3}
_MEASURED = {
    "memory_used": "gpu_memory_used_bytes",
    "memory_used_ratio": "gpu_memory_used_ratio",
    "temperature": "gpu_temperature_celsius",
    "utilization_ratio": "gpu_utilization_ratio",
    "power_watts": "gpu_power_watts",
    "power_ratio": "gpu_power_limit_ratio",
    "ecc_uncorrected": "gpu_ecc_uncorrected_errors",
    "ecc_uncorrected_ever": "gpu_ecc_uncorrected_errors_lifetime",
    "remapped_rows": "gpu_remapped_rows",
    "pcie_replays": "gpu_pcie_replays",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """The operator's; ratios of 1, °C, lanes."""

    max_memory: float | None = None
    max_temperature: int | None = None
    min_pcie_width: int | None = None


def code_failure(name: str, code: int) -> Finding:
    reason, text = _REASON_OF_CODE.get(code, (Reason.NVML_UNAVAILABLE, "the driver gives an error"))
    return failed(reason, f"{name}: {text} (NVML code {code})")


def troubles(device: Mapping[str, Any], limits: Limits) -> Iterator[Finding]:
    """Everything that is not as it should be with one device."""
    name = f"GPU {device['index']}"
    if device["error"] is not None:
        yield code_failure(name, device["error"])
        return
    action = device.get("recovery_action") or 0
    if action:
        yield failed(Reason.GPU_RESET_REQUIRED, f"{name} wants {RECOVERY.get(action, f'recovery action {action}')}")
    yield from _memory_errors(name, device)
    yield from _pressures(name, device, limits)


def _memory_errors(name: str, device: Mapping[str, Any]) -> Iterator[Finding]:
    if errors := device.get("ecc_uncorrected"):
        yield degraded(Reason.ECC_ERROR, f"{name} has {errors} uncorrected memory errors since the driver loaded")
    if device.get("remapping_failed"):
        yield degraded(Reason.ECC_ERROR, f"{name} could not remap a bad row of its memory: it wants to be replaced")
    if device.get("remapping_pending"):
        yield degraded(Reason.GPU_RESET_REQUIRED, f"{name} waits for a reset to remap a bad row of its memory")
    if device.get("retirement_pending"):
        yield degraded(Reason.GPU_RESET_REQUIRED, f"{name} waits for a reset to retire a bad page of its memory")


def _pressures(name: str, device: Mapping[str, Any], limits: Limits) -> Iterator[Finding]:
    used, most = device.get("memory_used_ratio"), limits.max_memory
    if used is not None and most is not None and used > most:
        detail = f"{name} uses {used:.1%} of its memory, more than {most:.1%}"
        yield degraded(Reason.MEMORY_HIGH, detail + _largest_holder(device.get("containers") or {}))
    temperature, slowdown = device.get("temperature"), device.get("slowdown_temperature")
    hottest = min((limit for limit in (limits.max_temperature, slowdown) if limit), default=None)
    if temperature is not None and hottest is not None and temperature > hottest:
        yield degraded(Reason.TEMPERATURE_HIGH, f"{name} has {temperature} °C, more than {hottest} °C")
    throttles = [text for bit, text in THROTTLES.items() if (device.get("clock_event_reasons") or 0) & bit]
    if throttles:
        yield degraded(Reason.GPU_THROTTLED, f"{name} is throttled: {', '.join(throttles)}")
    width, least = device.get("pcie_width"), limits.min_pcie_width
    if width is not None and least is not None and width < least:
        yield degraded(Reason.GPU_ERROR, f"{name} has {width} PCIe lanes, fewer than {least}")


def _largest_holder(held: Mapping[str, int]) -> str:
    if not held:
        return ""
    container = max(held, key=lambda each: held[each])
    return f"; container {container[:12]} holds {held[container] / 2**30:.1f} GiB"


def xid_trouble(xid: Mapping[str, Any], age: float, *, curable: bool) -> Finding | None:
    """What one Xid error of `age` seconds means. `curable`: it struck the container that this dependency restarts."""
    action = action_of(xid["code"])
    reason = REASON_OF[action]
    if reason is None:
        return None
    where = "a GPU" if xid["gpu"] is None else f"GPU {xid['gpu']}"
    whose = f" of container {xid['container'][:12]}" if xid["container"] else ""
    detail = f"{where} gave {describe(xid['code'])}{whose} {duration(age)} ago; NVIDIA's advice: {action}"
    if reason is Reason.GPU_ERROR or (action is XidAction.RESTART_APPLICATION and not curable):
        return degraded(reason, detail)
    return failed(reason, detail)


def worst_of(findings: Sequence[Finding], measured: Mapping[str, float]) -> Finding:
    """The gravest one's reason, and what all of them say."""
    worst = min(findings, key=_gravity)
    detail = "; ".join(dict.fromkeys(finding.detail for finding in findings))
    return Finding(worst.outcome, worst.reason, detail, measured)


def _gravity(finding: Finding) -> tuple[bool, int]:
    """A GPU that wants a reset holds the restart that an Xid asks for; an old count of ECC errors does not."""
    assert finding.reason is not None  # noqa: S101 - trouble has a reason
    return finding.outcome is not Outcome.FAILED, _GRAVITY[finding.reason.category]


def measured(devices: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Each device's own readings, of those that it has; what each container holds, over all of the devices."""
    values = {
        f'{name}{{gpu="{device["index"]}"}}': float(device[key])
        for device in devices
        for key, name in _MEASURED.items()
        if device.get(key) is not None
    }
    for device in devices:
        for container, held in (device.get("containers") or {}).items():
            key = f'gpu_container_memory_bytes{{container="{container[:12]}"}}'
            values[key] = values.get(key, 0.0) + held
    return values
