"""One life of the daemon: everything that `app.run` puts together, with the simulated world at the outermost seams."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, TypeVar
from unittest.mock import patch

import structlog

from nemo_watchdog.actions.docker.restart import KIND
from nemo_watchdog.engine import replay
from nemo_watchdog.engine.engine import Engine
from nemo_watchdog.evidence import Asked
from nemo_watchdog.metrics import Metrics
from nemo_watchdog.model import Alert, Notification
from nemo_watchdog.notifiers.silences import Silences
from nemo_watchdog.policy.policy import Policy
from nemo_watchdog.policy.secret_value import Secret
from nemo_watchdog.ports import Action, ActionContext, Delivery
from nemo_watchdog.runtime import (
    alerting,
    container_watch,
    core,
    deadman,
    files,
    outbox,
    policy_files,
    reloads,
    supervisor,
)
from nemo_watchdog.runtime.alerting import Alerting
from nemo_watchdog.runtime.archiving import Archiving
from nemo_watchdog.runtime.calendars import Calendars
from nemo_watchdog.runtime.container_watch import ContainerWatch
from nemo_watchdog.runtime.core import Core
from nemo_watchdog.runtime.deadman import Deadman
from nemo_watchdog.runtime.executor import Executor
from nemo_watchdog.runtime.keeping import Keeping
from nemo_watchdog.runtime.kept_images import KeptImages
from nemo_watchdog.runtime.outbox import Outbox
from nemo_watchdog.runtime.policy_files import Look as PolicyLook
from nemo_watchdog.runtime.policy_files import PolicyFiles
from nemo_watchdog.runtime.reloads import PolicySource
from nemo_watchdog.runtime.silences_elsewhere import SilencesElsewhere
from nemo_watchdog.runtime.supervisor import Supervisor
from nemo_watchdog.stores import Archive, Journal
from nemo_watchdog.testing import MemoryArchive
from tests.simulation.docker import Port
from tests.simulation.platform import Look, Platform
from tests.simulation.virtual_time import Disk, InlineThread, VirtualClock, VirtualLoop

FOR_EVER = 1e7
"""Seconds beyond the end of every simulation."""

PACES: Mapping[Any, Mapping[str, Any]] = {
    core: {"LOOK_EVERY": 60.0},
    outbox: {"LOOK_EVERY": 120.0},
    alerting: {"RESEND_EVERY": 1200.0},
    deadman: {"LOOK_EVERY": FOR_EVER},
    files: {"LOOK_EVERY": FOR_EVER},
    supervisor: {"LAG_TICK": FOR_EVER, "STILL_AFTER": 2 * FOR_EVER},
    reloads: {"POLICY_LOOK_EVERY": FOR_EVER},
    container_watch: {"RECONCILE_EVERY": 300.0},
    policy_files: {"OneThread": InlineThread},
}
"""What asks again and again, though nothing has changed, asks less often: every change is told in another way too.

The loop itself never lags here, and a policy is reloaded by SIGHUP.
"""


T = TypeVar("T")


@contextmanager
def paced() -> Iterator[None]:
    """Within it the shell is as a simulation needs it, and logs nothing."""
    with ExitStack() as stack:
        for module, values in PACES.items():
            stack.enter_context(patch.multiple(module, **values))
        before = structlog.get_config()
        structlog.configure(
            processors=[],
            wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL),
            logger_factory=structlog.ReturnLoggerFactory(),
            cache_logger_on_first_use=False,
        )
        stack.callback(structlog.configure, **before)
        yield


async def _take(image: str, container: str) -> None:
    """Docker takes every tag."""


class _NoService:
    """There is no systemd."""

    def ready(self, status: str = "") -> None: ...
    def reloading(self) -> None: ...
    def status(self, text: str) -> None: ...
    def watchdog(self) -> None: ...
    def stopping(self) -> None: ...
    def watchdog_interval(self) -> float | None:
        return None


class _NoSwitch:
    async def beat(self, url: Secret, within: float) -> Delivery:
        return Delivery(delivered=True)


class _NoAlertmanager:
    async def push(self, alerts: Sequence[Alert]) -> Mapping[str, Delivery]:
        return {}


class _NoFiles(PolicyFiles):
    """The policy has no file: it is reloaded when somebody says so."""

    def __init__(self) -> None:
        self.path = Path("policy.yaml")

    def look(self) -> PolicyLook:
        return PolicyLook()

    def take(self, look: PolicyLook) -> None:
        """There is nothing to remember."""

    def changed(self, look: PolicyLook) -> str:
        return ""


class _NoLabels:
    """Nothing is discovered."""

    def want(self, selects: frozenset[str]) -> None:
        """Nobody asks."""

    async def next_change(self) -> None:
        await asyncio.Event().wait()


class Mailbox:
    """Satisfies `ports.Notifier` for one life; `take` says whether a contact has taken a message."""

    def __init__(self, take: Callable[[Notification, str], Delivery], latency: Callable[[], float]) -> None:
        self._take = take
        self._latency = latency
        self.dead = False

    async def deliver(self, notification: Notification, contact: str) -> Delivery:
        await asyncio.sleep(self._latency())
        return Delivery(delivered=False) if self.dead else self._take(notification, contact)

    async def close(self) -> None:
        """Nothing is open."""


class Life:
    """From a start to a stop or a kill. `load` gives the policy of a reload, or raises `PolicyError`."""

    def __init__(
        self,
        loop: VirtualLoop,
        clock: VirtualClock,
        *,
        policy: Policy,
        load: Callable[[], Policy],
        journal: Journal,
        disk: Disk,
        port: Port,
        mailbox: Mailbox,
        platform: Platform,
    ) -> None:
        self.began = loop.time()
        self.port = port
        self.journal = journal
        self._loop = loop
        self._disk = loop.disk = disk
        self._mailbox = mailbox
        self._others = asyncio.all_tasks(loop)
        durable, self.nonsense = replay.salvage(journal.replay(clock.now()))
        self.engine = Engine(policy, durable)
        metrics = Metrics()
        self.core = Core(self.engine, journal, clock, metrics)
        watch = ContainerWatch(port, self.core, metrics)
        context = ActionContext(port, self.core.touched)
        actions: dict[str, Action] = {"docker.restart": KIND.make(context)}
        archiving = _InMemory(MemoryArchive, self.core, metrics)
        keeping = Keeping(self.core, metrics, archiving, self._questions)
        self.supervisor = Supervisor(
            self.core,
            source=PolicySource(_NoFiles(), load, _NoLabels()),
            probe=lambda spec: Look(platform, spec.name),
            containers=watch,
            executor=Executor(actions.get, self.core, watch, keeping.evidence.before),
            keeping=keeping,
            kept_images=KeptImages(self.core, _take),
            outbox=Outbox(journal, mailbox, self.core, metrics),
            alerting=Alerting(_NoAlertmanager(), self.core, metrics),
            deadman=Deadman(_NoSwitch(), self.core, metrics),
            metrics=metrics,
            service=_NoService(),
            calendars=Calendars(self.core, lambda *_: ()),
            silences=SilencesElsewhere(self.core, Silences().of),
        )
        self.task = loop.create_task(self.supervisor.run(), name="daemon")

    def _questions(self, _: str) -> Asked:
        """One that takes none, some or more time than it has: what is acted on may change meanwhile."""

        async def log() -> str:
            await asyncio.sleep(self._loop.time() % 3.0)
            return ""

        return Asked({"log": log}, {"largest.txt": log})

    @property
    def tasks(self) -> set[asyncio.Task[Any]]:
        """All of its own that have not ended."""
        return asyncio.all_tasks(self._loop) - self._others

    def kill(self) -> None:
        """`kill -9`: from now on nothing of it reaches anybody, and then its tasks end."""
        self.port.dead = self._mailbox.dead = True
        self._disk.kill()
        self._disk.submit = _never  # type: ignore[method-assign]
        if self.core._timer is not None:
            self.core._timer.cancel()
        for task in self.tasks:
            task.cancel()
        self.core.on_action = self.core.on_probe_soon = _nobody
        self.core._wake_at = lambda at, now: None  # type: ignore[method-assign]
        self.journal.close()

    def stop(self) -> None:
        """SIGTERM."""
        self.supervisor.stop()


class _InMemory(Archiving):
    """Without a thread, of which this loop has none."""

    _kept = MemoryArchive()

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def _write(self, call: Callable[[Archive], T]) -> T:
        return call(self._kept)

    async def _read(self, call: Callable[[Archive], T]) -> T:
        return call(self._kept)


def _nobody(_: object) -> None:
    """Hears it."""


def _never(call: Callable[[], Any]) -> asyncio.Future[Any]:
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    future.cancel()
    return future


def disk_of(loop: VirtualLoop, luck: Random, slow: Callable[[], float]) -> Disk:
    """A disk that answers within milliseconds, or as slowly as `slow` says (seconds)."""

    def latency() -> float:
        return slow() or luck.choice((0.0005, 0.001, 0.002, 0.004))

    return Disk(loop, latency, partial(_coin, luck))


def _coin(luck: Random) -> bool:
    return luck.random() < 0.5
