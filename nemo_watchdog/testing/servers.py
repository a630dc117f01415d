"""TCP servers that misbehave on purpose, over real sockets: what a probe of the network must take without harm."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def stop_listening(server: asyncio.Server) -> None:
    """Closes it once each connection that it accepted has its handler.

    asyncio takes a few turns of its loop to hand a connection over, however long they last on a busy machine; closed
    in between, `Server` forgets the connection, and its socket stays open (CPython 3.11).
    """
    for listener in server.sockets:
        asyncio.get_running_loop().remove_reader(listener.fileno())
    for _ in range(10):
        await asyncio.sleep(0)
    server.close()
    await server.wait_closed()


class Server:
    """Listens on a free port of 127.0.0.1 and counts the connections that are open."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self.port = 0
        self.accepted = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()

    @property
    def open(self) -> int:
        return len(self._tasks)

    async def wait_open(self, count: int) -> None:
        """Returns once so many connections are open; fails when that takes five seconds."""
        async with asyncio.timeout(5):
            while self.open != count:
                self._changed.clear()
                await self._changed.wait()

    async def wait_accepted(self, count: int) -> None:
        async with asyncio.timeout(5):
            while self.accepted < count:
                self._changed.clear()
                await self._changed.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a connection is served by a task")
        self._tasks.add(task)
        self.accepted += 1
        self._changed.set()
        try:
            with contextlib.suppress(ConnectionError):
                await self._handler(reader, writer)
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()
            self._tasks.discard(task)
            self._changed.set()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Server]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            await stop_listening(server)
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def stall(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Reads everything and says nothing, until the other side is gone."""
    while await reader.read(4096):
        pass


async def drop(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Closes at once."""


async def drop_after_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Takes something and closes without an answer."""
    await reader.read(4096)


async def garble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers with bytes of no protocol, then waits for the other side to leave."""
    await reader.read(4096)
    writer.write(b"\x00\xffgarbage\r\n\x01" * 20 + b"\r\n\r\n")
    await writer.drain()
    await stall(reader, writer)


async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers with an HTTP head and then bytes without end."""
    await reader.read(4096)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"x" * 65536)
        await writer.drain()


async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers with a byte now and then, without end."""
    await reader.read(4096)
    while not writer.is_closing():
        writer.write(b"1")
        await writer.drain()
        await asyncio.sleep(0.02)


def say(answer: bytes) -> Handler:
    """Answers every request with the same bytes, on a connection that stays."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(65536):
            writer.write(answer)
            await writer.drain()

    return handler


def free_port() -> int:
    """A port of 127.0.0.1 on which nothing listens, and which the kernel gives to nobody while this process lives.

    A server may listen on it all the same, with SO_REUSEADDR as nearly all set it: the socket that stays bound here
    has it and does not listen. Source: Linux, socket(7).
    """
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", 0))
    port = int(sock.getsockname()[1])
    sock.detach()
    return port
