"""A real HTTP server that speaks a service's protocol, and answers wrongly on demand."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from aiohttp import web


@dataclass(frozen=True)
class Wrong:
    """`heard`: the service carries out what is asked before it answers so.

    Status 0: the connection is cut; -1: nothing is answered.
    """

    status: int
    text: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    heard: bool = False


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)


class Service(Protocol):
    def answer(self, asked: Asked) -> tuple[int, Any]:
        """The status, and what is answered as JSON."""
        ...


@dataclass
class Server:
    service: Service
    wrong: list[Wrong] = field(default_factory=list)
    """The answers to what is asked next, before it answers rightly again."""
    got: list[Asked] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        asked = Asked(request.method, request.path_qs, headers, await request.read())
        self.got.append(asked)
        await self.gate.wait()
        if self.wrong:
            wrong = self.wrong.pop(0)
            if wrong.heard:
                self.service.answer(asked)
            if wrong.status < 0:
                self.gate.clear()
                await self.gate.wait()
            if wrong.status == 0:
                assert request.transport is not None
                request.transport.close()
            return web.Response(status=max(wrong.status, 0) or 500, text=wrong.text, headers=wrong.headers)
        status, body = self.service.answer(asked)
        return web.json_response(body, status=status)


@asynccontextmanager
async def serving(
    service: Service, *wrong: Wrong, stalled: bool = False, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Server]:
    server = Server(service, list(wrong))
    if not stalled:
        server.gate.set()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    server.url = f"http{'s' if tls else ''}://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        server.gate.set()
        await runner.cleanup()
