"""The HTTP application: who answers on which path. Reads are open, changes not."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from aiohttp import web

from nemo_watchdog.metrics import Metrics
from nemo_watchdog.runtime.core import Core
from nemo_watchdog.runtime.heartbeats import Heartbeats
from nemo_watchdog.runtime.supervisor import Supervisor
from nemo_watchdog.web.api.declared import DeclaredApi
from nemo_watchdog.web.api.document import DocumentApi
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
from nemo_watchdog.web.operations import routes
from nemo_watchdog.web.server import Runner

MAX_BODY = 64 * 1024
"""Bytes: the longest note, however its characters are written."""


def runner(
    core: Core,
    supervisor: Supervisor,
    metrics: Metrics,
    heartbeats: Heartbeats,
    token: str,
    hosts: Iterable[str],
    limits: Limits,
    known: Callable[[str], bool],
) -> web.AppRunner:
    """What a site is put on; `token` is what a change must bring, `hosts` are the names that reads may come by.

    `known` says whether the journal has an incident of that id; it may block, and raise `JournalError`.
    """
    app = web.Application(client_max_size=MAX_BODY, middlewares=[known_hosts_only(hosts, free=PUSH)])
    served = [
        *MetricsApi(core, metrics).operations(),
        *HealthApi(core, supervisor).operations(),
        *StatusApi(core, supervisor).operations(),
        *PausesApi(core, token).operations(),
        *RetriesApi(core, token).operations(),
        *DeclaredApi(core, token, known).operations(),
        *JournalApi(core, token).operations(),
        *PushApi(core, heartbeats).operations(),
    ]
    app.add_routes(routes([*served, *DocumentApi(served).operations()]))
    return Runner(app, limits, lambda why: metrics.connections_refused.labels(why).inc())
