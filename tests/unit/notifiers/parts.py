"""A notification and a small HTTP server that records what it gets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from nemo_watchdog.model import Notification, NotificationKind, Severity

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def notification(
    key: str = "i-1/opened",
    severity: Severity = Severity.SEV2,
    kind: NotificationKind = NotificationKind.OPENED,
) -> Notification:
    return Notification(
        key=key,
        kind=kind,
        incident="i-1",
        severity=severity,
        root="redis",
        title="redis is down",
        body="connection refused",
        contacts=("on-call",),
        at=NOON,
    )


@dataclass
class Server:
    """Answers each POST with the next of `answers` (the last one for ever) once `gate` is open, and keeps the body."""

    answers: list[int] = field(default_factory=lambda: [200])
    got: list[tuple[str, Any]] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0

    async def post(self, request: web.Request) -> web.Response:
        self.got.append((request.path, await request.json()))
        self.arrived.set()
        await self.gate.wait()
        status = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return web.Response(status=status, text="no\n thanks" if status >= 400 else "")


@asynccontextmanager
async def serving(*answers: int, stalled: bool = False) -> AsyncIterator[Server]:
    server = Server(answers=list(answers) or [200])
    if not stalled:
        server.gate.set()
    app = web.Application()
    app.router.add_post("/{path:.*}", server.post)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.port = runner.addresses[0][1]
    try:
        yield server
    finally:
        server.gate.set()
        await runner.cleanup()
