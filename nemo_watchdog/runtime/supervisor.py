"""The task tree. Only the supervisor creates tasks; a dead root task is fatal, so that systemd starts us afresh."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any, Protocol

import structlog

from nemo_watchdog.metrics import Metrics
from nemo_watchdog.model import ActionRequest, Notification
from nemo_watchdog.policy.policy import Dependency, Policy
from nemo_watchdog.ports import Probe
from nemo_watchdog.runtime import files
from nemo_watchdog.runtime.alerting import Alerting
from nemo_watchdog.runtime.calendars import Calendars
from nemo_watchdog.runtime.container_watch import ContainerWatch
from nemo_watchdog.runtime.core import Core
from nemo_watchdog.runtime.deadman import Deadman
from nemo_watchdog.runtime.executor import Executor
from nemo_watchdog.runtime.in_progress import InProgress
from nemo_watchdog.runtime.keeping import Keeping
from nemo_watchdog.runtime.kept_images import KeptImages
from nemo_watchdog.runtime.outbox import Outbox
from nemo_watchdog.runtime.probe_loop import ProbeLoop
from nemo_watchdog.runtime.reloads import PolicySource, Reloads
from nemo_watchdog.runtime.sample import LoopLag
from nemo_watchdog.runtime.silences_elsewhere import SilencesElsewhere
from nemo_watchdog.runtime.storm_witness import StormWitness
from nemo_watchdog.runtime.work import WorkWitness

log = structlog.get_logger("nemo_watchdog")

LAG_TICK = 0.1
"""Seconds. A stall of the event loop is measured with an error of at most this."""

LAG_SHOWN = 5
"""Ticks whose worst lag the metric shows, so that it can be seen for half a second."""

STILL_AFTER = 10.0
"""Seconds without a tick after which the event loop counts as stuck."""

STOP_WITHIN = 5.0
"""Seconds for the journal and the archive to take what is queued when the daemon is told to stop."""


class ServiceManager(Protocol):
    """What the supervisor says to systemd."""

    def ready(self, status: str = "") -> None: ...
    def reloading(self) -> None: ...
    def status(self, text: str) -> None: ...
    def watchdog(self) -> None: ...
    def stopping(self) -> None: ...
    def watchdog_interval(self) -> float | None: ...


class Supervisor:
    """Starts every loop, keeps the probe loops in line with the policy, and ends all of it in order."""

    def __init__(
        self,
        core: Core,
        *,
        source: PolicySource,
        probe: Callable[[Dependency], Probe],
        containers: ContainerWatch,
        executor: Executor,
        outbox: Outbox,
        alerting: Alerting,
        deadman: Deadman,
        metrics: Metrics,
        service: ServiceManager,
        keeping: Keeping,
        kept_images: KeptImages,
        calendars: Calendars,
        silences: SilencesElsewhere,
    ) -> None:
        self.core = core
        self.loops: dict[str, ProbeLoop] = {}
        self.reloads = Reloads(core, source, metrics, service=service, summary=self._summary, adopt=self._adopt)
        self.lag = LoopLag(core.clock)
        self._probe = probe
        self._containers = containers
        self._executor = executor
        self._outbox = outbox
        self._alerting = alerting
        self._deadman = deadman
        self._metrics = metrics
        self._service = service
        self._keeping = keeping
        self._kept_images = kept_images
        self._calendars = calendars
        self._silences = silences
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._stop = asyncio.Event()
        self._witness = StormWitness(core)
        self._group: asyncio.TaskGroup | None = None
        self._last_tick = core.clock.now().monotonic

    # -- from outside

    def stop(self) -> None:
        """SIGTERM."""
        self._stop.set()

    def reload(self) -> None:
        """SIGHUP."""
        self.reloads.ask()

    def stuck(self) -> list[str]:
        """Names of loops without a fresh heartbeat: empty while the daemon is well."""
        now = self.core.clock.now().monotonic
        late = [name for name, loop in self.loops.items() if now - loop.heartbeat > loop.overdue_after]
        if now - self._last_tick > STILL_AFTER:
            late.append("event loop")
        return late

    # -- the tree

    async def run(self) -> None:
        """Until `stop`. Raises what killed a root task, and nothing that a probe or a contact did."""
        core = self.core
        core.on_action = self._start_action
        core.on_probe_soon = self._poke
        core.on_written = self._written
        core.on_unwritten = self._unwritten
        core.on_ask_witness = self._ask_witness
        async with asyncio.TaskGroup() as group:
            self._group = group
            await asyncio.gather(self._calendars.look(), self._silences.look())
            roots = [
                self._root(core.write_forever(), "writer"),
                self._root(core.prune_forever(), "pruner"),
                self._root(core.look_at_journal_forever(), "journal"),
                self._root(self._outbox.run(), "outbox"),
                self._root(self._alerting.run(), "alerting"),
                self._root(self._measure_lag(), "lag"),
                self._root(self.reloads.run(), "policy"),
                self._root(self.reloads.discover(), "labels"),
                self._root(files.watch(self._metrics), "files"),
                self._root(self._calendars.run(), "calendars"),
                self._root(self._silences.run(), "silences of Alertmanager"),
                self._root(self._kept_images.run(), "kept images"),
                *(self._root(work, name) for work, name in self._keeping.work()),
            ]
            await core.start()
            await self._containers.reconcile()
            roots += [
                self._root(self._containers.follow(), "container events"),
                self._root(self._containers.reconcile_forever(), "containers"),
                self._root(self._feed_watchdog(), "watchdog"),
                self._root(self._deadman.run(self.stuck), "dead man's switch"),
            ]
            self._apply(core.engine.policy)
            self._service.ready(self._summary())
            log.info("watching", dependencies=len(self.loops), autonomy=str(core.engine.policy.autonomy))
            await self._stop.wait()
            await self._wind_down(roots)

    async def _wind_down(self, roots: list[asyncio.Task[None]]) -> None:
        log.info("stopping")
        self._service.stopping()
        writer, *others = roots
        self.core.quiesce()
        for task in [*others, *self._tasks.values()]:
            task.cancel()
        await asyncio.gather(*others, *self._tasks.values(), return_exceptions=True)
        await asyncio.gather(self.core.stop(STOP_WITHIN), self._keeping.stop(STOP_WITHIN))
        writer.cancel()
        log.info("stopped")

    def _root(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        assert self._group is not None  # noqa: S101 - run() made it before the first root task
        return self._group.create_task(work, name=name)

    # -- probe loops

    def _apply(self, policy: Policy) -> None:
        """Loops for what the policy names, each restarted only when its own part changed."""
        wanted = policy.dependencies
        for name, loop in list(self.loops.items()):
            if name not in wanted or wanted[name] != loop.spec:
                self._tasks.pop(f"probe {name}").cancel()
                del self.loops[name]
            if name not in wanted:
                self._metrics.forget(name)
                self._keeping.history.forget(name)
        for name, spec in wanted.items():
            if name not in self.loops:
                work = WorkWitness(spec, self._containers) if spec.container else None
                at_work = InProgress(spec, self._containers)
                history = self._keeping.history
                loop = ProbeLoop(spec, self._probe(spec), self.core, self._metrics, self.lag, work, at_work, history)
                self.loops[name] = loop
                self._tasks[f"probe {name}"] = self._root(loop.run(), f"probe {name}")

    async def _adopt(self, policy: Policy) -> None:
        self._apply(policy)
        await self._containers.reconcile()

    def _poke(self, name: str) -> None:
        if loop := self.loops.get(name):
            loop.poke()

    def _ask_witness(self, names: set[str]) -> None:
        for dependency in names:
            name = f"witness {dependency}"
            task = self._tasks[name] = self._root(self._witness.ask(dependency), name)
            task.add_done_callback(partial(self._forget, name))

    def _forget(self, name: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(name) is task:
            del self._tasks[name]

    def _start_action(self, request: ActionRequest) -> None:
        name = f"action {request.action_id}"
        task = self._tasks[name] = self._root(self._executor.run(request), name)
        task.add_done_callback(partial(self._forget, name))

    def _written(self) -> None:
        self._outbox.poke()
        self._alerting.poke()
        self._service.status(self._summary())

    def _unwritten(self, notifications: Sequence[Notification]) -> None:
        self._outbox.tell_from_memory(notifications)
        self._alerting.poke()
        self._service.status(self._summary())

    # -- housekeeping

    def _summary(self) -> str:
        trackers = self.core.engine.trackers.values()
        up = sum(tracker.state.health == "up" for tracker in trackers)
        incidents = len(self.core.engine.durable.open())
        policy = "; policy not reloaded: the last good one goes on" if self.reloads.status.problems else ""
        return f"{up} of {len(trackers)} up, {incidents} open incident{'s' if incidents != 1 else ''}{policy}"

    async def _measure_lag(self) -> None:
        recent: deque[float] = deque(maxlen=LAG_SHOWN)
        while True:
            self.lag.expect(LAG_TICK)
            await asyncio.sleep(LAG_TICK)
            recent.append(self.lag.came())
            self._metrics.loop_lag.set(max(recent))
            self._last_tick = self.core.clock.now().monotonic

    async def _feed_watchdog(self) -> None:
        interval = self._service.watchdog_interval()
        if interval is None:
            return
        while True:
            if late := self.stuck():
                log.error("loops without a heartbeat: systemd is not fed", loops=late)
            else:
                self._service.watchdog()
            await asyncio.sleep(interval / 3)
