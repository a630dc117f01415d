"""Errors of pages as pages: what was wrong in words, and where to go on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from http import HTTPStatus

from aiohttp import web

from nemo_watchdog.errors import in_one_line
from nemo_watchdog.web.pages import links
from nemo_watchdog.web.pages.rendering import HEADERS, rendered

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def as_page(handler: Handler) -> Handler:
    """The handler of a page: what it refuses is a page as well."""

    @wraps(handler)
    async def answered(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPError as refused:
            return refusal(request, refused.status, refused.text or "")

    return answered


def refusal(request: web.Request, status: int, said: str) -> web.Response:
    sign_in = links.sign_in(request.path_qs) if status == HTTPStatus.UNAUTHORIZED else ""
    text = rendered("refusal.html", title=HTTPStatus(status).phrase, said=in_one_line(said), sign_in=sign_in)
    return web.Response(text=text, content_type="text/html", status=status, headers=HEADERS)
