"""Counts container starts by asking Docker, so that no test believes the watchdog about itself.

It listens, for Docker remembers 256 events of all containers, and those that other tests make are among them.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from types import TracebackType
from typing import Self

import aiohttp

from nemo_watchdog.demo.platform import Platform
from tests.integration.scenarios.docker_socket import ENGINE


class Starts:
    """The `start` events of the platform's containers since the block was entered: it listens from then on."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._since = 0.0
        self._heard: set[tuple[int, str, str]] = set()
        """Docker's nanoseconds, what happened, and to which container."""

    async def __aenter__(self) -> Self:
        self._since = time.time()
        self._docker = aiohttp.ClientSession(
            connector=aiohttp.UnixConnector(str(ENGINE)), timeout=aiohttp.ClientTimeout(total=None)
        )
        stream = await self._open()
        self._listening = asyncio.create_task(self._listen(stream))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listening.cancel()
        with suppress(asyncio.CancelledError):
            await self._listening
        await self._docker.close()

    async def of(self, part: str) -> int:
        """How often it has been started so far."""
        return await self._told(part, "start")

    async def order(self, part: str, within: float = 20.0) -> None:
        """Returns once Docker has begun to end the part's container, by whose order ever."""
        async with asyncio.timeout(within):
            while not await self._told(part, "kill"):
                await asyncio.sleep(0.05)

    async def _told(self, part: str, event: str) -> int:
        """What was heard, and what Docker has in memory: the newest may be under way."""
        assert not self._listening.done(), "Docker has ended its events"
        await self._listen(await self._open(until=f"{time.time():.6f}"))
        return sum(heard[1:] == (event, self._platform.name(part)) for heard in self._heard)

    async def _open(self, **more: str) -> aiohttp.ClientResponse:
        """Its head is there once Docker has begun to tell."""
        names = [self._platform.name(part) for part in self._platform.parts]
        filters = json.dumps({"type": ["container"], "container": names})
        asked = {"since": f"{self._since:.6f}", "filters": filters, **more}
        return await self._docker.get("http://docker/events", params=asked, raise_for_status=True)

    async def _listen(self, stream: aiohttp.ClientResponse) -> None:
        async with stream:
            async for line in _lines(stream):
                event = json.loads(line)
                self._heard.add((event["timeNano"], event["Action"], event["Actor"]["Attributes"]["name"]))


async def _lines(stream: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    async for line in stream.content:
        if line.strip():
            yield line
