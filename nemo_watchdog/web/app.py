"""The HTTP application: who answers on which path."""

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
from nemo_watchdog.web.access import Access, readers_only
from nemo_watchdog.web.api.contacts import ContactsApi
from nemo_watchdog.web.api.declared import DeclaredApi
from nemo_watchdog.web.api.document import DocumentApi
from nemo_watchdog.web.api.evidence import EvidenceApi
from nemo_watchdog.web.api.explanations import ExplanationsApi
from nemo_watchdog.web.api.health import HealthApi
from nemo_watchdog.web.api.incidents import IncidentsApi
from nemo_watchdog.web.api.journal import JournalApi
from nemo_watchdog.web.api.live import LiveApi
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
from nemo_watchdog.web.api.tokens import TokensApi
from nemo_watchdog.web.changes import Changes
from nemo_watchdog.web.door import Limits
from nemo_watchdog.web.hosts import known_hosts_only
from nemo_watchdog.web.operations import routes
from nemo_watchdog.web.pages.answer_page import AnswerPage
from nemo_watchdog.web.pages.frame import Framing
from nemo_watchdog.web.pages.operators import Changing, operators_pages
from nemo_watchdog.web.pages.public_pages import PublicPages
from nemo_watchdog.web.past import Past
from nemo_watchdog.web.public_now import PublicNow
from nemo_watchdog.web.recent import Recent
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
    access: Access,
    key: str,
    hosts: Iterable[str],
    limits: Limits,
) -> web.AppRunner:
    """What a site is put on: `hosts` are the names that reads may come by, `key` hides what ids tell users."""
    status, incidents, public = StatusApi(core, supervisor), IncidentsApi(core, past), PublicNow(core, past, key)
    changing = Changing(
        PausesApi(core, access),
        QuietApi(core, access),
        ProposalsApi(core, access),
        DeclaredApi(core, access, past),
        RetriesApi(core, access),
    )
    changes, recent = Changes(core, lambda: supervisor.reloads.status), Recent(past, lambda: core.clock.now().utc)
    live, framing = LiveApi(changes, core.clock, access), Framing(access, changes.version)
    served = [
        *MetricsApi(core, metrics).operations(),
        *HealthApi(core, supervisor).operations(),
        *status.operations(),
        *incidents.operations(),
        *_reports(core, incidents).operations(),
        *EvidenceApi(past).operations(),
        *ExplanationsApi(core, explanations).operations(),
        *OncallApi(core, access).operations(),
        *changing.operations(),
        *AnswerPage(core, contact_test.rendering.links).operations(),
        *ContactsApi(contact_test, access).operations(),
        *JournalApi(core, access).operations(),
        *TokensApi(access).operations(),
        *PushApi(core, heartbeats).operations(),
        *PublicApi(public).operations(),
        *PublicPages(public).operations(),
        *live.operations(),
        *operators_pages(framing, status, incidents, explanations, recent, changing),
    ]
    by_any_name = {each.path for each in served if each.any_host}
    for_all = {each.path for each in served if each.for_all}
    checks = [known_hosts_only(hosts, by_any_name), readers_only(access, for_all)]
    app = web.Application(client_max_size=MAX_BODY, middlewares=checks)
    app.on_shutdown.append(live.close)
    app.on_startup.append(public.begin)
    app.on_cleanup.append(public.close)
    app.on_cleanup.append(lambda _: recent.close())
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
