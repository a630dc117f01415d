"""The HTTP application: who answers on which path. Reads are open, changes not."""

from __future__ import annotations

from collections.abc import Iterable

from aiohttp import web

from nemo_watchdog.metrics import Metrics
from nemo_watchdog.runtime.core import Core
from nemo_watchdog.runtime.explanations import Explanations
from nemo_watchdog.runtime.heartbeats import Heartbeats
from nemo_watchdog.runtime.supervisor import Supervisor
from nemo_watchdog.web.api.explanations import ExplanationsApi
from nemo_watchdog.web.api.health import HealthApi
from nemo_watchdog.web.api.journal import JournalApi
from nemo_watchdog.web.api.metrics import MetricsApi
from nemo_watchdog.web.api.pauses import PausesApi
from nemo_watchdog.web.api.push import ROUTE as PUSH
from nemo_watchdog.web.api.push import PushApi
from nemo_watchdog.web.api.retries import RetriesApi
from nemo_watchdog.web.api.status import StatusApi
from nemo_watchdog.web.door import Limits
from nemo_watchdog.web.hosts import known_hosts_only
from nemo_watchdog.web.server import Runner

MAX_BODY = 16 * 1024


def runner(
    core: Core,
    supervisor: Supervisor,
    metrics: Metrics,
    heartbeats: Heartbeats,
    explanations: Explanations,
    token: str,
    hosts: Iterable[str],
    limits: Limits,
) -> web.AppRunner:
    """What a site is put on; `token` is what a change must bring, `hosts` are the names that reads may come by."""
    app = web.Application(client_max_size=MAX_BODY, middlewares=[known_hosts_only(hosts, free=PUSH)])
    app.add_routes(
        [
            *MetricsApi(core, metrics).routes(),
            *HealthApi(core, supervisor).routes(),
            *StatusApi(core, supervisor).routes(),
            *ExplanationsApi(core, explanations).routes(),
            *PausesApi(core, token).routes(),
            *RetriesApi(core, token).routes(),
            *JournalApi(core, token).routes(),
            *PushApi(core, heartbeats).routes(),
        ]
    )
    return Runner(app, limits, lambda why: metrics.connections_refused.labels(why).inc())
