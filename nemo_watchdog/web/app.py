"""The HTTP application: who answers on which path. Reads are open, changes not."""

from __future__ import annotations

from aiohttp import web

from nemo_watchdog.metrics import Metrics
from nemo_watchdog.runtime.core import Core
from nemo_watchdog.runtime.heartbeats import Heartbeats
from nemo_watchdog.runtime.supervisor import Supervisor
from nemo_watchdog.web.api.health import HealthApi
from nemo_watchdog.web.api.journal import JournalApi
from nemo_watchdog.web.api.metrics import MetricsApi
from nemo_watchdog.web.api.pauses import PausesApi
from nemo_watchdog.web.api.push import PushApi
from nemo_watchdog.web.api.status import StatusApi
from nemo_watchdog.web.problems import ProblemRunner

MAX_BODY = 16 * 1024


def runner(core: Core, supervisor: Supervisor, metrics: Metrics, heartbeats: Heartbeats, token: str) -> web.AppRunner:
    """What a site is put on; `token` is what a change must bring."""
    app = web.Application(client_max_size=MAX_BODY)
    app.add_routes(
        [
            *MetricsApi(core, metrics).routes(),
            *HealthApi(core, supervisor).routes(),
            *StatusApi(core, supervisor).routes(),
            *PausesApi(core, token).routes(),
            *JournalApi(core, token).routes(),
            *PushApi(core, heartbeats).routes(),
        ]
    )
    return ProblemRunner(app, access_log=None)
