"""What Docker itself tells of what was done, so that no test believes the watchdog about itself.

It listens, for Docker remembers 256 events of all containers, and those that other tests make are among them.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import aiohttp

from tests.integration.scenarios.docker_socket import ENGINE


class EngineEvents:
    """The events since the block was entered that Docker's `filters` let through: it listens from then on."""

    def __init__(self, filters: Mapping[str, Sequence[str]]) -> None:
        self._filters = json.dumps(filters)
        self._since = 0.0
        self._heard: dict[tuple[int, str, str], dict[str, Any]] = {}
        """By Docker's nanoseconds, what happened, and to what."""

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

    async def so_far(self, action: str) -> list[dict[str, Any]]:
        """Those of that action, the oldest first: what was heard, and what Docker has in memory, as the newest may be
        under way.
        """
        assert not self._listening.done(), "Docker has ended its events"
        await self._listen(await self._open(until=f"{time.time():.6f}"))
        return [event for _, event in sorted(self._heard.items()) if event["Action"] == action]

    async def _open(self, **more: str) -> aiohttp.ClientResponse:
        """Its head is there once Docker has begun to tell."""
        asked = {"since": f"{self._since:.6f}", "filters": self._filters, **more}
        return await self._docker.get("http://docker/events", params=asked, raise_for_status=True)

    async def _listen(self, stream: aiohttp.ClientResponse) -> None:
        async with stream:
            async for line in _lines(stream):
                event = json.loads(line)
                self._heard[event["timeNano"], event["Action"], event["Actor"]["ID"]] = event


async def _lines(stream: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    async for line in stream.content:
        if line.strip():
            yield line
