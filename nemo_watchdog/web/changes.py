"""The version of all that pages show: another one as soon as something of it has changed.

Steps and the disk tell at once. What neither tells is looked for once a second, while somebody asks; and because words
such as "until 03:15" change with the clock alone, no version is older than a quarter of a minute. A look that finds
what the last one found changes nothing.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from contextlib import suppress

from nemo_watchdog.engine.events import Effects
from nemo_watchdog.model import Moment
from nemo_watchdog.records import HeartbeatHeard, SeenUp
from nemo_watchdog.runtime.core import Core
from nemo_watchdog.runtime.reloads import PolicyStatus

LOOK_EVERY = 1.0
"""Seconds from one look for what nobody tells to the next."""

OLDEST = 15.0
"""Seconds that a version lasts at most."""

NOT_SHOWN = (HeartbeatHeard, SeenUp)
"""Records that change nothing on a page. The first is written with every heartbeat."""


class Changes:
    """Each process has versions of its own: after a restart everything has changed."""

    def __init__(self, core: Core, policy: Callable[[], PolicyStatus]) -> None:
        """`policy` says how its last reload went."""
        self._core = core
        self._policy = policy
        self._process = secrets.token_hex(4)
        self._count = 0
        self._counted_at = self._looked_at = self._now()
        self._seen = self._look()
        self._owed = False
        """Something that is shown was decided, and the disk has not taken it yet: what is read from there is older."""
        self._news = asyncio.Event()
        core.after_step.append(self._stepped)
        core.after_write.append(self._written)
        core.on_changed = self.count

    def version(self) -> str:
        """Of what would be shown now."""
        now = self._now()
        if now - self._looked_at >= LOOK_EVERY:
            self._looked_at = now
            seen = self._look()
            if seen != self._seen or now - self._counted_at >= OLDEST:
                self._seen = seen
                self.count()
        return f"{self._process}-{self._count}"

    async def after(self, version: str) -> str:
        """Another one than that, as soon as there is; the same one where there is none for a second."""
        if self.version() == version:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY):
                    await self._news.wait()
        return self.version()

    def count(self) -> None:
        """Something has changed."""
        self._count += 1
        self._counted_at = self._now()
        self.wake()

    def wake(self) -> None:
        """Nobody waits any longer."""
        self._news.set()
        self._news = asyncio.Event()

    def _stepped(self, effects: Effects, _: Moment) -> None:
        shown = any(not isinstance(record, NOT_SHOWN) for record in effects.records)
        if shown or effects.notifications or effects.news or effects.bug:
            self._owed = True
            self.count()

    def _written(self) -> None:
        if self._owed:
            self._owed = False
            self.count()

    def _look(self) -> tuple[object, ...]:
        """What is shown and told by nobody."""
        engine, status = self._core.engine, self._policy()
        trackers = tuple(
            (each.state.health, each.state.reason, each.container.state if each.container else None)
            for each in engine.trackers.values()
        )
        own = (engine.journal_trouble, engine.bug, self._core.troubles.views())
        return status.loaded_at, status.problems, own, trackers

    def _now(self) -> float:
        return self._core.clock.now().monotonic
