"""Fakes at the seams, for tests and for authors of probes, actions and notifiers. They do what the script says.

None of them reads a clock: time moves when the test moves it, and what hangs does so until it is cancelled.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, Final, TypeVar

from nemo_watchdog.errors import ContainersUnreachable, JournalDamaged, JournalError, QuestionRefused
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
from nemo_watchdog.receipts import Receipt, Received
from nemo_watchdog.stores import OutboxItem

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

    async def labels(self) -> Mapping[str, Mapping[str, str]]:
        await self._answer()
        return dict(self.labels_of)

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

    async def close(self) -> None:
        self.closed += 1

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


@dataclass(slots=True)
class _Queued:
    item: OutboxItem
    due: float
    changed: Moment
    state: str = "pending"
    detail: str = ""


class MemoryJournal:
    """Satisfies `stores.Journal` and `receipts.Receipts`, and forgets everything with the process.

    `trouble` makes every method fail, and `damage` does until `accept`.
    """

    def __init__(self, clock: Clock) -> None:
        self.trouble = ""
        self.damage = ""
        self.closed = 0
        self._clock = clock
        self._records: list[tuple[Moment, Mapping[str, Any]]] = []
        self._outbox: list[_Queued] = []
        self.receipts: list[Receipt] = []

    def types(self) -> list[str]:
        """The type of every record, in order."""
        return [str(body["type"]) for _, body in self._records]

    def outbox(self) -> list[tuple[str, str, str]]:
        """Contact, key and state (`pending`, `delivered`, `given_up`, `pruned`) of every notification, in order."""
        return [(each.item.contact, each.item.notification.key, each.state) for each in self._outbox]

    def append(self, records: Sequence[Mapping[str, Any]], notifications: Sequence[Notification], at: Moment) -> None:
        self._check()
        self._records += [(at, dict(body)) for body in records]
        queued = {(each.item.contact, each.item.notification.key) for each in self._outbox}
        for notification in notifications:
            for contact in notification.contacts:
                if (contact, notification.key) not in queued:
                    item = OutboxItem(len(self._outbox), contact, notification, 0)
                    self._outbox.append(_Queued(item, at.monotonic, at))

    def replay(self, now: Moment) -> Sequence[tuple[Moment, Mapping[str, Any]]]:
        self._check()
        return [(at if at.monotonic <= now.monotonic else now, body) for at, body in self._records]

    def pending(self, limit: int) -> Sequence[OutboxItem]:
        self._check()
        now, of_contact = self._clock.now().monotonic, Counter[str]()
        items = list[OutboxItem]()
        for each in self._outbox:
            if each.state == "pending" and of_contact[each.item.contact] < limit:
                of_contact[each.item.contact] += 1
                items.append(replace(each.item, due=each.due <= now))
        return items

    def delivered(self, item_id: int, at: Moment) -> None:
        self._settle(item_id, "delivered", at, "")

    def retry_later(self, item_id: int, at: Moment, delay: float, detail: str) -> None:
        self._check()
        queued = self._outbox[item_id]
        queued.item = replace(queued.item, attempts=queued.item.attempts + 1)
        queued.due, queued.changed, queued.detail = at.monotonic + delay, at, detail

    def give_up(self, item_id: int, at: Moment, detail: str) -> None:
        self._settle(item_id, "given_up", at, detail)

    def received(self, limit: int) -> Received:
        self._check()
        told = [(key, each.address) for each in self.receipts for key in each.keys]
        memos = {(each.thread, each.address): each.memo for each in self.receipts if each.memo}
        return Received(told[-limit:], memos)

    def keep_receipts(self, kept: Sequence[Receipt], at: Moment) -> None:  # noqa: ARG002 - they are as old as the test
        self._check()
        self.receipts += kept

    def prune(self, before: datetime) -> int:
        """Forgets settled notifications only: what a test asserts on is records."""
        self._check()
        gone = [each for each in self._outbox if each.state not in {"pending", "pruned"} and each.changed.utc < before]
        for each in gone:
            each.state = "pruned"
        return len(gone)

    def check(self) -> None:
        self._check()

    def accept(self, at: Moment) -> str:  # noqa: ARG002 - nothing is put aside here
        """Whole again."""
        damage, self.damage = self.damage, ""
        return damage

    def close(self) -> None:
        self.closed += 1

    def _settle(self, item_id: int, state: str, at: Moment, detail: str) -> None:
        self._check()
        queued = self._outbox[item_id]
        queued.state, queued.changed, queued.detail = state, at, detail

    def _check(self) -> None:
        if self.damage:
            raise JournalDamaged(self.damage)
        if self.trouble:
            raise JournalError(self.trouble)


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
