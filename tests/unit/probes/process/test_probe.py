"""The process probe against real processes of this test, and against what /proc and systemd seldom show."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import signal
import threading
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from nemo_watchdog.model import Finding, Outcome, Reason
from nemo_watchdog.probes import PROBES
from nemo_watchdog.probes.process.systemd_unit import PROPERTIES
from tests.parts import need
from tests.unit.probes.making import probing


@contextlib.asynccontextmanager
async def parent_of(script: str) -> AsyncIterator[int]:
    """A shell that runs the script; all of its group is killed at the end. The shell is our child, its are not."""
    process = await asyncio.create_subprocess_exec("/bin/sh", "-c", script, start_new_session=True)
    try:
        yield process.pid
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A program that sleeps, under a name that nothing else on this machine has."""
    path = tmp_path / f"nemo{secrets.token_hex(4)}"
    shutil.copy(need("sleep"), path)
    return path


async def look(**options: Any) -> Finding:
    async with probing("process", options, timeout=10.0) as probe:
        return await probe.look()


async def look_for(running: int, **options: Any) -> Finding:
    """The first finding that counts so many running processes."""
    async with asyncio.timeout(10):
        while True:
            finding = await look(**options)
            if finding.measurements.get("process_running") == running:
                return finding
            await asyncio.sleep(0.02)


async def test_processes_are_counted_by_name_and_by_command_line(program: Path) -> None:
    """Each that fits counts once; the watchdog's own children, and other programs, do not."""
    async with parent_of(f"{program} 301 & {program} 302 & wait"):
        finding = await look_for(2, name=program.name)
        assert (finding.outcome, finding.detail) == (Outcome.OK, "2 running")
        assert (await look_for(2, pattern=program.name)).outcome is Outcome.OK
        assert (await look_for(1, pattern=f"{program.name}*301")).outcome is Outcome.OK
        assert (await look_for(1, name=program.name, pattern="302")).outcome is Outcome.OK
        for nothing in ({"pattern": f"301*{program.name}"}, {"name": program.name[:-1]}, {"pattern": "(.*)" * 20}):
            none = await look(**nothing)
            assert (none.outcome, none.reason) == (Outcome.FAILED, Reason.NOT_RUNNING), nothing


async def test_too_few_and_too_many(program: Path) -> None:
    """Fewer than wanted is degraded while one is left, more than wanted is never a fault."""
    async with parent_of(f"{program} 300 & {program} 300 & wait"):
        few = await look_for(2, name=program.name, min_count=3)
        many = await look_for(2, name=program.name, max_count=1)
    assert (few.outcome, few.reason) == (Outcome.DEGRADED, Reason.NOT_RUNNING)
    assert (many.outcome, many.reason) == (Outcome.DEGRADED, Reason.OVERLOADED)
    assert many.detail == "2 running, expected at most 1"


async def test_a_zombie_does_not_run(program: Path) -> None:
    """A process that has ended is not running, although /proc still has it."""
    async with parent_of(f"{program} 0 & exec sleep 300"):
        async with asyncio.timeout(10):
            while not (finding := await look(name=program.name)).measurements["process_zombies"]:
                await asyncio.sleep(0.02)
    assert (finding.outcome, finding.reason) == (Outcome.FAILED, Reason.NOT_RUNNING)
    assert "1 zombie" in finding.detail


async def test_a_stopped_process_runs_and_is_noted(program: Path) -> None:
    """Somebody stopped it: that is told, and is no failure."""
    async with parent_of(f"{program} 300 & wait") as shell:
        await look_for(1, name=program.name)
        psutil.Process(shell).children()[0].send_signal(signal.SIGSTOP)
        async with asyncio.timeout(10):
            while "stopped" not in (finding := await look(name=program.name)).detail:
                await asyncio.sleep(0.02)
    assert (finding.outcome, finding.measurements["process_running"]) == (Outcome.OK, 1)


async def test_an_uninterruptible_process_runs_and_is_noted(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """State D counts as running; the line for people and a measurement say how many there are."""
    monkeypatch.setattr(psutil.Process, "status", lambda self: psutil.STATUS_DISK_SLEEP)
    async with parent_of(f"{program} 300 & wait"):
        finding = await look_for(1, name=program.name)
    assert finding.outcome is Outcome.OK
    assert finding.measurements["process_uninterruptible"] == 1
    assert "uninterruptible" in finding.detail


async def test_a_name_is_what_the_process_is_now(program: Path) -> None:
    """A shell that becomes another program has that program's name from then on, for the same probe too."""
    async with probing("process", {"name": program.name}, timeout=10.0) as probe:
        os.mkfifo(program.parent / "go")
        async with parent_of(f"(read line < {program.parent}/go; exec {program} 300) & wait"):
            assert (await probe.look()).reason is Reason.NOT_RUNNING
            await asyncio.to_thread((program.parent / "go").write_text, "go\n")
            async with asyncio.timeout(10):
                while (await probe.look()).outcome is not Outcome.OK:
                    await asyncio.sleep(0.02)


async def test_hidden_processes_are_blindness(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where /proc hides other users' processes, finding too few is no fault; finding enough is still well."""
    monkeypatch.setattr(psutil, "pid_exists", lambda pid: pid != 1)
    finding = await look(name=program.name)
    assert (finding.outcome, finding.reason) == (Outcome.FAILED, Reason.PERMISSION_DENIED)
    async with parent_of(f"{program} 300 & wait"):
        assert (await look_for(1, name=program.name)).outcome is Outcome.OK
        assert (await look_for(1, name=program.name, min_count=2)).reason is Reason.PERMISSION_DENIED


async def test_closed_processes_are_blindness(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that does not let itself be read may be the one that is looked for."""

    def closed(self: psutil.Process) -> str:
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil.Process, "name", closed)
    assert (await look(name=program.name)).reason is Reason.PERMISSION_DENIED


async def test_pid_file(program: Path, tmp_path: Path) -> None:
    """The process that the file names runs and fits, or is not running; a file that goes tells the same."""
    file = tmp_path / "pid"
    async with probing("process", {"pid_file": str(file), "name": program.name}, timeout=10.0) as probe:
        finding = await probe.look()
        assert (finding.outcome, finding.reason) == (Outcome.FAILED, Reason.WRONG_TARGET)
        async with parent_of(f"{program} 300 & echo $! > {file}.new; mv {file}.new {file}; wait"):
            async with asyncio.timeout(10):
                while (await probe.look()).outcome is not Outcome.OK:
                    await asyncio.sleep(0.02)
        async with asyncio.timeout(10):
            while (finding := await probe.look()).outcome is Outcome.OK:
                await asyncio.sleep(0.02)
        assert (finding.outcome, finding.reason) == (Outcome.FAILED, Reason.NOT_RUNNING)
        file.write_text(f"{os.getpid()}\n")
        assert (await probe.look()).reason is Reason.NOT_RUNNING  # a stranger with that number
        file.unlink()
        assert (await probe.look()).reason is Reason.NOT_RUNNING


@pytest.mark.parametrize("text", ["", "nginx", "-1", "0", "99999999999", "\N{SUPERSCRIPT TWO}"])
async def test_a_pid_file_without_a_number(text: str, tmp_path: Path) -> None:
    """A file that names no process is another file than the policy means."""
    (tmp_path / "pid").write_text(text, encoding="utf-8")
    assert (await look(pid_file=str(tmp_path / "pid"))).reason is Reason.WRONG_TARGET


async def test_a_pid_file_that_is_none(tmp_path: Path) -> None:
    """A folder or a pipe in its place is a mistake, and holds up nothing."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        assert (await look(pid_file=str(path))).reason is Reason.WRONG_TARGET


async def test_a_process_younger_than_its_pid_file_may_be_a_stranger(tmp_path: Path) -> None:
    """A number that was given again, or a clock that was set back: nobody knows, so it is blind."""
    file = tmp_path / "pid"
    file.write_text(str(os.getpid()))
    assert (await look(pid_file=str(file))).outcome is Outcome.OK
    os.utime(file, (1.0, 1.0))
    assert (await look(pid_file=str(file))).reason is Reason.WRONG_TARGET


async def test_a_proc_that_hangs_is_blind_and_gets_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading /proc may never return: the look ends in time, and no second thread joins the first."""
    release, calls = threading.Event(), 0

    def hang() -> list[int]:
        nonlocal calls
        calls += 1
        release.wait(30)
        return []

    monkeypatch.setattr(psutil, "pids", hang)
    async with probing("process", {"name": "x"}, timeout=0.3) as probe:
        for _ in range(3):
            assert (await probe.look()).reason is Reason.REPORTED_BLIND
        assert calls == 1
        release.set()
        async with asyncio.timeout(10):
            while (await probe.look()).reason is not Reason.NOT_RUNNING:
                await asyncio.sleep(0.01)


def fake_systemctl(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / "systemctl"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


@pytest.mark.parametrize(
    ("values", "outcome", "reason", "detail"),
    [
        ("loaded active running success 0", Outcome.OK, None, "x.service is active (running)"),
        ("masked active running success 0", Outcome.OK, None, "x.service is active (running)"),
        ("loaded reloading reload success 0", Outcome.FAILED, Reason.STARTING, "x.service is reloading (reload)"),
        ("loaded activating start success 0", Outcome.FAILED, Reason.STARTING, "x.service is activating (start)"),
        ("loaded activating auto-restart exit-code 7", Outcome.FAILED, Reason.RESTARTING, "systemd restarts it, 7"),
        ("loaded deactivating stop-sigterm success 0", Outcome.FAILED, Reason.SHUTTING_DOWN, "stop-sigterm"),
        ("loaded failed failed oom-kill 5", Outcome.FAILED, Reason.NOT_RUNNING, "failed (failed), result oom-kill"),
        ("loaded inactive dead success 0", Outcome.FAILED, Reason.NOT_RUNNING, "x.service is inactive (dead)"),
        ("masked inactive dead success 0", Outcome.FAILED, Reason.WRONG_TARGET, "masked"),
        ("not-found inactive dead success 0", Outcome.FAILED, Reason.WRONG_TARGET, "not-found"),
        ("bad-setting failed failed success 0", Outcome.FAILED, Reason.WRONG_TARGET, "bad-setting"),
        ("loaded upside-down x success 0", Outcome.FAILED, Reason.REPORTED_BLIND, "does not know"),
    ],
)
async def test_states_of_a_unit(
    values: str, outcome: Outcome, reason: Reason | None, detail: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a unit that systemd knows, and has given up or stopped, is not running."""
    lines = "\n".join(f"{name}={value}" for name, value in zip(PROPERTIES, values.split(), strict=True))
    fake_systemctl(tmp_path, f"cat <<'END'\n{lines}\nEND", monkeypatch)
    finding = await look(unit="x.service")
    assert (finding.outcome, finding.reason) == (outcome, reason)
    assert detail in finding.detail
    assert finding.measurements == {"process_unit_restarts": float(values.rpartition(" ")[2])}


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo 'Failed to connect to bus: Host is down' >&2; exit 1", Reason.REPORTED_BLIND),
        ("exit 0", Reason.REPORTED_BLIND),
        ("echo ActiveState=failed; exit 1", Reason.REPORTED_BLIND),
        ("kill -KILL $$", Reason.REPORTED_BLIND),
        ("sleep 300", Reason.REPORTED_BLIND),
    ],
)
async def test_a_systemd_that_does_not_tell(
    script: str, reason: Reason, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No systemd, no answer, no end: nothing is known of the unit."""
    fake_systemctl(tmp_path, script, monkeypatch)
    async with probing("process", {"unit": "x.service"}, timeout=0.5) as probe:
        finding = await probe.look()
    assert (finding.outcome, finding.reason) == (Outcome.FAILED, reason)


async def test_a_host_without_systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A unit on a host that has no systemd is the policy's mistake."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert (await look(unit="x.service")).reason is Reason.WRONG_TARGET


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"min_count": 2},
        {"unit": "nginx"},
        {"unit": "--version.service"},
        {"unit": "a b.service"},
        {"unit": "nginx.service", "name": "nginx"},
        {"unit": "nginx.service", "min_count": 1},
        {"pid_file": "nginx.pid"},
        {"pid_file": "/run/nginx.pid", "min_count": 1},
        {"name": "/usr/sbin/nginx"},
        {"pattern": "**"},
        {"name": "nginx", "min_count": 0},
        {"name": "nginx", "min_count": 3, "max_count": 2},
    ],
)
def test_options_that_are_mistakes(wrong: Mapping[str, Any]) -> None:
    """One way to find it, and one that can find something."""
    with pytest.raises(ValueError, match=r"expected|leave out"):
        PROBES["process"].options.model_validate(wrong)
