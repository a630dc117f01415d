"""The address that a job calls: `/api/v1/push/NAME?token=TOKEN`, or the token as `Authorization: Bearer`.

GET counts too, because what calls is often a bare `curl` in a crontab. An unknown name and a wrong token get the same
answer, so that nobody learns from it what there is.
"""

from __future__ import annotations

from dataclasses import dataclass

import structlog
from aiohttp import web

from nemo_watchdog.probes.push import PushOptions
from nemo_watchdog.probes.shared.lines import one_line
from nemo_watchdog.runtime.core import Core
from nemo_watchdog.runtime.heartbeats import Heartbeats
from nemo_watchdog.views import HeardView
from nemo_watchdog.web.answers import answer, on_disk
from nemo_watchdog.web.auth import bearer, is_token

log = structlog.get_logger("nemo_watchdog")

ROUTE = "/api/v1/push/{name}"
MAX_SAID = 8 * 1024
"""Characters of a message among which a line with something to say is looked for."""
_STATUS = {"ok": True, "fail": False}


@dataclass(frozen=True, slots=True)
class PushApi:
    core: Core
    heartbeats: Heartbeats

    def routes(self) -> list[web.RouteDef]:
        return [web.get(ROUTE, self.heard, allow_head=False), web.post(ROUTE, self.heard)]

    async def heard(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if not self._may(name, request):
            log.warning("heartbeat refused: an unknown name or a wrong token")
            raise web.HTTPForbidden(text="there is no such heartbeat, or its token is another")
        status = request.query.get("status", "ok")
        if status not in _STATUS:
            raise web.HTTPBadRequest(text="status is `ok` or `fail`")
        self.heartbeats.hear(name, well=_STATUS[status], said=self._said(request))
        await on_disk(self.core, "heard, but it could not be written down: call again")
        return answer(HeardView(ok=True))

    def _said(self, request: web.Request) -> str:
        """The job's own words as far as they are kept. What it sends of its output may repeat this very call."""
        words = request.query.get("msg", "")
        for token in filter(None, (request.query.get("token"), bearer(request))):
            words = words.replace(token, "***")
        return one_line(words[:MAX_SAID])

    def _may(self, name: str, request: web.Request) -> bool:
        spec = self.core.engine.policy.dependencies.get(name)
        options = spec.options if spec is not None else None
        wanted = options.token.reveal() if isinstance(options, PushOptions) else ""
        given = bearer(request)
        return is_token(request.query.get("token", "") if given is None else given, wanted)
