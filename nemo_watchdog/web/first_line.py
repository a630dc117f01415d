"""The request line of a heartbeat, made readable: one with a long message, or with a space or an umlaut in it, counts.

A shell job writes its message into the address as it is, and older curls send it as it is. RFC 9112 (3) warns of
mending request lines, for a proxy in front may read them otherwise and let pass what it should stop: so only that of a
heartbeat is mended, which is nothing without its own token, and only as the first line of a connection.
"""

from __future__ import annotations

import re

MAX_LINE = 256 * 1024
"""Bytes that the parser reads. Twice what Linux lets a shell pass in one argument (execve(2): MAX_ARG_STRLEN)."""

_LONG = MAX_LINE // 3
"""Of which a heartbeat's line takes no more than this: each byte may become three."""

MOST_CUT = 8 * 1024 * 1024
"""Bytes that a longer line may lose in its middle: whoever sends more sends no message."""

_FRONT, _END = 64 * 1024, 4 * 1024
"""What stays of it: the name and the parameters, which stand before or behind the long one."""

_STARTS = (b"GET /api/v1/push/", b"POST /api/v1/push/")
_LINE = re.compile(rb"(GET|POST) (/api/v1/push/.*) (HTTP/1\.[01]\r?\n)")
_UNREADABLE = re.compile(rb"[^\x21-\x7e]")


class FirstLine:
    """Holds back the first bytes of a connection while they may be a heartbeat's line that is not all there."""

    __slots__ = ("_held", "cut")

    def __init__(self) -> None:
        self._held: bytearray | None = bytearray()
        self.cut = 0
        """Bytes that were left out."""

    def feed(self, data: bytes) -> bytes:
        """What the parser should read now; nothing while the line is not all there."""
        if self._held is None:
            return data
        seen = len(self._held)
        self._held += data
        if not any(start.startswith(self._held[: len(start)]) for start in _STARTS):
            whole, self._held = bytes(self._held), None
            return whole
        end = self._held.find(b"\n", seen)
        length = end if end >= 0 else len(self._held)
        if length > _LONG and self.cut < MOST_CUT:
            del self._held[_FRONT : length - _END]
            self.cut += length - _END - _FRONT
            length = _FRONT + _END
        if end < 0 and length <= _LONG:
            return b""
        whole, self._held = bytes(self._held), None
        return mended(whole)


def mended(start: bytes) -> bytes:
    """The same bytes, with what no address may hold percent-encoded where the first line is a heartbeat's."""
    found = _LINE.match(start)
    if found is None or not _UNREADABLE.search(found[2]):
        return start
    target = _UNREADABLE.sub(lambda each: b"%%%02X" % each[0][0], found[2])
    return b"%s %s %s" % (found[1], target, found[3]) + start[found.end() :]
