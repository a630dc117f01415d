"""The NVML child process as its parent sees it: ask, wait as long as the look may, kill what hangs, never wait for it.

One child serves all GPU probes of an event loop; looks at the same time share one answer. A question that has no
answer stays asked, and later looks join it; when it is older than the caller allows, the child is killed. No second
child starts while the first lives on: a process in an uninterruptible driver call survives SIGKILL, and a queue of
those would make things worse.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from time import monotonic
from typing import IO, Any, NamedTuple

from nemo_watchdog.durations import duration

_COMMAND = (sys.executable, "-m", "nemo_watchdog.probes.gpu.child")
_LONGEST_LINE = 1 << 20
_DIES_WITHIN = 0.5
_LOOK_FOR_DEATH_EVERY = 0.01


class ChildStuck(Exception):
    """The child gave no answer in time, or a killed one still lives."""


class ChildEnded(Exception):
    """The child ended without an answer; the argument says how."""


class _Running(NamedTuple):
    process: subprocess.Popen[bytes]
    stdin: IO[bytes]
    stdout: IO[bytes]


class NvmlChild:
    """Starts, asks and kills the child. Not for use from several event loops."""

    def __init__(self) -> None:
        self._running: _Running | None = None
        self._dying: subprocess.Popen[bytes] | None = None
        self._reply: asyncio.Future[Mapping[str, Any]] | None = None
        self._asked = 0.0
        self._asked_for_more = False
        self._buffer = bytearray()

    async def ask(self, patience: float, stuck_after: float, *, for_more: bool = False) -> Mapping[str, Any]:
        """The child's answer within `patience` seconds; a question older than `stuck_after` seconds kills it.

        Whoever asks `for_more`, what people want to know, waits for a look that is under way; a look that comes then
        takes that answer, which has all that a look needs. Raises ChildStuck, ChildEnded, or OSError when no process
        can be started. May be cancelled at any time; the question then stays asked.
        """
        until = monotonic() + patience
        while True:
            if not await self._gone(until):
                raise ChildStuck("the process that was killed is still in the driver")
            if self._reply is None or self._asked_for_more or not for_more:
                break
            if (left := until - monotonic()) <= 0:
                raise ChildStuck(f"no answer for {duration(monotonic() - self._asked)}")
            await asyncio.wait({self._reply}, timeout=left)
        reply = self._reply or self._question(for_more=for_more)
        now = monotonic()
        done, _ = await asyncio.wait({reply}, timeout=max(0.0, min(until, self._asked + stuck_after) - now))
        if done:
            return reply.result()
        stuck = ChildStuck(f"no answer for {duration(monotonic() - self._asked)}")
        if monotonic() - self._asked >= stuck_after and self._reply is reply:
            self._kill(stuck)
        raise stuck

    async def close(self) -> None:
        """Kills the child and gives it a moment to die, so that no zombie stays; one that is stuck is left behind."""
        self._kill(ChildEnded("the watchdog closed it"))
        if not await self._gone(monotonic() + _DIES_WITHIN) and self._dying is not None:
            _left_behind.append(self._dying)

    async def _gone(self, until: float) -> bool:
        """Whether every child that was killed is dead by then; reaps those that are."""
        while self._dying is not None or _left_behind:
            if self._dying is not None and self._dying.poll() is not None:
                self._dying = None
            _left_behind[:] = [process for process in _left_behind if process.poll() is None]
            if self._dying is None and not _left_behind:
                break
            if monotonic() >= until:
                return False
            await asyncio.sleep(_LOOK_FOR_DEATH_EVERY)
        return True

    def _question(self, *, for_more: bool) -> asyncio.Future[Mapping[str, Any]]:
        running = self._running or self._start()
        self._reply = asyncio.get_running_loop().create_future()
        # Nobody may be waiting when it fails, and asyncio logs an exception that nobody fetched.
        self._reply.add_done_callback(lambda reply: reply.cancelled() or reply.exception())
        self._asked, self._asked_for_more = monotonic(), for_more
        with contextlib.suppress(BrokenPipeError):  # the end of its output tells the same
            running.stdin.write(b"more\n" if for_more else b"look\n")
        return self._reply

    def _start(self) -> _Running:
        """A session of its own keeps the terminal's Ctrl-C from it; it ends with its standard input.

        It gets no standard error: one that outlives us in the driver would hold ours open.
        """
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            _COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,
        )
        assert process.stdin is not None  # noqa: S101 - both are pipes
        assert process.stdout is not None  # noqa: S101
        self._running = _Running(process, process.stdin, process.stdout)
        output = process.stdout.fileno()
        os.set_blocking(output, False)
        asyncio.get_running_loop().add_reader(output, self._readable, output)
        return self._running

    def _readable(self, output: int) -> None:
        """Takes what the child wrote. One line is the answer; the end of its output, or anything else, is its end."""
        try:
            data = os.read(output, 65536)
        except BlockingIOError:
            return
        self._buffer += data
        if data and not data.endswith(b"\n") and len(self._buffer) <= _LONGEST_LINE:
            return
        try:
            answer = json.loads(self._buffer)
        except ValueError:
            answer = None
        self._buffer.clear()
        if isinstance(answer, dict):
            if self._reply is not None:
                self._reply.set_result(answer)
                self._reply = None
            if "error" not in answer:
                return
        self._kill(ChildEnded("its answer makes no sense" if data else self._how_it_ended()))

    def _kill(self, why: Exception) -> None:
        """Ends the child at once, does not wait for its death, and tells `why` to those who wait for its answer."""
        running, self._running = self._running, None
        reply, self._reply = self._reply, None
        self._buffer.clear()
        if reply is not None:
            reply.set_exception(why)
        if running is None:
            return
        asyncio.get_running_loop().remove_reader(running.stdout.fileno())
        running.stdin.close()
        running.stdout.close()
        running.process.kill()
        self._dying = running.process

    def _how_it_ended(self) -> str:
        code = self._running.process.poll() if self._running is not None else None
        if code is None:
            return "it closed its output"
        return f"signal {-code}" if code < 0 else f"exit code {code}"


_left_behind: list[subprocess.Popen[bytes]] = []
"""Killed children that had not died when their last user closed: kept, so that none starts beside them."""


class _Shared:
    __slots__ = ("child", "users")

    def __init__(self) -> None:
        self.users = 0
        self.child = NvmlChild()


_shared: dict[asyncio.AbstractEventLoop, _Shared] = {}


class NvmlClient:
    """One probe's place at the child of the running event loop. The last one to close ends the child."""

    def __init__(self) -> None:
        self._child: NvmlChild | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def child(self) -> NvmlChild:
        if self._child is None:
            self._loop = asyncio.get_running_loop()
            shared = _shared.setdefault(self._loop, _Shared())
            shared.users += 1
            self._child = shared.child
        return self._child

    async def close(self) -> None:
        loop, self._loop, self._child = self._loop, None, None
        if loop is None:
            return
        shared = _shared[loop]
        shared.users -= 1
        if not shared.users:
            del _shared[loop]
            await shared.child.close()
