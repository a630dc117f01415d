"""The host probe against this host, against readings of other hosts, and against file systems that fail or hang."""

from __future__ import annotations

import asyncio
import ctypes
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from nemo_watchdog.model import Category, Finding, Outcome, Reason
from nemo_watchdog.probes.host import probe as module
from nemo_watchdog.probes.host import readings
from tests.unit.probes.making import make, probing

PRESSURE = "some avg10=90.00 avg60=25.50 avg300=1.00 total=1\nfull avg10=99.00 avg60=99.00 avg300=99.00 total=1\n"
WriteProc = Callable[..., None]


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WriteProc:
    """Writes files of a /proc that has nothing else; None removes one."""
    monkeypatch.setattr(readings, "PROC", tmp_path)

    def write(**files: str | None) -> None:
        for name, text in files.items():
            path = tmp_path / {"file_nr": "sys/fs/file-nr", "vmstat": "vmstat"}.get(name, f"pressure/{name}")
            path.parent.mkdir(parents=True, exist_ok=True)
            if text is None:
                path.unlink()
            else:
                path.write_text(text)

    return write


def spacious(**more: int) -> SimpleNamespace:
    """A file system with 20 % of its blocks and 40 % of its inodes free; 5 % of the blocks are root's."""
    values = {"f_blocks": 105, "f_bfree": 25, "f_bavail": 20, "f_files": 100, "f_ffree": 50, "f_favail": 40}
    return SimpleNamespace(**{**values, **more})


async def look(**options: Any) -> Finding:
    async with probing("host", options) as probe:
        return await probe.look()


async def test_this_host_is_measured() -> None:
    """Memory, disk, inodes, files and pressure of this machine are ratios; its counters are none below zero."""
    options = {"min_memory_available": 0, "min_disk_free": {"/": 0, "/proc": 0}, "min_inodes_free": {"/": 0}}
    async with probing("host", options) as probe:
        first, second = await probe.look(), await probe.look()
    assert first.outcome is second.outcome is Outcome.OK
    expected = {"host_memory_available_ratio", "host_disk_free_ratio", "host_load_per_core"}
    expected |= {"host_files_used_ratio", "host_oom_kills"}
    expected |= {"host_inodes_free_ratio"} if os.statvfs("/").f_files else set()
    expected |= {f"host_{path.name}_pressure_ratio" for path in Path("/proc/pressure").glob("[cim]*")}
    assert set(first.measurements) == expected
    assert set(second.measurements) == expected | {"host_clock_jump_seconds"}
    assert all(0 <= value <= 1 for name, value in first.measurements.items() if name.endswith("_ratio"))
    assert abs(second.measurements["host_clock_jump_seconds"]) < 1.0


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({}, None),
        ({"min_memory_available": "20%", "min_disk_free": {"/": "10%"}, "min_inodes_free": {"/": "30%"}}, None),
        ({"min_memory_available": "30%"}, Reason.MEMORY_HIGH),
        ({"min_disk_free": {"/": "30%"}}, Reason.DISK_FULL),
        ({"min_inodes_free": {"/": "50%"}}, Reason.DISK_FULL),
        ({"min_memory_available": "30%", "min_disk_free": {"/": "30%"}}, Reason.DISK_FULL),
    ],
)
async def test_limits(options: Mapping[str, Any], reason: Reason | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Below a limit is degraded; the disk weighs more than memory."""
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=100, available=25))
    monkeypatch.setattr(os, "statvfs", lambda path: spacious())
    finding = await look(**options)
    assert finding.reason is reason
    assert finding.outcome is (Outcome.OK if reason is None else Outcome.DEGRADED)


async def test_details_name_every_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gravest gives the reason and stands first; the others follow it."""
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=100, available=25))
    monkeypatch.setattr(os, "statvfs", lambda path: spacious())
    finding = await look(
        min_memory_available="30%", min_disk_free={"/": "30%", "/a": "10%"}, min_inodes_free={"/b": "50%"}
    )
    assert finding.detail == (
        "/ has 20.0% free, less than 30.0%; /b has 40.0% of its inodes free, less than 50.0%; "
        "25.0% of memory available, less than 30.0%"
    )
    assert finding.measurements["host_disk_free_ratio"] == 0.2
    assert finding.measurements["host_inodes_free_ratio"] == 0.4


async def test_a_file_system_without_a_number_of_inodes_has_no_limit_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """What makes inodes as it needs them (btrfs says 0 of 0) cannot run out of them."""
    monkeypatch.setattr(os, "statvfs", lambda path: spacious(f_files=0, f_favail=0))
    finding = await look(min_inodes_free={"/": "50%"})
    assert finding.outcome is Outcome.OK
    assert "host_inodes_free_ratio" not in finding.measurements


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"max_cpu_pressure": "25%"}, Reason.PRESSURE_HIGH),
        ({"max_memory_pressure": "25%"}, Reason.PRESSURE_HIGH),
        ({"max_io_pressure": "25%"}, Reason.PRESSURE_HIGH),
        ({"max_cpu_pressure": "26%", "max_memory_pressure": "26%", "max_io_pressure": "26%"}, None),
        ({"max_files_used": "79%"}, Reason.FILES_HIGH),
        ({"max_files_used": "80%"}, None),
        ({"max_load_per_core": 1.5}, Reason.CPU_HIGH),
        ({"max_load_per_core": "2"}, None),
    ],
)
async def test_limits_of_the_kernels_figures(
    options: Mapping[str, Any], reason: Reason | None, proc: WriteProc, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pressure is the minute in which some task waited, load is of five minutes and one core: beyond is degraded."""
    proc(cpu=PRESSURE, memory=PRESSURE, io=PRESSURE, file_nr="800\t0\t1000\n")
    monkeypatch.setattr(os, "getloadavg", lambda: (100.0, 8.0, 0.1))
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    finding = await look(**options)
    assert finding.reason is reason
    assert finding.outcome is (Outcome.OK if reason is None else Outcome.DEGRADED)
    assert {finding.measurements[f"host_{each}_pressure_ratio"] for each in ("cpu", "memory", "io")} == {0.255}
    assert finding.measurements["host_files_used_ratio"] == 0.8
    assert finding.measurements["host_load_per_core"] == 2.0


async def test_what_the_kernel_does_not_show_is_left_out(proc: WriteProc, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel without pressure, or a container without these files, has no trouble and no figure of them."""

    def none() -> tuple[float, float, float]:
        raise OSError

    monkeypatch.setattr(os, "getloadavg", none)
    monkeypatch.setattr(readings, "clock_synchronised", lambda: None)
    finding = await look(
        max_cpu_pressure=0,
        max_memory_pressure=0,
        max_io_pressure=0,
        max_files_used=0,
        max_load_per_core=0.01,
        oom_kills_within="1h",
        require_synchronised_clock=True,
    )
    assert finding.outcome is Outcome.OK
    assert set(finding.measurements) == {"host_memory_available_ratio"}


async def test_memory_kills_are_told_for_a_while(proc: WriteProc, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kills before the first look are old; a new one is degraded and busy for the given time, then over."""
    now = 1000.0
    monkeypatch.setattr(module, "monotonic", lambda: now)
    proc(vmstat="nr_free_pages 1\noom_kill 7\n")
    async with probing("host", {"oom_kills_within": "5m"}) as probe, probing("host", {}) as other:
        assert (await probe.look()).outcome is Outcome.OK
        await other.look()
        proc(vmstat="nr_free_pages 1\noom_kill 9\n")
        now += 10
        finding = await probe.look()
        assert (finding.outcome, finding.reason) == (Outcome.DEGRADED, Reason.MEMORY_HIGH)
        assert finding.measurements["host_oom_kills"] == 9
        assert (await other.look()).outcome is Outcome.OK
        now += 299
        assert "4m59s ago (9 since boot)" in (await probe.look()).detail
        now += 1
        assert (await probe.look()).outcome is Outcome.OK


async def test_a_clock_that_jumps_is_blind_for_one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forwards or backwards, against the monotonic clock; without the option it is a figure only."""
    offset = 5000.0
    monkeypatch.setattr(readings, "wall_offset", lambda: offset)
    async with probing("host", {"max_clock_jump": "2s"}) as probe, probing("host", {}) as other:
        for jump, reason in (
            (0.0, None),
            (1.5, None),
            (-60.0, Reason.CLOCK_JUMPED),
            (0.0, None),
            (2.5, Reason.CLOCK_JUMPED),
        ):
            offset += jump
            finding = await probe.look()
            assert finding.reason is reason
            assert (await other.look()).outcome is Outcome.OK
    assert Reason.CLOCK_JUMPED.category is Category.BLIND
    assert finding.measurements["host_clock_jump_seconds"] == 2.5
    assert "+2.5s" in finding.detail


@pytest.mark.parametrize("synchronised", [True, False])
async def test_a_clock_that_nothing_keeps_right(synchronised: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only when the policy requires it, and blind: it says nothing of the host's work."""
    monkeypatch.setattr(readings, "clock_synchronised", lambda: synchronised)
    assert (await look()).outcome is Outcome.OK
    finding = await look(require_synchronised_clock=True)
    assert finding.reason is (None if synchronised else Reason.CLOCK_UNSYNCHRONISED)
    assert finding.measurements["host_clock_synchronised"] == synchronised


def test_the_kernel_is_asked_as_the_kernel_answers() -> None:
    """The layout of struct timex fits this kernel, and TIME_ERROR (5) is how it says unsynchronised."""
    timex = readings._Timex()
    state = ctypes.CDLL(None).adjtimex(ctypes.byref(timex))
    if state < 0:
        assert readings.clock_synchronised() is None
    else:
        assert timex.maxerror > 0
        assert readings.clock_synchronised() is not bool(timex.status & 0x40)
        assert state == 5 or readings.clock_synchronised()


async def test_blindness_hides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that nothing keeps right does not outweigh memory that runs out."""
    monkeypatch.setattr(readings, "clock_synchronised", lambda: False)
    finding = await look(require_synchronised_clock=True, min_memory_available="100%")
    assert finding.reason is Reason.MEMORY_HIGH
    assert "nothing keeps the clock right" in finding.detail


@pytest.mark.parametrize("option", ["min_disk_free", "min_inodes_free"])
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (FileNotFoundError(2, "No such file"), Reason.WRONG_TARGET),
        (PermissionError(13, "Permission denied"), Reason.PERMISSION_DENIED),
        (OSError(116, "Stale file handle"), Reason.IO_ERROR),
    ],
)
async def test_file_system_that_fails(
    error: OSError, reason: Reason, option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mount that is missing or closed to us is a mistake; one that cannot be read is at risk."""

    def broken(path: str) -> Any:
        raise error

    monkeypatch.setattr(os, "statvfs", broken)
    finding = await look(**{option: {"/data": "5%"}})
    assert (finding.outcome, finding.reason) == (Outcome.FAILED, reason)
    assert "/data" in finding.detail


async def test_file_system_that_hangs_blocks_nothing_and_gets_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mount that never answers is an I/O error before the deadline; while its thread hangs no second one starts."""
    release, calls = threading.Event(), 0

    def hang(path: str) -> Any:
        nonlocal calls
        calls += 1
        release.wait(30)
        return spacious()

    monkeypatch.setattr(os, "statvfs", hang)
    async with probing("host", {"min_disk_free": {"/mnt": "5%"}}, timeout=0.3) as probe:
        for detail in ("did not answer within", "since an earlier look", "since an earlier look"):
            finding = await probe.look()
            assert (finding.outcome, finding.reason) == (Outcome.FAILED, Reason.IO_ERROR)
            assert detail in finding.detail
            assert "host_memory_available_ratio" in finding.measurements
        assert calls == 1
        thread = next(thread for thread in threading.enumerate() if thread.name == "nemo-watchdog-disk")
        assert thread.daemon
        release.set()
        await asyncio.to_thread(thread.join, 5)
        assert (await probe.look()).outcome is Outcome.OK


async def test_a_cancelled_look_leaves_its_thread_and_starts_no_second_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cancelling reaches the look at once, although the thread hangs."""
    release = threading.Event()
    monkeypatch.setattr(os, "statvfs", lambda path: release.wait(30) and spacious())
    async with probing("host", {"min_disk_free": {"/mnt": "5%"}}, timeout=60.0) as probe:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await probe.look()
        assert "since an earlier look" in (await probe.look()).detail
        release.set()


@pytest.mark.parametrize("option", ["min_disk_free", "min_inodes_free"])
def test_mounts_are_absolute_paths(option: str) -> None:
    """A relative path would depend on where the daemon was started."""
    with pytest.raises(ValueError, match="expected absolute paths"):
        make("host", {option: {"data": "5%"}})


@pytest.mark.parametrize(
    "wrong", [{"max_load_per_core": 0}, {"max_load_per_core": "nan"}, {"max_clock_jump": "1ms"}, {"max_io_pressure": 2}]
)
def test_options_that_are_mistakes(wrong: Mapping[str, Any]) -> None:
    """A limit that could never be kept, or never be crossed, is refused."""
    with pytest.raises(ValueError, match=r"expected|finite"):
        make("host", wrong)
