"""One loop per dependency: look, stamp, tell, sleep. Contains every failure of its probe; only cancellation ends it."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from zlib import crc32

import structlog

from nemo_watchdog.durations import duration
from nemo_watchdog.engine.events import Observed, Sample, Signs
from nemo_watchdog.metrics import Metrics
from nemo_watchdog.model import Finding, Observation, Outcome, Reason, failed
from nemo_watchdog.policy.policy import Dependency
from nemo_watchdog.ports import Probe
from nemo_watchdog.runtime.core import Core
from nemo_watchdog.runtime.files import lack_behind, none_left
from nemo_watchdog.runtime.history import History
from nemo_watchdog.runtime.in_progress import InProgress
from nemo_watchdog.runtime.sample import LoopLag, clock_jump, discount
from nemo_watchdog.runtime.work import WorkWitness

log = structlog.get_logger("nemo_watchdog")

CLOSE_WITHIN = 5.0
"""Seconds that a probe gets to close what it opened."""

RECENT = 20
"""So many of the last looks are kept as they were, with their words: before a restart they are written down."""

SAME_PLACE = 1e-3
"""Shares of an interval that lie this close are the same place: floating point does not hit it exactly."""


def next_at(place: float, last: float, interval: float) -> float:
    """The first moment after `last` (seconds) that is `place` (0 to 1) of an `interval` from a multiple of it.

    Each loop comes back to its own place after whatever held it up: those that start together, settle together or
    were late together do not look together.
    """
    return (math.floor(last / interval - place + SAME_PLACE) + 1 + place) * interval


def blind_without_files(finding: Finding) -> Finding:
    """The finding, or what it is worth when it failed and we cannot open a file: libraries have many words for that."""
    if finding.outcome is not Outcome.FAILED or finding.reason is Reason.WATCHDOG_OVERLOADED:
        return finding
    lack = none_left()
    if not lack:
        return finding
    said = f"{lack}; the look said {finding.reason}: {finding.detail}"
    return failed(Reason.WATCHDOG_OVERLOADED, said, finding.measurements)


class ProbeLoop:
    """Looks at one dependency for ever, at the pace that the engine asks for."""

    def __init__(
        self,
        spec: Dependency,
        probe: Probe,
        core: Core,
        metrics: Metrics,
        lag: LoopLag | None = None,
        work: WorkWitness | None = None,
        in_progress: InProgress | None = None,
        history: History | None = None,
    ) -> None:
        self.spec = spec
        self.probe = probe
        self.heartbeat = core.clock.now().monotonic
        self.recent: deque[Observation] = deque(maxlen=RECENT)
        self._place = crc32(spec.name.encode()) / 2**32
        self._core = core
        self._lag = lag or LoopLag(core.clock)
        self._work = work
        self._in_progress = in_progress
        self._history = history
        self._metrics = metrics.dependency(spec.name)
        self._bugs = metrics.probe_bugs
        self._bug_seen = ""
        self._nap: asyncio.Future[None] | None = None
        self._poked = False

    def poke(self) -> None:
        """Look now instead of at the next interval."""
        self._poked = True
        self._wake()

    @property
    def overdue_after(self) -> float:
        """Seconds without a heartbeat after which this loop is stuck."""
        return self.spec.interval + self.spec.timeout + 15.0

    async def run(self) -> None:
        spec, clock = self.spec, self._core.clock
        planned = clock.now().monotonic + self._place * min(spec.interval, spec.confirm_interval)
        try:
            await self._sleep_until(planned)
            while True:
                start = clock.now()
                began = self.heartbeat = start.monotonic
                lost = self._lag.lost(began)
                if self._work is not None:
                    self._work.look_begins()
                finding = blind_without_files(await self._look())
                if self._work is not None:
                    finding = await self._work.judge(finding)
                signs = await self._in_progress.beside(finding) if self._in_progress is not None else Signs()
                now = clock.now()
                sample = Sample(self._lag.lost(now.monotonic) - lost, began - planned, clock_jump(start, now))
                observation = Observation(discount(finding, sample, spec.timeout), now.monotonic - began, now)
                self._count(observation, sample.lateness)
                self.recent.append(observation)
                if self._history is not None:
                    self._history.saw(spec.name, observation)
                self._core.tell(Observed(spec.name, observation, sample, signs))
                planned = max(self._next_look(planned), now.monotonic)
                if self._poked:
                    self._poked = False
                    planned = min(planned, now.monotonic + spec.confirm_interval)
                if await self._sleep_until(planned):
                    planned = clock.now().monotonic
        finally:
            await self._close()

    def _next_look(self, last: float) -> float:
        """When to look after the look that was planned for `last` (monotonic seconds)."""
        delay = self._core.engine.trackers[self.spec.name].next_look
        return next_at(self._place, last, delay) if delay == self.spec.interval else last + delay

    def _count(self, observation: Observation, lateness: float) -> None:
        try:
            self._metrics.looked(observation, lateness)
        except (TypeError, ValueError) as error:  # a measurement whose name or value no metric can have
            self._bug(error)

    async def _close(self) -> None:
        if self._work is not None:
            await self._work.close()
        try:
            async with asyncio.timeout(CLOSE_WITHIN):
                await self.probe.close()
        except Exception as error:  # noqa: BLE001 - the edge of the loop: it is over anyway
            log.error("probe not closed: a bug in the probe", dependency=self.spec.name, error=type(error).__name__)

    async def _look(self) -> Finding:
        timeout = self.spec.timeout
        try:
            async with asyncio.timeout(timeout):
                finding = await self.probe.look()
        except TimeoutError:
            return failed(Reason.TIMEOUT, f"no answer within {duration(timeout)}")
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            return self._bug(error)  # something that the probe awaited was cancelled, and not this loop
        except Exception as error:  # noqa: BLE001 - the edge of the loop: a bug in a probe must not end the watching
            lack = lack_behind(error)
            return failed(Reason.WATCHDOG_OVERLOADED, lack) if lack else self._bug(error)
        if isinstance(finding, Finding):
            return finding
        return self._bug(TypeError())  # type: ignore[unreachable]  # a plugin may not have been checked

    def _bug(self, error: BaseException) -> Finding:
        self._bugs.labels(self.spec.name).inc()
        kind = type(error).__name__
        if kind != self._bug_seen:
            self._bug_seen = kind
            log.error("probe raised an exception: a bug in the probe", dependency=self.spec.name, error=kind)
        return failed(Reason.PROBE_BUG, f"the probe raised {kind}")

    async def _sleep_until(self, when: float) -> bool:
        """True when somebody asked for a look before `when` (monotonic seconds)."""
        loop = asyncio.get_running_loop()
        delay = when - self._core.clock.now().monotonic
        if delay <= 0.0 or self._poked:
            await asyncio.sleep(0)
            return self._take_poke()
        self._nap = loop.create_future()
        handle = loop.call_later(delay, self._wake)
        try:
            await self._nap
        finally:
            handle.cancel()
            self._nap = None
        return self._take_poke()

    def _take_poke(self) -> bool:
        poked, self._poked = self._poked, False
        return poked

    def _wake(self) -> None:
        if self._nap is not None and not self._nap.done():
            self._nap.set_result(None)
