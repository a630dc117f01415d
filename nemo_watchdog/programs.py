"""Starts a program in a session of its own: bounded in output, ended as a whole group, always reaped. No shell.

When it ends, and when it is killed, the kernel kills its whole group: what it starts outlives it only in a session or
group of its own (setsid). The kernel would give us such a one as a subreaper, together with every orphan of every
library, and does not tell whose it was. Output is read from pipes of our own, so that a grandchild that keeps one open
cannot hold up the end of its parent.
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

from nemo_watchdog.reasons import Reason

DIES_WITHIN = 1.0
"""Seconds in which what was killed is gone, unless the kernel holds it."""

_CHUNK = 64 * 1024
_CHUNKS_AT_THE_END = 16
"""A pipe holds one; who writes on in a group of its own could go on for ever."""

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


class NotStarted(Exception):
    """The program certainly never ran. The message is for people, and repeats no argument."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Bounds:
    """Of what a program writes. Bytes: `most` that it may write in all, or it is killed; `kept` of each output.

    `last`: the end of it is kept, not the beginning. `together`: both outputs are one, in the order of its writing.
    """

    most: int
    kept: int
    last: bool = False
    together: bool = False


class Output:
    """The reading end of a pipe and what came out of it."""

    def __init__(self, descriptor: int, bounds: Bounds) -> None:
        self.descriptor = descriptor
        self.kept = bytearray()
        self.seen = 0
        self.open = True
        self._bounds = bounds

    def read(self) -> bool:
        """Takes what is there, once; False when there is nothing (yet, or ever: then `open` is False)."""
        try:
            data = os.read(self.descriptor, _CHUNK)
        except BlockingIOError:
            return False
        self.seen += len(data)
        if self._bounds.last:
            self.kept += data
            del self.kept[: -self._bounds.kept]
        else:
            self.kept += data[: max(0, self._bounds.kept - len(self.kept))]
        self.open = bool(data)
        return self.open


class Child:
    """A process that leads its group, with readers in the event loop for its end and for its output."""

    def __init__(self, process: subprocess.Popen[bytes], pidfd: int, outputs: Sequence[Output], most: int) -> None:
        self.outputs = tuple(outputs)
        """Standard output and standard error; one of both where they are together."""
        self.flooded = False
        """It was killed because it wrote more than it may."""
        self._most = most
        self._process = process
        self._pidfd = pidfd
        self._loop = asyncio.get_running_loop()
        self.gone: asyncio.Future[int | None] = self._loop.create_future()
        """Set once it is reaped: its code, minus the signal that ended it; None when the kernel does not tell."""
        self._reading = [*self.outputs]
        for output in self._reading:
            self._loop.add_reader(output.descriptor, self._read, output)
        self._loop.add_reader(pidfd, self._reap)

    async def ends(self, within: float) -> bool:
        """Whether it is gone after so many seconds at most; it goes on when that is cancelled."""
        await asyncio.wait({self.gone}, timeout=within)
        return self.gone.done()

    def terminate(self) -> None:
        """Asks its whole group to end (SIGTERM)."""
        if not self.gone.done():
            _signal_group(self._process.pid, signal.SIGTERM)

    def kill(self) -> None:
        """Kills the whole group and listens to it no more; the end is still awaited. Once it is reaped: nothing."""
        if self.gone.done():
            return
        _signal_group(self._process.pid, signal.SIGKILL)
        self._read_rest()

    def _read(self, output: Output) -> None:
        if not output.read() and not output.open:
            self._stop_reading(output)
        elif sum(each.seen for each in self.outputs) > self._most:
            self.flooded = True
            self.kill()

    def _reap(self) -> None:
        """It has ended. Until it is reaped no other group can have its number, so the group is killed first."""
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        _signal_group(self._process.pid, signal.SIGKILL)
        self._read_rest()
        code = _wait(self._process)
        if not self.gone.done():
            self.gone.set_result(code)

    def _read_rest(self) -> None:
        for output in self._reading:
            for _ in range(_CHUNKS_AT_THE_END):
                if not output.read():
                    break
        self._stop_reading()

    def _stop_reading(self, only: Output | None = None) -> None:
        for output in self._reading if only is None else [only]:
            self._loop.remove_reader(output.descriptor)
            os.close(output.descriptor)
        self._reading = [] if only is None else [output for output in self._reading if output is not only]


def start(command: Sequence[str], environment: Mapping[str, str], folder: str, bounds: Bounds) -> Child:
    """With this environment alone, looked up in its PATH, and /dev/null as its input. Raises `NotStarted`.

    An error's own text may repeat an argument, so it is not shown.
    """
    with contextlib.ExitStack() as undo:
        try:
            outputs, ends = [], []
            for _ in range(1 if bounds.together else 2):
                reading, writing = os.pipe2(os.O_CLOEXEC)
                undo.callback(os.close, reading)
                ends.append(os.fdopen(writing, "wb", buffering=0))
                undo.callback(ends[-1].close)
                os.set_blocking(reading, False)
                outputs.append(Output(reading, bounds))
            process = subprocess.Popen(  # noqa: S603 - the operator's own command, without a shell
                command,
                stdin=subprocess.DEVNULL,
                stdout=ends[0],
                stderr=ends[-1],
                env=environment,
                cwd=folder,
                start_new_session=True,
            )
            try:
                pidfd = os.pidfd_open(process.pid)
            except OSError:
                _signal_group(process.pid, signal.SIGKILL)
                _wait(process)
                raise
        except OSError as error:
            name = errno.errorcode.get(error.errno or 0, "no errno")
            reason, text = _REASON_OF.get(error.errno or 0, (Reason.REPORTED_BLIND, "the command could not be started"))
            raise NotStarted(reason, f"{text} ({name})") from None
        child = Child(process, pidfd, outputs, bounds.most)
        undo.pop_all()
        for end in ends:
            end.close()
    return child


def _signal_group(leader: int, number: signal.Signals) -> None:
    """Whoever has another user's rights hears nothing of it."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)


def _wait(process: subprocess.Popen[bytes]) -> int | None:
    """Reaps it. Popen's own wait would call it a success when the kernel reaps children by itself (SIGCHLD ignored)."""
    try:
        _, status = os.waitpid(process.pid, 0)
    except ChildProcessError:
        process.returncode = 0
        return None
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode
