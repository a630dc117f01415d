"""The processes of a benchmark from outside: started, measured through /proc, stopped. Linux only.

CPU is utime + stime of /proc/PID/stat over all threads (proc_pid_stat(5)); what went to disk is write_bytes of
/proc/PID/io (proc_pid_io(5)).
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent.parent
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """User and system time of the process so far."""
    after_name = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / TICKS


def written_bytes(pid: int) -> int:
    """Bytes that the process sent towards the disk so far."""
    lines = Path(f"/proc/{pid}/io").read_text(encoding="ascii").splitlines()
    return int(dict(line.split(": ") for line in lines)["write_bytes"])


def resident_bytes(pid: int) -> int:
    """VmRSS of /proc/PID/status (proc_pid_status(5))."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return int(dict(line.split(":") for line in lines)["VmRSS"].split()[0]) * 1024


def wait_until(what: str, holds: Callable[[], bool], within: float = 60.0) -> None:
    """Polls until `holds`; ends the benchmark after `within` seconds."""
    deadline = time.monotonic() + within
    while not holds():
        if time.monotonic() > deadline:
            raise SystemExit(f"gave up after {within:g}s: {what}")
        time.sleep(0.2)


class Server:
    """The loopback target."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.port = int(self._line())

    def answered(self, status: str = "") -> int:
        """Requests that it has answered so far. `status` changes what it answers from now on."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{status}\n")
        self._process.stdin.flush()
        return int(self._line())

    def fail(self, first: int) -> None:
        """From now on the first so many targets answer 500, and no others."""
        self.answered(f"500 {first}")

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


@contextmanager
def server() -> Iterator[Server]:
    """A target that answers everything with 200, until it is told otherwise."""
    command = [sys.executable, "-m", "cost.server"]
    with _started(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield Server(process)


@contextmanager
def bare(port: int, targets: int) -> Iterator[int]:
    """The bare client; yields its PID."""
    with _started([sys.executable, "-m", "cost.bare", str(port), str(targets)]) as process:
        yield process.pid


@contextmanager
def readers(port: int, count: int) -> Iterator[None]:
    """So many pages are open, in a process of their own; they say at the end what they read."""
    with _started([sys.executable, "-m", "cost.readers", str(port), str(count)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        if process.stdout.readline() != "open\n":
            raise SystemExit(f"gave up: {count} pages could not be opened")
        yield
        process.send_signal(signal.SIGTERM)
        print(process.stdout.readline(), end="", flush=True)


class Daemon:
    """A running `nemo-watchdog run` with its own state directory."""

    def __init__(self, pid: int, port: int, state: Path) -> None:
        self.pid, self.port, self._base, self._state = pid, port, f"http://127.0.0.1:{port}", state

    @property
    def url(self) -> str:
        return self._base

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(self._base + path, timeout=30) as answer:  # noqa: S310 - our own address
            return answer.read()

    def order(self, path: str, **body: str) -> None:
        """A change through the API, which is on disk when this returns."""
        token = (self._state / "token").read_text(encoding="ascii").strip()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        url, data = f"{self._base}/api/v1/{path}", json.dumps(body).encode()
        request = urllib.request.Request(url, data, headers)  # noqa: S310 - our own address
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            answer.read()

    def first_byte(self, path: str) -> tuple[float, bytes]:
        """Seconds from the connection to the first byte of the answer, which is there with its head; and all of it."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        began = time.monotonic()
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read(1)
        took = time.monotonic() - began
        body += answer.read()
        connection.close()
        if answer.status != 200:
            raise SystemExit(f"gave up: {path} answers {answer.status}")
        return took, body

    def ready(self) -> bool:
        try:
            return json.loads(self.get("/readyz"))["ok"] is True
        except OSError:
            return False

    def health(self) -> list[str]:
        """The health of every dependency."""
        status: dict[str, Any] = json.loads(self.get("/api/v1/status"))
        return [each["health"] for each in status["dependencies"].values()]

    def metric(self, name: str) -> float:
        """The sum of all series of one metric."""
        lines = self.get("/metrics").decode().splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{name} ", f"{name}{{")))

    def worst(self, name: str) -> float:
        """The largest of all series of one metric."""
        lines = self.get("/metrics").decode().splitlines()
        return max((float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name}{{")), default=0.0)

    def each(self, name: str) -> dict[str, float]:
        """All series of one metric."""
        lines = (line for line in self.get("/metrics").decode().splitlines() if line.startswith(f"{name}{{"))
        return {series: float(value) for series, _, value in (line.rpartition(" ") for line in lines)}

    def logged(self, event: str) -> list[dict[str, Any]]:
        """The log's lines of that event."""
        lines = map(json.loads, (self._state.parent / "daemon.log").read_text(encoding="utf-8").splitlines())
        return [line for line in lines if line["event"] == event]

    def log_lines(self) -> int:
        """How many it has written so far."""
        return (self._state.parent / "daemon.log").read_bytes().count(b"\n")

    def delay(self) -> float:
        """Seconds that the daemon's event loop takes to answer its cheapest request: its lag, seen from outside."""
        began = time.monotonic()
        self.get("/healthz")
        return time.monotonic() - began

    def journal_is_quiet(self) -> bool:
        """Whether nothing was written for a second."""
        before = written_bytes(self.pid)
        time.sleep(1.0)
        return written_bytes(self.pid) == before

    def journal_bytes(self) -> int:
        """The size of the journal with its write-ahead log."""
        return sum(file.stat().st_size for file in self._state.glob("journal.sqlite3*"))


@contextmanager
def daemon(
    folder: Path,
    port: int,
    targets: int,
    *,
    shared: bool = False,
    interval: str = "1s",
    more: Mapping[str, Any] | None = None,
) -> Iterator[Daemon]:
    """The real daemon, watching `targets` HTTP dependencies every `interval`; ready when this yields.

    With `shared`, all others need the first; `more` are other keys of the policy.
    """
    policy, state, listen = folder / "policy.yaml", folder / "state", _free_port()
    dependencies: dict[str, dict[str, Any]] = {}
    for n in range(targets):
        url = f"http://127.0.0.1:{port}/target/{n:04}"
        needs = {"needs": "target-0000"} if shared and n else {}
        dependencies[f"target-{n:04}"] = {"probe": "http", "url": url, **needs}
    document = {"version": 1, "defaults": {"interval": interval, "timeout": "3s"}, "dependencies": dependencies}
    document |= more or {}
    policy.write_text(json.dumps(document), encoding="utf-8")  # YAML takes JSON
    with (folder / "daemon.log").open("wb") as log:
        command = [sys.executable, "-m", "nemo_watchdog", "run", "--policy", str(policy), "--state-dir", str(state)]
        with _started([*command, "--listen", f"127.0.0.1:{listen}"], stderr=log) as process:
            found = Daemon(process.pid, listen, state)
            try:
                wait_until("the daemon is ready", lambda: process.poll() is not None or found.ready())
            finally:
                if process.poll() is not None:
                    sys.stderr.write((folder / "daemon.log").read_text(encoding="utf-8"))
            yield found


@contextmanager
def _started(command: list[str], **more: Any) -> Iterator[subprocess.Popen[str]]:
    """A child that is asked to end, and killed when it does not."""
    process = subprocess.Popen(command, text=True, cwd=HERE, **more)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
