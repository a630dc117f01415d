"""`/api/v1/status`: how the platform is, and why the watchdog acts or does not."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from nemo_watchdog import __version__
from nemo_watchdog.engine.view import status, under_way
from nemo_watchdog.runtime.core import Core
from nemo_watchdog.runtime.supervisor import Supervisor
from nemo_watchdog.views import PolicyView, StatusView
from nemo_watchdog.web.answers import large_answer
from nemo_watchdog.web.operations import Operation


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
        reload = self.supervisor.reloads.status
        core, now = self.core, self.core.clock.now()
        unchanged = under_way(core.engine, reload.carried_over, now)
        brought, unused = tuple(core.engine.policy.discovered), core.engine.policy.unused_labels
        policy = PolicyView(reload.loaded_at, reload.problems, reload.changed, unchanged, brought, unused)
        view = status(core.engine, now, policy, __version__, core.troubles.views())
        return await large_answer(view)
