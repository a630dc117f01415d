"""What is kept of the GPUs: all that the child tells, whose processes are on them, and never at a look's cost."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from time import monotonic
from typing import Any

import pytest

from nemo_watchdog.model import Outcome
from nemo_watchdog.ports import EvidenceSource, Probe, ProbeContext
from nemo_watchdog.probes import PROBES
from nemo_watchdog.probes.gpu import nvml
from nemo_watchdog.probes.gpu.evidence import gpus_text
from nemo_watchdog.runtime.clock import SystemClock
from nemo_watchdog.testing.fakes import FakeContainers
from tests.unit.probes.gpu.conftest import Control
from tests.unit.probes.making import Deaf, probing

GEMMA, OTHER = "a" * 64, "b" * 64
MIB = 1 << 20
SLOWED = "clock event reasons 0x48: the hardware slows it down, it is too hot (hardware slowdown)"


@pytest.fixture
async def probe(control: Control) -> AsyncIterator[Probe]:
    async with probing("gpu", {}, timeout=10.0) as made:
        yield made


async def told(probe: Probe) -> str:
    assert isinstance(probe, EvidenceSource)
    (question,) = probe.evidence().items()
    assert question[0] == "gpus.txt"
    return await question[1]()


async def test_each_gpu_is_told_with_what_is_on_it(probe: Probe, control: Control) -> None:
    """All GPUs; a process of this machine is of no container."""
    control(devices=2, used=60 * MIB, total=80 * MIB, pid=os.getpid(), vram=50 * MIB, clocks=0x48, ecc=2, action=1)
    first, second = (await told(probe)).split("\nGPU 1: NVIDIA Stub 2 GPU-stub-2\n")
    assert first.splitlines() == [
        "GPU 0: NVIDIA Stub 1 GPU-stub-1",
        "  memory 60 MiB of 80 MiB used",
        "  utilisation 25%, 55 °C, slows down at 92 °C, 150 W, 50% of its limit",
        f"  graphics clock 1200 MHz of 1980, memory clock 9500 MHz of 9501, {SLOWED}, 16 PCIe lanes",
        "  2 uncorrected memory errors since the driver loaded, 2 ever, 3 remapped rows, 3 PCIe replays",
        "  persistence mode on",
        "  wants a reset of the GPU",
        f"  process {os.getpid()}: 50 MiB, of no container that can be seen",
    ]
    assert second.splitlines() == first.splitlines()[1:]


async def test_what_waits_for_a_reset_is_told(probe: Probe, control: Control) -> None:
    control(remap_pending=1, remap_failed=1, retire_pending=1, persistence=0)
    text = await told(probe)
    assert (
        "a row waits for a reset to be remapped, a row could not be remapped, a page waits for a reset to be retired"
    ) in text
    assert "persistence mode off" in text
    assert "no process is on it" in text


NEW = ["nvmlDeviceGetName", "nvmlDeviceGetUUID", "nvmlDeviceGetPersistenceMode", "nvmlDeviceGetClockInfo"]


@pytest.mark.parametrize("symbol", [*NEW, "nvmlDeviceGetMaxClockInfo", "nvmlDeviceGetComputeRunningProcesses_v3"])
async def test_what_is_not_supported_is_left_out(probe: Probe, control: Control, symbol: str) -> None:
    control(**{symbol: 3})
    text = await told(probe)
    assert "GPU 0" in text
    assert "utilisation 25%" in text
    assert "more of it" not in text


async def test_what_fails_there_is_no_trouble_of_a_look(probe: Probe, control: Control) -> None:
    """A look at the same time takes the same answer, and judges only its own readings."""
    control(nvmlDeviceGetName=15, nvmlDeviceGetPciInfo_v3="0:300")
    text, finding = await asyncio.gather(told(probe), probe.look())
    assert finding.outcome is Outcome.OK
    assert "more of it: it fell off the bus or is not accessible" in text


async def test_a_gpu_that_is_lost_is_told_as_such(probe: Probe, control: Control) -> None:
    control(nvmlDeviceGetHandleByIndex_v2=15)
    text = await told(probe)
    assert text.startswith("GPU 0\n  its readings: it fell off the bus or is not accessible")
    assert "which processes are on it is not told" in text
    control(devices=0)
    assert await told(probe) == "the driver has no GPU"


async def test_no_driver(probe: Probe, control: Control) -> None:
    control(nvmlInitWithFlags=9)
    assert await told(probe) == "NVML: the NVIDIA driver is not loaded (NVML code 9)"


async def test_a_driver_that_hangs_is_told_in_time_and_left_to_the_looks(control: Control) -> None:
    """Nobody is killed for evidence before a look would, and no second process joins the first in the driver."""
    control(nvmlDeviceGetMemoryInfo="0:30000")
    async with probing("gpu", {}, timeout=0.3) as probe:
        assert (await probe.look()).outcome is Outcome.FAILED
        (shared,) = nvml._shared.values()
        assert shared.child._running is not None
        first = shared.child._running.process.pid
        began = monotonic()
        text = await told(probe)
        assert monotonic() - began < 4.0
        assert text.startswith("the NVIDIA driver hangs: no answer for ")
        assert shared.child._running.process.pid == first


async def test_it_waits_for_a_look_that_is_under_way(control: Control) -> None:
    """The look gets the answer to its own question, and nobody gets the other one's."""
    control(nvmlDeviceGetMemoryInfo="0:200")
    async with probing("gpu", {}, timeout=10.0) as probe:
        finding, text, second = await asyncio.gather(probe.look(), told(probe), probe.look())
        assert finding.outcome is second.outcome is Outcome.OK
        assert "GPU-stub-1" in text


async def test_cancelled_it_leaves_the_child_usable(probe: Probe, control: Control) -> None:
    """Its question stays asked, and a look takes the answer."""
    control(nvmlDeviceGetMemoryInfo="0:200")
    task = asyncio.create_task(told(probe))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await probe.look()).outcome is Outcome.OK
    assert "GPU-stub-1" in await told(probe)


async def test_a_child_that_cannot_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvml, "_COMMAND", ("/nonexistent/python",))
    async with probing("gpu", {}) as probe:
        assert await told(probe) == "the process that reads NVML did not start: No such file or directory"


def device(**more: Any) -> dict[str, Any]:
    return {"index": 0, "error": None, "containers": {}, "more": {"error": None, **more}}


def process(pid: int, container: str | None, memory: int | None = MIB) -> dict[str, Any]:
    return {"pid": pid, "memory": memory, "container": container}


async def replying(monkeypatch: pytest.MonkeyPatch, containers: FakeContainers | None, *devices: Any) -> str:
    """What is told of a child that answers with these devices."""
    answer = {"devices": devices, "xids": []}
    script = f"import json\nwhile input(): print(json.dumps({answer!r}), flush=True)"
    monkeypatch.setattr(nvml, "_COMMAND", (sys.executable, "-c", script))
    kind = PROBES["gpu"]
    probe = kind.make(kind.options(), ProbeContext("gpu", 10.0, 10.0, None, containers))
    try:
        return await told(probe)
    finally:
        await probe.close()


async def test_processes_bear_the_names_of_their_containers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The largest first; of a container that Docker does not know any more the beginning of its id."""
    containers = FakeContainers(SystemClock(), [GEMMA])
    containers.inspections[GEMMA] = {"Name": "/app_gemma", "Id": GEMMA}
    on_it = device(processes=[process(7, OTHER, None), process(8, GEMMA), process(9, None, 3 * MIB)])
    assert (await replying(monkeypatch, containers, on_it)).splitlines()[1:] == [
        "  process 9: 3 MiB, of no container that can be seen",
        "  process 8: 1 MiB, container app_gemma",
        f"  process 7: memory unknown, container {OTHER[:12]}",
    ]


async def test_a_docker_that_does_not_tell_costs_the_names_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    on_it = device(processes=[process(8, GEMMA)])
    for containers in (Deaf(), None):
        assert f"process 8: 1 MiB, container {GEMMA[:12]}" in await replying(monkeypatch, containers, on_it)


def test_xids_are_told_with_their_age_and_their_container() -> None:
    xids = [
        {"gpu": 0, "code": 31, "at": 940.0, "container": GEMMA},
        {"gpu": None, "code": 79, "at": 990.0, "container": None},
    ]
    first, second = gpus_text({"devices": [], "xids": xids}, {GEMMA: "gemma"}, 1000.0).splitlines()
    assert first.startswith("GPU 0 gave Xid 31")
    assert first.endswith(" 1m ago, of container gemma; NVIDIA's advice: restart the application")
    assert second.endswith(" 10s ago; NVIDIA's advice: restart the machine")


def test_of_very_many_processes_the_largest_are_told() -> None:
    many = device(processes=[process(pid, None, pid * MIB) for pid in range(1, 61)])
    lines = gpus_text({"devices": [many], "xids": []}, {}, 0.0).splitlines()
    assert lines[1].startswith("  process 60: 60 MiB")
    assert lines[-1] == "  … 10 more processes"
