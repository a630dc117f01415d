"""What is kept of the machine: its figures, its disks, its largest processes, and what its kernel says."""

from __future__ import annotations

import asyncio
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from nemo_watchdog.ports import EvidenceSource
from nemo_watchdog.probes.host import evidence, readings
from nemo_watchdog.probes.host.evidence import machine_questions
from nemo_watchdog.probes.host.kernel_log import MOST_LINES, kernel_text
from tests.unit.probes.making import probing

MEMINFO = (
    "MemTotal: 8388608 kB\nMemAvailable: 524288 kB\nSwapFree: 0 kB\nVmallocTotal: 34359738367 kB\nHugePages_Total: 0\n"
)
Log = Callable[..., None]


async def test_this_machine_is_told() -> None:
    """Without a policy, and again and again."""
    questions = machine_questions(["/proc"])
    assert set(questions) == {"host.txt", "kernel.txt"}
    for _ in range(2):
        told = await questions["host.txt"]()
        for pattern in (
            r"^up for ",
            r"^load [\d.]+ [\d.]+ [\d.]+ \(1, 5 and 15 minutes\) on \d+ cores, \d+ of \d+ tasks run$",
            r"^MemAvailable \d",
            r"^(cpu|memory|io) pressure: ",
            r"^/proc: ",
            r"^/: [\d.]+ .iB of [\d.]+ .iB free \(\d+%\)",
            r"^the 5 largest processes:$",
            r"^  \d.* process \d+ .+, state [A-Z]$",
        ):
            assert re.search(pattern, told, re.MULTILINE), (pattern, told)
    assert await questions["kernel.txt"]()


async def test_a_host_probe_tells_of_the_mounts_of_its_policy() -> None:
    options = {"min_disk_free": {"/proc": 0}, "min_inodes_free": {"/sys": 0}}
    async with probing("host", options) as probe:
        assert isinstance(probe, EvidenceSource)
        told = (await probe.evidence()["host.txt"]()).splitlines()
        assert set(probe.evidence()) == {"host.txt", "kernel.txt"}
    assert [line.partition(":")[0] for line in told if line.startswith("/")] == ["/proc", "/sys", "/"]


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A /proc of a few files."""
    monkeypatch.setattr(readings, "PROC", tmp_path)
    files = {"meminfo": MEMINFO, "loadavg": "9.50 8.00 7.00 3/512 4242\n", "uptime": "90000.5 1.0\n"}
    for number, name, pages in ((7, "redis) (server", 512), (8, "gem\nma", 2048), (9, "idle", 0)):
        files[f"{number}/stat"] = f"{number} ({name}) D 1 1\n"
        files[f"{number}/statm"] = f"9999 {pages} 1\n"
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


async def test_figures_of_another_machine(proc: Path) -> None:
    """What its kernel does not show is left out, or said not to be told; a process's name is data."""
    told = (await machine_questions([])["host.txt"]()).splitlines()
    assert told[0] == "up for 1d01h"
    assert told[1].startswith("load 9.50 8.00 7.00 (1, 5 and 15 minutes) on ")
    assert told[1].endswith(" cores, 3 of 512 tasks run")
    assert told[3:6] == ["MemTotal 8.0 GiB", "MemAvailable 512 MiB", "SwapFree 0 KiB"]
    assert "cpu pressure: the kernel does not tell" in told
    page = os.sysconf("SC_PAGE_SIZE")
    assert told[-5:] == [
        "the 3 largest processes:",
        f"  {2048 * page >> 20} MiB process 8 gem\\nma, state D",
        f"  {512 * page >> 20} MiB process 7 redis) (server, state D",
        "  0 KiB process 9 idle, state D",
        "  those of others are hidden from the watchdog (ProtectProc of its unit)",
    ]


async def test_a_proc_that_tells_nothing(proc: Path) -> None:
    for path in sorted(proc.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    told = await machine_questions([])["host.txt"]()
    assert told.startswith("how long it is up is not told\n")
    assert "the 0 largest processes:" in told


async def test_a_file_system_that_hangs_costs_its_own_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked by one thread only, however often somebody asks; the others answer."""
    over, asked = threading.Event(), []
    statvfs = os.statvfs

    def hanging(path: str) -> os.statvfs_result:
        if path == "/dead":
            asked.append(path)
            over.wait(20)
            raise OSError(5, "Input/output error")
        return statvfs(path)

    monkeypatch.setattr(os, "statvfs", hanging)
    monkeypatch.setattr(evidence, "FOR_EVIDENCE", 1.5)
    questions = machine_questions(["/dead", "/none"])
    first = await questions["host.txt"]()
    second = await questions["host.txt"]()
    over.set()
    assert "\n/dead did not answer within 1.5s\n" in first
    assert "\n/none cannot be read: No such file or directory\n" in first
    assert "\n/: " in first
    assert "\n/dead has not answered since it was asked before\n" in second
    assert asked == ["/dead"]


@pytest.fixture
def log(tmp_path: Path) -> Log:
    """Appends a record as /dev/kmsg gives it, of so many seconds ago."""

    def write(text: str, ago: float = 60.0, priority: int = 3) -> None:
        with (tmp_path / "kmsg").open("a") as file:
            file.write(f"{priority},900,{(time.monotonic() - ago) * 1e6:.0f},-;{text}\n SUBSYSTEM=pci\n")

    return write


WANTED = [
    "Out of memory: Killed process 4242 (python3) total-vm:99999kB",
    "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null)",
    "NVRM: Xid (PCI:0000:65:00): 31, pid=4242, name=python3, Ch 00000010",
    "INFO: task postgres:4242 blocked for more than 120 seconds.",
    "watchdog: BUG: soft lockup - CPU#3 stuck for 23s!",
    "blk_update_request: I/O error, dev sda, sector 2048",
    "EXT4-fs error (device sda1): ext4_find_entry:1455: inode #2",
    "nfs: server filer not responding, still trying",
]


@pytest.mark.parametrize("line", WANTED)
def test_what_matters_of_the_kernels_log_is_told_with_its_time(line: str, log: Log, tmp_path: Path) -> None:
    log("eth0: link becomes ready")
    log(line, ago=600.0)
    at, _, text = kernel_text(str(tmp_path / "kmsg")).partition(" ")
    assert text == line
    told = datetime.strptime(at, "%Y-%m-%dT%H:%M:%S%z")
    assert abs(told - (datetime.now(UTC) - timedelta(seconds=600))) < timedelta(seconds=60)


def test_old_lines_and_those_of_others_are_left_out(log: Log, tmp_path: Path) -> None:
    """Who may write to the log cannot speak as the kernel: its facility is 0."""
    log(WANTED[0], ago=3700.0)
    log("Out of memory: says a process", priority=1 << 3 | 3)
    assert kernel_text(str(tmp_path / "kmsg")) == (
        "nothing of memory kills, GPUs, hung tasks and disks in the last hour"
    )


def test_of_very_many_lines_the_newest_are_told(log: Log, tmp_path: Path) -> None:
    for number in range(MOST_LINES + 7):
        log(f"I/O error {number}")
    lines = kernel_text(str(tmp_path / "kmsg")).splitlines()
    assert lines[0] == "… 7 earlier lines of it are left out"
    assert lines[1].endswith("I/O error 7")
    assert lines[-1].endswith(f"I/O error {MOST_LINES + 6}")


def test_a_log_that_may_not_be_read_says_what_opens_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As under the shipped unit, whose rights stay as they are."""

    def refuse(*_: object) -> int:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "open", refuse)
    assert kernel_text() == (
        "the watchdog may not read /dev/kmsg (Operation not permitted): the shipped unit closes the kernel's log"
        " (ProtectKernelLogs, DevicePolicy), and docs/probes/gpu.md has what opens it"
    )
    monkeypatch.undo()
    assert kernel_text(str(tmp_path / "none")) == f"there is no {tmp_path / 'none'} here"


def test_records_that_were_overwritten_are_passed_over(
    log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The device says so with EPIPE, and with EAGAIN that there is no more."""
    log(WANTED[0])
    data = (tmp_path / "kmsg").read_bytes()
    answers: Iterator[bytes | OSError] = iter([BrokenPipeError(), data, BlockingIOError()])

    def read(*_: object) -> bytes:
        answer = next(answers)
        if isinstance(answer, OSError):
            raise answer
        return answer

    monkeypatch.setattr(os, "read", read)
    assert kernel_text(str(tmp_path / "kmsg")).endswith(WANTED[0])
    assert next(answers, None) is None


async def test_cancelled_it_can_be_asked_again() -> None:
    questions = machine_questions([])
    for question in questions.values():
        asking = asyncio.ensure_future(question())
        await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        async with asyncio.timeout(10):
            while "since it was asked before" in (told := await question()):
                await asyncio.sleep(0.01)
        assert told
