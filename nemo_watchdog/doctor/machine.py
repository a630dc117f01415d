"""The machine itself: does something keep its clock right, and do its GPUs answer?"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from pathlib import Path

from nemo_watchdog.doctor.checkup import Finding, Findings, good, skipped, warning
from nemo_watchdog.doctor.dependencies import remedy_of
from nemo_watchdog.errors import in_one_line
from nemo_watchdog.model import Outcome, Reason
from nemo_watchdog.one_thread import OneThread
from nemo_watchdog.policy.policy import Policy
from nemo_watchdog.ports import ProbeContext
from nemo_watchdog.probes.gpu.probe import GpuOptions, GpuProbe

CLOCK, GPU = "clock", "gpu"
GPU_WITHIN = 6.0

_ERROR = 5
"""The kernel's clock state TIME_ERROR: nothing keeps it right (adjtimex(2))."""
_SIZE_OF_TIMEX = 512
"""Bytes, more than `struct timex` has; all zero it asks and changes nothing."""

_DEVICES = "nvidia[0-9]*"


def kernel_clock() -> int | None:
    """The state of the kernel's clock; None where it may not be asked."""
    try:
        state = int(ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_SIZE_OF_TIMEX)))
    except (OSError, AttributeError):  # a C library that does not have it
        return None
    return state if state >= 0 else None


def look_at_clock(ask: Callable[[], int | None] = kernel_clock) -> Iterator[Finding]:
    state = ask()
    if state is None:
        yield skipped(CLOCK, "the kernel does not say whether it is synchronised")
    elif state == _ERROR:
        yield warning(
            CLOCK,
            "not synchronised, says the kernel: certificates and maintenance windows may be judged wrongly",
            "timedatectl set-ntp true, or install chrony",
        )
    else:
        yield good(CLOCK, "synchronised, says the kernel")


async def look_at_gpu(policy: Policy | None, devices: Path = Path("/dev")) -> Findings:
    """Through the child process of the probe: a driver that hangs takes nothing with it."""
    if policy is not None and any(each.probe == GPU for each in policy.dependencies.values()):
        return  # it is looked at with the other dependencies
    if not await OneThread("nemo-watchdog-devices").run(lambda: any(devices.glob(_DEVICES))):
        yield skipped(GPU, "there is none here, and the policy has no gpu probe")
        return
    probe = GpuProbe(GpuOptions(), ProbeContext(GPU, GPU_WITHIN, GPU_WITHIN))
    try:
        finding = await probe.look()
    finally:
        await probe.close()
    if finding.outcome is Outcome.OK:
        yield good(GPU, f"NVML answers: {finding.detail}")
        return
    reason = finding.reason or Reason.NVML_UNAVAILABLE
    yield warning(GPU, in_one_line(f"{reason.category}: {reason}: {finding.detail}"), remedy_of(reason))
