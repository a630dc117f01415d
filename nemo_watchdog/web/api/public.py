"""`/api/v1/public` and `/status.json`: what users may know, for everybody, by whatever name and from any page.

What the policy publishes is no secret, so there is nothing that another site could steal with it. It is made once for
all who ask within a few seconds.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from datetime import datetime

from aiohttp import web

from nemo_watchdog.engine.published import Published, components_now
from nemo_watchdog.public_views import PublicView
from nemo_watchdog.runtime.core import Core
from nemo_watchdog.timeline.public_page import page_of
from nemo_watchdog.web.answers import Tagged, unless_known
from nemo_watchdog.web.operations import Operation
from nemo_watchdog.web.past import Past
from nemo_watchdog.web.public_past import Known, PublicPast

FRESH = 15
"""Seconds for which it is the same for everybody, here and in every cache."""

HEADERS = {"Cache-Control": f"public, max-age={FRESH}", "Access-Control-Allow-Origin": "*"}


class PublicApi:
    def __init__(self, core: Core, past: Past, key: str) -> None:
        """`key` hides what the ids of incidents tell."""
        self._core = core
        self._past = PublicPast(past)
        self._key = key.encode()
        self._published: Published | None = None
        self._made: Tagged | None = None
        self._made_at = 0.0
        self._making = asyncio.Lock()

    def operations(self) -> tuple[Operation, ...]:
        at_root, beside = (
            Operation(
                method="GET",
                path=path,
                handler=self.get,
                summary="What users see of the platform: nothing internal, for everybody",
                answers=PublicView,
                tagged=True,
                any_host=True,
            )
            for path in ("/status.json", "/api/v1/public")
        )
        return at_root, beside

    async def get(self, request: web.Request) -> web.Response:
        async with self._making:
            made = await self._fresh()
        return unless_known(request, made, headers=HEADERS)

    async def close(self, _: web.Application) -> None:
        await self._past.close()

    async def _fresh(self) -> Tagged:
        policy, now = self._core.engine.policy, self._core.clock.now()
        if self._published is None or self._published.policy is not policy:
            self._published, self._made = Published.of(policy), None
        if self._made is None or now.monotonic - self._made_at >= FRESH:
            view = await self._view(self._published, now.utc)
            self._made, self._made_at = await asyncio.to_thread(Tagged.of_view, view), now.monotonic
        return self._made

    async def _view(self, published: Published, now: datetime) -> PublicView:
        engine = self._core.engine
        known = Known(complete=True)
        if published.components:
            known = await self._past.known(published, engine.durable.severities(), now)
        states = components_now(published, engine.volatile, engine.durable, self._core.clock.now())
        return page_of(published, states, known.incidents, known.days, now, self._sign, complete=known.complete)

    def _sign(self, incident: str) -> str:
        """The same for the same incident; without the key nobody can find out by trying which one it is."""
        return hmac.new(self._key, incident.encode(), hashlib.sha256).hexdigest()[:16]
