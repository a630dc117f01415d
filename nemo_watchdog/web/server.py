"""The HTTP face: metrics, liveness, readiness, status; pausing with a token; heartbeats. Reads are open, changes not.

A change needs `Authorization: Bearer TOKEN` and a JSON body, so no page of another site can make one.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from dataclasses import dataclass
from typing import TypeVar

from aiohttp import web
from prometheus_client.exposition import choose_encoder
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nemo_watchdog import __version__
from nemo_watchdog.engine.events import PauseAsked, ResumeAsked
from nemo_watchdog.engine.state import EVERYTHING
from nemo_watchdog.engine.view import status
from nemo_watchdog.metrics import Metrics
from nemo_watchdog.runtime.core import Core
from nemo_watchdog.runtime.heartbeats import Heartbeats
from nemo_watchdog.runtime.supervisor import Supervisor
from nemo_watchdog.web.push import PushPage

MAX_BODY = 16 * 1024
WRITTEN_WITHIN = 5.0


class PauseBody(BaseModel):
    """`scope` is a dependency or "*"; `duration` in seconds, left out for no end."""

    model_config = ConfigDict(extra="forbid", strict=True)
    scope: str = EVERYTHING
    reason: str = Field(min_length=1, max_length=500)
    by: str = Field(default="somebody", min_length=1, max_length=100)
    duration: float | None = Field(default=None, gt=0, le=31 * 86400)


class ResumeBody(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    scope: str = EVERYTHING
    by: str = Field(default="somebody", min_length=1, max_length=100)


Body = TypeVar("Body", PauseBody, ResumeBody)


@dataclass(frozen=True, slots=True)
class Api:
    """The handlers. `token` is what a change must bring."""

    core: Core
    supervisor: Supervisor
    metrics: Metrics
    heartbeats: Heartbeats
    token: str

    def application(self) -> web.Application:
        app = web.Application(client_max_size=MAX_BODY)
        app.add_routes(
            [
                web.get("/metrics", self.get_metrics),
                web.get("/healthz", self.get_healthz),
                web.get("/readyz", self.get_readyz),
                web.get("/api/v1/status", self.get_status),
                web.post("/api/v1/pause", self.post_pause),
                web.post("/api/v1/resume", self.post_resume),
                *PushPage(self.core, self.heartbeats).routes(),
            ]
        )
        return app

    async def get_metrics(self, request: web.Request) -> web.Response:
        self.metrics.refresh(self.core.engine, self.core.clock.now())
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(self.metrics.registry), headers={"Content-Type": content_type})

    async def get_healthz(self, _: web.Request) -> web.Response:
        """Are my own loops alive? Says nothing about the platform."""
        late = self.supervisor.stuck()
        return web.json_response({"ok": not late, "stuck": late}, status=503 if late else 200)

    async def get_readyz(self, _: web.Request) -> web.Response:
        """Watching, and able to write down what it does."""
        waiting = [] if self.supervisor.loops else ["the probe loops have not started"]
        if self.core.engine.journal_trouble:
            waiting.append(f"journal: {self.core.engine.journal_trouble}")
        return web.json_response({"ok": not waiting, "waiting_for": waiting}, status=503 if waiting else 200)

    async def get_status(self, _: web.Request) -> web.Response:
        body = status(self.core.engine, self.core.clock.now())
        reload = self.supervisor.policy_status
        body["policy"] = {"loaded_at": reload.loaded_at, "problems": list(reload.problems)}
        body["version"] = __version__
        return web.json_response(body)

    async def post_pause(self, request: web.Request) -> web.Response:
        asked = await self._asked(request, PauseBody)
        self.core.tell(PauseAsked(asked.scope, asked.reason, asked.by, asked.duration))
        return await self._pauses()

    async def post_resume(self, request: web.Request) -> web.Response:
        asked = await self._asked(request, ResumeBody)
        self.core.tell(ResumeAsked(asked.scope, asked.by))
        return await self._pauses()

    async def _pauses(self) -> web.Response:
        """Answers when the change is on disk: a kill switch that might be forgotten is none."""
        try:
            async with asyncio.timeout(WRITTEN_WITHIN):
                await self.core.written()
        except TimeoutError:
            return _refusal(503, "it holds now, but could not be written: it will not outlive a restart of the daemon")
        return web.json_response({"pauses": status(self.core.engine, self.core.clock.now())["pauses"]})

    async def _asked(self, request: web.Request, model: type[Body]) -> Body:
        """The checked body of a change; raises the HTTP refusal that fits otherwise."""
        given = request.headers.get("Authorization", "")
        given_bytes = given.encode(errors="surrogateescape")  # as aiohttp decodes headers
        if not hmac.compare_digest(given_bytes, f"Bearer {self.token}".encode()):
            raise _refused(web.HTTPUnauthorized, "a change needs the daemon's token: Authorization: Bearer TOKEN")
        if request.content_type != "application/json":
            raise _refused(web.HTTPUnsupportedMediaType, "send JSON, with Content-Type: application/json")
        try:
            asked = model.model_validate_json(await request.read())
        except ValidationError as error:
            problems = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'body'}: {e['msg']}" for e in error.errors())
            raise _refused(web.HTTPBadRequest, problems) from error
        self._must_be_known(asked.scope)
        return asked

    def _must_be_known(self, scope: str) -> None:
        engine = self.core.engine
        # A pause may outlive its dependency, and must then be possible to lift.
        if scope not in {EVERYTHING, *engine.trackers, *engine.durable.pauses}:
            known = ", ".join(engine.trackers)
            raise _refused(web.HTTPNotFound, f"there is no dependency {scope}; there are: {known}")


def _refused(kind: type[web.HTTPError], message: str) -> web.HTTPError:
    return kind(text=json.dumps({"error": message}), content_type="application/json")


def _refusal(code: int, message: str) -> web.Response:
    return web.json_response({"error": message}, status=code)
