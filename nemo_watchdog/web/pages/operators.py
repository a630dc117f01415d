"""All pages of the operators, put together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nemo_watchdog.runtime.core import Core
from nemo_watchdog.runtime.explanations import Explanations
from nemo_watchdog.web.api.declared import DeclaredApi
from nemo_watchdog.web.api.incidents import IncidentsApi
from nemo_watchdog.web.api.pauses import PausesApi
from nemo_watchdog.web.api.proposals import ProposalsApi
from nemo_watchdog.web.api.quiet import QuietApi
from nemo_watchdog.web.api.retries import RetriesApi
from nemo_watchdog.web.api.status import StatusApi
from nemo_watchdog.web.operations import Operation
from nemo_watchdog.web.pages import static_files
from nemo_watchdog.web.pages.action_orders import ActionOrders
from nemo_watchdog.web.pages.asking import Order
from nemo_watchdog.web.pages.frame import Framing
from nemo_watchdog.web.pages.incident_orders import IncidentOrders
from nemo_watchdog.web.pages.now_pages import NowPages
from nemo_watchdog.web.pages.orders import OrderPages
from nemo_watchdog.web.pages.overview_page import OverviewPage
from nemo_watchdog.web.pages.past_pages import PastPages
from nemo_watchdog.web.pages.quiet_orders import QuietOrders
from nemo_watchdog.web.pages.signing_in import SigningIn
from nemo_watchdog.web.recent import Recent


@dataclass(frozen=True, slots=True)
class Changing:
    """What of the API changes something that a page can change as well."""

    pauses: PausesApi
    quiet: QuietApi
    proposals: ProposalsApi
    declared: DeclaredApi
    retries: RetriesApi

    def operations(self) -> tuple[Operation, ...]:
        apis = (self.pauses, self.quiet, self.proposals, self.declared, self.retries)
        return tuple(each for api in apis for each in api.operations())

    def orders(self, core: Core) -> Mapping[str, Order]:
        return {
            **IncidentOrders(core, self.declared).all(),
            **QuietOrders(core, self.pauses, self.quiet).all(),
            **ActionOrders(core, self.proposals, self.retries).all(),
        }


def operators_pages(
    framing: Framing,
    status: StatusApi,
    incidents: IncidentsApi,
    explanations: Explanations,
    recent: Recent,
    changing: Changing,
) -> tuple[Operation, ...]:
    return (
        *OverviewPage(framing, status, recent, incidents.past).operations(),
        *NowPages(framing, status, explanations, incidents, recent).operations(),
        *PastPages(framing, incidents, status).operations(),
        *OrderPages(framing, changing.orders(incidents.core)).operations(),
        *SigningIn(framing).operations(),
        *static_files.operations(),
    )
