"""`/do/ORDER`: a page that says what would be done and asks why, and does it when its form is sent.

A change is made by the API's own method, with the same checks: a page can do nothing that a program could not. Looking
at such a page changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from types import MappingProxyType

from aiohttp import web

from nemo_watchdog.errors import in_one_line
from nemo_watchdog.web.access import Caller
from nemo_watchdog.web.operations import Operation
from nemo_watchdog.web.pages import links
from nemo_watchdog.web.pages.asking import Asking, Order
from nemo_watchdog.web.pages.forms import Field, read_form
from nemo_watchdog.web.pages.frame import HTML, Framing, may_change
from nemo_watchdog.web.pages.refusals import as_page

ROUTE = links.ORDERS + "/{order}"
BACK_FIELD = "back"
NAME_FIELD = "by"
YOUR_NAME = Field(NAME_FIELD, "Your name", required=True, longest=100, complete="name")
NOTHING_GIVEN: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class OrderPages:
    framing: Framing
    orders: Mapping[str, Order]

    def operations(self) -> tuple[Operation, ...]:
        asked, done = (
            Operation(
                method=method,
                path=ROUTE,
                handler=as_page(handler),
                summary=summary,
                media=(HTML,),
                pages=(400, 401, 403, 404, 409, 415, 503),
            )
            for method, handler, summary in (
                ("GET", self.ask, "A page that says what an order would do, and asks why"),
                ("POST", self.do, "Do it, by the form of that page"),
            )
        )
        return asked, done

    async def ask(self, request: web.Request) -> web.StreamResponse:
        caller = self.framing.access.caller(request)
        if caller is None or caller.session is None:
            raise web.HTTPSeeOther(links.sign_in(request.path_qs))
        if not may_change(caller):
            raise web.HTTPForbidden(text=f"{caller.name} may read, and change nothing: sign in with another token")
        asking = self._order(request).ask(dict(request.query))
        return await self._shown(request, caller, _coming_back(asking, request.query.get(BACK_FIELD, "")))

    async def do(self, request: web.Request) -> web.StreamResponse:
        order, given = self._order(request), await read_form(request)
        caller = self.framing.access.demand_form(request, given)
        by = given.get(NAME_FIELD, "").strip() if caller.is_own else caller.name
        try:
            await order.do(given, by)
        except web.HTTPError as refused:
            said = in_one_line(refused.text or "")
            asking = _coming_back(order.ask(given), given.get(BACK_FIELD, ""))
            return await self._shown(request, caller, replace(asking, refusal=said), given, refused.status)
        raise web.HTTPSeeOther(links.local(given.get(BACK_FIELD, "")))

    def _order(self, request: web.Request) -> Order:
        found = self.orders.get(request.match_info["order"])
        if found is None:
            raise web.HTTPNotFound(text=f"there is no such order; there are: {', '.join(self.orders)}")
        return found

    async def _shown(
        self,
        request: web.Request,
        caller: Caller,
        asking: Asking,
        given: Mapping[str, str] = NOTHING_GIVEN,
        status: int = HTTPStatus.OK,
    ) -> web.Response:
        """With what was given already. Of the daemon's own token nobody knows who has it."""
        fields = (*asking.fields, YOUR_NAME) if caller.is_own else asking.fields
        filled = replace(asking, fields=tuple(each.filled(given) for each in fields))
        return await self.framing.page(request, "order.html", asking.title, asking=filled, status=status)


def _coming_back(asking: Asking, address: str) -> Asking:
    """To where one came from, if that is one of our pages."""
    return replace(asking, back=links.local(address)) if address else asking
