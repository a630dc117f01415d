"""Errors as `application/problem+json` (RFC 9457): ours, aiohttp's, and those of requests that reach no handler.

A handler raises aiohttp's exception of the status, with the detail as its `text`. A bug is one line in the log and an
answer that says nothing of the inside.
"""

from __future__ import annotations

from http import HTTPStatus

import structlog
from aiohttp import web

from nemo_watchdog.views import ProblemView, as_json

log = structlog.get_logger("nemo_watchdog")

CONTENT_TYPE = "application/problem+json"
OURS = "the daemon has a bug here: its log says more"
BROKEN_OFF = "the request's body ended early or could not be read"


def _problem(status: int, detail: str) -> str:
    return as_json(ProblemView("about:blank", HTTPStatus(status).phrase, status, detail))


class _Connection(web.RequestHandler):
    """Every answer leaves through `finish_response`, and `handle_error` makes those that no handler made."""

    __slots__ = ()

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        if isinstance(resp, web.HTTPError):
            by_aiohttp = resp.text == f"{resp.status}: {resp.reason}"
            resp.text = _problem(resp.status, f"{request.method} {request.path}" if by_aiohttp else resp.text or "")
            resp.content_type = CONTENT_TYPE
        return await super().finish_response(request, resp, start_time)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if isinstance(exc, web.RequestPayloadError | ConnectionError):
            status, message = 400, BROKEN_OFF
        elif status >= 500:
            log.error("a request met a bug", method=request.method, path=request.path, exc_info=exc)
            message = OURS
        if request.writer.output_size > 0:
            raise ConnectionError("half an answer has left already")
        text = _problem(status, message or "this is not a request that can be read")
        answer = web.Response(text=text, content_type=CONTENT_TYPE, status=status)
        answer.force_close()
        return answer


class _Server(web.Server):
    def __call__(self) -> web.RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)


class ProblemRunner(web.AppRunner):
    """An `AppRunner` whose every error is a problem, also where the application, with its middlewares, is not asked."""

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return _Server(made.request_handler, request_factory=made.request_factory, **self._kwargs)
