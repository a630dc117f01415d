"""Makes our connections instead of aiohttp's: `AppRunner` has no place where they could be given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiohttp import web

from nemo_watchdog.web.connection import MAX_FIELD, Connection
from nemo_watchdog.web.door import Door, Limits
from nemo_watchdog.web.first_line import MAX_LINE

MAX_FIELDS = 64
LINGERS = 5.0
"""Seconds for which the rest of a body is read and thrown away, so that its sender reads the answer."""

FINISHES = 2.0
"""Seconds for requests under way when the daemon stops: systemd waits for 20 s, and the journal comes after."""


class _Server(web.Server):
    door: Door

    def __call__(self) -> web.RequestHandler:
        return Connection(self, self.door, loop=self._loop, **self._kwargs)


class Runner(web.AppRunner):
    """An `AppRunner` whose connections end and whose every error is a problem, also where no handler is asked.

    `refused` is told in a word why a connection had to go.
    """

    def __init__(self, app: web.Application, limits: Limits, refused: Callable[[str], None], **settings: Any) -> None:
        super().__init__(
            app,
            access_log=None,
            keepalive_timeout=limits.idle,
            lingering_time=LINGERS,
            shutdown_timeout=FINISHES,
            max_line_size=MAX_LINE,
            max_field_size=MAX_FIELD,
            max_headers=MAX_FIELDS,
            **settings,
        )
        self._limits = limits
        self._refused = refused

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        server = _Server(made.request_handler, request_factory=made.request_factory, **self._kwargs)
        server.door = Door(self._limits, self._refused)
        return server
