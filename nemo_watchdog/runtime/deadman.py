"""The dead man's switch: a service outside hears from us while we move and see, and calls people when it does not.

Nothing else can tell that this process is gone, stuck or blind: whoever watches is watched here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from nemo_watchdog.durations import duration
from nemo_watchdog.metrics import Metrics
from nemo_watchdog.policy.policy import Deadman as Plan
from nemo_watchdog.policy.secret_value import Secret
from nemo_watchdog.ports import Delivery
from nemo_watchdog.runtime.core import Core
from nemo_watchdog.runtime.troubles import Trouble

log = structlog.get_logger("nemo_watchdog")

LOOK_EVERY = 1.0
"""Seconds from one look at whether it is time to the next."""

WITHIN = 10.0
"""Seconds for one heartbeat."""

AGAIN_AFTER = 10.0
"""Seconds after which one that failed, or was held back, is tried again."""

BLIND_AFTER = 120.0
"""Seconds without Docker, or without a look that saw anything beyond its interval: an upgrade of Docker takes less."""


class Heartbeat(Protocol):
    async def beat(self, url: Secret, within: float) -> Delivery: ...


class Deadman:
    """A heartbeat that fails is counted and logged; one that is held back as well, once, with the reason."""

    def __init__(self, heartbeat: Heartbeat, core: Core, metrics: Metrics) -> None:
        self._heartbeat = heartbeat
        self._core = core
        self._metrics = metrics
        self._plan: Plan | None = None
        self._due = 0.0
        self._began = core.clock.now().monotonic
        self._docker_gone: float | None = None
        """Since when Docker was found not to answer."""
        self._held_back = ""
        """Why, as it was logged; empty while it is not."""

    async def run(self, stuck: Callable[[], Sequence[str]]) -> None:
        """For ever; `stuck` names the loops that move no more."""
        self._began = self._core.clock.now().monotonic
        while True:
            await self._look(stuck)
            await asyncio.sleep(LOOK_EVERY)

    async def _look(self, stuck: Callable[[], Sequence[str]]) -> None:
        now, plan = self._core.clock.now().monotonic, self._core.engine.policy.deadman
        self._look_at_docker(now)
        if plan != self._plan:
            self._plan, self._due = plan, now
        if plan is None:
            self._core.troubles.over(Trouble.DEADMAN)
            return
        if now < self._due or self._is_too_early(now):
            return
        why = self._why_not(stuck(), now)
        self._tell(why)
        if why:
            self._due = now + min(plan.every, AGAIN_AFTER)
            self._metrics.deadman.labels("held_back").inc()
            return
        self._account(await self._heartbeat.beat(plan.url, min(plan.every, WITHIN)))
        delivered = not self._core.troubles.is_open(Trouble.DEADMAN)
        self._due = now + (plan.every if delivered else min(plan.every, AGAIN_AFTER))

    def _look_at_docker(self, now: float) -> None:
        if not self._core.troubles.is_open(Trouble.DOCKER):
            self._docker_gone = None
        elif self._docker_gone is None:
            self._docker_gone = now

    def _is_too_early(self, now: float) -> bool:
        """After a start nothing was looked at yet: no reason to call people, and none to say that all is seen."""
        trackers = self._core.engine.trackers.values()
        seen = not trackers or any(each.last_seen_at is not None for each in trackers)
        return not seen and now - self._began < BLIND_AFTER

    def _why_not(self, stuck: Sequence[str], now: float) -> str:
        if stuck:
            return f"without a heartbeat of their own: {', '.join(stuck)}"
        trackers = self._core.engine.trackers.values()
        asks_docker = any(each.spec.container for each in trackers)
        if asks_docker and self._docker_gone is not None and now - self._docker_gone >= BLIND_AFTER:
            return f"Docker has not answered for {duration(BLIND_AFTER)}"
        if not trackers:
            return ""
        for each in trackers:
            patience = each.spec.interval + each.spec.timeout + BLIND_AFTER
            if each.last_seen_at is not None and now - each.last_seen_at < patience:
                return ""
        return f"no look has seen anything for {duration(BLIND_AFTER)}"

    def _tell(self, why: str) -> None:
        if why and not self._held_back:
            log.error("dead man's switch: held back, so that people are called", why=why)
        elif self._held_back and not why:
            log.info("dead man's switch: told again")
        self._held_back = why

    def _account(self, delivery: Delivery) -> None:
        self._metrics.deadman.labels("delivered" if delivery.delivered else "failed").inc()
        if delivery.delivered:
            self._core.troubles.over(Trouble.DEADMAN)
        elif self._core.troubles.found(Trouble.DEADMAN, delivery.detail):
            log.warning("dead man's switch: its service does not take the heartbeat", error=delivery.detail)
