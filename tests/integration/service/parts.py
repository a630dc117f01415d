"""What the service tests watch and listen with: a TCP service that can go away, and a receiver of notifications."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from nemo_watchdog.testing.servers import free_port, stop_listening

TCP_POLICY = """
version: 1
defaults: {{interval: 200ms, confirm_interval: 100ms, timeout: 1s, down_after: 2, up_after: 2}}
dependencies:
  service: {{probe: tcp, address: "127.0.0.1:{port}", tags: [core]}}
"""


def tcp_policy(port: int, more: str = "") -> str:
    """One dependency, a port of this machine, without container and remedy: nothing is ever restarted."""
    return TCP_POLICY.format(port=port) + more


SLOW_POLICY = """
version: 1
defaults: {{interval: 200ms, confirm_interval: 100ms, timeout: 1s, down_after: 1, up_after: 2}}
dependencies:
  slow: {{probe: http, url: "http://127.0.0.1:{port}/", tags: [core]}}
"""


class Service:
    """Accepts connections on one port of 127.0.0.1; `stop` refuses them until `start`."""

    def __init__(self) -> None:
        self.port = free_port()
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._hold, "127.0.0.1", self.port)

    async def stop(self) -> None:
        """Connections end too: one that stayed open would outlive the event loop."""
        if self._server is not None:
            await stop_listening(self._server)
            self._server = None
            for writer in self._open:
                writer.transport.abort()
            while self._open:
                await asyncio.sleep(0.01)

    async def _hold(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            await reader.read()
        except ConnectionError:
            pass
        finally:
            self._open.discard(writer)
            writer.close()


class SlowService:
    """An HTTP server that is well and thinks for half a second about every answer. `asked` counts requests."""

    THINKS = 0.5

    def __init__(self) -> None:
        self.port = free_port()
        self.asked = 0
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", self.port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            await stop_listening(self._server)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            self.asked += 1
            await asyncio.sleep(self.THINKS)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            return
        finally:
            writer.close()


@dataclass
class Receiver:
    """Takes JSON that is posted to 127.0.0.1. `stop` refuses connections until `start`; the port stays.

    `messages` are those that it answered with 200, in the order in which they came. While it is `mute`, it takes
    messages and answers none; `asked` counts all. `status` is what it answers.
    """

    port: int = field(default_factory=free_port)
    messages: list[dict[str, Any]] = field(default_factory=list)
    mute: bool = False
    asked: int = 0
    status: int = 200

    def __post_init__(self) -> None:
        self._news = asyncio.Condition()
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    @property
    def titles(self) -> list[str]:
        """Of what Apprise's `json://` posted."""
        return [str(message["title"]) for message in self.messages]

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", self.port)

    async def stop(self) -> None:
        if self._server is not None:
            await stop_listening(self._server)
            self._server = None
        for writer in self._open:
            writer.close()

    async def message(
        self, wanted: Callable[[dict[str, Any]], bool], within: float = 15.0, *, after: int = 0
    ) -> dict[str, Any]:
        """The first message that is wanted, come or to come, from position `after` of `messages`.

        Raises AssertionError with all that came.
        """
        await self._until(lambda: any(map(wanted, self.messages[after:])), within)
        return next(filter(wanted, self.messages[after:]))

    async def title(self, part: str, within: float = 15.0) -> str:
        """The first title with this text in it, come or to come."""
        return str((await self.message(lambda message: part in message["title"], within))["title"])

    async def was_asked(self, times: int, within: float = 15.0) -> None:
        """Returns once so many messages have come, answered or not."""
        await self._until(lambda: self.asked >= times, within)

    async def _until(self, holds: Callable[[], bool], within: float) -> None:
        try:
            async with asyncio.timeout(within), self._news:
                await self._news.wait_for(holds)
        except TimeoutError:
            raise AssertionError(f"not within {within:g} s; asked {self.asked} times: {self.messages}") from None

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request of HTTP/1.1, answered and closed."""
        self._open.add(writer)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            length = next(line for line in head.splitlines() if line.startswith("content-length:"))
            body = json.loads(await reader.readexactly(int(length.partition(":")[2])))
            mute = self.mute
            if not mute and self.status == 200:
                self.messages.append(body)
            async with self._news:
                self.asked += 1
                self._news.notify_all()
            if mute:
                await reader.read()
                return
            answer = f"HTTP/1.1 {self.status} So\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            writer.write(answer.encode("ascii"))
            await writer.drain()
        except ConnectionError:
            return
        finally:
            self._open.discard(writer)
            writer.close()
