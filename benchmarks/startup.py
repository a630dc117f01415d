"""How long a person waits for the command line, and systemd for the daemon.

`--help` and `--version` stand beside a bare Python and one that imports asyncio, each in turn, so that what else the
machine does falls on all. The daemon is timed from its start until it says READY=1 with the shipped policy, in a state
directory of its own, without the Alertmanager and the rest that the policy names. Exit code 1 when a median is above
its limit.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from nemo_watchdog.shipped import Example, text_of
from nemo_watchdog.testing.servers import free_port

PROGRAM = (sys.executable, "-m", "nemo_watchdog")
BARE, WITH_ASYNCIO, HELP, VERSION = "python -c pass", 'python -c "import asyncio"', "--help", "--version"
COMMANDS = {
    BARE: (sys.executable, "-c", "pass"),
    WITH_ASYNCIO: (sys.executable, "-c", "import asyncio"),
    HELP: (*PROGRAM, "--help"),
    VERSION: (*PROGRAM, "--version"),
}
READY = "run, until READY=1"
LIMITS = {HELP: 0.3, READY: 1.0}
"""Seconds."""
GIVE_UP_AFTER = 60.0
# An installed program has its modules compiled; a first round compiles them here.
ENVIRON = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def timed(command: tuple[str, ...]) -> float:
    began = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True, env=ENVIRON)
    return time.perf_counter() - began


def until_ready() -> float:
    """Seconds from the start of a daemon until it says that it watches; it is stopped then."""
    with (
        tempfile.TemporaryDirectory() as folder,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified,
        (Path(folder) / "log").open("wb") as log,
    ):
        policy, address = Path(folder) / "policy.yaml", f"{folder}/notify"
        policy.write_text(text_of(Example.POLICY), encoding="utf-8")
        notified.bind(address)
        notified.settimeout(GIVE_UP_AFTER)
        where = ("--policy", str(policy), "--state-dir", f"{folder}/state", "--listen", f"127.0.0.1:{free_port()}")
        began = time.perf_counter()
        daemon = subprocess.Popen(
            (*PROGRAM, "run", *where), env={**ENVIRON, "NOTIFY_SOCKET": address}, stdout=log, stderr=log
        )
        try:
            while "READY=1" not in notified.recv(4096).decode().splitlines():
                pass
            return time.perf_counter() - began
        finally:
            daemon.kill()
            daemon.wait()


def measure(rounds: int) -> dict[str, list[float]]:
    """The seconds of each, all of them in turn in every round. A first round warms the caches and is not counted."""
    ways: dict[str, Callable[[], float]] = {
        name: lambda command=command: timed(command)  # type: ignore[misc]
        for name, command in COMMANDS.items()
    }
    ways[READY] = until_ready
    for way in ways.values():
        way()
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            took[name].append(way())
    return took


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10, help="of which the median counts (10)")
    took = measure(parser.parse_args().rounds)
    medians = {name: statistics.median(seconds) for name, seconds in took.items()}
    for name, median in medians.items():
        limit = f", limit {LIMITS[name]:g} s" if name in LIMITS else ""
        beside = f"{median / medians[BARE]:.1f} times bare, {median / medians[WITH_ASYNCIO]:.1f} times with asyncio"
        print(f"{name:28} {median:.3f} s (best {min(took[name]):.3f} s), {beside}{limit}")
    return 1 if any(medians[name] > limit for name, limit in LIMITS.items()) else 0


if __name__ == "__main__":
    sys.exit(main())
