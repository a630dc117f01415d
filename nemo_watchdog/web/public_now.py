"""What users may know now: made once for all who ask within a few seconds, whichever way they read it."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web

from nemo_watchdog.engine.announced import announced
from nemo_watchdog.engine.published import Published, components_now
from nemo_watchdog.engine.quieting import in_force
from nemo_watchdog.public_views import PublicView
from nemo_watchdog.runtime.core import Core
from nemo_watchdog.timeline.public_page import page_of
from nemo_watchdog.web.answers import Tagged
from nemo_watchdog.web.past import Past
from nemo_watchdog.web.public_past import Known, PublicPast

FRESH = 15
"""Seconds for which it is the same for everybody, here and in every cache."""

SOON = 2
"""Seconds for which it is so here while something of what was is missing."""

MOST_TEXTS = 20
"""Of one view that are kept: a feed names the host by which it was asked for, and anybody may make names up."""

HEADERS = {"Cache-Control": f"public, max-age={FRESH}"}


@dataclass(frozen=True, slots=True)
class _Made:
    """A view, and what was written of it."""

    published: Published
    view: PublicView
    at: float
    texts: dict[str, Tagged] = field(default_factory=dict)

    @property
    def lasts(self) -> float:
        """Seconds."""
        return FRESH if self.view.complete else min(SOON, FRESH)


class PublicNow:
    def __init__(self, core: Core, past: Past, key: str) -> None:
        """`key` hides what the ids of incidents tell."""
        self._core = core
        self._past = PublicPast(past)
        self._key = key.encode()
        self._made: _Made | None = None
        self._making = asyncio.Lock()

    async def view(self) -> PublicView:
        async with self._making:
            return (await self._fresh()).view

    async def text(self, name: str, write: Callable[[PublicView], str]) -> Tagged:
        """What `write` makes of the view, in a thread, and once for all who ask for it by this name."""
        async with self._making:
            made = await self._fresh()
            if (known := made.texts.get(name)) is not None:
                return known
            text = await asyncio.to_thread(lambda: Tagged.of(write(made.view)))
            if len(made.texts) < MOST_TEXTS:
                made.texts[name] = text
            return text

    async def begin(self, _: web.Application) -> None:
        """To read what was, before anybody asks: so the first answer waits for nothing."""
        engine = self._core.engine
        published = Published.of(engine.policy)
        if published.components:
            await self._past.begin(published, engine.durable.severities(), self._core.clock.now().utc)

    async def close(self, _: web.Application) -> None:
        await self._past.close()

    async def _fresh(self) -> _Made:
        """By the policy in force, also when that changes while what was is read."""
        engine, made = self._core.engine, self._made
        same = made is not None and made.published.policy is engine.policy
        if made is not None and same and self._core.clock.now().monotonic - made.at < made.lasts:
            return made
        published = made.published if made is not None and same else Published.of(engine.policy)
        while (made := await self._make(published)) is None:
            published = Published.of(engine.policy)
        self._made = made
        return made

    async def _make(self, published: Published) -> _Made | None:
        """None where the policy is another one by now."""
        engine, clock = self._core.engine, self._core.clock
        known = Known(complete=True)
        if published.components:
            known = await self._past.known(published, engine.durable.severities(), clock.now().utc)
        if engine.policy is not published.policy:
            return None
        now = clock.now()
        states = components_now(published, engine.volatile, engine.durable, now)
        by_hand, beside = tuple(in_force(engine.durable.quiet.maintenance.values())), engine.volatile.beside

        def page() -> PublicView:
            work = announced(published, by_hand, beside, now)
            incidents, days, complete = known.incidents, known.days, known.complete
            return page_of(published, states, incidents, days, now.utc, self._sign, announced=work, complete=complete)

        return _Made(published, await asyncio.to_thread(page), now.monotonic)

    def _sign(self, identity: str) -> str:
        """The same for the same incident; without the key nobody can find out by trying which one it is."""
        return hmac.new(self._key, identity.encode(), hashlib.sha256).hexdigest()[:16]
