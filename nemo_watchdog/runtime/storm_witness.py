"""Another way to what gives no answer: its own address instead of the published port that its looks go to.

A process that hangs takes connections all the same, for the kernel takes them: only where the published port takes none
and the container's own does, the way between is broken.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from nemo_watchdog.engine import events as ev
from nemo_watchdog.model import Way
from nemo_watchdog.runtime.core import Core

WITHIN = 1.0
"""Seconds in which a connection must be taken: both ends are on this host."""

LINGERS = 0.05
"""Seconds that it must live: Docker's proxy takes one for a container that does not, and drops it at once (moby,
cmd/docker-proxy/tcp_proxy_linux.go)."""

AT_ONCE = 16
"""Questions side by side."""


class StormWitness:
    """Asks for the engine, as many at once as do not delay the looks."""

    def __init__(self, core: Core, takes: Callable[[tuple[str, int]], Awaitable[bool]] | None = None) -> None:
        self._core = core
        self._takes = takes or takes_connections
        self._few = asyncio.Semaphore(AT_ONCE)

    async def ask(self, name: str) -> None:
        """Tells whether another way leads to it."""
        tracker = self._core.engine.trackers.get(name)
        if tracker is None or tracker.container is None:
            return
        async with self._few:
            self._core.tell(ev.Witnessed(name, await self._elsewhere(tracker.container.ways)))

    async def _elsewhere(self, ways: Sequence[Way]) -> str:
        for way in ways:
            published, own = await asyncio.gather(self._takes(way.published), self._takes(way.own))
            if own and not published:
                there, here = (f"{host}:{port}" for host, port in (way.own, way.published))
                return f"it takes connections at its own address {there}, and none at {here}"
        return ""


async def takes_connections(address: tuple[str, int]) -> bool:
    """Whether a TCP connection is taken there in time, and kept for a moment."""
    try:
        async with asyncio.timeout(WITHIN):
            reader, writer = await asyncio.open_connection(*address)
    except (OSError, TimeoutError):
        return False
    try:
        async with asyncio.timeout(LINGERS):
            return bool(await reader.read(1))
    except TimeoutError:
        return True
    except OSError:
        return False
    finally:
        writer.transport.abort()
