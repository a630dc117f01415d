"""A Docker Engine and its containers as they truly are, and the port through which one daemon sees them.

What somebody orders is done by timers of the Engine and goes on when the daemon that ordered it is killed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from random import Random
from typing import Any

from nemo_watchdog.engine.signals import A_STOP_TAKES
from nemo_watchdog.errors import ContainersUnreachable, NotOrdered, OrderFailed, OrderUncertain, QuestionRefused
from nemo_watchdog.model import Category, ContainerEvent, ContainerStatus, ContainerUsage, LogLine, Reason, RunState
from tests.simulation.virtual_time import VirtualClock, VirtualLoop

MEMORY = 256
"""Events that Docker remembers, of everything."""

HANGS_FOR = 5.0
"""Seconds after which the client gives up a question that a hung Engine does not answer."""

OVER_AT_ONCE = 0.5
"""Seconds that a server takes to end when it is asked to."""

KILL, TERM, QUIT = 9, 15, 3

NO_START = "driver failed programming external connectivity"

Later = Callable[..., asyncio.TimerHandle]


@dataclass(slots=True)
class Ailment:
    """What is wrong with a run, or with what it works on. `seen_by` are dependencies; empty: all that look at it."""

    reason: Reason
    began: float
    detail: str = ""
    restart_cures: bool = True
    seen_by: frozenset[str] = frozenset()
    moves: bool = False
    """It is busy and gets on."""
    works: bool = False
    """It does not answer and is not idle."""
    degrades: bool = False
    """It serves, and badly."""


@dataclass(slots=True)
class Box:
    """A container. Times in monotonic seconds."""

    name: str
    boots: float = 2.0
    """Seconds from its start to its first answer."""
    loops: bool = False
    """Docker starts it again when it has ended."""
    stops_in: float = OVER_AT_ONCE
    number: int = 1
    state: RunState = RunState.RUNNING
    began: float = 0.0
    ended: float | None = None
    code: int | None = None
    oom: bool = False
    restarts: int = 0
    said: str = ""
    ailment: Ailment | None = None
    person: str = ""
    """What somebody does or did to it, and wants; empty when nobody has hands on it."""
    person_since: float = 0.0
    dumped_at: float = -1e9
    """When somebody sent it a QUIT that ends nothing: it may be a stop, for as long as a stop takes."""
    end_is_known: bool = True
    """Somebody who listens or asks can tell who ended it."""
    left_by_ours: bool = False
    """A restart of ours has ended it and could not start it, and nobody has heard that: it may have been somebody."""
    gone_with_engine: bool = False
    """It has ended with the Engine, which only those know who heard it."""
    ordered: int = 0
    """Orders of ours that the Engine carries out."""
    next_start_fails: bool = False
    error: str = ""
    """Of the last start."""
    at_risk_at: float = -1e9
    """When its data were at risk last."""
    starts_again: asyncio.TimerHandle | None = None

    @property
    def id(self) -> str:
        return f"{self.name}-{self.number}"

    def recover(self, now: float) -> None:
        """Nothing is wrong with it any more."""
        if self.ailment is not None and self.ailment.reason.category is Category.INTEGRITY:
            self.at_risk_at = now
        self.ailment = None

    @property
    def stubborn(self) -> bool:
        """It does not hear that it should stop."""
        return self.ailment is not None and self.ailment.reason in (Reason.TIMEOUT, Reason.STALLED)


@dataclass(slots=True)
class Order:
    """A restart that a daemon has ordered."""

    box: Box
    at: float
    done: asyncio.Future[None] = field(repr=False)


class Stream:
    """Satisfies `ports.Containers.events`: what the Engine tells one listener."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._waiting: deque[ContainerEvent] = deque()
        self._news = asyncio.Event()
        self.open = False
        self._alive: datetime | None = None
        self._whole_since: datetime | None = None
        if engine.trouble:
            self._put(ContainerEvent("", "lost"))
        else:
            self.connect()

    @property
    def heard_since(self) -> datetime | None:
        """Since when nothing was missed; None while it is lost."""
        return self._whole_since if self.open else None

    def connect(self) -> None:
        """Docker tells again what it remembers of the time in which the stream was lost."""
        now, oldest = self._engine.clock.now().utc, self._engine.oldest
        since, self._alive = self._alive, now
        if since is None or oldest is None or oldest > since:
            self._whole_since = None
        self._whole_since = self._whole_since or now
        self.open = True
        if since is not None and self._engine.forgot_at is not None and since <= self._engine.forgot_at:
            self._put(ContainerEvent("", "engine_restarted", at=since))
        self._put(ContainerEvent("", "reconnected", at=self._whole_since))
        for event in self._engine.events if since is not None else ():
            if event.at is not None and since is not None and event.at >= since:
                self._put(event)

    def lose(self) -> None:
        if self.open:
            self.open, self._alive = False, self._engine.clock.now().utc
            self._put(ContainerEvent("", "lost", at=self._alive))

    def tell(self, event: ContainerEvent) -> None:
        if self.open:
            self._put(event)

    def _put(self, event: ContainerEvent) -> None:
        self._waiting.append(event)
        self._news.set()

    def __aiter__(self) -> Stream:
        return self

    async def __anext__(self) -> ContainerEvent:
        while not self._waiting:
            self._news.clear()
            await self._news.wait()
        return self._waiting.popleft()


class Engine:
    """`trouble` says why it answers nobody; with `hangs` it says nothing at all."""

    def __init__(self, loop: VirtualLoop, clock: VirtualClock, boxes: Sequence[Box], luck: Random) -> None:
        self.loop = loop
        self.clock = clock
        self.boxes = {box.name: box for box in boxes}
        self.events: deque[ContainerEvent] = deque(maxlen=MEMORY)
        self.trouble = ""
        self.hangs = False
        self.trouble_at = -1e9
        """When it was back last."""
        self.forgot_at: datetime | None = None
        """When it was started anew last."""
        self.slow = 0.0
        """Seconds that every order takes longer."""
        self.stream: Stream | None = None
        self.on_event: Callable[[Box, ContainerEvent], None] = lambda box, event: None
        self.on_change: Callable[[], None] = lambda: None
        self._luck = luck
        for box in boxes:
            self.events.append(ContainerEvent(box.name, "start", None, self._utc(box.began), box.id))

    @property
    def now(self) -> float:
        return self.loop.time()

    @property
    def oldest(self) -> datetime | None:
        return self.events[0].at if self.events else None

    def remembers(self, box: Box, heard_since: datetime | None = None) -> bool:
        """Nothing of what may have ended its run, or may end it now, is forgotten."""
        known = [at for at in (self.oldest, heard_since) if at is not None]
        ended = self.now if box.ended is None else box.ended
        return bool(known) and min(known) <= self._utc(max(box.began, ended - A_STOP_TAKES.total_seconds()))

    # -- what the Engine does

    def emit(self, box: Box, action: str, signal: int | None = None) -> None:
        event = ContainerEvent(box.name, action, signal, self.clock.now().utc, box.id)
        self.events.append(event)
        if self.stream is not None:
            self.stream.tell(event)
        self.on_event(box, event)

    def away(self, why: str, *, hangs: bool = False) -> None:
        self.trouble, self.hangs = why, hangs
        if self.stream is not None:
            self.stream.lose()

    def back(self) -> None:
        self.trouble, self.hangs, self.trouble_at = "", False, self.now
        if self.stream is not None:
            self.stream.connect()

    def go_down(self, patience: float) -> None:
        """It ends what runs, and takes no new callers."""
        self.trouble = "the Engine goes down"
        for box in self.boxes.values():
            if box.state in (RunState.RUNNING, RunState.RESTARTING):
                self.stop(box, patience, lambda: None)

    def is_gone(self) -> None:
        """With all that it remembered."""
        self.away("there is no Engine")
        for box in self.boxes.values():
            box.gone_with_engine = box.state is RunState.EXITED and not box.person
        self.events.clear()
        self.forgot_at = self.clock.now().utc

    def end(self, box: Box, code: int, *, oom: bool = False, said: str = "", by_order: bool = False) -> None:
        """Its first process has ended."""
        if box.state not in (RunState.RUNNING, RunState.PAUSED):
            return
        if oom:
            self.emit(box, "oom")
        box.state, box.ended, box.code, box.oom, box.said = RunState.EXITED, self.now, code, oom, said
        box.end_is_known = self.stream is not None and self.remembers(box, self.stream.heard_since)
        if box.ailment is not None and box.ailment.restart_cures:
            box.ailment = None
        if box.loops and not by_order:
            box.state = RunState.RESTARTING
            box.starts_again = self.loop.call_later(min(0.1 * 2**box.restarts, 60.0), self._start_again, box)
        self.emit(box, "die")
        self.on_change()

    def _start_again(self, box: Box) -> None:
        if box.state is RunState.RESTARTING:
            box.restarts += 1
            self.start(box)

    def start(self, box: Box, *, ordered: bool = False) -> bool:
        """Whether a new run begins. A start that is ordered sets the count of Docker's own back."""
        if box.state is RunState.RUNNING:
            return True
        if box.starts_again is not None:
            box.starts_again.cancel()
        if ordered:
            box.restarts = 0
        if box.next_start_fails:
            box.next_start_fails, box.state, box.error = False, RunState.EXITED, NO_START
            return False
        box.state, box.began, box.ended, box.code = RunState.RUNNING, self.now, None, None
        box.oom, box.said, box.error = False, "", ""
        box.gone_with_engine = box.left_by_ours = False
        if box.ailment is not None and box.ailment.restart_cures:
            box.ailment = None
        self.emit(box, "start")
        self.on_change()
        return True

    def stop(self, box: Box, patience: float, then: Callable[[], None]) -> None:
        """TERM, and KILL when the patience is over; `then` when it has ended."""
        if box.starts_again is not None:
            box.starts_again.cancel()
        if box.state is RunState.RESTARTING:
            box.state = RunState.EXITED
        if box.state not in (RunState.RUNNING, RunState.PAUSED):
            then()
            return
        self.emit(box, "kill", TERM)
        killed = box.stubborn or box.stops_in > patience

        def over() -> None:
            if killed and box.state is RunState.RUNNING:
                self.emit(box, "kill", KILL)
            self.end(box, 137 if killed else 143, by_order=True)
            then()

        self.loop.call_later(patience if killed else box.stops_in, over)

    def restart(self, box: Box, patience: float, done: Callable[[bool], None]) -> None:
        """`docker restart`."""

        def stopped() -> None:
            self.emit(box, "stop")
            self.loop.call_later(0.2 + self.slow, started)

        def started() -> None:
            well = self.start(box, ordered=True)
            if well:
                self.emit(box, "restart")
            done(well)

        self.stop(box, patience, stopped)

    def status(self, name: str) -> ContainerStatus:
        box = self.boxes[name]
        if box.state is RunState.MISSING:
            return ContainerStatus(RunState.MISSING, detail=f"No such container: {name}")
        return ContainerStatus(
            box.state,
            box.id,
            self._utc(box.began),
            None if box.ended is None else self._utc(box.ended),
            box.code,
            box.oom,
            restarts=box.restarts,
            restarted_by_docker=box.loops,
            detail=box.error,
        )

    def _utc(self, at: float) -> datetime:
        return self.clock.at(at).utc


class Port:
    """Satisfies `ports.Containers` for one daemon; what it is told when that was killed is nothing."""

    def __init__(self, engine: Engine, on_order: Callable[[Box], None], luck: Random) -> None:
        self._engine = engine
        self._on_order = on_order
        self._luck = luck
        self.dead = False
        self.uncertain = 0
        """So many of the next orders are carried out, and their answer is lost."""
        self.under_way: list[Order] = []
        """Orders that this daemon waits for."""

    async def _answer(self) -> None:
        if self.dead:
            raise ContainersUnreachable("nobody asks")
        if self._engine.hangs:
            await asyncio.sleep(HANGS_FOR)
        if self._engine.trouble:
            raise ContainersUnreachable(self._engine.trouble)

    async def inspect(self, name: str) -> ContainerStatus:
        await self._answer()
        return self._engine.status(name)

    async def labels(self, *, never_started: bool = False) -> Mapping[str, Mapping[str, str]]:
        """None carries any."""
        await self._answer()
        return {}

    def events(self) -> Stream:
        self._engine.stream = Stream(self._engine)
        return self._engine.stream

    async def history(self, name: str, container_id: str) -> Sequence[ContainerEvent]:
        await self._answer()
        return [replace(event, container=name) for event in self._engine.events if event.container_id == container_id]

    async def remembers_since(self) -> datetime | None:
        await self._answer()
        return self._engine.oldest

    async def takes_callers(self) -> bool:
        return not self._engine.trouble

    async def ping(self) -> None:
        await self._answer()

    async def usage(self, name: str) -> ContainerUsage:
        """One sample a second."""
        await asyncio.sleep(1.0)
        await self._answer()
        box = self._engine.boxes[name]
        if box.state is not RunState.RUNNING:
            raise QuestionRefused(200, "no usage of a running container", "a container's usage")
        works = box.ailment is not None and box.ailment.works
        return ContainerUsage(1e8, 1e9, self._engine.now if works else 5.0, 2)

    async def uninterruptible(self, name: str) -> frozenset[int]:
        return frozenset()

    async def inspection(self, name: str) -> Mapping[str, Any]:
        await self._answer()
        return {"Name": f"/{name}"}

    async def largest(self, most: int) -> Sequence[tuple[str, ContainerUsage]]:
        await self._answer()
        return ()

    async def titles(self, name: str) -> Sequence[str]:
        return ()

    async def log(self, name: str, since: datetime) -> Sequence[LogLine]:
        return await self.last_words(name, 1)

    async def last_words(self, name: str, lines: int) -> Sequence[LogLine]:
        await self._answer()
        box = self._engine.boxes[name]
        at = self._engine.status(name).finished_at
        return [LogLine(at, box.said)] if box.said and at is not None else []

    async def execute(self, name: str, command: Sequence[str]) -> int | None:
        await self._answer()
        return 0

    async def restart(self, name: str, stop_timeout: float) -> None:
        await self._order(name, lambda box, done: self._engine.restart(box, stop_timeout, done))

    async def start(self, name: str) -> None:
        if self._engine.boxes[name].state is RunState.RUNNING:
            raise NotOrdered("the container runs already: Docker did nothing")
        await self._order(name, lambda box, done: done(self._engine.start(box, ordered=True)))

    async def kill(self, name: str, signal: int) -> None:
        """It ends by it, like everything that a signal ends, and Docker does not start it again."""

        def kill(box: Box, done: Callable[[bool], None]) -> None:
            self._engine.emit(box, "kill", signal)
            self._engine.end(box, 128 + signal, by_order=True)
            done(True)

        await self._order(name, kill)

    async def unpause(self, name: str) -> None:
        def unpause(box: Box, done: Callable[[bool], None]) -> None:
            well = box.state is RunState.PAUSED
            if well:
                box.state = RunState.RUNNING
                self._engine.emit(box, "unpause")
            done(well)

        await self._order(name, unpause)

    async def _order(self, name: str, carry_out: Callable[[Box, Callable[[bool], None]], None]) -> None:
        await self._answer()
        box, loop = self._engine.boxes[name], self._engine.loop
        if box.state is RunState.MISSING:
            raise OrderFailed(f"No such container: {name}")
        order = Order(box, loop.time(), loop.create_future())
        self._on_order(box)
        self.under_way.append(order)
        box.ordered += 1
        lost = self.uncertain > 0
        self.uncertain -= lost

        def done(well: bool) -> None:
            box.ordered -= 1
            if not well and (lost or order.done.done()):
                box.left_by_ours = True
            if order.done.done():
                return
            if lost:
                order.done.set_exception(OrderUncertain("the answer was lost"))
            elif well:
                order.done.set_result(None)
            else:
                order.done.set_exception(OrderFailed(NO_START))

        carry_out(box, done)
        try:
            await order.done
        finally:
            self.under_way.remove(order)

    async def close(self) -> None:
        """There is nothing to close."""
