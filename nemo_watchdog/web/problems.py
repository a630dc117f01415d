"""Errors as `application/problem+json` (RFC 9457): ours, aiohttp's, and those of requests that reach no handler.

A handler raises aiohttp's exception of the status, with the detail as its `text`. What could not be read is not
repeated, and nothing is told of the inside.
"""

from __future__ import annotations

from http import HTTPStatus

from nemo_watchdog.views import ProblemView, as_json

CONTENT_TYPE = "application/problem+json"
OURS = "the daemon has a bug here: its log says more"
BROKEN_OFF = "the request's body ended early or could not be read"
UNREADABLE = (
    "this is no HTTP request that can be read: in an address, write a space as %20 "
    "and what is no letter, digit or punctuation in the same way"
)


def problem(status: int, detail: str) -> str:
    return as_json(ProblemView("about:blank", HTTPStatus(status).phrase, status, detail))


def raw_answer(status: int, detail: str) -> bytes:
    """A whole answer, for a connection on which no request was read."""
    body = problem(status, detail).encode()
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        f"Content-Type: {CONTENT_TYPE}",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        "Connection: close",
    ]
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        lines.append("Retry-After: 2")
    return "\r\n".join([*lines, "", ""]).encode() + body
