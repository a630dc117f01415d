"""`/sign-in` and `/sign-out`: with a token one gets a session, by which pages may be read and orders given."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from nemo_watchdog.web.operations import Operation
from nemo_watchdog.web.pages import links
from nemo_watchdog.web.pages.forms import read_form
from nemo_watchdog.web.pages.frame import HTML, Framing
from nemo_watchdog.web.pages.refusals import as_page

LONGEST = 4096
"""Characters of a token that are looked at."""

WRONG = "no token is like this one: see `nemo-watchdog token list`, or make one with `nemo-watchdog token make NAME`"


@dataclass(frozen=True, slots=True)
class SigningIn:
    framing: Framing

    def operations(self) -> tuple[Operation, ...]:
        shown, taken, left = (
            Operation(
                method=method,
                path=path,
                handler=as_page(handler),
                summary=summary,
                media=(HTML,),
                pages=(400, 401, 403, 415),
                for_all=True,
            )
            for method, path, handler, summary in (
                ("GET", links.SIGN_IN, self.show, "A page that asks for a token"),
                ("POST", links.SIGN_IN, self.sign_in, "A session for a token"),
                ("POST", links.SIGN_OUT, self.sign_out, "The end of the session"),
            )
        )
        return shown, taken, left

    async def show(self, request: web.Request) -> web.StreamResponse:
        """Who is signed in goes on, where there is somewhere to go."""
        back = links.local(request.query.get("next", ""))
        caller = self.framing.access.caller(request)
        if back != links.HOME and caller is not None and caller.session is not None:
            raise web.HTTPSeeOther(back)
        return await self._shown(request, back, go_on=request.headers.get("Sec-Fetch-Site") == "cross-site")

    async def sign_in(self, request: web.Request) -> web.StreamResponse:
        access = self.framing.access
        access.demand_own(request)
        given = await read_form(request)
        back, session = links.local(given.get("next", "")), access.sign_in(given.get("token", "")[:LONGEST].strip())
        if session is None:
            return await self._shown(request, back, wrong=WRONG, status=403)
        response = web.HTTPSeeOther(back)
        access.put(response, request, session)
        raise response

    async def sign_out(self, request: web.Request) -> web.StreamResponse:
        access = self.framing.access
        access.demand_own(request)
        response = web.HTTPSeeOther(links.local((await read_form(request)).get("next", "")))
        access.sign_out(response)
        raise response

    async def _shown(
        self, request: web.Request, back: str, wrong: str = "", status: int = 200, *, go_on: bool = False
    ) -> web.Response:
        """`go_on`: a browser brings no session with a link of another site, and does with one of this page, at once."""
        return await self.framing.page(
            request, "sign_in.html", "Sign in", back=back, wrong=wrong, go_on=go_on, status=status
        )
