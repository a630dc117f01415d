"""`/metrics`: Prometheus text, or OpenMetrics for who asks for it."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web
from prometheus_client.exposition import choose_encoder

from nemo_watchdog.metrics import Metrics
from nemo_watchdog.runtime.core import Core


@dataclass(frozen=True, slots=True)
class MetricsApi:
    core: Core
    metrics: Metrics

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/metrics", self.get)]

    async def get(self, request: web.Request) -> web.Response:
        self.metrics.refresh(self.core.engine, self.core.clock.now())
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(self.metrics.registry), headers={"Content-Type": content_type})
