"""The heartbeats that jobs send us: the latest of each exactly, and on disk often enough to outlive a restart."""

from __future__ import annotations

from math import inf

from nemo_watchdog.engine.events import HeartbeatCame
from nemo_watchdog.ports import Heartbeat
from nemo_watchdog.runtime.core import Core

WRITE_EVERY = 60.0
"""Seconds between records of a job that goes on going well: a heartbeat every second must not write every second."""


class Heartbeats:
    """What the push probes ask. `listening_since` is when this process began: earlier ones may have gone unheard."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._written: dict[str, float] = {}
        self.listening_since = self.now()
        # A later one than the last on disk may have come and not been written.
        self._latest = {
            name: Heartbeat(min(seen.at + WRITE_EVERY, self.listening_since), seen.well, seen.said)
            for name, seen in core.engine.durable.heartbeats.items()
        }

    def now(self) -> float:
        return self._core.clock.now().monotonic

    def last(self, dependency: str) -> Heartbeat | None:
        return self._latest.get(dependency)

    def hear(self, dependency: str, *, well: bool, said: str) -> None:
        """One came, and counts from now on."""
        now, before = self.now(), self._latest.get(dependency)
        self._latest[dependency] = Heartbeat(now, well, said)
        news = before is None or before.well is not well
        if news or now - self._written.get(dependency, -inf) >= WRITE_EVERY:
            self._written[dependency] = now
            self._core.tell(HeartbeatCame(dependency, well, said))
