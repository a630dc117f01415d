"""The address that a job calls: `/api/v1/push/NAME?token=TOKEN`, or the token as `Authorization: Bearer`.

GET counts too, because what calls is often a bare `curl` in a crontab; a form counts as the address does, because what
`curl -d status=fail` says of a job must not be lost. An unknown name and a wrong token get the same
answer, so that nobody learns from it what there is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl

import structlog
from aiohttp import web
from pydantic import BaseModel

from nemo_watchdog.lines import one_line
from nemo_watchdog.probes.push import PushOptions
from nemo_watchdog.runtime.core import Core
from nemo_watchdog.runtime.heartbeats import Heartbeats
from nemo_watchdog.views import HeardView
from nemo_watchdog.web.access import bearer, is_token
from nemo_watchdog.web.answers import answer, on_disk
from nemo_watchdog.web.operations import Operation

log = structlog.get_logger("nemo_watchdog")

ROUTE = "/api/v1/push/{name}"
FORM = "application/x-www-form-urlencoded"
MAX_FORM = 64 * 1024
"""Bytes of a form that are read: the rest is cut off, as a long message is."""

MAX_SAID = 8 * 1024
"""Characters of a message among which a line with something to say is looked for."""
_STATUS = {"ok": True, "fail": False}


class PushQuery(BaseModel):
    """What a job says. The token may come as `Authorization: Bearer` instead."""

    token: str | None = None
    status: Literal["ok", "fail"] = "ok"
    msg: str = ""


@dataclass(frozen=True, slots=True)
class PushApi:
    core: Core
    heartbeats: Heartbeats

    def operations(self) -> tuple[Operation, ...]:
        by_address, by_form = (
            Operation(
                method=method,
                path=ROUTE,
                handler=self.heard,
                summary="A job's heartbeat",
                query=PushQuery,
                form=form,
                answers=HeardView,
                refuses=(400, 403, 503),
                any_host=True,
                for_all=True,
                changes=True,
            )
            for method, form in (("GET", None), ("POST", PushQuery))
        )
        return by_address, by_form

    async def heard(self, request: web.Request) -> web.Response:
        name, sent = request.match_info["name"], await _sent(request)
        if not self._may(name, request, sent):
            log.warning("heartbeat refused: an unknown name or a wrong token")
            raise web.HTTPForbidden(text="there is no such heartbeat, or its token is another")
        status = sent.get("status", "ok")
        if status not in _STATUS:
            raise web.HTTPBadRequest(text="status is `ok` or `fail`")
        # What a job sends of its output may repeat this very call. Before it is cut: half a secret is one, too.
        words = self.core.redact(sent.get("msg", "")[:MAX_SAID])
        self.heartbeats.hear(name, well=_STATUS[status], said=one_line(words))
        await on_disk(self.core, "heard, but it could not be written down: call again")
        return answer(HeardView(ok=True))

    def _may(self, name: str, request: web.Request, sent: Mapping[str, str]) -> bool:
        spec = self.core.engine.policy.dependencies.get(name)
        options = spec.options if spec is not None else None
        wanted = options.token.reveal() if isinstance(options, PushOptions) else ""
        given = bearer(request)
        return is_token(sent.get("token", "") if given is None else given, wanted)


async def _sent(request: web.Request) -> Mapping[str, str]:
    """The address's parameters, and those of a form, of which no more is read than may matter."""
    sent = {name: request.query[name] for name in request.query}
    if request.content_type == FORM:
        try:
            body = await request.content.readexactly(MAX_FORM)
        except asyncio.IncompleteReadError as error:
            body = error.partial
        form = dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
        sent = {**form, **sent}
    return sent
