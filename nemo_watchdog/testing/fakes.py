"""Fakes at the seams, for tests and for authors of probes, actions and notifiers. They do what the script says.

None of them reads a clock: time moves when the test moves it, and what hangs does so until it is cancelled.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, Final, TypeVar

from nemo_watchdog.errors import (
    ContainersUnreachable,
    NotOrdered,
    OrderFailed,
    QuestionRefused,
)
from nemo_watchdog.model import (
    ActionOutcome,
    ActionRequest,
    ActionResult,
    ContainerEvent,
    ContainerStatus,
    ContainerUsage,
    Finding,
    LogLine,
    Moment,
    Notification,
    RunState,
)
from nemo_watchdog.ports import Clock, Delivery

T = TypeVar("T")


class _Hang(Enum):
    HANG = "hang"


HANG: Final = _Hang.HANG
"""In a script: never answer, until cancelled."""


async def _perform(step: T | BaseException | _Hang) -> T:
    if isinstance(step, BaseException):
        raise step
    while isinstance(step, _Hang):
        await asyncio.Event().wait()
    await asyncio.sleep(0)
    return step


class ManualClock:
    """Satisfies `ports.Clock`; both clocks stand still until the test moves them."""

    def __init__(self, monotonic: float = 1000.0, utc: datetime = datetime(2026, 1, 5, 12, tzinfo=UTC)) -> None:
        self._now = Moment(monotonic, utc)

    def now(self) -> Moment:
        return self._now

    def advance(self, seconds: float) -> None:
        """Time passes, on both clocks."""
        self._now = Moment(self._now.monotonic + seconds, self._now.utc + timedelta(seconds=seconds))

    def jump(self, seconds: float) -> None:
        """Somebody sets the wall clock; the monotonic one does not notice."""
        self._now = Moment(self._now.monotonic, self._now.utc + timedelta(seconds=seconds))


class ScriptedProbe:
    """Satisfies `ports.Probe`. Each look performs the next step; the last one is repeated for ever."""

    def __init__(self, *script: Finding | BaseException | _Hang) -> None:
        if not script:
            raise ValueError("a scripted probe needs at least one step")
        self.script = deque(script)
        self.looks = 0
        self.closed = 0

    async def look(self) -> Finding:
        self.looks += 1
        return await _perform(self.script.popleft() if len(self.script) > 1 else self.script[0])

    async def close(self) -> None:
        self.closed += 1


class RecordingAction:
    """Satisfies `ports.Action`; keeps every request and answers `result`."""

    def __init__(self, result: ActionResult | BaseException | _Hang = ActionResult(ActionOutcome.SUCCEEDED)) -> None:  # noqa: B008 - frozen
        self.result = result
        self.requests: list[ActionRequest] = []

    async def run(self, request: ActionRequest) -> ActionResult:
        self.requests.append(request)
        return await _perform(self.result)


class FakeContainers:
    """Satisfies `ports.Containers`: set `statuses`, push events with `tell`, decide how an order ends.

    `trouble` makes every question raise `ContainersUnreachable`, and `hangs` lets every question hang. A restart
    that succeeds starts a new run, as Docker's does.
    """

    def __init__(self, clock: Clock, names: Iterable[str] = ()) -> None:
        self.statuses: dict[str, ContainerStatus] = {}
        self.trouble = ""
        self.hangs = False
        self.going_down = False
        """It answers those that it knows, and no new caller."""
        self.inspects: list[str] = []
        self.usages: dict[str, ContainerUsage] = {}
        self.waits: dict[str, frozenset[int]] = {}
        self.process_titles: dict[str, Sequence[str]] = {}
        self.labels_of: dict[str, Mapping[str, str]] = {}
        """The labels of each container that has any."""
        self.inspections: dict[str, Mapping[str, Any]] = {}
        """All that the engine tells of each, where that matters."""
        self.logs: dict[str, list[LogLine]] = {}
        self.log_tails: list[str] = []
        """Every container whose last lines were asked for."""
        self.log_ends: BaseException | _Hang | None = None
        """What that question raises; None lets it be answered."""
        self.executed: list[tuple[str, tuple[str, ...]]] = []
        self.exit_code: int | None = 0
        """What a command in any container gives."""
        self.orders: list[tuple[object, ...]] = []
        """Every order that was given, such as `("restart", name, stop_timeout)`."""
        self.order_ends: BaseException | _Hang | None = None
        """What an order raises; None lets it succeed."""
        self.closed = 0
        self.past: list[ContainerEvent] = []
        """What `history` remembers; `tell` and `exit` add to it."""
        self.memory_since: datetime | None = datetime.min.replace(tzinfo=UTC)
        """Since when nothing of that is forgotten."""
        self._clock = clock
        self._events: asyncio.Queue[ContainerEvent] = asyncio.Queue()
        for name in names:
            self.runs(name)

    def runs(self, name: str) -> None:
        """A new run begins now."""
        self.statuses[name] = ContainerStatus(RunState.RUNNING, f"id-{name}", self._clock.now().utc)

    def exit(self, name: str, code: int = 1) -> None:
        """It exits, and the engine remembers it; the event stream says nothing unless `tell` does."""
        now = self._clock.now().utc
        self.statuses[name] = replace(self.statuses[name], state=RunState.EXITED, exit_code=code, finished_at=now)
        self.past.append(ContainerEvent(name, "die", at=now))

    def tell(self, container: str, action: str, signal: int | None = None, container_id: str = "") -> None:
        """One line of the event stream, which the engine remembers too."""
        event = ContainerEvent(container, action, signal, self._clock.now().utc, container_id)
        self.past.append(event)
        self._events.put_nowait(event)

    async def labels(self, *, never_started: bool = False) -> Mapping[str, Mapping[str, str]]:
        await self._answer()
        made = {name for name, status in self.statuses.items() if status.state is RunState.CREATED}
        return {name: own for name, own in self.labels_of.items() if never_started or name not in made}

    async def history(self, name: str, container_id: str) -> Sequence[ContainerEvent]:
        await self._answer()
        own = [e for e in self.past if (e.container_id == container_id if e.container_id else e.container == name)]
        return [replace(event, container=name) for event in own]

    async def remembers_since(self) -> datetime | None:
        await self._answer()
        return self.memory_since

    async def inspect(self, name: str) -> ContainerStatus:
        self.inspects.append(name)
        await self._answer()
        return self.statuses.get(name, ContainerStatus(RunState.MISSING))

    async def events(self) -> AsyncIterator[ContainerEvent]:
        while True:
            yield await self._events.get()

    async def takes_callers(self) -> bool:
        return not self.trouble and not self.going_down

    async def ping(self) -> None:
        await self._answer()

    async def uninterruptible(self, name: str) -> frozenset[int]:
        """See `ports.Containers.uninterruptible`: none unless `waits` says so."""
        return self.waits.get(name, frozenset())

    async def titles(self, name: str) -> Sequence[str]:
        await self._answer()
        return self.process_titles.get(name, ())

    async def usage(self, name: str) -> ContainerUsage:
        await self._answer()
        if name not in self.usages:
            raise QuestionRefused(200, f"{name} does not run", "a container's usage")
        return self.usages[name]

    async def log(self, name: str, since: datetime) -> Sequence[LogLine]:
        await self._answer()
        if name not in self.statuses:
            raise QuestionRefused(404, f"No such container: {name}", "a container's log")
        return [line for line in self.logs.get(name, []) if line.at >= since]

    async def last_words(self, name: str, lines: int) -> Sequence[LogLine]:
        self.log_tails.append(name)
        await self._answer()
        await _perform(self.log_ends)
        return self.logs.get(name, [])[-lines:]

    async def inspection(self, name: str) -> Mapping[str, Any]:
        await self._answer()
        if name not in self.statuses:
            raise QuestionRefused(404, f"No such container: {name}", "all about a container")
        return self.inspections.get(name, {"Name": f"/{name}", "Id": self.statuses[name].container_id})

    async def largest(self, most: int) -> Sequence[tuple[str, ContainerUsage]]:
        await self._answer()
        return sorted(self.usages.items(), key=lambda each: each[1].memory, reverse=True)[:most]

    async def execute(self, name: str, command: Sequence[str]) -> int | None:
        self.executed.append((name, tuple(command)))
        await self._answer()
        return self.exit_code if self.statuses[name].state is RunState.RUNNING else None

    async def restart(self, name: str, stop_timeout: float) -> None:
        await self._order("restart", name, stop_timeout)
        self.runs(name)

    async def start(self, name: str) -> None:
        await self._order("start", name)
        if self.statuses[name].state is RunState.RUNNING:
            raise NotOrdered("the container runs already: Docker did nothing")
        self.runs(name)

    async def kill(self, name: str, signal: int) -> None:
        """What the signal does is the test's to say."""
        await self._order("kill", name, signal)
        self._must_be(RunState.RUNNING, name)

    async def unpause(self, name: str) -> None:
        await self._order("unpause", name)
        self._must_be(RunState.PAUSED, name)
        self.statuses[name] = replace(self.statuses[name], state=RunState.RUNNING)

    async def close(self) -> None:
        self.closed += 1

    def _must_be(self, state: RunState, name: str) -> None:
        if self.statuses[name].state is not state:
            raise OrderFailed(f"container {name} is not {state}")

    async def take(self, *order: object) -> None:
        """An order that another fake has for it."""
        await self._order(*order)

    async def _order(self, *order: object) -> None:
        await self._answer()
        self.orders.append(order)
        await _perform(self.order_ends)

    async def _answer(self) -> None:
        if self.trouble:
            raise ContainersUnreachable(self.trouble)
        await _perform(HANG if self.hangs else None)


class RecordingNotifier:
    """Satisfies `ports.Notifier`; keeps every delivery and answers what `answers` says for the contact."""

    def __init__(self, answers: Mapping[str, Delivery | BaseException | _Hang] | None = None) -> None:
        self.answers = dict(answers or {})
        self.told: list[tuple[str, Notification]] = []
        self.closed = 0

    async def deliver(self, notification: Notification, contact: str) -> Delivery:
        self.told.append((contact, notification))
        return await _perform(self.answers.get(contact, Delivery(delivered=True)))

    async def close(self) -> None:
        self.closed += 1
