"""`/api/v1/status`: how the platform is, and why the watchdog acts or does not."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from aiohttp import web

from nemo_watchdog import __version__
from nemo_watchdog.engine.view import dependency_view, incident_view, status_of, under_way
from nemo_watchdog.runtime.core import Core
from nemo_watchdog.runtime.supervisor import Supervisor
from nemo_watchdog.views import PolicyView, StatusView
from nemo_watchdog.web.answers import large_answer
from nemo_watchdog.web.operations import Operation

AT_ONCE = 25
"""Dependencies of which is said how they are before others may go on: some 7 ms."""


@dataclass(frozen=True, slots=True)
class StatusApi:
    core: Core
    supervisor: Supervisor

    def operations(self) -> tuple[Operation, ...]:
        return (
            Operation(
                method="GET",
                path="/api/v1/status",
                handler=self.get,
                summary="How the platform is, and why the watchdog acts or does not",
                answers=StatusView,
            ),
        )

    async def get(self, _: web.Request) -> web.Response:
        return await large_answer(await self.view())

    async def view(self, *, explained: bool = True) -> StatusView:
        """Made piece by piece, for no look may be late for it. Without `explained` it has no gates, and costs less."""
        engine, clock = self.core.engine, self.core.clock
        dependencies = {}
        names = list(engine.trackers)
        for begin in range(0, len(names), AT_ONCE):
            now = clock.now()
            for name in names[begin : begin + AT_ONCE]:
                if name in engine.trackers:
                    dependencies[name] = dependency_view(engine, name, now, explained=explained)
            await asyncio.sleep(0)
        incidents = []
        for incident in engine.durable.open():
            if incident.resolved is None:
                incidents.append(incident_view(engine, incident, clock.now()))
            await asyncio.sleep(0)
        dependencies = {name: each for name, each in dependencies.items() if name in engine.trackers}
        reload, now = self.supervisor.reloads.status, clock.now()
        unchanged = under_way(engine, reload.carried_over, now)
        brought, unused = tuple(engine.policy.discovered), engine.policy.unused_labels
        policy = PolicyView(reload.loaded_at, reload.problems, reload.changed, unchanged, brought, unused)
        return status_of(engine, now, dependencies, tuple(incidents), policy, __version__, self.core.troubles.views())
