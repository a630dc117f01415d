"""How an answer leaves: a view as JSON, and, for a change, not before it is on disk."""

from __future__ import annotations

import asyncio

from aiohttp import web

from nemo_watchdog.incident_views import ExplanationView
from nemo_watchdog.runtime.core import Core
from nemo_watchdog.views import View, as_json

WRITTEN_WITHIN = 5.0


def answer(view: View, status: int = 200) -> web.Response:
    return _response(as_json(view), status)


async def large_answer(view: View | ExplanationView) -> web.Response:
    """Written in a thread, so that no look waits for it: nobody changes a view."""
    return _response(await asyncio.to_thread(as_json, view))


def _response(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, content_type="application/json", status=status)


async def on_disk(core: Core, otherwise: str) -> None:
    """Returns when all that was told so far is on disk; raises 503 with `otherwise` when that takes too long."""
    try:
        async with asyncio.timeout(WRITTEN_WITHIN):
            await core.written()
    except TimeoutError:
        raise web.HTTPServiceUnavailable(text=otherwise) from None
