"""One command at a time, in a process group of its own: bounded in time and output, killed whole, always reaped.

At its end, at the deadline and when the look is cancelled the kernel kills its whole group: what it starts outlives it
only in a session or group of its own (setsid). The kernel would give us such a one as a subreaper, together with every
orphan of every library, and does not tell whose it was. While a killed one still lives (a process in an uninterruptible
call survives SIGKILL, and one with another user's rights cannot be signalled) no second one starts. Output is read from
pipes of our own, so that a grandchild that keeps one open cannot hold up the end of its parent.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import monotonic

from nemo_watchdog.durations import duration
from nemo_watchdog.model import Finding, Reason, failed

KEPT_OUTPUT = 16 * 1024
"""Bytes that are kept of each of the two outputs."""
MOST_OUTPUT = 1 << 20
"""Bytes that a command may write in all; one that writes more is killed."""

_CHUNK = 64 * 1024
_DIES_WITHIN = 1.0

# execve(2) and fork(2).
_REASON_OF = {
    errno.ENOENT: (Reason.WRONG_TARGET, "the command, its interpreter or its working directory does not exist"),
    errno.ENOTDIR: (Reason.WRONG_TARGET, "the command's path or its working directory does not exist"),
    errno.ENOEXEC: (Reason.WRONG_TARGET, "the command is no program of this machine (a script needs its #! line)"),
    errno.E2BIG: (Reason.WRONG_TARGET, "the command's arguments and environment are too long"),
    errno.EACCES: (Reason.PERMISSION_DENIED, "the watchdog may not execute the command or enter its working directory"),
    errno.EPERM: (Reason.PERMISSION_DENIED, "the watchdog may not execute the command"),
    errno.EAGAIN: (Reason.WATCHDOG_OVERLOADED, "the watchdog may not start another process"),
    errno.ENOMEM: (Reason.WATCHDOG_OVERLOADED, "the kernel has no memory for another process"),
    errno.EMFILE: (Reason.WATCHDOG_OVERLOADED, "the watchdog has no file descriptor left"),
    errno.ENFILE: (Reason.WATCHDOG_OVERLOADED, "the host has no file descriptor left"),
}


class NoResult(Exception):
    """The command did not come to an end of its own; `finding` says why, and is always blind."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.finding: Finding = failed(reason, detail)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended. `code` is its exit code, or minus the number of the signal that killed it."""

    code: int
    stdout: bytes
    stderr: bytes


class Runner:
    """Runs commands for one probe, one at a time. `close` kills what still runs. Not for several event loops."""

    def __init__(self) -> None:
        self._child: _Child | None = None

    async def run(
        self, command: Sequence[str], environment: Mapping[str, str], folder: str | None, patience: float
    ) -> Ended:
        """Its end within `patience` seconds. Raises `NoResult`; may be cancelled at any time.

        The command gets `environment` and the watchdog's own PATH, nothing else, and /dev/null as its input.
        """
        until = monotonic() + patience
        if self._child is not None:
            await asyncio.wait({self._child.gone}, timeout=min(patience / 2, _DIES_WITHIN))
            if not self._child.gone.done():
                raise NoResult(Reason.REPORTED_BLIND, "the command of an earlier look was killed and does not end")
        child = self._child = _start(command, {"PATH": os.environ.get("PATH", os.defpath), **environment}, folder)
        try:
            await asyncio.wait({child.gone}, timeout=until - monotonic())
        finally:
            child.kill()
        if child.flooded:
            raise NoResult(Reason.REPORTED_BLIND, f"the command wrote more than {MOST_OUTPUT} bytes and was killed")
        if not child.gone.done():
            raise NoResult(Reason.REPORTED_BLIND, f"the command did not end within {duration(patience)} and was killed")
        code = child.gone.result()
        if code is None:
            raise NoResult(Reason.REPORTED_BLIND, "how the command ended was not to be learnt")
        return Ended(code, bytes(child.stdout.kept), bytes(child.stderr.kept))

    async def close(self) -> None:
        """Kills what runs and waits a moment for its end, so that no zombie stays."""
        if self._child is not None:
            self._child.kill()
            await asyncio.wait({self._child.gone}, timeout=_DIES_WITHIN)


class _Output:
    """The reading end of a pipe and what came out of it."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.kept = bytearray()
        self.seen = 0
        self.open = True

    def read(self) -> bool:
        """Takes what is there, once; False when there is nothing (yet, or ever: then `open` is False)."""
        try:
            data = os.read(self.descriptor, _CHUNK)
        except BlockingIOError:
            return False
        self.seen += len(data)
        self.kept += data[: max(0, KEPT_OUTPUT - len(self.kept))]
        self.open = bool(data)
        return self.open


class _Child:
    """A process that leads its group, with readers in the event loop for its end and for its output."""

    def __init__(self, process: subprocess.Popen[bytes], pidfd: int, stdout: int, stderr: int) -> None:
        self.stdout, self.stderr = _Output(stdout), _Output(stderr)
        self.flooded = False
        self._process = process
        self._pidfd = pidfd
        self._loop = asyncio.get_running_loop()
        self.gone: asyncio.Future[int | None] = self._loop.create_future()
        """Set once it is reaped: its code, None when the kernel does not tell."""
        self._reading = [self.stdout, self.stderr]
        for output in self._reading:
            self._loop.add_reader(output.descriptor, self._read, output)
        self._loop.add_reader(pidfd, self._reap)

    def kill(self) -> None:
        """Kills the whole group and listens to it no more; the end is still awaited. Once it is reaped: nothing."""
        if self.gone.done():
            return
        _kill_group(self._process.pid)
        self._stop_reading()

    def _read(self, output: _Output) -> None:
        if not output.read() and not output.open:
            self._stop_reading(output)
        elif self.stdout.seen + self.stderr.seen > MOST_OUTPUT:
            self.flooded = True
            self.kill()

    def _reap(self) -> None:
        """It has ended. Until it is reaped no other group can have its number, so the group is killed first."""
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        _kill_group(self._process.pid)
        for output in self._reading:
            while output.read() and output.seen <= MOST_OUTPUT:
                pass
        self._stop_reading()
        code = _wait(self._process)
        if not self.gone.done():
            self.gone.set_result(code)

    def _stop_reading(self, only: _Output | None = None) -> None:
        for output in self._reading if only is None else [only]:
            self._loop.remove_reader(output.descriptor)
            os.close(output.descriptor)
        self._reading = [] if only is None else [output for output in self._reading if output is not only]


def _start(command: Sequence[str], environment: Mapping[str, str], folder: str | None) -> _Child:
    """Raises `NoResult`. An error's own text may repeat an argument, so it is not shown."""
    with contextlib.ExitStack() as undo:
        try:
            ends = []
            for _ in range(2):
                reading, writing = os.pipe2(os.O_CLOEXEC)
                undo.callback(os.close, reading)
                ends.append((reading, os.fdopen(writing, "wb", buffering=0)))
                undo.callback(ends[-1][1].close)
                os.set_blocking(reading, False)
            (stdout, out), (stderr, err) = ends
            process = subprocess.Popen(  # noqa: S603 - the operator's own command, without a shell
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=environment,
                cwd=folder,
                start_new_session=True,
            )
            try:
                pidfd = os.pidfd_open(process.pid)
            except OSError:
                _kill_group(process.pid)
                _wait(process)
                raise
        except OSError as error:
            name = errno.errorcode.get(error.errno or 0, "no errno")
            reason, text = _REASON_OF.get(error.errno or 0, (Reason.REPORTED_BLIND, "the command could not be started"))
            raise NoResult(reason, f"{text} ({name})") from None
        child = _Child(process, pidfd, stdout, stderr)
        undo.pop_all()
        out.close()
        err.close()
    return child


def _kill_group(leader: int) -> None:
    """Whoever has another user's rights stays alive; `Runner` then starts no second command."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def _wait(process: subprocess.Popen[bytes]) -> int | None:
    """Reaps it. Popen's own wait would call it a success when the kernel reaps children by itself (SIGCHLD ignored)."""
    try:
        _, status = os.waitpid(process.pid, 0)
    except ChildProcessError:
        process.returncode = 0
        return None
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode
