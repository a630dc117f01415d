"""The gateway of the demo platform: `/health` is good when its Postgres and its Redis really answer.

Standard library only: it runs inside its container. Settings come from the environment:
PORT, POSTGRES and REDIS (`host:port`, absent where the platform has none), REDIS_PASSWORD, SLOW_SECONDS, NEVER_HEALTHY.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from nemo_watchdog.demo import wire
from nemo_watchdog.demo.serving import Handler, Switch, serve

CHECK_TIMEOUT = 1.0
"""Seconds that one upstream may take; a health answer that waits longer tells its reader nothing."""

Check = Callable[[], str | None]


class GatewayHandler(Handler):
    """`GET /health`: 200 `{"status": "ok"}`, or 503 with the names of the upstreams that fail."""

    checks: Mapping[str, Check]
    pool: ThreadPoolExecutor

    def get(self, path: str) -> None:
        if path != "/health":
            super().get(path)
            return
        answers = dict(zip(self.checks, self.pool.map(lambda check: check(), self.checks.values()), strict=True))
        reasons = {name: reason for name, reason in answers.items() if reason is not None}
        if reasons:
            self.answer(503, {"status": "degraded", "failing": sorted(reasons), "reasons": reasons})
        else:
            self.answer(200, {"status": "ok"})


def checks_from(environment: Mapping[str, str]) -> dict[str, Check]:
    checks: dict[str, Check] = {}
    if "POSTGRES" in environment:
        host, _, port = environment["POSTGRES"].partition(":")
        checks["postgres"] = partial(wire.check_postgres, host, int(port), CHECK_TIMEOUT)
    if "REDIS" in environment:
        host, _, port = environment["REDIS"].partition(":")
        password = environment.get("REDIS_PASSWORD")
        checks["redis"] = partial(wire.check_redis, host, int(port), CHECK_TIMEOUT, password)
    return checks


def main() -> None:
    GatewayHandler.switch = Switch(float(os.environ.get("SLOW_SECONDS", "2")))
    if "NEVER_HEALTHY" in os.environ:
        GatewayHandler.switch.set("never")
    GatewayHandler.checks = checks_from(os.environ)
    GatewayHandler.pool = ThreadPoolExecutor(16)
    serve(GatewayHandler, int(os.environ["PORT"]))


if __name__ == "__main__":
    main()
