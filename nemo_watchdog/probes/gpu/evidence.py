"""The GPUs for people to read, from one answer of the child that was asked for all: a line for each thing. No IO.

What the driver does not tell (None) is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nemo_watchdog.durations import duration
from nemo_watchdog.errors import in_one_line
from nemo_watchdog.probes.gpu.judge import RECOVERY, THROTTLES, code_failure
from nemo_watchdog.probes.gpu.xid_table import action_of, describe
from nemo_watchdog.sizes import size

_MOST_PROCESSES = 50
_ON = {0: "off", 1: "on"}


def gpus_text(answer: Mapping[str, Any], names: Mapping[str, str], now: float) -> str:
    """`names` of containers by their ids; `now` in monotonic seconds."""
    lines = [line for device in answer["devices"] for line in _device(device, names)]
    for xid in answer["xids"]:
        where = "a GPU" if xid["gpu"] is None else f"GPU {xid['gpu']}"
        whose = f", of {_container(xid['container'], names)}" if xid["container"] else ""
        ago = duration(max(now - xid["at"], 0.0))
        lines.append(
            f"{where} gave {describe(xid['code'])} {ago} ago{whose}; NVIDIA's advice: {action_of(xid['code'])}"
        )
    return "\n".join(lines or ["the driver has no GPU"])


def containers_in(answer: Mapping[str, Any]) -> list[str]:
    """The ids of the containers that have a process on a GPU."""
    found = [each["container"] for device in answer["devices"] for each in device["more"].get("processes") or ()]
    return list(dict.fromkeys(container for container in found if container))


def _device(device: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[str]:
    more = device["more"]
    named = " ".join(in_one_line(str(more[key])) for key in ("name", "uuid") if more.get(key))
    yield f"GPU {device['index']}{': ' if named else ''}{named}"
    if device["error"] is not None:
        yield f"  {code_failure('its readings', device['error']).detail}"
    for line in filter(None, (_memory(device, more), _load(device), _clocks(device, more), _errors(device))):
        yield f"  {line}"
    if more.get("persistence") is not None:
        yield f"  persistence mode {_ON.get(more['persistence'], more['persistence'])}"
    if action := device.get("recovery_action"):
        yield f"  wants {RECOVERY.get(action, f'recovery action {action}')}"
    if more["error"] is not None:
        yield f"  {code_failure('more of it', more['error']).detail}"
    yield from _processes(more.get("processes"), names)


def _memory(device: Mapping[str, Any], more: Mapping[str, Any]) -> str:
    used, total = device.get("memory_used"), more.get("memory_total")
    if used is None:
        return ""
    return f"memory {size(used)} used" if total is None else f"memory {size(used)} of {size(total)} used"


def _load(device: Mapping[str, Any]) -> str:
    told = []
    if (busy := device.get("utilization_ratio")) is not None:
        told.append(f"utilisation {busy:.0%}")
    if (degrees := device.get("temperature")) is not None:
        told.append(f"{degrees} °C")
    if (slowdown := device.get("slowdown_temperature")) is not None:
        told.append(f"slows down at {slowdown} °C")
    if (watts := device.get("power_watts")) is not None:
        of_limit = device.get("power_ratio")
        told.append(f"{watts:.0f} W" + ("" if of_limit is None else f", {of_limit:.0%} of its limit"))
    return ", ".join(told)


def _clocks(device: Mapping[str, Any], more: Mapping[str, Any]) -> str:
    told = [
        f"{kind} clock {now} MHz" + ("" if most is None else f" of {most}")
        for kind, (now, most) in (more.get("clocks") or {}).items()
        if now is not None
    ]
    reasons = device.get("clock_event_reasons")
    if reasons is not None:
        slowed = [text for bit, text in THROTTLES.items() if reasons & bit]
        told.append(f"clock event reasons {reasons:#x}: {', '.join(slowed) or 'no fault slows it down'}")
    if (width := device.get("pcie_width")) is not None:
        told.append(f"{width} PCIe lanes")
    return ", ".join(told)


def _errors(device: Mapping[str, Any]) -> str:
    told = []
    for key, words in (
        ("ecc_uncorrected", "uncorrected memory errors since the driver loaded"),
        ("ecc_uncorrected_ever", "ever"),
        ("remapped_rows", "remapped rows"),
        ("pcie_replays", "PCIe replays"),
    ):
        if device.get(key) is not None:
            told.append(f"{device[key]} {words}")
    for key, words in (
        ("remapping_pending", "a row waits for a reset to be remapped"),
        ("remapping_failed", "a row could not be remapped"),
        ("retirement_pending", "a page waits for a reset to be retired"),
    ):
        if device.get(key):
            told.append(words)
    return ", ".join(told)


def _processes(processes: list[Mapping[str, Any]] | None, names: Mapping[str, str]) -> Iterator[str]:
    if processes is None:
        yield "  which processes are on it is not told"
        return
    if not processes:
        yield "  no process is on it"
    largest = sorted(processes, key=lambda each: each["memory"] or 0, reverse=True)
    for each in largest[:_MOST_PROCESSES]:
        held = "memory unknown" if each["memory"] is None else size(each["memory"])
        yield f"  process {each['pid']}: {held}, {_container(each['container'], names)}"
    if len(largest) > _MOST_PROCESSES:
        yield f"  … {len(largest) - _MOST_PROCESSES} more processes"


def _container(container: str | None, names: Mapping[str, str]) -> str:
    """None: of none, or the process is hidden from the watchdog."""
    if container is None:
        return "of no container that can be seen"
    return f"container {in_one_line(names.get(container, container[:12]))}"
