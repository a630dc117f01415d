"""Counts container starts by asking Docker, so that no test believes the watchdog about itself.

It listens, for Docker remembers 256 events of all containers, and those that other tests make are among them.
"""

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
        self._heard: set[str] = set()

    async def __aenter__(self) -> Self:
        self._since = time.time()
        self._docker = await asyncio.create_subprocess_exec(
            "docker", *self._events(), stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE
        )
        self._listening = asyncio.create_task(self._listen(self._docker))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._docker.kill()
        await self._docker.wait()
        await self._listening

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
        assert self._docker.returncode is None, "docker events has ended"
        self._heard.update((await self._platform.docker(*self._events(), "--until", f"{time.time():.6f}")).splitlines())
        return sum(line.endswith(f" {event} {self._platform.name(part)}") for line in self._heard)

    def _events(self) -> list[str]:
        names = [
            word for part in self._platform.parts for word in ("--filter", f"container={self._platform.name(part)}")
        ]
        each = "{{.TimeNano}} {{.Action}} {{.Actor.Attributes.name}}"
        return ["events", "--since", f"{self._since:.6f}", "--filter", "type=container", *names, "--format", each]

    async def _listen(self, docker: asyncio.subprocess.Process) -> None:
        assert docker.stdout is not None
        async for line in docker.stdout:
            self._heard.add(line.decode().strip())
