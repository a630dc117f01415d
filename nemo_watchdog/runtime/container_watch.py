"""Keeps the engine's idea of each container true: the event stream tells at once, inspects make sure."""

from __future__ import annotations

import asyncio

import structlog

from nemo_watchdog.engine.events import ContainerActed, ContainerSeen
from nemo_watchdog.engine.health import NOT_RUNNING
from nemo_watchdog.errors import ContainersUnreachable
from nemo_watchdog.metrics import Metrics
from nemo_watchdog.model import ContainerStatus, RunState
from nemo_watchdog.ports import Containers
from nemo_watchdog.runtime.core import Core

log = structlog.get_logger("nemo_watchdog")

RECONCILE_EVERY = 10.0
"""Seconds. The stream can lose events (Docker keeps 256), and a Docker that hangs sends none."""

EVENT_LAG = 1.0
"""Seconds that the stream may lag behind an inspect before a change counts as one that nobody witnessed."""

CHANGES = frozenset({"die", "start", "restart", "pause", "unpause", "oom", "destroy", "rename", "create"})


class ContainerWatch:
    """Two loops over the containers that the policy names."""

    def __init__(self, containers: Containers, core: Core, metrics: Metrics) -> None:
        self._containers = containers
        self._core = core
        self._metrics = metrics
        self._reachable = True
        self._last_event: dict[str, float] = {}
        metrics.docker_reachable.set(1)  # until an inspect finds otherwise: a policy without containers asks nothing

    async def follow(self) -> None:
        """The event stream, for ever."""
        async for event in self._containers.events():
            if event.action == "reconnected":
                await self.reconcile()
                continue
            if event.container not in self._watched():
                continue
            self._last_event[event.container] = self._core.clock.now().monotonic
            self._core.tell(ContainerActed(event))
            if event.action in CHANGES:
                await self.look(event.container, witnessed=True)

    async def reconcile_forever(self) -> None:
        while True:
            await self.reconcile()
            await asyncio.sleep(RECONCILE_EVERY)

    async def reconcile(self) -> None:
        """Inspects every container; one that is gone without an event is looked at twice."""
        for container in self._watched():
            status = await self._inspect(container)
            if status.state in NOT_RUNNING and self._believed_running(container):
                before = self._last_event.get(container)
                await asyncio.sleep(EVENT_LAG)
                if self._last_event.get(container) != before:
                    continue  # the stream told it meanwhile, with the reason
                status = await self._inspect(container)
            if self._news(container, status):
                self._core.tell(ContainerSeen(container, status, witnessed=False))

    async def look(self, container: str, *, witnessed: bool) -> None:
        self._core.tell(ContainerSeen(container, await self._inspect(container), witnessed))

    async def _inspect(self, container: str) -> ContainerStatus:
        try:
            status = await self._containers.inspect(container)
        except ContainersUnreachable as error:
            if self._reachable:
                log.warning("docker unreachable: every action is held", error=str(error))
            self._reachable = False
            self._metrics.docker_reachable.set(0)
            return ContainerStatus(RunState.UNREACHABLE, detail=str(error))
        if not self._reachable:
            log.info("docker reachable again")
        self._reachable = True
        self._metrics.docker_reachable.set(1)
        return status

    def _watched(self) -> set[str]:
        return {spec.container for spec in self._core.engine.policy.dependencies.values() if spec.container}

    def _trackers_of(self, container: str) -> list[ContainerStatus | None]:
        return [t.container for t in self._core.engine.trackers.values() if t.spec.container == container]

    def _believed_running(self, container: str) -> bool:
        return any(known is not None and known.state is RunState.RUNNING for known in self._trackers_of(container))

    def _news(self, container: str, status: ContainerStatus) -> bool:
        return any(known != status for known in self._trackers_of(container))
