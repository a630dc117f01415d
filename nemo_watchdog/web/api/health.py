"""`/healthz` and `/readyz`: is the watchdog itself well? They say nothing about the platform."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from nemo_watchdog.runtime.core import Core
from nemo_watchdog.runtime.supervisor import Supervisor
from nemo_watchdog.views import LivenessView, ReadinessView
from nemo_watchdog.web.answers import answer
from nemo_watchdog.web.operations import Operation


@dataclass(frozen=True, slots=True)
class HealthApi:
    core: Core
    supervisor: Supervisor

    def operations(self) -> tuple[Operation, ...]:
        return (
            Operation(
                method="GET",
                path="/healthz",
                handler=self.live,
                summary="Whether the daemon's own loops are alive",
                answers=LivenessView,
                also={503: LivenessView},
                for_all=True,
            ),
            Operation(
                method="GET",
                path="/readyz",
                handler=self.ready,
                summary="Whether it watches, and can write down what it does",
                answers=ReadinessView,
                also={503: ReadinessView},
                for_all=True,
            ),
        )

    async def live(self, _: web.Request) -> web.Response:
        """Are my own loops alive?"""
        late = tuple(self.supervisor.stuck())
        return answer(LivenessView(not late, late), 503 if late else 200)

    async def ready(self, _: web.Request) -> web.Response:
        """Watching, and able to write down what it does."""
        waiting = [] if self.supervisor.loops else ["the probe loops have not started"]
        if self.core.engine.journal_trouble:
            waiting.append(f"journal: {self.core.engine.journal_trouble}")
        if self.core.engine.bug:
            waiting.append(f"a bug in the watchdog, which only observes: {self.core.engine.bug}")
        return answer(ReadinessView(not waiting, tuple(waiting)), 503 if waiting else 200)
