"""What is silenced in Alertmanager, where the policy honours it: asked at the start and again and again.

One that does not answer silences nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import structlog

from nemo_watchdog.engine.events import SilencesHeard
from nemo_watchdog.engine.silence_elsewhere import SilenceElsewhere
from nemo_watchdog.policy.policy import Alertmanager
from nemo_watchdog.runtime.core import Core
from nemo_watchdog.runtime.troubles import Trouble

log = structlog.get_logger("nemo_watchdog")

ASK_EVERY = 30.0
"""Seconds."""

ANSWERED_WITHIN = 3.0
"""Seconds; the start waits so long, for what is silenced must not be told first."""


class Silence(SilenceElsewhere, Protocol):
    def holds(self, at: datetime) -> bool: ...


Ask = Callable[[Sequence[Alertmanager], float], Awaitable[Mapping[str, Sequence[Silence] | Exception]]]
"""What each has, by its URL, or why that is not known, within so many seconds."""


class SilencesElsewhere:
    """Tells the engine of them."""

    def __init__(self, core: Core, ask: Ask) -> None:
        self._core = core
        self._ask = ask

    async def run(self) -> None:
        """For ever. The first look is that of the start."""
        while True:
            await asyncio.sleep(ASK_EVERY)
            await self.look()

    async def look(self) -> None:
        engine, troubles = self._core.engine, self._core.troubles
        honoured = [each for each in engine.policy.alertmanager if each.silences]
        troubles.keep(Trouble.SILENCES, [each.url for each in honoured])
        answers = await self._ask(honoured, ANSWERED_WITHIN) if honoured else {}
        heard, now = list[Silence](), self._core.clock.now().utc
        for url, answer in answers.items():
            if isinstance(answer, Exception):
                if troubles.found(Trouble.SILENCES, str(answer), url):
                    log.warning("alertmanager's silences are not known", url=url, error=str(answer))
            else:
                troubles.over(Trouble.SILENCES, url)
                heard += [each for each in answer if each.holds(now)]
        if tuple(heard) != engine.volatile.silences_elsewhere:
            self._core.tell(SilencesHeard(tuple(heard)))
