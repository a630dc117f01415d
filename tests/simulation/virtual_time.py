"""An event loop whose time jumps from timer to timer: a day passes in the time that its work takes.

Nothing here sleeps and nothing reads a clock of the machine. What would run in another thread runs in the loop, when
the time that it was given is over: two runs of the same work do the same in the same order.
"""

from __future__ import annotations

import asyncio
import asyncio.base_events
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from nemo_watchdog.model import Moment

T = TypeVar("T")

BEGINS = 100_000.0
"""Monotonic seconds at which every simulation begins."""

MIDNIGHT = datetime(2026, 1, 5, tzinfo=UTC)
"""UTC then."""

A_TICK = 1e-9
"""Seconds that are no time: what is due within them is due now."""


class NothingComes(Exception):
    """Everything waits and no timer is set: in a real loop that is a wait for ever."""


class Disk:
    """The thread of the journal, made of timers: one call after the other, each as slow as `latency` says.

    A process that is killed takes with it what it has ordered; what the disk was at may have been done or not.
    """

    def __init__(self, loop: VirtualLoop, latency: Callable[[], float], coin: Callable[[], bool]) -> None:
        self._loop = loop
        self._latency = latency
        self._coin = coin
        self._calls: deque[tuple[asyncio.Future[Any], Callable[[], Any]]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self.after_each: Callable[[], None] = lambda: None
        """Called when a call has been done and its caller does not know it yet."""

    def submit(self, call: Callable[[], T]) -> asyncio.Future[T]:
        future: asyncio.Future[T] = self._loop.create_future()
        self._calls.append((future, call))
        if self._timer is None:
            self._next()
        return future

    def kill(self) -> None:
        """Nobody waits any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for future, _ in self._calls:
            future.cancel()
        if self._calls and self._coin():
            with suppress(Exception):  # nobody hears how it went
                self._calls[0][1]()
        self._calls.clear()

    def _next(self) -> None:
        self._timer = self._loop.call_later(self._latency(), self._do_and_go_on) if self._calls else None

    def _do_and_go_on(self) -> None:
        self._timer = None
        self._do()
        self.after_each()
        if self._timer is None:
            self._next()

    def _do(self) -> None:
        future, call = self._calls.popleft()
        if future.cancelled():
            return
        try:
            value = call()
        except Exception as error:  # noqa: BLE001 - it is raised again where the call is waited for
            future.set_exception(error)
        else:
            future.set_result(value)


class _Jump:
    """What a loop asks for input: there is none, and the time until the next timer has passed."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise NothingComes
        if timeout > 0.0:
            self._loop.jump()
        return []

    def close(self) -> None:
        """There is nothing to close."""


class VirtualLoop(asyncio.base_events.BaseEventLoop):
    """Satisfies what asyncio needs of a loop that has no input; `disk` does what is run in an executor."""

    def __init__(self) -> None:
        super().__init__()
        self._now = BEGINS
        self._clock_resolution = A_TICK
        self._selector = _Jump(self)
        self._scheduled: list[asyncio.TimerHandle]
        self.disk: Disk | None = None

    def time(self) -> float:
        return self._now

    def jump(self) -> None:
        """To the next timer."""
        self._now = max(self._now, self._scheduled[0].when())

    def idle(self) -> None:
        """What comes when nothing is ready and no timer is set. Raises `NothingComes`."""
        self._selector.select(None)

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        """In no thread: whatever is run in one here is the journal's."""
        if self.disk is None:
            raise RuntimeError("nobody has a disk here")
        return self.disk.submit(lambda: func(*args))

    def _process_events(self, event_list: list[Any]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """There is no other thread."""


class VirtualClock:
    """Satisfies `ports.Clock`, by the time of the loop."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._last = Moment(BEGINS, MIDNIGHT)

    def now(self) -> Moment:
        monotonic = self._loop.time()
        if monotonic != self._last.monotonic:
            self._last = self.at(monotonic)
        return self._last

    def at(self, monotonic: float) -> Moment:
        """The same for the same reading, whenever it is asked."""
        return Moment(monotonic, MIDNIGHT + timedelta(seconds=monotonic - BEGINS))


class InlineThread:
    """Stands in for `one_thread.OneThread`: the call is made at once and returns."""

    busy = False

    def __init__(self, name: str) -> None:
        self._name = name

    async def run(self, call: Callable[[], T]) -> T:
        await asyncio.sleep(0)
        return call()


def run(loop: VirtualLoop, work: Coroutine[Any, Any, T]) -> T:
    """What the work returns; the loop is closed then."""
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(work)
    finally:
        asyncio.set_event_loop(None)
        loop.close()
