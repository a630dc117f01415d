"""Between the engine and the world: events go in at once, effects go out in order, writes before deeds.

`tell` is synchronous, so two events can never interleave. What the engine wants done is queued; one writer puts it
on disk in a thread of its own and only then logs and counts it and hands actions to the executor. A batch that
cannot be written is kept and tried again; its actions are not carried out, the engine is told so that it orders no
more, and what happens is logged, counted and told at once: acting waits for the disk, telling does not.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import TypeVar

import structlog

from nemo_watchdog.durations import duration
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine import overlap
from nemo_watchdog.engine.engine import NOTHING, Engine
from nemo_watchdog.errors import JournalDamaged, JournalError
from nemo_watchdog.metrics import Metrics
from nemo_watchdog.model import (
    CONTAINER,
    ActionOutcome,
    ActionRequest,
    ActionResult,
    Moment,
    Notification,
    Outcome,
    Target,
)
from nemo_watchdog.one_thread import OneThreadExecutor
from nemo_watchdog.ports import Clock
from nemo_watchdog.records import Record
from nemo_watchdog.runtime.clean import clean
from nemo_watchdog.runtime.record_log import RecordLog
from nemo_watchdog.runtime.troubles import Troubles
from nemo_watchdog.stores import Journal

T = TypeVar("T")

log = structlog.get_logger("nemo_watchdog")

WRITE_AGAIN_AFTER = 5.0
"""Seconds between tries to write what could not be written."""

LOOK_EVERY = 5.0
"""Seconds from one look at the journal's files to the next."""

SLOW_AFTER = 5.0
"""Seconds after which a disk that has not answered counts as one that cannot be written."""

STALE_AFTER = 10.0
"""Seconds after which a decision to act is too old to be carried out."""

BATCH_WINDOW = 0.05
"""Seconds. Facts that wait for the disk anyway, and are no further apart, are written in one transaction."""

PRUNE_EVERY = 86400.0


@dataclass(slots=True)
class _Batch:
    began: float
    at: Moment
    """Of the last fact: what was spent a moment earlier may look spent a moment later, never the other way round."""
    records: list[Record] = field(default_factory=list)
    published: int = 0
    """How many of the records have been logged and counted."""
    notifications: list[Notification] = field(default_factory=list)
    told: int = 0
    """How many of the notifications were handed over to be told from memory."""
    actions: list[ActionRequest] = field(default_factory=list)


class Core:
    """Owns the engine. Everything that happens is told to it; everything that it decides leaves through it."""

    def __init__(self, engine: Engine, journal: Journal, clock: Clock, metrics: Metrics) -> None:
        self.engine = engine
        self.clock = clock
        self.on_probe_soon: Callable[[str], None] = _ignore
        self.on_action: Callable[[ActionRequest], None] = _ignore
        self.on_written: Callable[[], None] = _ignore
        """Called after notifications or incident changes have reached the disk."""
        self.on_unwritten: Callable[[Sequence[Notification]], None] = _ignore
        """Called with what happens while the journal takes no writes: people must hear of it all the same."""
        self.on_ask_witness: Callable[[set[str]], None] = _ignore
        """Called with the dependencies to which another way is to be asked."""
        self.on_changed: Callable[[], None] = _ignore
        """Called after something changed of which no step tells, such as what became of a message."""
        self.after_step: list[Callable[[ev.Effects, Moment], None]] = []
        """Called with what a step has decided, before any of it is written or done."""
        self.after_write: list[Callable[[], None]] = []
        """Called after what was decided has reached the disk."""
        self.troubles = Troubles(clock, self.redact)
        self._log = RecordLog(lambda: clock.now().monotonic)
        self._journal = journal
        self._metrics = metrics
        self._queue: asyncio.Queue[_Batch] = asyncio.Queue()
        self._newest = _Batch(0.0, clock.now())
        self._unpublished: deque[_Batch] = deque()
        self._trouble = ""
        """Why the journal cannot be written; empty while it can."""
        self._damaged = False
        """Whether the trouble was damage when it was last told."""
        self._thread = OneThreadExecutor("journal")
        self._write_again = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._stopping = False
        metrics.journal_writable.set(1)

    def tell(self, event: ev.Event) -> None:
        """Gives the engine one event and passes on what it wants done."""
        now = self.clock.now()
        effects = self.engine.step(clean(event, self.redact), now)
        if effects is NOTHING:
            return
        for hear in self.after_step:
            hear(effects, now)
        if effects.bug:
            log.critical("a bug in the watchdog: it only observes until it is started again", error=effects.bug)
        for kind, word in effects.told:
            self._metrics.notices.labels(kind, word).inc()
        if effects.records or effects.notifications or effects.actions:
            self._queue_up(effects, now)
        if effects.ask_witness:
            self.on_ask_witness(effects.ask_witness)
        for name in effects.probe_soon:
            self.on_probe_soon(name)
        self._wake_at(effects.wake_at, now)

    def redact(self, text: str) -> str:
        """Without the secrets of the policy in force, and without what looks like one."""
        return self.engine.policy.redactor.text(text)

    def touched(self, container: str) -> str:
        """What somebody has done to it since the action on it was decided; "" when nobody did anything."""
        engine = self.engine
        return overlap.touched(engine.volatile, engine.durable, Target(CONTAINER, container), self.clock.now())

    def watches(self, container: str) -> bool:
        """Whether a dependency has that container."""
        return bool(self.engine.volatile.watching(container))

    def answers_since(self, name: str, monotonic: float) -> bool:
        """Whether a look at it that began after that time (monotonic seconds) was a good one."""
        tracker = self.engine.trackers.get(name)
        last = tracker.last if tracker is not None else None
        return last is not None and last.began > monotonic and last.finding.outcome is Outcome.OK

    async def in_journal_thread(self, work: Callable[[], T]) -> T:
        """Runs blocking work with the journal where it holds up nobody."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def start(self) -> None:
        """The first event. Before it the journal is looked at: on what it may have forgotten nobody acts."""
        await self._look_at_journal()
        self.tell(ev.Started())

    async def accept_journal(self, reason: str, by: str) -> str:
        """A person lets a damaged journal go on with what can be read: what was damaged. Raises `JournalError`."""
        damage = await self.in_journal_thread(partial(self._journal.accept, self.clock.now()))
        self.tell(ev.JournalAccepted(reason, by, damage))
        self._write_again.set()
        return damage

    async def look_at_journal_forever(self) -> None:
        """Somebody may remove its files, or make room for it, while there is nothing to write."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            await self._look_at_journal()

    async def write_forever(self) -> None:
        """The writer: the only task that appends to the journal."""
        while True:
            batch = await self._queue.get()
            await self._write(batch)
            self._queue.task_done()

    async def prune_forever(self) -> None:
        """Once a day the journal forgets what has been over for as long as the policy then keeps it."""
        while True:
            kept = timedelta(seconds=self.engine.policy.retention.records)
            prune = partial(self._journal.prune, self.clock.now().utc - kept)
            try:
                gone = await self.in_journal_thread(prune)
            except JournalError as error:
                log.error("journal cannot be pruned", error=str(error))
            else:
                log.debug("journal pruned", rows=gone)
            await asyncio.sleep(PRUNE_EVERY)

    async def written(self) -> None:
        """Returns once everything told so far is on disk."""
        await self._queue.join()

    def quiesce(self) -> None:
        """From now on no action begins: neither a new one nor one whose intent is still being written."""
        self._stopping = True
        self.tell(ev.Stopping())
        if self._timer is not None:
            self._timer.cancel()

    async def stop(self, within: float) -> None:
        """Writes what is queued, for at most `within` seconds."""
        try:
            async with asyncio.timeout(within):
                await self.written()
        except TimeoutError:
            log.error("journal not written completely before the stop", still_queued=self._queue.qsize())
        self._log.flush()

    def close(self) -> None:
        self._thread.shutdown(wait=False)

    def _queue_up(self, effects: ev.Effects, now: Moment) -> None:
        if self._queue.empty() or now.monotonic - self._newest.began > BATCH_WINDOW:
            self._newest = _Batch(now.monotonic, now)
            self._queue.put_nowait(self._newest)
            self._unpublished.append(self._newest)
        batch = self._newest
        batch.at = now
        batch.records += effects.records
        batch.notifications += effects.notifications
        batch.actions += effects.actions
        if self._trouble:
            self._publish(batch)

    async def _write(self, batch: _Batch) -> None:
        while True:
            self._write_again.clear()
            try:
                await self._append(batch)
            except JournalError as error:
                self._journal_failed(error)
                if self._stopping:
                    return
                await self._until_worth_a_try()
            else:
                break
        self._unpublished.popleft()
        self._publish(batch)
        if self._damaged:  # a write that ended before the damage was found says nothing of it
            await self._look_at_journal()
        else:
            self._journal_works()
        if self._stopping:
            self._refuse(batch, "not carried out: the watchdog was stopping")
        elif batch.actions and self.clock.now().monotonic - batch.at.monotonic > STALE_AFTER:
            self._refuse(batch, "not carried out: its intent reached the disk too late")
        for request in batch.actions:
            self.on_action(request)
        self.on_written()
        for hear in self.after_write:
            hear()

    async def _append(self, batch: _Batch) -> None:
        bodies = [record.body() for record in batch.records]
        append = partial(self._journal.append, bodies, batch.notifications, batch.at)
        writing = asyncio.ensure_future(self.in_journal_thread(append))
        await asyncio.wait({writing}, timeout=SLOW_AFTER)
        if not writing.done():
            self._journal_failed(JournalError(f"the disk has not answered for {duration(SLOW_AFTER)}"))
        await writing

    async def _until_worth_a_try(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(WRITE_AGAIN_AFTER):
                await self._write_again.wait()

    async def _look_at_journal(self) -> None:
        try:
            await self.in_journal_thread(self._journal.check)
        except JournalError as error:
            self._journal_failed(error)
        else:
            if self._damaged or not self._unpublished:
                self._journal_works()

    def _journal_failed(self, error: JournalError) -> None:
        self._damaged = isinstance(error, JournalDamaged)
        if str(error) != self._trouble:
            self._trouble = str(error)
            log.error("journal cannot be written: no action until it can", error=self._trouble)
            self._metrics.journal_writable.set(0)
            for batch in self._unpublished:
                self._publish(batch)
            self.tell(ev.JournalChanged(self._trouble, damaged=self._damaged))
        for batch in list(self._unpublished):
            self._refuse(batch, "not carried out: its intent could not be written")

    def _journal_works(self) -> None:
        if self._trouble:
            log.info("journal can be written again")
            self._trouble, self._damaged = "", False
            self._metrics.journal_writable.set(1)
            self.tell(ev.JournalChanged(""))

    def _refuse(self, batch: _Batch, why: str) -> None:
        for request in batch.actions:
            self.tell(ev.ActionFinished(request, ActionResult(ActionOutcome.REFUSED, why)))
        batch.actions = []

    def _publish(self, batch: _Batch) -> None:
        records = batch.records[batch.published :]
        batch.published = len(batch.records)
        self._metrics.count(records, self.engine.durable.severities())
        self._log.write(records)
        if self._trouble:
            self._hand_over(batch)

    def _hand_over(self, batch: _Batch) -> None:
        why = "the journal is damaged" if self._damaged else self._trouble
        fresh, batch.told = batch.notifications[batch.told :], len(batch.notifications)
        mark = f"\nThis is told from memory and not written down: {why}."
        self.on_unwritten([replace(each, body=each.body + mark) for each in fresh])

    def _wake_at(self, at: float | None, now: Moment) -> None:
        if at is None or self._stopping:
            return
        loop = asyncio.get_running_loop()
        when = loop.time() + max(0.0, at - now.monotonic) + 0.001
        if self._timer is not None:
            if self._timer.when() <= when:
                return  # one that is due and has not run yet will
            self._timer.cancel()
        self._timer = loop.call_at(when, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self.tell(ev.Tick())


def _ignore(*_: object) -> None:
    """Nobody listens yet."""
