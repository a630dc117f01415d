"""The HTTP side of a daemon with nothing on it but what tells of changes, and who listens to that."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientResponse, ClientSession, web

from nemo_watchdog.web.access import Access
from nemo_watchdog.web.api.live import LiveApi
from nemo_watchdog.web.changes import Changes
from nemo_watchdog.web.door import Limits
from nemo_watchdog.web.operations import routes
from nemo_watchdog.web.server import Runner
from tests.unit.runtime.whole import Daemon

LIVE = "/api/v1/live"
KEY = b"a key of this test"


@dataclass(frozen=True, slots=True)
class Event:
    name: str
    identity: str
    data: dict[str, Any]


class Listener:
    def __init__(self, response: ClientResponse) -> None:
        self.response = response
        self.retry = 0

    async def next(self) -> Event | None:
        """None once the daemon has ended the stream in good order."""
        fields: dict[str, str] = {}
        while line := (await self.response.content.readline()).decode():
            name, _, value = line.rstrip("\n").partition(": ")
            if name:
                fields[name] = value
            elif "retry" in fields:
                self.retry = int(fields.pop("retry"))
            else:
                return Event(fields["event"], fields.get("id", ""), json.loads(fields["data"]))
        return None


@dataclass(slots=True)
class LiveSite:
    daemon: Daemon
    changes: Changes
    access: Access
    runner: Runner
    port: int
    session: ClientSession
    refused: list[str] = field(default_factory=list)
    """Why connections had to go."""
    open: list[ClientResponse] = field(default_factory=list)

    async def get(self, path: str = LIVE, **more: Any) -> ClientResponse:
        return await self.session.get(f"http://127.0.0.1:{self.port}{path}", **more)

    async def listen(self, **more: Any) -> Listener:
        response = await self.get(**more)
        assert response.status == 200
        self.open.append(response)
        return Listener(response)

    @property
    def connections(self) -> int:
        assert self.runner.server is not None
        return len(self.runner.server.connections)


async def healthy(_: web.Request) -> web.Response:
    return web.Response(text="well")


@asynccontextmanager
async def live_site(daemon: Daemon, limits: Limits, *, reading_is_open: bool = True) -> AsyncIterator[LiveSite]:
    """Of a daemon that runs, with no token yet. `/healthz` is there too."""
    core, refused = daemon.shell.core, list[str]()
    changes = Changes(core, lambda: daemon.supervisor.reloads.status)
    tokens = daemon.file.with_name("tokens.json")
    access = Access.kept_in(tokens, "", KEY, lambda: core.clock.now().utc, reading_is_open=reading_is_open)
    live = LiveApi(changes, core.clock, access)
    app = web.Application()
    app.add_routes([*routes(live.operations()), web.get("/healthz", healthy)])
    app.on_shutdown.append(live.close)
    runner = Runner(app, limits, refused.append)
    await daemon.start()
    await runner.setup()
    served = web.TCPSite(runner, "127.0.0.1", 0)
    await served.start()
    try:
        async with ClientSession() as session:
            site = LiveSite(daemon, changes, access, runner, runner.addresses[0][1], session, refused)
            yield site
            for each in site.open:
                each.close()
    finally:
        await runner.cleanup()
        await daemon.stop()
        core.close()
