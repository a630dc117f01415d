"""Calls that may never return: in their order, in one thread, and never in the way of the end."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import pytest

from nemo_watchdog.one_thread import OneThread, OneThreadExecutor, StillBusy

HANGING = """
import asyncio, threading
from nemo_watchdog.one_thread import OneThread, OneThreadExecutor

async def main():
    executor = OneThreadExecutor("journal")
    for call in (asyncio.get_running_loop().run_in_executor(executor, threading.Event().wait),
                 OneThread("policy").run(threading.Event().wait)):
        try:
            async with asyncio.timeout(0.05):
                await call
        except TimeoutError:
            print("given up")
    executor.shutdown()

asyncio.run(main())
print("ended")
"""


def test_the_process_ends_beside_calls_that_hang() -> None:
    done = subprocess.run(
        [sys.executable, "-c", HANGING],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )
    assert done.stdout.split("\n") == ["given up", "given up", "ended", ""]


async def test_calls_are_made_in_their_order_in_one_thread() -> None:
    executor, loop = OneThreadExecutor("one"), asyncio.get_running_loop()
    made: list[int] = []

    def call(number: int) -> str:
        made.append(number)
        return threading.current_thread().name

    names = await asyncio.gather(*(loop.run_in_executor(executor, call, number) for number in range(20)))
    assert (made, set(names)) == (list(range(20)), {"one"})
    executor.shutdown()
    with pytest.raises(RuntimeError):
        executor.submit(call, 1)


async def test_what_a_call_raises_is_raised_and_the_next_is_made() -> None:
    executor, loop = OneThreadExecutor("one"), asyncio.get_running_loop()
    with pytest.raises(ZeroDivisionError):
        await loop.run_in_executor(executor, lambda: 1 // 0)
    assert await loop.run_in_executor(executor, lambda: 2) == 2
    executor.shutdown()


async def test_a_call_that_was_cancelled_before_its_turn_is_not_made() -> None:
    executor, loop = OneThreadExecutor("one"), asyncio.get_running_loop()
    may_go = threading.Event()
    made: list[int] = []
    first = loop.run_in_executor(executor, may_go.wait)
    second = loop.run_in_executor(executor, made.append, 2)
    third = loop.run_in_executor(executor, made.append, 3)
    second.cancel()
    await asyncio.sleep(0)  # the executor is told in the next turn of the loop
    may_go.set()
    await asyncio.gather(first, third)
    assert made == [3]
    executor.shutdown()


async def test_beside_a_call_that_hangs_no_second_thread_is_started() -> None:
    thread, may_go = OneThread("one"), threading.Event()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await thread.run(may_go.wait)
    assert thread.busy
    with pytest.raises(StillBusy):
        await thread.run(lambda: None)
    may_go.set()
