"""Keeps how every gate stood at each decision: for people who ask later, off the way of what decides and acts.

One at a time, and only where that decision still stands: what is decided next brings its own. Nothing waits for it,
and what it cannot keep is counted and, once, logged.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog

from nemo_watchdog.engine.events import Effects
from nemo_watchdog.engine.view import gate_view
from nemo_watchdog.errors import in_one_line
from nemo_watchdog.metrics import Metrics
from nemo_watchdog.model import Moment, Verdict
from nemo_watchdog.records import DecisionMade
from nemo_watchdog.runtime.core import Core
from nemo_watchdog.views import as_json

log = structlog.get_logger("nemo_watchdog")

Keep = Callable[[str, datetime, str], Awaitable[None]]
"""`Archive.keep_gates` in a thread of its own: dependency, when it was decided, and the gates as JSON."""

MOST_WAITING = 1000
"""Decisions; of more the oldest are given up, for a disk that does not answer holds up all."""

KEPT_WITHIN = 10.0
"""Seconds for the archive to take one."""


class GateRecorder:
    """Hears of decisions from the core, from its making on; `run` keeps them until it is cancelled."""

    def __init__(self, core: Core, keep: Keep, metrics: Metrics) -> None:
        self._core, self._keep, self._metrics = core, keep, metrics
        self._waiting: OrderedDict[str, tuple[DecisionMade, Moment]] = OrderedDict()
        """The last decision of each dependency that nobody has looked at yet, the oldest first."""
        self._news = asyncio.Event()
        self._failing = False
        core.after_step.append(self.after_step)

    def after_step(self, effects: Effects, at: Moment) -> None:
        for record in effects.records:
            if isinstance(record, DecisionMade):
                self.hear(record, at)

    def hear(self, decision: DecisionMade, at: Moment) -> None:
        """Takes no time: the engine has just decided."""
        self._waiting.pop(decision.dependency, None)
        self._waiting[decision.dependency] = decision, at
        if len(self._waiting) > MOST_WAITING:
            self._waiting.popitem(last=False)
            self._metrics.gates_not_kept.inc()
        self._news.set()

    async def run(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            while self._waiting:
                _, (decision, at) = self._waiting.popitem(last=False)
                gates = self._gates(decision)
                if gates is not None:
                    await self._hand_over(decision.dependency, at.utc, gates)
                await asyncio.sleep(0)

    def _gates(self, decision: DecisionMade) -> str | None:
        """As JSON; None where that decision stands no more."""
        engine, now = self._core.engine, self._core.clock.now()
        if decision.dependency not in engine.trackers:
            return None
        answers = engine.explanation(decision.dependency, now)
        first = next((answer for answer in answers if answer.verdict is not Verdict.OPEN), None)
        if first is None or (first.verdict, first.gate) != (decision.verdict, decision.gate):
            return None
        return as_json([gate_view(answer, now) for answer in answers])

    async def _hand_over(self, dependency: str, at: datetime, gates: str) -> None:
        try:
            async with asyncio.timeout(KEPT_WITHIN):
                await self._keep(dependency, at, gates)
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing is decided by what is kept here
            self._metrics.gates_not_kept.inc()
            if not self._failing:
                why = in_one_line(str(error)) or type(error).__name__
                log.warning("how the gates stood cannot be kept: explain --at knows less", error=why)
            self._failing = True
        else:
            self._failing = False
