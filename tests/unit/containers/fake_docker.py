"""A Docker daemon on a unix socket that drops, stalls and garbles when told to. The real Engine does the rest."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import web

CONTAINER_ID = "4f0c" * 16
MUCH = 5_000_000
"""Bytes: more than anybody reads of one answer."""

Handler = Callable[[web.Request], Coroutine[Any, Any, web.StreamResponse]]


def inspected(**state: Any) -> dict[str, Any]:
    """An inspect of the running container `redis`."""
    return {
        "Id": CONTAINER_ID,
        "Name": "/redis",
        "Config": {"Env": ["PASSWORD=hunter2"]},
        "State": {
            "Status": "running",
            "StartedAt": "2026-03-01T12:00:00.123456789Z",
            "ExitCode": 0,
            "OOMKilled": False,
            "Error": "",
        }
        | state,
    }


AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def container_event(
    action: str, name: str = "redis", at: datetime = AT, container_id: str = CONTAINER_ID, **attributes: str
) -> bytes:
    event = {
        "Type": "container",
        "Action": action,
        "Actor": {"ID": container_id, "Attributes": {"name": name, **attributes}},
        "time": int(at.timestamp()),
        "timeNano": int(at.timestamp()) * 1_000_000_000,
    }
    return json.dumps(event).encode() + b"\n"


async def cut(request: web.Request) -> web.StreamResponse:
    """Closes the connection in the middle of the answer's headers."""
    assert request.transport is not None
    request.transport.close()
    return web.Response()


def says(status: int, message: str) -> Handler:
    """Docker's own words for a failure."""

    async def answer(_: web.Request) -> web.StreamResponse:
        body = json.dumps({"message": message}).encode()
        return web.Response(status=status, body=body, headers={"Content-Type": "application/json"})

    return answer


class FakeDocker:
    """Set the attributes to change what it answers; `events` holds what the stream sends, None to end it."""

    def __init__(self, socket: Path) -> None:
        self.url = f"unix://{socket}"
        self.socket = socket
        self.containers: dict[str, dict[str, Any]] = {"redis": inspected()}
        self.version = "1.41"
        """Of the API."""
        self.ping_stalls = False
        self.version_stalls = False
        self.inspect: Handler | None = None
        self.restart: Handler | None = None
        self.history: Handler | None = None
        self.past: list[bytes] = []
        """What a question for events with an end is answered."""
        self.more: dict[str, web.Response] = {}
        self.asked_more: list[dict[str, str]] = []
        """What `/containers/NAME/PART` answers, by its part."""
        self.line = b""
        """As many of it as are asked for are the log, but for what is more than `MUCH`."""
        self.span: dict[str, str] = {}
        self.events: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.streams = 0
        self.since: list[str | None] = []
        """From when on each stream was asked for."""
        self.pings = asyncio.Semaphore(0)
        self.restarts: list[tuple[str, str | None]] = []
        self.orders: list[tuple[str, str, dict[str, str]]] = []
        """Those but a restart: what, of which container, with which query."""
        self.order: Handler | None = None
        self.filters: dict[str, list[str]] = {}
        """Of the last stream."""
        self.listed: bytes | None = None
        """What the question for all containers is answered; those of `containers` where it is None."""
        self.asked: dict[str, list[str]] = {}
        """The filters of the last question for events with an end."""
        self._over = asyncio.Event()
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/version", self._version)
        app.router.add_get("/_ping", self._ping)
        app.router.add_get("/events", self._events)
        app.router.add_get("/{version}/containers/{name}/json", self._inspect)
        app.router.add_get("/containers/json", self._list)
        app.router.add_get("/containers/{name}/json", self._show)
        app.router.add_get("/containers/{name}/{part}", self._part)
        app.router.add_post("/{version}/containers/{name}/restart", self._restart)
        app.router.add_post("/containers/{name}/{order}", self._order)
        self._over.clear()
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        await web.UnixSite(self._runner, str(self.socket)).start()

    async def stop(self) -> None:
        self._over.set()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        self.socket.unlink(missing_ok=True)

    async def stall(self) -> None:
        """Waits until the daemon stops."""
        await self._over.wait()

    async def _version(self, _: web.Request) -> web.Response:
        if self.version_stalls:
            await self.stall()
        return web.json_response({"ApiVersion": self.version})

    def _is_too_new(self, request: web.Request) -> bool:
        major, minor = (int(part) for part in request.match_info["version"].removeprefix("v").split("."))
        return [major, minor] > [int(part) for part in self.version.split(".")]

    async def _ping(self, _: web.Request) -> web.Response:
        self.pings.release()
        if self.ping_stalls:
            await self.stall()
        return web.Response(text="OK")

    async def _inspect(self, request: web.Request) -> web.StreamResponse:
        if self._is_too_new(request):
            return web.json_response({"message": f"client version is too new. Maximum: {self.version}"}, status=400)
        return await self._show(request)

    async def _show(self, request: web.Request) -> web.StreamResponse:
        if self.inspect is not None:
            return await self.inspect(request)
        found = self.containers.get(request.match_info["name"])
        if found is None:
            return web.json_response({"message": "No such container"}, status=404)
        return web.json_response(found)

    async def _list(self, request: web.Request) -> web.Response:
        told = self.listed
        if told is None:
            told = json.dumps(
                [{"Id": name, "Names": [f"/other/{name}", f"/{name}"]} for name in (*self.containers, "gone")]
            ).encode()
        return web.Response(
            body=told if request.query.get("all", "true") == "true" else b"[]", content_type="application/json"
        )

    async def _part(self, request: web.Request) -> web.StreamResponse:
        self.asked_more.append(dict(request.query))
        if self.line:
            return web.Response(body=self.line * min(int(request.query["tail"]), MUCH // len(self.line)))
        return self.more[request.match_info["part"]]

    async def _restart(self, request: web.Request) -> web.StreamResponse:
        self.restarts.append((request.match_info["name"], request.query.get("t")))
        if self.restart is not None:
            return await self.restart(request)
        return web.Response(status=204)

    async def _order(self, request: web.Request) -> web.StreamResponse:
        self.orders.append((request.match_info["order"], request.match_info["name"], dict(request.query)))
        return web.Response(status=204) if self.order is None else await self.order(request)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        if "until" in request.query:
            return await self._history(request)
        self.streams += 1
        self.since.append(request.query.get("since"))
        mine = self.streams
        self.filters = json.loads(request.query["filters"])
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        over = asyncio.ensure_future(self._over.wait())
        try:
            while True:
                following = asyncio.ensure_future(self.events.get())
                await asyncio.wait({following, over}, return_when=asyncio.FIRST_COMPLETED)
                if not following.done():
                    following.cancel()
                    return response
                chunk = following.result()
                if mine != self.streams:
                    self.events.put_nowait(chunk)  # the client has left this stream for a newer one
                    return response
                if chunk is None:
                    return response
                await response.write(chunk)
        finally:
            over.cancel()

    async def _history(self, request: web.Request) -> web.StreamResponse:
        self.asked = json.loads(request.query.get("filters", "{}"))
        self.span = {key: request.query[key] for key in ("since", "until")}
        if self.history is not None:
            return await self.history(request)
        return web.Response(body=b"".join(self.past), content_type="application/json")


@asynccontextmanager
async def fake_docker(folder: Path) -> AsyncIterator[FakeDocker]:
    fake = FakeDocker(folder / "docker.sock")
    await fake.start()
    try:
        yield fake
    finally:
        await fake.stop()
