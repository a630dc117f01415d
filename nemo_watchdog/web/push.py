"""The address that a job calls: `/api/v1/push/NAME?token=TOKEN`, or the token as `Authorization: Bearer`.

GET counts too, because what calls is often a bare `curl` in a crontab. An unknown name and a wrong token get the same
answer, so that nobody learns from it what there is.
"""

from __future__ import annotations

import asyncio
import hmac

import structlog
from aiohttp import web

from nemo_watchdog.probes.push import PushOptions
from nemo_watchdog.probes.shared.lines import one_line
from nemo_watchdog.runtime.core import Core
from nemo_watchdog.runtime.heartbeats import Heartbeats

log = structlog.get_logger("nemo_watchdog")

ROUTE = "/api/v1/push/{name}"
WRITTEN_WITHIN = 5.0
_STATUS = {"ok": True, "fail": False}
_NO_TOKEN = "no token is as long as this one"  # noqa: S105 - compared where there is nothing to compare with


class PushPage:
    def __init__(self, core: Core, heartbeats: Heartbeats) -> None:
        self._core = core
        self._heartbeats = heartbeats

    def routes(self) -> list[web.RouteDef]:
        return [web.get(ROUTE, self.heard, allow_head=False), web.post(ROUTE, self.heard)]

    async def heard(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if not self._may(name, request):
            log.warning("heartbeat refused: an unknown name or a wrong token")
            return web.json_response({"error": "there is no such heartbeat, or its token is another"}, status=403)
        status = request.query.get("status", "ok")
        if status not in _STATUS:
            return web.json_response({"error": "status is `ok` or `fail`"}, status=400)
        self._heartbeats.hear(name, well=_STATUS[status], said=one_line(request.query.get("msg", "")))
        try:
            async with asyncio.timeout(WRITTEN_WITHIN):
                await self._core.written()
        except TimeoutError:
            return web.json_response({"error": "heard, but it could not be written down: call again"}, status=503)
        return web.json_response({"ok": True})

    def _may(self, name: str, request: web.Request) -> bool:
        spec = self._core.engine.policy.dependencies.get(name)
        options = spec.options if spec is not None else None
        wanted = options.token.reveal() if isinstance(options, PushOptions) else ""
        scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
        given = bearer if scheme.lower() == "bearer" else request.query.get("token", "")
        same = hmac.compare_digest(given.encode(errors="surrogateescape"), (wanted or _NO_TOKEN).encode())
        return same and bool(wanted)
