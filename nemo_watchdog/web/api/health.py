"""`/healthz` and `/readyz`: is the watchdog itself well? They say nothing about the platform."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from nemo_watchdog.runtime.core import Core
from nemo_watchdog.runtime.supervisor import Supervisor
from nemo_watchdog.views import LivenessView, ReadinessView
from nemo_watchdog.web.answers import answer


@dataclass(frozen=True, slots=True)
class HealthApi:
    core: Core
    supervisor: Supervisor

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/healthz", self.live), web.get("/readyz", self.ready)]

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
