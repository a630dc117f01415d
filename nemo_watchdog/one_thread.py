"""Calls that may never return, such as one into a dead network mount: in a thread, and never in a second one.

A daemon thread and not `asyncio.to_thread`: asyncio.run waits at its end for all threads of its pool, and one that
hangs would hold up the exit of the whole process.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from queue import SimpleQueue
from typing import ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Value = TypeVar("Value")


class StillBusy(Exception):
    """The call of an earlier look has not returned, or no thread can be started."""


class OneThread:
    """Makes one blocking call at a time. A thread that hangs ends with its call, or with the process."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._busy = False

    @property
    def busy(self) -> bool:
        return self._busy

    async def run(self, call: Callable[[], Value]) -> Value:
        """What the call returns. Raises `StillBusy`, and what the call raises; may be cancelled at any time."""
        if self._busy:
            raise StillBusy
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Callable[[], Value]] = loop.create_future()

        def deliver(result: Callable[[], Value]) -> None:
            if not answer.done():
                answer.set_result(result)

        def work() -> None:
            result = _caught(call)
            self._busy = False  # before the result is told: the next look may come at once
            try:
                loop.call_soon_threadsafe(deliver, result)
            except RuntimeError:
                return  # the loop has closed meanwhile: nobody waits

        self._busy = True
        try:
            threading.Thread(target=work, name=self._name, daemon=True).start()
        except RuntimeError:  # no thread left
            self._busy = False
            raise StillBusy from None
        return (await answer)()


class OneThreadExecutor(Executor):
    """All calls in one thread, in their order. At its end the process waits for none: `ThreadPoolExecutor` would."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._closed = False

    def submit(
        self, call: Callable[Arguments, Value], /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Future[Value]:
        """See `Executor.submit`. One thread alone may call it, and `shutdown`."""
        if self._closed:
            raise RuntimeError("no new calls after the shutdown")
        future: Future[Value] = Future()
        self._calls.put(partial(_fulfil, future, partial(call, *args, **kwargs)))
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            self._thread.start()
        return future

    def shutdown(self, *_: object, **__: object) -> None:
        """What was submitted is still done, and never waited for."""
        self._closed = True
        self._calls.put(None)

    def _work(self) -> None:
        while call := self._calls.get():
            call()


def _fulfil(future: Future[Value], call: Callable[[], Value]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        value = call()
    except BaseException as error:  # noqa: BLE001 - it is raised again where the call is waited for
        future.set_exception(error)
    else:
        future.set_result(value)


def _caught(call: Callable[[], Value]) -> Callable[[], Value]:
    """The call's result, as something that gives it or raises what the call raised."""
    try:
        value = call()
    except Exception as error:  # noqa: BLE001 - it is raised again where the look waits for it
        caught = error

        def fail() -> Value:
            raise caught

        return fail
    return lambda: value
