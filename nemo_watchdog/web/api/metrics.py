"""`/metrics`: Prometheus text, or OpenMetrics for who asks for it."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web
from prometheus_client.exposition import choose_encoder

from nemo_watchdog.metrics import Metrics, page
from nemo_watchdog.runtime.core import Core


@dataclass(frozen=True, slots=True)
class MetricsApi:
    core: Core
    metrics: Metrics

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/metrics", self.get)]

    async def get(self, request: web.Request) -> web.Response:
        self.metrics.refresh(self.core.engine, self.core.clock.now())
        _, content_type = choose_encoder(request.headers.get("Accept", ""))
        body = await page(self.metrics, openmetrics=content_type.startswith("application/openmetrics-text"))
        return web.Response(body=body, headers={"Content-Type": content_type})
