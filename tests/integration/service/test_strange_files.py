"""Strange things in the place of the daemon's files, and signals before it is ready: it goes deaf to nobody."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.daemon import Daemon
from tests.integration.service.parts import Service, tcp_policy


@pytest.mark.parametrize("odd", ["pipe", "device without an end"])
async def test_a_policy_that_is_no_file_for_a_moment_leaves_the_brake_working(tmp_path: Path, odd: str) -> None:
    """Told while it is there; the good file after it is read by itself, SIGHUP is heard, and SIGTERM ends it."""
    async with Service() as service, Daemon(tcp_policy(service.port), tmp_path) as daemon:
        policy = daemon.policy
        policy.unlink()
        if odd == "pipe":
            os.mkfifo(policy)
        else:
            policy.symlink_to("/dev/zero")
        status = await daemon.wait_until(lambda status: bool(status["policy"]["problems"]))
        assert "is not a regular file" in status["policy"]["problems"][0]
        policy.unlink()
        daemon.write_policy(tcp_policy(service.port, "autonomy: observe\n"))
        await daemon.wait_until(lambda status: status["autonomy"] == "observe")
        daemon.signal(signal.SIGHUP)
        await daemon.event("policy reloaded", within=5.0, because="SIGHUP")
        assert await daemon.terminate() == 0


async def test_a_hangup_before_it_is_ready_does_not_end_it(tmp_path: Path) -> None:
    """Sent all the time from the moment in which the daemon's own first line has run."""
    async with Service() as service:
        daemon = Daemon(tcp_policy(service.port), tmp_path)

        async def send() -> None:
            while True:
                with contextlib.suppress(AssertionError):  # not there yet
                    if ignored_or_heard(daemon.pid):
                        daemon.signal(signal.SIGHUP)
                await asyncio.sleep(0.005)

        sending = asyncio.create_task(send())
        try:
            async with daemon:
                sending.cancel()
                await daemon.wait_for_health("service", "up")
                assert await daemon.terminate() == 0
        finally:
            sending.cancel()


def test_a_hangup_is_ignored_before_anything_is_imported() -> None:
    """By `run` alone: the other commands end with their terminal."""
    look = """
import signal, sys
sys.argv[1:], sys.modules["nemo_watchdog.cli"] = [sys.argv[1]], None
try:
    import nemo_watchdog.__main__
except ImportError:
    print(signal.getsignal(signal.SIGHUP).name)
"""
    seen = {
        command: subprocess.run(
            [sys.executable, "-c", look, command], capture_output=True, text=True, check=True
        ).stdout.strip()
        for command in ("run", "status")
    }
    assert seen == {"run": "SIG_IGN", "status": "SIG_DFL"}


def ignored_or_heard(pid: int) -> bool:
    lines = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text("ascii").splitlines())
    return bool((int(lines["SigIgn"], 16) | int(lines["SigCgt"], 16)) & 1 << signal.SIGHUP - 1)
