"""An answer as curl reads it, where aiohttp's parser refuses it.

What clients and proxies take every day is no fault of the server: two equal Content-Lengths, a space before a colon, a
body after a 204. The request is made once more, on a connection of its own, and whoever sends a status line that can be
read speaks HTTP.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from nemo_watchdog.model import Finding, Reason, degraded
from nemo_watchdog.probes.shared.looked_up import looked_up
from nemo_watchdog.probes.shared.tls import TlsOptions, Trust

_MOST_HEAD = 300 * 1024
"""Bytes of a head; curl reads as many (lib/http.h, MAX_HTTP_RESP_HEADER_SIZE)."""

_CHUNK = 64 * 1024
_LONGEST_SIZE = 4096
_MOST_CHUNKS = 1000
_MOST_HINTS = 10
"""Bytes of the line before a chunk, chunks, and answers of 1xx before the answer: reading them must not take long."""

STATUS_LINE = re.compile(rb"\s*HTTP/\d(?:\.\d)?[ \t]+(\d{3})(?=\s)", re.IGNORECASE)
_BEGINS = b"HTTP/"
HEAD_ENDS = re.compile(rb"\r?\n\r?\n")
_CHUNK_SIZE = re.compile(rb"[ \t]*([0-9a-f]{1,15})\b[^\n]{0,4000}\n", re.IGNORECASE)
_CHUNK_ENDS = re.compile(rb"\r?\n")
_LENGTH = re.compile(r"\+?(\d{1,15})")
_WORDS = re.compile(r"[A-Za-z][A-Za-z' -]{0,60}")
_SAID = {
    "": "its body cannot be decoded",
    "Bad status line": "bytes that are no status line",
    "Got more than": "its headers are too long or too many",
}
WITHOUT_BODY = frozenset({101, 204, 304})


@dataclass(slots=True)  # not frozen: each look makes one, and that would cost it a microsecond
class Answer:
    """`body` is None when it is longer than was to be read. `odd` says in a few words what aiohttp does not take."""

    status: int
    headers: Mapping[str, str]
    body: bytes | None
    odd: str = ""
    body_is_certain: bool = True
    """False when it cannot be told where the body ends, or how it is encoded."""


@dataclass(frozen=True, slots=True)
class Request:
    """`trust` is what https trusts, None for the system's authorities; `socket` the path of a unix socket to ask."""

    method: str
    url: URL
    headers: Mapping[str, str]
    trust: ssl.SSLContext | None = None
    socket: str | None = None


class _More(Exception):
    """What has come so far is no whole answer."""


async def read_again(error: aiohttp.ClientError | OSError, request: Request, most: int, wait: float) -> Answer | None:
    """The answer with at most `most` bytes of body; None where no HTTP is spoken, or the connection ends within it.

    `error` is what aiohttp raised about the answer; about anything else nothing is asked. Takes `wait` seconds at most.
    """
    if not _may_be_read(error):
        return None
    data, odd = b"", _in_words(error)
    try:
        async with asyncio.timeout(wait):
            reader, writer = await connect(request)
            try:
                writer.write(as_bytes(request))
                while part := await reader.read(_CHUNK):
                    data += part
                    try:
                        return _read(data, request.method, most, odd, ended=False)
                    except _More:
                        continue
            finally:
                writer.transport.abort()
                await asyncio.sleep(0)  # the transport closes its socket in the next turn of the loop
    except OSError:  # a reset, or the end of our patience: what has come tells
        pass
    try:
        return _read(data, request.method, most, odd, ended=True)
    except _More:
        return None


def oddly_answered(answer: Answer) -> Finding:
    """For an answer that would be well otherwise: somebody should mend it, and no restart does."""
    unread = "" if answer.body_is_certain else ", so its body says nothing"
    return degraded(Reason.PROTOCOL_ERROR, f"answered as expected, in HTTP that not all can read: {answer.odd}{unread}")


def _may_be_read(error: aiohttp.ClientError | OSError) -> bool:
    """Whether aiohttp disliked what was said; not when the connection ended in the middle of it."""
    if isinstance(error, aiohttp.ClientPayloadError):
        return "not completed" not in str(error)
    return isinstance(error, aiohttp.ClientResponseError)


def _in_words(error: aiohttp.ClientError | OSError) -> str:
    """What aiohttp's parser says, up to where it repeats the answer: that may hold a secret."""
    said = _WORDS.match(str(getattr(error, "message", "")))
    words = "" if said is None else said[0].strip()
    return _SAID.get(words, words)


async def connect(request: Request) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if request.socket is not None:
        return await asyncio.open_unix_connection(request.socket)
    tls: ssl.SSLContext | None = None
    if request.url.scheme == "https":
        tls = request.trust or await Trust(TlsOptions(), look=0.0).context()
    if request.url.host is not None:
        await looked_up(request.url.host)
    return await asyncio.open_connection(request.url.host, request.url.port, ssl=tls)


def as_bytes(request: Request) -> bytes:
    headers = CIMultiDict({"Host": request.url.host_port_subcomponent or ""})
    headers.update(request.headers)
    headers["Connection"] = "close"
    lines = [f"{request.method} {request.url.raw_path_qs} HTTP/1.1"]
    lines += [f"{name}: {text}" for name, text in headers.items()]
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode()


def _read(data: bytes, method: str, most: int, odd: str, *, ended: bool) -> Answer | None:
    """The answer, None when it is no HTTP; raises `_More`."""
    for _ in range(_MOST_HINTS):
        status, end = _status(data), HEAD_ENDS.search(data)
        if status is None:
            return None
        if end is None:
            if ended or len(data) > _MOST_HEAD:
                return Answer(status, {}, b"", odd, body_is_certain=False)
            raise _More
        if not 100 <= status < 200 or status in WITHOUT_BODY:
            break
        data = data[end.end() :]
    else:
        return None
    headers = headers_of(data[: end.start()])
    if method == "HEAD" or status in WITHOUT_BODY:
        return Answer(status, headers, b"", odd)
    body, certain = _body(headers, data[end.end() :], most, ended=ended)
    return Answer(status, headers, body if len(body) <= most else None, odd, certain)


def _status(data: bytes) -> int | None:
    """None when it is no HTTP; raises `_More`."""
    if (line := STATUS_LINE.match(data)) is not None:
        return int(line[1])
    begun = data.lstrip()
    if b"\n" in begun or not _BEGINS.startswith(begun[: len(_BEGINS)].upper()) or len(data) > _MOST_HEAD:
        return None
    raise _More


def headers_of(head: bytes) -> CIMultiDict[str]:
    """Each line with a colon; one that begins with a space goes on with the line before."""
    headers: CIMultiDict[str] = CIMultiDict()
    unfolded = re.sub(rb"\r?\n[ \t]+", b" ", head)
    for line in unfolded.split(b"\n")[1:]:
        name, colon, value = line.decode("utf-8", "replace").partition(":")
        if colon:
            headers.add(name.strip(), value.strip())
    return headers


def _body(headers: CIMultiDict[str], data: bytes, most: int, *, ended: bool) -> tuple[bytes, bool]:
    """The body, and whether it can be told that it is this; raises `_More`."""
    certain = headers.get("Content-Encoding", "identity").lower() == "identity"
    coding = ",".join(headers.getall("Transfer-Encoding", [])).lower()
    lengths = {part.strip() for part in ",".join(headers.getall("Content-Length", [])).split(",")} - {""}
    if "chunked" in coding:
        return _dechunked(data, most, certain=certain)
    if len(lengths) == 1 and (length := _LENGTH.fullmatch(lengths.pop())):
        wanted = int(length[1])
        if len(data) < min(wanted, most + 1):
            raise _More
        return data[:wanted], certain
    if "Content-Length" in headers:
        return data[:most], False
    if not ended and len(data) <= most:
        raise _More
    return data, certain


def _dechunked(data: bytes, most: int, *, certain: bool) -> tuple[bytes, bool]:
    """At most a little more than `most` bytes, however small or big the chunks are: a server can send any."""
    body, at = bytearray(), 0
    for _ in range(_MOST_CHUNKS):
        size = _CHUNK_SIZE.match(data, at)
        if size is None:
            if b"\n" in data[at : at + _LONGEST_SIZE] or len(data) - at > _LONGEST_SIZE:
                break
            raise _More
        length, begins = int(size[1], 16), size.end()
        body += data[begins : begins + min(length, most + 1)]
        if not length or len(body) > most:
            return bytes(body), certain
        at = begins + length
        if len(data) < at:
            raise _More
        if (ends := _CHUNK_ENDS.match(data, at)) is not None:
            at = ends.end()
    return bytes(body), False
