"""What stands around every page of the operators: where one is, who one is, and whether it is live."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from markupsafe import Markup

from nemo_watchdog.web.access import Access, Caller
from nemo_watchdog.web.answers import packed, together
from nemo_watchdog.web.packing import Piece, as_it_is
from nemo_watchdog.web.pages import links
from nemo_watchdog.web.pages.rendering import HEADERS, rendered

HTML = "text/html"
LIVE = "/api/v1/live"

_BODY = Markup("<!-- body -->")
"""Stands for it. In no value: there it would be `&lt;!--`."""


@dataclass(frozen=True, slots=True)
class Frame:
    title: str
    here: str
    """The page in the list of pages: `now`, `incidents`; empty for one that is not in it."""
    caller: str
    """Empty for nobody."""
    may_change: bool
    form_token: str
    back: str
    """Where one comes back to after signing in or out."""
    live: str = ""
    """Where changes are told; empty for a page that does not change."""
    version: str = ""
    """Of what it shows, or an older one; empty where nobody asked."""


@dataclass(frozen=True, slots=True)
class Framing:
    """Makes a page of a template and of who asks."""

    access: Access
    version: Callable[[], str]
    """Another one as soon as something has changed that pages show."""

    async def page(
        self,
        request: web.Request,
        template: str,
        title: str,
        *,
        here: str = "",
        version: str = "",
        status: int = 200,
        **values: Any,
    ) -> web.Response:
        """`version` is that of what it shows, of before anything was read for it; with one it is live.

        Written in a thread, so that no look waits for it.
        """
        frame = self.frame(request, title, here=here, version=version)
        text = await asyncio.to_thread(rendered, template, frame=frame, links=links, **values)
        return packed(request, web.Response(text=text, content_type=HTML, status=status, headers=HEADERS))

    def around(
        self, request: web.Request, template: str, title: str, body: Piece, *, here: str, version: str
    ) -> web.Response:
        """The same, where that template has `body`, which is the same for all who ask and was made before."""
        frame = self.frame(request, title, here=here, version=version)
        before, _, after = rendered(template, frame=frame, links=links, body=_BODY).partition(_BODY)
        return together(request, (as_it_is(before), body, as_it_is(after)), HTML, HEADERS)

    def frame(self, request: web.Request, title: str, *, here: str = "", version: str = "") -> Frame:
        caller = self.access.caller(request)
        session = caller.session if caller is not None else None
        return Frame(
            title=title,
            here=here,
            caller=caller.name if caller is not None else "",
            may_change=may_change(caller),
            form_token=self.access.form_token(session) if session is not None else "",
            back=request.path_qs,
            live=LIVE if version else "",
            version=version,
        )


def may_change(caller: Caller | None) -> bool:
    """Of a page, whose changes need a session."""
    return caller is not None and caller.session is not None and caller.may_operate
