"""The HTTP application: who answers on which path. Reads are open, changes not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from aiohttp import web

from nemo_watchdog.metrics import Metrics
from nemo_watchdog.model import Severity
from nemo_watchdog.policy.policy import SeveritySpec
from nemo_watchdog.runtime.contact_test import ContactTest
from nemo_watchdog.runtime.core import Core
from nemo_watchdog.runtime.explanations import Explanations
from nemo_watchdog.runtime.heartbeats import Heartbeats
from nemo_watchdog.runtime.supervisor import Supervisor
from nemo_watchdog.web.api.answers import AnswersApi
from nemo_watchdog.web.api.contacts import ContactsApi
from nemo_watchdog.web.api.declared import DeclaredApi
from nemo_watchdog.web.api.document import DocumentApi
from nemo_watchdog.web.api.evidence import EvidenceApi
from nemo_watchdog.web.api.explanations import ExplanationsApi
from nemo_watchdog.web.api.health import HealthApi
from nemo_watchdog.web.api.incidents import IncidentsApi
from nemo_watchdog.web.api.journal import JournalApi
from nemo_watchdog.web.api.metrics import MetricsApi
from nemo_watchdog.web.api.oncall import OncallApi
from nemo_watchdog.web.api.pauses import PausesApi
from nemo_watchdog.web.api.proposals import ProposalsApi
from nemo_watchdog.web.api.public import PublicApi
from nemo_watchdog.web.api.push import PushApi
from nemo_watchdog.web.api.quiet import QuietApi
from nemo_watchdog.web.api.reports import ReportsApi
from nemo_watchdog.web.api.retries import RetriesApi
from nemo_watchdog.web.api.status import StatusApi
from nemo_watchdog.web.door import Limits
from nemo_watchdog.web.hosts import known_hosts_only
from nemo_watchdog.web.operations import routes
from nemo_watchdog.web.past import Past
from nemo_watchdog.web.server import Runner

MAX_BODY = 64 * 1024
"""Bytes: the longest note, however its characters are written."""


def runner(
    core: Core,
    supervisor: Supervisor,
    metrics: Metrics,
    heartbeats: Heartbeats,
    past: Past,
    explanations: Explanations,
    contact_test: ContactTest,
    token: str,
    hosts: Iterable[str],
    limits: Limits,
) -> web.AppRunner:
    """What a site is put on; `token` is what a change must bring, `hosts` are the names that reads may come by."""
    incidents, public = IncidentsApi(core, past), PublicApi(core, past, token)
    served = [
        *MetricsApi(core, metrics).operations(),
        *HealthApi(core, supervisor).operations(),
        *StatusApi(core, supervisor).operations(),
        *incidents.operations(),
        *_reports(core, incidents).operations(),
        *EvidenceApi(past).operations(),
        *ExplanationsApi(core, explanations).operations(),
        *PausesApi(core, token).operations(),
        *OncallApi(core, token).operations(),
        *QuietApi(core, token).operations(),
        *RetriesApi(core, token).operations(),
        *ProposalsApi(core, token).operations(),
        *DeclaredApi(core, token, past).operations(),
        *AnswersApi(core, contact_test.rendering.links).operations(),
        *ContactsApi(contact_test, token).operations(),
        *JournalApi(core, token).operations(),
        *PushApi(core, heartbeats).operations(),
        *public.operations(),
    ]
    free = {each.path for each in served if each.any_host}
    app = web.Application(client_max_size=MAX_BODY, middlewares=[known_hosts_only(hosts, free)])
    app.on_cleanup.append(public.close)
    app.add_routes(routes([*served, *DocumentApi(served).operations()]))
    return Runner(app, limits, lambda why: metrics.connections_refused.labels(why).inc())


def _reports(core: Core, incidents: IncidentsApi) -> ReportsApi:
    """By the policy in force: of each severity how soon a person should look, and who is told."""

    def severities() -> Mapping[Severity, SeveritySpec]:
        return core.engine.policy.severities

    return ReportsApi(
        detail=incidents.detail,
        recent=incidents.recent,
        evidence=incidents.past.part,
        respond_within=lambda: {name: spec.respond_within for name, spec in severities().items()},
        contacts_of=lambda: {name: spec.notify for name, spec in severities().items()},
        now=lambda: core.clock.now().utc,
    )
