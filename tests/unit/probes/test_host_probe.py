"""The host probe against this host, and against file systems that lie, fail or hang."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from nemo_watchdog.model import Outcome, Reason
from tests.unit.probes.making import make, probing


async def test_this_host_is_measured() -> None:
    """Memory and disk of this machine are ratios between 0 and 1."""
    async with probing("host", {"min_memory_available": 0, "min_disk_free": {"/": 0, "/proc": 0}}) as probe:
        finding = await probe.look()
    assert finding.outcome is Outcome.OK
    assert set(finding.measurements) == {"host_memory_available_ratio", "host_disk_free_ratio"}
    assert all(0 <= value <= 1 for value in finding.measurements.values())


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({}, None),
        ({"min_memory_available": "20%", "min_disk_free": {"/": "10%"}}, None),
        ({"min_memory_available": "30%"}, Reason.MEMORY_HIGH),
        ({"min_disk_free": {"/": "30%"}}, Reason.DISK_FULL),
        ({"min_memory_available": "30%", "min_disk_free": {"/": "30%"}}, Reason.DISK_FULL),
    ],
)
async def test_limits(options: Mapping[str, Any], reason: Reason | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Below a limit is degraded; the disk weighs more than memory."""
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=100, available=25))
    monkeypatch.setattr(psutil, "disk_usage", lambda path: SimpleNamespace(total=100, used=80, free=20))
    async with probing("host", options) as probe:
        finding = await probe.look()
    assert finding.reason is reason
    assert finding.outcome is (Outcome.OK if reason is None else Outcome.DEGRADED)
    if reason is Reason.DISK_FULL:
        assert finding.detail == "/ has 20.0% free, less than 30.0%"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (FileNotFoundError(2, "No such file"), Reason.WRONG_TARGET),
        (PermissionError(13, "Permission denied"), Reason.PERMISSION_DENIED),
        (OSError(116, "Stale file handle"), Reason.IO_ERROR),
    ],
)
async def test_file_system_that_fails(error: OSError, reason: Reason, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mount that is missing or closed to us is a mistake; one that cannot be read is at risk."""

    def broken(path: str) -> Any:
        raise error

    monkeypatch.setattr(psutil, "disk_usage", broken)
    async with probing("host", {"min_disk_free": {"/data": "5%"}}) as probe:
        finding = await probe.look()
    assert (finding.outcome, finding.reason) == (Outcome.FAILED, reason)
    assert "/data" in finding.detail


async def test_file_system_that_hangs_blocks_nothing_and_gets_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mount that never answers ends the look at its deadline; while its thread hangs no second one starts."""
    release, calls = threading.Event(), 0

    def hang(path: str) -> Any:
        nonlocal calls
        calls += 1
        release.wait(30)
        return SimpleNamespace(total=100, used=50, free=50)

    monkeypatch.setattr(psutil, "disk_usage", hang)
    async with probing("host", {"min_disk_free": {"/mnt": "5%"}}) as probe:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await probe.look()
        for _ in range(3):
            assert (await probe.look()).reason is Reason.IO_ERROR
        assert calls == 1
        thread = next(thread for thread in threading.enumerate() if thread.name == "nemo-watchdog-disk")
        assert thread.daemon
        release.set()
        await asyncio.to_thread(thread.join, 5)
        assert (await probe.look()).outcome is Outcome.OK


def test_mounts_are_absolute_paths() -> None:
    """A relative path would depend on where the daemon was started."""
    with pytest.raises(ValueError, match="expected absolute paths"):
        make("host", {"min_disk_free": {"data": "5%"}})
