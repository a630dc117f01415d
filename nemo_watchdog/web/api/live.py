"""`/api/v1/live`: tells a page that something has changed, by server-sent events, for as long as it is open.

It says no more than that: the page asks again for what it shows, with the rights of who looks at it. Nothing waits here
for a reader: who reads slowly is told the newest version next, and who does not read is let go.

Source: the HTML standard, "Server-sent events", https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import asyncio
import json
from typing import cast

from aiohttp import web

from nemo_watchdog.ports import Clock
from nemo_watchdog.web.access import Access
from nemo_watchdog.web.changes import Changes
from nemo_watchdog.web.connection import HEADERS, Connection
from nemo_watchdog.web.operations import Operation

EVENT_STREAM = "text/event-stream"
RETRY = 1000
"""Milliseconds after which a client whose stream broke comes again."""

GAP = 0.25
"""Seconds from one event to the next, at least: what changes in between is one change."""

STILL_EVERY = 10.0
"""Seconds without a change after which a client is told that the daemon is there."""

MOST_UNREAD = 64 * 1024
"""Bytes that wait for a client before it is let go."""

READS_WITHIN = 10.0
"""Seconds that a client may take where it holds up what is told next."""

TOO_MANY = "too many pages are told of changes: this one must look again by itself"


class LiveApi:
    """Has no task of its own: each stream is the handler of its request, and when that has ended nothing is left."""

    def __init__(self, changes: Changes, clock: Clock, access: Access) -> None:
        self._changes = changes
        self._clock = clock
        self._access = access
        self._over = False

    def operations(self) -> tuple[Operation, ...]:
        return (
            Operation(
                method="GET",
                path="/api/v1/live",
                handler=self.get,
                summary="That something has changed, as server-sent events without an end",
                media=(EVENT_STREAM,),
                refuses=(503,),
            ),
        )

    async def close(self, _: web.Application) -> None:
        """The daemon stops: every stream ends now."""
        self._over = True
        self._changes.wake()

    async def get(self, request: web.Request) -> web.StreamResponse:
        headers = {**HEADERS, "Content-Type": EVENT_STREAM, "X-Accel-Buffering": "no"}
        if request.method == "HEAD":
            return web.Response(headers=headers)
        connection = cast("Connection", request.protocol)
        if not connection.stays():
            raise web.HTTPServiceUnavailable(text=TOO_MANY)
        response = web.StreamResponse(headers=headers)
        try:
            await response.prepare(request)
            await response.write(f"retry: {RETRY}\n\n".encode())
            await self._tell(request, response, connection)
        except ConnectionError:
            pass  # gone
        except TimeoutError:
            connection.let_go()
        return response

    async def _tell(self, request: web.Request, response: web.StreamResponse, connection: Connection) -> None:
        """Until the client goes, may read no more, or the daemon stops.

        Raises `TimeoutError` for a client that does not read.
        """
        loop = asyncio.get_running_loop()
        told, told_at = "", loop.time()
        while connection.is_read and not self._over and self._access.may_read(request):
            version = await self._changes.after(told)
            if version != told:
                event = f"event: changed\nid: {version}\n"
            elif loop.time() - told_at >= STILL_EVERY:
                event = "event: still\n"
            else:
                continue
            async with asyncio.timeout(READS_WITHIN):
                await response.write(f"{event}data: {self._data(version)}\n\n".encode())
            if connection.unread > MOST_UNREAD:
                raise TimeoutError
            told, told_at = version, loop.time()
            await asyncio.sleep(GAP)

    def _data(self, version: str) -> str:
        """With the daemon's time: the clock of whoever counts down to something may be another one."""
        return json.dumps({"version": version, "now": self._clock.now().utc.isoformat()})
