"""Counts container starts by asking Docker, so that no test believes the watchdog about itself."""

from __future__ import annotations

import asyncio
import time
from types import TracebackType
from typing import Self

from nemo_watchdog.demo.platform import Platform


class Starts:
    """The `start` events of the platform's containers since the block was entered."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._since = 0.0

    async def __aenter__(self) -> Self:
        self._since = time.time()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    async def of(self, part: str) -> int:
        """How often it has been started so far."""
        return len(await self._told(part, "start"))

    async def order(self, part: str, within: float = 20.0) -> None:
        """Returns once Docker has begun to end the part's container, by whose order ever."""
        async with asyncio.timeout(within):
            while not await self._told(part, "kill"):
                await asyncio.sleep(0.05)

    async def _told(self, part: str, event: str) -> list[str]:
        told = await self._platform.docker(
            "events",
            *("--since", f"{self._since:.6f}", "--until", f"{time.time():.6f}"),
            *("--filter", f"event={event}", "--filter", f"container={self._platform.name(part)}"),
            *("--format", "{{.ID}}"),
        )
        return told.splitlines()
