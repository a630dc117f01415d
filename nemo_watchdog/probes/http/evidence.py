"""An answer for people to read, as a look gets it, before anybody judges it: status, headers, the body's beginning.

Headers that carry secrets are left out, and what the request itself sends as one, should the server repeat it.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from time import monotonic

from nemo_watchdog.durations import duration
from nemo_watchdog.errors import in_one_line
from nemo_watchdog.probes.http.client import REDIRECTS, redirect_target
from nemo_watchdog.probes.http.lenient import Request, headers_of
from nemo_watchdog.probes.http.raw_answer import End, RawAnswer, hear
from nemo_watchdog.probes.shared.deadline import FOR_EVIDENCE

SHOWN_BODY = 1024
"""Characters of a body."""
LEFT_OUT = "***"

_MORE = 4096
"""So many bytes more are read, that no secret is cut where the body is, and then not known any more."""
_SHORTEST_SECRET = 4
_SHOWN_BYTES = 32
"""Of what is no text."""
_MOST_HEADERS = 100
_LONGEST_LINE = 1000
_KEPT_OUT = re.compile(r"(?i)(set-)?cookie2?|(proxy-)?(authorization|authentication-info)|.*-authenticate")
_NO_SECRETS = ("accept", "user-agent", "content-", "cache-control", "host", "connection", "origin", "referer")
"""Headers that a request has for other reasons: what they begin with."""


async def answer_text(request: Request, redirects: int, within: float = FOR_EVIDENCE) -> str:
    """The answer to that request, and to those that a look would be redirected to, all within so many seconds."""
    until, told = monotonic() + within, []
    for left in range(redirects, -1, -1):
        heard = await hear(request, SHOWN_BODY + _MORE, until - monotonic())
        told.append(_in_words(heard, request))
        elsewhere = None
        if left and heard.status in REDIRECTS:
            elsewhere = redirect_target(request.url, headers_of(heard.head).get("Location"))
        if elsewhere is None:
            break
        request = replace(request, url=elsewhere)
    return "\n\nRedirected, and asked there:\n".join(told)


def without_secrets(text: str, request: Request) -> str:
    """The text without what that request sends and nobody may read."""
    for secret in sorted(set(_secrets(request)), key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, LEFT_OUT)
    return text


def timings(heard: RawAnswer) -> str:
    if heard.connected is None:
        return "no connection"
    connected = f"connected after {duration(heard.connected)}"
    if heard.first_byte is None or heard.last_byte is None:
        return f"{connected}, no answer"
    return f"{connected}, first byte after {duration(heard.first_byte)}, last one after {duration(heard.last_byte)}"


def how_it_ended(heard: RawAnswer) -> str:
    """What people must know of its end; nothing of one that was whole, or of which enough came."""
    if heard.end is End.CLOSED:
        return f"… it closed the connection after {duration(heard.ended)}, before the answer was whole"
    if heard.end is End.BROKEN:
        return f"… after {duration(heard.ended)}: {heard.trouble}"
    if heard.end is not End.LATE:
        return ""
    if heard.connected is None:
        return f"… no connection within {duration(heard.ended)}"
    if heard.last_byte is None:
        return f"… nothing came within {duration(heard.ended)}"
    waited = f"and the answer was not whole after {duration(heard.ended)}"
    return f"… after {duration(heard.last_byte)} nothing more came, {waited}"


def _in_words(heard: RawAnswer, request: Request) -> str:
    lines = [f"{request.method}: {timings(heard)}"]
    if heard.head:
        lines += _head(heard.head, request)
    elif heard.body:
        lines.append("what came is no HTTP:")
    if heard.body:
        lines += ["", *_body(bytes(heard.body), request)]
    return "\n".join([*lines, *filter(None, [how_it_ended(heard)])])


def _head(head: bytes, request: Request) -> Iterator[str]:
    """One line for each header; one that begins with a space goes on with the line before."""
    lines = re.sub(rb"\r?\n[ \t]+", b" ", head.strip(b"\r\n")).split(b"\n")
    for line in lines[:_MOST_HEADERS]:
        text = line.decode("utf-8", "replace").rstrip("\r")
        name, colon, _ = text.partition(":")
        if colon and _KEPT_OUT.fullmatch(name.strip()):
            text = f"{name}: {LEFT_OUT}"
        text = in_one_line(without_secrets(text, request))
        yield text if len(text) <= _LONGEST_LINE else f"{text[:_LONGEST_LINE]}…"
    if len(lines) > _MOST_HEADERS:
        yield f"… {len(lines) - _MOST_HEADERS} more headers"


def _body(body: bytes, request: Request) -> Iterator[str]:
    text = body.decode("utf-8", "replace")
    strange = sum(1 for each in text if each == "\ufffd" or not (each.isprintable() or each in "\r\n\t"))
    if strange > len(text) / 10:
        yield f"at least {len(body)} bytes that are no text; they begin with {body[:_SHOWN_BYTES].hex(' ')}"
        return
    text = without_secrets(text, request)
    for line in text[:SHOWN_BODY].split("\n"):
        yield in_one_line(line.removesuffix("\r"))
    if len(text) > SHOWN_BODY:
        yield "… the rest of the body is left out"


def _secrets(request: Request) -> Iterator[str]:
    """Values of its query and of its headers; of credentials also each part, and what is encoded in it."""
    yield from (request.url.raw_query_string, request.url.query_string)
    for name, value in request.headers.items():
        if name.lower().startswith(_NO_SECRETS):
            continue
        scheme, _, credentials = value.partition(" ")
        yield from (value, credentials)
        if scheme.lower() == "basic":
            with suppress(ValueError):
                yield b64decode(credentials).decode().partition(":")[2]
