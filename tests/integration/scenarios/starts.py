"""Counts container starts by asking Docker, so that no test believes the watchdog about itself."""

from __future__ import annotations

import asyncio

from nemo_watchdog.demo.platform import Platform
from tests.integration.scenarios.engine_events import EngineEvents


class Starts(EngineEvents):
    """The `start` events of the platform's containers since the block was entered."""

    def __init__(self, platform: Platform) -> None:
        super().__init__({"type": ["container"], "container": [platform.name(part) for part in platform.parts]})
        self._platform = platform

    async def of(self, part: str) -> int:
        """How often it has been started so far."""
        return await self._told(part, "start")

    async def order(self, part: str, within: float = 20.0) -> None:
        """Returns once Docker has begun to end the part's container, by whose order ever."""
        async with asyncio.timeout(within):
            while not await self._told(part, "kill"):
                await asyncio.sleep(0.05)

    async def _told(self, part: str, event: str) -> int:
        name = self._platform.name(part)
        return sum(each["Actor"]["Attributes"]["name"] == name for each in await self.so_far(event))
