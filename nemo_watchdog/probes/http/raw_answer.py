"""One request and its answer as it comes: one that drips, breaks off or is no HTTP is kept as far as it got.

It judges nothing, and reads no more than it is asked for. The connection is its own, and is gone at its end.
"""

from __future__ import annotations

import asyncio
import re
from enum import Enum
from time import monotonic

from nemo_watchdog.probes.http.lenient import (
    HEAD_ENDS,
    STATUS_LINE,
    WITHOUT_BODY,
    Request,
    as_bytes,
    connect,
    headers_of,
)
from nemo_watchdog.probes.shared.network import os_failure

_MOST_HEAD = 64 * 1024
_READ = 64 * 1024
_BEGINS = b"HTTP/"
_READ_OF_BEGIN = 64
_LONGEST_BREAK = 3
"""Bytes of the end of a head, `\\r\\n\\r\\n`, that may have come before its last one."""
_CHUNK_SIZE = re.compile(rb"[ \t]*([0-9a-f]{1,15})\b", re.IGNORECASE)
_LONGEST_SIZE = 4096
_LENGTH = re.compile(r"\d{1,15}")


class End(Enum):
    """Why nothing more of it was read."""

    WHOLE = "the answer has come to its end"
    ENOUGH = "as much of it as was wanted has come"
    CLOSED = "the connection was closed before the answer was whole"
    LATE = "the time was up"
    BROKEN = "the connection broke, or was never there"


class RawAnswer:
    """What has come so far. Times in seconds since it was begun, None for what has not happened."""

    def __init__(self, method: str, most: int) -> None:
        self.connected: float | None = None
        self.first_byte: float | None = None
        self.last_byte: float | None = None
        self.ended = 0.0
        self.end = End.LATE
        self.trouble = ""
        """In words, of a connection that broke."""
        self.body = bytearray()
        """Of what is no HTTP all that came."""
        self._method = method
        self._most = most
        self._head = b""
        self._rest = bytearray()
        self._whole = False
        self._in_body = False
        self._left: int | None = None
        """Bytes until the end of the body, or of this chunk; None where only the end of the connection ends it."""
        self._chunked = False

    @property
    def head(self) -> bytes:
        """Status line and headers, as far as they came; empty for what is no HTTP."""
        return self._head if self._in_body else bytes(self._rest)

    @property
    def status(self) -> int | None:
        line = STATUS_LINE.match(self.head + b"\n")
        return None if line is None else int(line[1])

    @property
    def done(self) -> bool:
        """Whether nothing more is to be read; `end` says why."""
        if self._whole or len(self.body) >= self._most or len(self._rest) > _MOST_HEAD:
            self.end = End.WHOLE if self._whole else End.ENOUGH
            return True
        return False

    def take(self, part: bytes) -> None:
        """The next bytes that came."""
        known = len(self._rest)
        self._rest += part
        if not self._in_body:
            self._take_head(max(0, known - _LONGEST_BREAK))
        if self._in_body:
            self._take_body()
            del self.body[self._most :]

    def closed(self) -> None:
        """The peer has ended the connection."""
        self.end = End.WHOLE if self._in_body and self.head and self._left is None else End.CLOSED

    def _take_head(self, at: int) -> None:
        """Its end is not before `at`."""
        while (begun := self._rest[:_READ_OF_BEGIN].lstrip().upper()).startswith(_BEGINS[: len(begun)]):
            ends = HEAD_ENDS.search(self._rest, at)
            if ends is None:
                return
            head, at = bytes(self._rest[: ends.start()]), 0
            del self._rest[: ends.end()]
            line = STATUS_LINE.match(head + b"\n")
            if line is None or not line[1].startswith(b"1") or int(line[1]) in WITHOUT_BODY:
                self._begin_body(head)
                return
        self._in_body = True

    def _begin_body(self, head: bytes) -> None:
        self._head, self._in_body = head, True
        headers = headers_of(head)
        length = headers.get("Content-Length", "")
        if self._method == "HEAD" or self.status in WITHOUT_BODY:
            self._left = 0
        elif "chunked" in ",".join(headers.getall("Transfer-Encoding", [])).lower():
            self._chunked, self._left = True, 0
        elif _LENGTH.fullmatch(length):
            self._left = int(length)

    def _take_body(self) -> None:
        if self._chunked:
            self._take_chunks()
            return
        taken = self._rest[: self._left]
        self._rest.clear()
        self.body += taken
        if self._left is not None:
            self._left -= len(taken)
            self._whole = not self._left

    def _take_chunks(self) -> None:
        at = 0
        while len(self.body) < self._most:
            if self._left:
                taken = self._rest[at : at + self._left]
                self.body += taken
                at += len(taken)
                self._left -= len(taken)
                if self._left:
                    break
            ends = self._rest.find(b"\n", at, at + _LONGEST_SIZE)
            if ends < 0 and len(self._rest) - at < _LONGEST_SIZE:
                break
            size = _CHUNK_SIZE.match(self._rest[at:ends])
            if size is not None:
                self._left = int(size[1], 16)
                self._whole = not self._left
            elif ends < 0 or self._rest[at:ends].strip():  # no size: from here on it is shown as it comes
                self._chunked, self._left = False, None
                self.body += self._rest[at:]
                at = len(self._rest)
                break
            at = ends + 1
            if self._whole:
                break
        del self._rest[:at]


async def hear(request: Request, most: int, within: float) -> RawAnswer:
    """The answer with at most `most` bytes of its body, as far as it came in `within` seconds.

    What goes wrong is in it and not raised. May be cancelled at any time.
    """
    began, heard = monotonic(), RawAnswer(request.method, most)
    try:
        async with asyncio.timeout(within):
            reader, writer = await connect(request)
            try:
                heard.connected = monotonic() - began
                writer.write(as_bytes(request))
                while part := await reader.read(_READ):
                    heard.last_byte = monotonic() - began
                    heard.first_byte = heard.last_byte if heard.first_byte is None else heard.first_byte
                    heard.take(part)
                    if heard.done:
                        break
                else:
                    heard.closed()
            finally:
                writer.transport.abort()
                await asyncio.sleep(0)  # the transport closes its socket in the next turn of the loop
    except OSError as error:
        if not isinstance(error, TimeoutError) or error.errno is not None:
            heard.end, heard.trouble = End.BROKEN, os_failure(error).detail
    heard.ended = monotonic() - began
    return heard
