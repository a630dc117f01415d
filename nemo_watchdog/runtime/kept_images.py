"""An image that a container may go back to has a tag of ours, so that `docker image prune` leaves it alone.

Each container has one such tag, which moves on to the image that proves itself next. Giving it again is no harm: at
the start all of them are given anew, and what Docker does not take is tried again, ever more seldom.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from nemo_watchdog import records as r
from nemo_watchdog.engine.events import Effects
from nemo_watchdog.errors import NemoWatchdogError
from nemo_watchdog.model import Moment
from nemo_watchdog.runtime.core import Core
from nemo_watchdog.runtime.troubles import Trouble

log = structlog.get_logger("nemo_watchdog")

AGAIN_AFTER = 5.0
"""Seconds to the first further try; each gap is twice as long as the one before."""

LONGEST_GAP = 3600.0
"""Seconds; also from one look at what the policy wants kept to the next."""


class KeptImages:
    """`keep` tags the image of that id for a container, in bounded time, and raises `NemoWatchdogError`."""

    def __init__(self, core: Core, keep: Callable[[str, str], Awaitable[None]]) -> None:
        self._core = core
        self._keep = keep
        self._kept: dict[str, str] = {}
        """Of containers, the image whose tag was given."""
        self._work = asyncio.Event()
        core.after_step.append(self.after_step)

    def after_step(self, effects: Effects, _: Moment) -> None:
        """Hears that an image has proven itself."""
        if any(isinstance(record, r.ImageProven) for record in effects.records):
            self._work.set()

    async def run(self) -> None:
        gap = AGAIN_AFTER
        while True:
            self._work.clear()
            refused = [image for image in self._owed().items() if not await self._tag(*image)]
            self._core.troubles.keep(Trouble.IMAGE, self._owed().keys())
            within, gap = (gap, min(2 * gap, LONGEST_GAP)) if refused else (LONGEST_GAP, AGAIN_AFTER)
            with suppress(TimeoutError):
                async with asyncio.timeout(within):
                    await self._work.wait()

    def _owed(self) -> dict[str, str]:
        """Of containers for which the policy may go back to an image: the one whose tag is not known to be given."""
        engine = self._core.engine
        wanted = {engine.trackers[name].spec.container for name in engine.volatile.proves_after}
        proven = engine.durable.proven_images.items()
        return {name: each.image for name, each in proven if name in wanted and self._kept.get(name) != each.image}

    async def _tag(self, container: str, image: str) -> bool:
        """Whether Docker has taken it."""
        try:
            await self._keep(image, container)
        except NemoWatchdogError as error:
            if self._core.troubles.found(Trouble.IMAGE, str(error), container):
                log.warning("proven image not tagged", container=container, image=image, problem=str(error))
            return False
        self._kept[container] = image
        if self._core.troubles.over(Trouble.IMAGE, container):
            log.info("proven image tagged again", container=container, image=image)
        return True
