"""`/metrics`: Prometheus text, or OpenMetrics for who asks for it."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web
from prometheus_client.exposition import choose_encoder

from nemo_watchdog.metrics import Metrics, page
from nemo_watchdog.runtime.core import Core
from nemo_watchdog.web.operations import TEXT, Operation


@dataclass(frozen=True, slots=True)
class MetricsApi:
    core: Core
    metrics: Metrics

    def operations(self) -> tuple[Operation, ...]:
        return (
            Operation(
                method="GET",
                path="/metrics",
                handler=self.get,
                summary="For Prometheus",
                media=(TEXT, "application/openmetrics-text"),
            ),
        )

    async def get(self, request: web.Request) -> web.Response:
        self.metrics.refresh(self.core.engine, self.core.clock.now())
        _, content_type = choose_encoder(request.headers.get("Accept", ""))
        body = await page(self.metrics, openmetrics=content_type.startswith("application/openmetrics-text"))
        return web.Response(body=body, headers={"Content-Type": content_type})
