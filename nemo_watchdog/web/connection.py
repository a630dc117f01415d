"""One connection of the HTTP side: aiohttp's, with an end to every wait and our own words for every error.

aiohttp's own has no deadline but the one between requests, writes its errors into the log with what was sent, and
repeats that in its answers (aiohttp 3.14, web_protocol.py).
"""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress
from typing import Any, cast

import structlog
from aiohttp import StreamReader, web
from aiohttp.http_exceptions import LineTooLong

from nemo_watchdog.errors import outline
from nemo_watchdog.web.door import Door, Phase
from nemo_watchdog.web.first_line import MAX_LINE, FirstLine
from nemo_watchdog.web.problems import BROKEN_OFF, CONTENT_TYPE, OURS, UNREADABLE, problem, raw_answer

log = structlog.get_logger("nemo_watchdog")

MAX_FIELD = 16 * 1024
MAX_HEAD = MAX_LINE + 64 * 1024
"""Bytes of a request's line with all of its headers; of one header."""

GONE_AFTER = 30_000
"""Milliseconds after which a client that confirms nothing of what it is sent is gone, where the answer has no end."""

TOO_LONG = f"the request's line is longer than {MAX_LINE // 1024} KiB, or a header than {MAX_FIELD // 1024} KiB"
TOO_SLOW = "the request's body did not come in time"

HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
"""Of every answer that says nothing else. It is true for the moment only: a cache would swallow a heartbeat."""


class TooSlow(web.RequestPayloadError):
    """The body did not come in time."""


class Connection(web.RequestHandler):
    """Every answer leaves through `finish_response`, and `handle_error` makes those that no handler made."""

    __slots__ = ("_body", "_door", "_first_line", "_head", "_wire", "phase", "since")

    def __init__(self, manager: web.Server, door: Door, *, loop: asyncio.AbstractEventLoop, **settings: Any) -> None:
        super().__init__(manager, loop=loop, **settings)
        self.phase = Phase.HEAD
        self.since = loop.time()
        self._door = door
        self._wire: asyncio.Transport | None = None
        self._first_line = FirstLine()
        self._body: StreamReader | None = None
        self._head = 0

    # -- what the door asks

    def refuse(self, status: int, detail: str) -> None:
        nothing_asked = status == 408 and not self._head  # an answer would surprise
        if self._wire is None or self._wire.is_closing() or nothing_asked:
            self.end()
            return
        self._enter(Phase.REFUSED)
        self._wire.write(raw_answer(status, detail))
        self._wire.write_eof()
        self.close()

    def too_slow(self) -> None:
        if self._body is not None:
            self._body.set_exception(TooSlow())
        self._enter(Phase.ANSWER)

    def end(self) -> None:
        if self._wire is None:
            return
        if self.phase is Phase.REFUSED:
            _take(self._wire)
        self._wire.abort()

    # -- what a handler asks whose answer has no end

    def stays(self) -> bool:
        """From now on the answer lasts for as long as the client reads it; False where too many do already."""
        if self._wire is None or not self._door.may_stay():
            return False
        self._enter(Phase.LIVE)
        with suppress(
            OSError
        ):  # without it a phone that has lost its network would have its place for a quarter of an hour
            self._wire.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, GONE_AFTER)
        return True

    @property
    def is_read(self) -> bool:
        """Whether somebody is still there."""
        return self._wire is not None and not self._wire.is_closing()

    @property
    def unread(self) -> int:
        """Bytes that wait here for the client, besides those that wait in the kernel."""
        return self._wire.get_write_buffer_size() if self._wire is not None else 0

    def let_go(self) -> None:
        """The client does not read."""
        self._door.let_go(self)

    # -- what the event loop tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._wire = cast("asyncio.Transport", transport)
        super().connection_made(transport)
        self._door.came(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._wire = None
        self._door.left(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._takes_no_more():
            return
        if data and self.phase is Phase.IDLE:
            self._enter(Phase.HEAD)
        if self.phase is Phase.HEAD:
            self._head += len(data)
        data = self._first_line.feed(data)
        asked = self._request_count
        try:
            super().data_received(data)
        except Exception as error:  # noqa: BLE001 - the parser's edge: whatever it trips over was sent to us
            log.warning("a request could not be read", error=outline(error))
            if self.phase is Phase.HEAD:
                self.refuse(400, UNREADABLE)
            else:
                self.end()
            return
        if self._request_count > asked and self._messages:
            self._body = self._messages[-1][1]
        if self.phase is Phase.BODY or (self.phase is Phase.HEAD and self._request_count > asked):
            if (now := self._waits_for(Phase.ANSWER)) is not self.phase:
                self._enter(now)
        elif self.phase is Phase.HEAD and self._head - self._first_line.cut > MAX_HEAD:
            self.refuse(431, TOO_LONG)

    # -- what aiohttp asks

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        if isinstance(resp, web.HTTPError):
            by_aiohttp = resp.text == f"{resp.status}: {resp.reason}"
            resp.text = problem(resp.status, f"{request.method} {request.path}" if by_aiohttp else resp.text or "")
            resp.content_type = CONTENT_TYPE
        if isinstance(resp, web.StreamResponse):
            for name, value in HEADERS.items():
                resp.headers.setdefault(name, value)
        finished = await super().finish_response(request, resp, start_time)
        if self.phase is not Phase.REFUSED:
            self._enter(self._waits_for(Phase.ANSWER if self._messages else Phase.IDLE))
        return finished

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it repeats what was sent
    ) -> web.StreamResponse:
        if isinstance(exc, TooSlow):
            status, said = 408, TOO_SLOW
        elif isinstance(exc, web.RequestPayloadError | ConnectionError):
            status, said = 400, BROKEN_OFF
        elif isinstance(exc, LineTooLong):
            status, said = 431, TOO_LONG
        elif status < 500:
            said = UNREADABLE
        else:
            said = OURS
            log.error("a request met a bug", route=_route(request), error=outline(exc) if exc else "TimeoutError")
        if request.writer.output_size > 0:
            raise ConnectionError("half an answer has left already")
        answer = web.Response(text=problem(status, said), content_type=CONTENT_TYPE, status=status)
        answer.force_close()
        return answer

    def log_exception(self, *_: Any, **about: Any) -> None:
        """What aiohttp finds after the answer: a body that ends badly is the sender's business."""
        error = about.get("exc_info")
        if isinstance(error, web.RequestPayloadError):
            return
        log.error("the HTTP side met an error", error=outline(error) if isinstance(error, BaseException) else "")

    def _takes_no_more(self) -> bool:
        """Another request behind an answer without an end would wait for ever: it ends that."""
        if self.phase is Phase.LIVE:
            self.end()
        return self.phase in (Phase.REFUSED, Phase.LIVE)

    def _waits_for(self, otherwise: Phase) -> Phase:
        return Phase.BODY if self._body is not None and not self._body.is_eof() else otherwise

    def _enter(self, phase: Phase) -> None:
        self.phase = phase
        self.since = self._loop.time()
        self._head = 0


def _take(wire: asyncio.Transport) -> None:
    """What has come and was not read yet: a close over it is a reset of the connection, and the answer is lost.

    (RFC 9112, 9.6; Linux, tcp_close.) Whoever calls on this host has sent all of its request by now.
    """
    with suppress(OSError):
        os.read(wire.get_extra_info("socket").fileno(), MAX_HEAD)


def _route(request: web.BaseRequest) -> str:
    """As the application has it written, and not as it was asked for."""
    resource = request.match_info.route.resource if isinstance(request, web.Request) else None
    return resource.canonical if resource is not None else ""
