"""The gpu probe through the real pynvml in a real child process, on top of a stand-in for NVIDIA's library."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from nemo_watchdog.model import Category, Outcome, Reason
from nemo_watchdog.ports import Probe
from nemo_watchdog.probes.gpu import nvml
from tests.nvml_stub.build import build_stub
from tests.unit.probes.gpu.conftest import Control
from tests.unit.probes.making import make, probing


@pytest.fixture
async def probe(control: Control) -> AsyncIterator[Probe]:
    async with probing("gpu", {"max_memory": "97%", "max_temperature": 90, "min_pcie_width": 16}, timeout=10.0) as made:
        yield made


async def test_healthy_gpu_is_well_and_measured(probe: Probe) -> None:
    """A healthy GPU is well; memory, temperature and utilisation are measured in base units."""
    finding = await probe.look()
    assert finding.outcome is Outcome.OK
    assert finding.measurements == {
        'gpu_memory_used_bytes{gpu="0"}': 40.0,
        'gpu_memory_used_ratio{gpu="0"}': 0.4,
        'gpu_temperature_celsius{gpu="0"}': 55.0,
        'gpu_utilization_ratio{gpu="0"}': 0.25,
        'gpu_power_watts{gpu="0"}': 150.0,
        'gpu_power_limit_ratio{gpu="0"}': 0.5,
        'gpu_ecc_uncorrected_errors{gpu="0"}': 0.0,
        'gpu_ecc_uncorrected_errors_lifetime{gpu="0"}': 0.0,
        'gpu_remapped_rows{gpu="0"}': 3.0,
        'gpu_pcie_replays{gpu="0"}': 3.0,
    }


@pytest.mark.parametrize(
    ("answers", "outcome", "reason"),
    [
        ({"nvmlDeviceGetMemoryInfo": 15}, Outcome.FAILED, Reason.GPU_LOST),
        ({"nvmlDeviceGetHandleByIndex_v2": 15}, Outcome.FAILED, Reason.GPU_LOST),
        ({"nvmlDeviceGetUtilizationRates": 16}, Outcome.FAILED, Reason.GPU_RESET_REQUIRED),
        ({"action": 1}, Outcome.FAILED, Reason.GPU_RESET_REQUIRED),
        ({"action": 2}, Outcome.FAILED, Reason.GPU_RESET_REQUIRED),
        ({"action": 9}, Outcome.FAILED, Reason.GPU_RESET_REQUIRED),
        ({"nvmlInitWithFlags": 18}, Outcome.FAILED, Reason.DRIVER_MISMATCH),
        ({"nvmlInitWithFlags": 9}, Outcome.FAILED, Reason.NVML_UNAVAILABLE),
        ({"nvmlInitWithFlags": 4}, Outcome.FAILED, Reason.PERMISSION_DENIED),
        ({"nvmlDeviceGetCount_v2": 999}, Outcome.FAILED, Reason.NVML_UNAVAILABLE),
        ({"nvmlDeviceGetMemoryInfo": 10}, Outcome.FAILED, Reason.DRIVER_STUCK),
        ({"devices": 0}, Outcome.FAILED, Reason.WRONG_TARGET),
        ({"ecc": 2}, Outcome.DEGRADED, Reason.ECC_ERROR),
        ({"used": 98}, Outcome.DEGRADED, Reason.MEMORY_HIGH),
        ({"temperature": 91}, Outcome.DEGRADED, Reason.TEMPERATURE_HIGH),
        ({"temperature": 91, "used": 98, "ecc": 1, "action": 1}, Outcome.FAILED, Reason.GPU_RESET_REQUIRED),
        ({"remap_pending": 1}, Outcome.DEGRADED, Reason.GPU_RESET_REQUIRED),
        ({"remap_failed": 1}, Outcome.DEGRADED, Reason.ECC_ERROR),
        ({"retire_pending": 1}, Outcome.DEGRADED, Reason.GPU_RESET_REQUIRED),
        ({"clocks": 0x8}, Outcome.DEGRADED, Reason.GPU_THROTTLED),
        ({"clocks": 0x21}, Outcome.DEGRADED, Reason.GPU_THROTTLED),
        ({"clocks": 0x40}, Outcome.DEGRADED, Reason.GPU_THROTTLED),
        ({"clocks": 0x80}, Outcome.DEGRADED, Reason.GPU_THROTTLED),
        ({"clocks": 0x1 | 0x2 | 0x4 | 0x10 | 0x100}, Outcome.OK, None),
        ({"width": 8}, Outcome.DEGRADED, Reason.GPU_ERROR),
        ({"slowdown": 54}, Outcome.DEGRADED, Reason.TEMPERATURE_HIGH),
        ({"temperature": 90, "used": 97}, Outcome.OK, None),
    ],
)
async def test_every_trouble_has_its_reason_and_none_is_a_fault(
    probe: Probe, control: Control, answers: dict[str, int], outcome: Outcome, reason: Reason | None
) -> None:
    """Each answer of the driver maps to one reason, and no GPU trouble is ever a reason to restart a container."""
    control(**answers)
    finding = await probe.look()
    assert (finding.outcome, finding.reason) == (outcome, reason)
    if finding.reason is not None:
        assert finding.reason.category is not Category.FAULT


@pytest.mark.parametrize(
    "symbol",
    [
        "nvmlDeviceGetMemoryInfo",
        "nvmlDeviceGetTemperature",
        "nvmlDeviceGetUtilizationRates",
        "nvmlDeviceGetTotalEccErrors",
        "nvmlDeviceGetFieldValues",
        "nvmlDeviceGetTemperatureThreshold",
        "nvmlDeviceGetPowerUsage",
        "nvmlDeviceGetEnforcedPowerLimit",
        "nvmlDeviceGetCurrentClocksEventReasons",
        "nvmlDeviceGetRemappedRows",
        "nvmlDeviceGetRetiredPagesPendingStatus",
        "nvmlDeviceGetPcieReplayCounter",
        "nvmlDeviceGetCurrPcieLinkWidth",
        "nvmlDeviceGetComputeRunningProcesses_v3",
        "nvmlDeviceGetPciInfo_v3",
        "nvmlEventSetCreate",
        "nvmlDeviceGetSupportedEventTypes",
        "nvmlDeviceRegisterEvents",
        "nvmlEventSetWait_v2",
    ],
)
async def test_what_is_not_supported_is_unknown_and_not_unhealthy(probe: Probe, control: Control, symbol: str) -> None:
    """A consumer card has no ECC counter and an old driver no recovery action: both are well."""
    control(**{symbol: 3})
    assert (await probe.look()).outcome is Outcome.OK


async def test_field_that_failed_by_itself_is_unknown(probe: Probe, control: Control) -> None:
    """Each field value has its own return code; the value of a failed one is not looked at."""
    control(action=1, action_return=3)
    assert (await probe.look()).outcome is Outcome.OK


async def test_library_without_a_function_is_well(
    tmp_path: Path, control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A library that lacks a symbol lacks one reading, and no more."""
    monkeypatch.setenv("LD_LIBRARY_PATH", str(await asyncio.to_thread(build_stub, tmp_path / "old", "OLD_LIBRARY")))
    async with probing("gpu", {"max_temperature": 1}, timeout=10.0) as probe:
        finding = await probe.look()
    assert finding.outcome is Outcome.OK
    assert "gpu_temperature_celsius" not in str(finding.measurements)


async def test_missing_library_is_blind(control: Control, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without NVIDIA's library there is nothing to see; the next look tries again with a fresh process."""
    library = os.environ["LD_LIBRARY_PATH"]
    (tmp_path / "libnvidia-ml.so.1").touch()  # found before the one that this machine may have, and cannot be loaded
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    async with probing("gpu", {}, timeout=10.0) as probe:
        assert (await probe.look()).reason is Reason.NVML_UNAVAILABLE
        monkeypatch.setenv("LD_LIBRARY_PATH", library)
        assert (await probe.look()).outcome is Outcome.OK


async def test_gpu_that_was_seen_and_is_gone_is_lost(probe: Probe, control: Control) -> None:
    """A device that vanishes from the list was lost; one that never was there is a mistake of the policy."""
    assert (await probe.look()).outcome is Outcome.OK
    control(devices=0)
    assert (await probe.look()).reason is Reason.GPU_LOST


async def test_one_device_of_many(control: Control) -> None:
    """With an index only that device counts; without one the worst of all counts, and one child serves both."""
    control(devices=2)
    async with (
        probing("gpu", {"device": 1}, timeout=10.0) as second,
        probing("gpu", {}, timeout=10.0) as every,
        probing("gpu", {"device": 2}, timeout=10.0) as third,
    ):
        findings = await asyncio.gather(second.look(), every.look(), third.look())
        (shared,) = nvml._shared.values()
        assert shared.users == 3
    assert [finding.reason for finding in findings] == [None, None, Reason.WRONG_TARGET]
    assert findings[1].detail == "2 GPUs"
    assert not nvml._shared


async def test_call_that_hangs_is_declared_and_the_child_is_killed(control: Control) -> None:
    """A driver call that blocks ends in DRIVER_STUCK within the look, the loop runs on, and the next child is fresh."""
    async with probing("gpu", {"stuck_after": "500ms"}, timeout=10.0) as probe:
        assert (await probe.look()).outcome is Outcome.OK
        (shared,) = nvml._shared.values()
        assert shared.child._running is not None
        first = shared.child._running.process
        control(nvmlDeviceGetMemoryInfo="0:30000")
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0.01)

        ticker = asyncio.create_task(tick())
        began = monotonic()
        finding = await probe.look()
        ticker.cancel()
        assert finding.reason is Reason.DRIVER_STUCK
        assert Reason.DRIVER_STUCK.category is Category.BLIND
        assert monotonic() - began < 2.0
        assert ticks > 20
        control()
        assert (await probe.look()).outcome is Outcome.OK
        assert first.poll() == -9


async def test_look_that_times_out_leaves_the_question_asked(control: Control) -> None:
    """A look shorter than the driver's call is blind, and a later look joins the same question instead of killing."""
    control(nvmlDeviceGetMemoryInfo="0:1200")
    async with probing("gpu", {}, timeout=0.4) as probe:
        findings = [await probe.look()]
        (shared,) = nvml._shared.values()
        assert shared.child._running is not None
        first = shared.child._running.process.pid
        while findings[-1].reason is Reason.DRIVER_STUCK:
            findings.append(await probe.look())
        assert findings[-1].outcome is Outcome.OK
        assert len(findings) > 2
        assert shared.child._running.process.pid == first


async def test_no_second_child_while_the_first_lives(control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that survives its kill, as one in an uninterruptible call does, keeps a second from being started."""
    control(nvmlDeviceGetMemoryInfo="0:30000")
    monkeypatch.setattr(subprocess.Popen, "kill", lambda self: None)
    async with probing("gpu", {"stuck_after": "300ms"}, timeout=1.0) as probe:
        findings = [await probe.look() for _ in range(3)]
        assert [finding.reason for finding in findings] == [Reason.DRIVER_STUCK] * 3
        assert "still in the driver" in findings[-1].detail
        (shared,) = nvml._shared.values()
        stuck = shared.child._dying
        assert stuck is not None
        assert shared.child._running is None
        monkeypatch.undo()
        began = monotonic()
    assert monotonic() - began < 1.0
    assert nvml._left_behind == [stuck]
    stuck.kill()
    await asyncio.to_thread(stuck.wait, 5)
    fresh = nvml.NvmlChild()
    assert await fresh._gone(monotonic())
    assert nvml._left_behind == []


async def test_child_that_crashes_is_blind_and_replaced(probe: Probe, control: Control) -> None:
    """A library that crashes takes only the child with it."""
    control(nvmlDeviceGetMemoryInfo=-11)
    finding = await probe.look()
    assert finding.reason is Reason.NVML_UNAVAILABLE
    control()
    assert (await probe.look()).outcome is Outcome.OK


async def test_cancelled_look_leaves_the_child_usable(probe: Probe) -> None:
    """A look that is cancelled before its answer does not shift the answers of later ones."""
    task = asyncio.create_task(probe.look())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await probe.look()).outcome is Outcome.OK


async def test_child_that_talks_nonsense_is_blind(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that is no JSON object ends the child and is no exception."""
    monkeypatch.setattr(nvml, "_COMMAND", (sys.executable, "-c", "input(); print('nonsense'); input()"))
    async with probing("gpu", {}, timeout=10.0) as probe:
        finding = await probe.look()
    assert finding.reason is Reason.NVML_UNAVAILABLE
    assert "makes no sense" in finding.detail


async def test_child_that_cannot_start_is_the_watchdogs_own_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that cannot be made says nothing about the GPU."""
    monkeypatch.setattr(nvml, "_COMMAND", ("/nonexistent/python",))
    async with probing("gpu", {}) as probe:
        assert (await probe.look()).reason is Reason.WATCHDOG_OVERLOADED


def test_stuck_child_does_not_hold_up_the_exit(control: Control) -> None:
    """A daemon whose NVML child hangs ends at once."""
    control(nvmlInitWithFlags="0:15000")
    script = (
        "import asyncio\n"
        "from tests.unit.probes.making import make\n"
        "async def main():\n"
        "    print((await make('gpu', {}, 0.5).look()).reason.value)\n"
        "asyncio.run(main())\n"
    )
    began = monotonic()
    root = Path(__file__).parents[4]
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=root, capture_output=True, text=True, timeout=20, check=True
    )
    assert done.stdout.strip() == "driver_stuck"
    assert monotonic() - began < 8


def test_child_imports_no_other_probe(control: Control) -> None:
    """The child is small: it loads pynvml and no client of another server."""
    script = (
        "import json, sys\n"
        "import nemo_watchdog.probes.gpu.child\n"
        "print(json.dumps([name for name in ('aiohttp', 'asyncpg', 'redis', 'pydantic') if name in sys.modules]))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=20, check=True)
    assert json.loads(done.stdout) == []


@pytest.mark.parametrize("options", [{"device": -1}, {"max_temperature": 0}, {"stuck_after": "1m"}])
def test_absurd_options_are_refused(options: dict[str, Any]) -> None:
    """A driver is declared stuck within 45 seconds; indexes and temperatures have their ranges."""
    with pytest.raises(ValueError, match="expected a"):
        make("gpu", options)
