"""The shell around the engine with fakes at every seam, and a way to wait for what must come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.engine import Engine
from nemo_watchdog.metrics import Metrics
from nemo_watchdog.model import ActionRequest, Finding, Observation, Reason, failed, ok
from nemo_watchdog.policy.policy import Policy
from nemo_watchdog.ports import Clock
from nemo_watchdog.runtime.container_watch import ContainerWatch
from nemo_watchdog.runtime.core import Core
from nemo_watchdog.stores import Journal
from nemo_watchdog.testing import FakeContainers, ManualClock, MemoryJournal
from tests.unit.engine.world import dependency, policy

T = TypeVar("T")


async def until(condition: Callable[[], T], within: float = 10.0) -> T:
    """What the condition returns, as soon as that is true; fails after `within` seconds."""
    try:
        async with asyncio.timeout(within):
            while not (value := condition()):
                await asyncio.sleep(0.002)
            return value
    except TimeoutError:
        raise AssertionError("what the test waits for did not come") from None


async def settled() -> None:
    """Everything that can run without an outside event has run: for tests that something does not happen."""
    for _ in range(50):
        await asyncio.sleep(0)


class Shell:
    """A core on a manual clock with one dependency, `gateway`, whose container runs; no loop has been started."""

    def __init__(self, plan: Policy | None = None, journal: Journal | None = None, clock: Clock | None = None) -> None:
        self.manual = ManualClock()
        self.clock = clock or self.manual
        self.memory = MemoryJournal(self.clock)
        self.metrics = Metrics()
        self.policy = plan or policy(dependency("gateway", grace=0.0))
        self.core = Core(Engine(self.policy), journal or self.memory, self.clock, self.metrics)
        containers = [spec.container for spec in self.policy.dependencies.values() if spec.container]
        self.containers = FakeContainers(self.clock, containers)
        self.watch = ContainerWatch(self.containers, self.core, self.metrics)
        self.started: list[ActionRequest] = []
        self.core.on_action = self.started.append

    def observe(self, name: str = "gateway", finding: Finding | None = None, *, times: int = 1) -> None:
        for _ in range(times):
            self.manual.advance(1.0)
            self.core.tell(ev.Observed(name, Observation(finding or ok(), 0.01, self.clock.now())))

    def fail(self, name: str = "gateway", *, times: int = 3) -> None:
        self.observe(name, failed(Reason.WRONG_STATUS, "HTTP 500"), times=times)

    async def up(self) -> None:
        """Every container has been inspected and every dependency is up."""
        self.core.tell(ev.Started())
        await self.watch.reconcile()
        for name in self.policy.dependencies:
            self.observe(name, times=3)

    def metric(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"nemo_watchdog_{name}", labels)


@asynccontextmanager
async def running(*loops: Coroutine[Any, Any, None]) -> AsyncIterator[list[asyncio.Task[None]]]:
    """The loops as tasks, cancelled at the end; an exception that one of them died of comes out."""
    tasks = [asyncio.create_task(loop) for loop in loops]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
