"""A page as a gzip file (RFC 1952), put together of what was packed once and what is another one for each reader.

To put it together costs next to nothing, and gives nobody else the interpreter meanwhile: what takes longer than that
is done beforehand, in a thread.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_LAST = b"\x01\x00\x00\xff\xff"
"""An empty block that is the last one (RFC 1951, 3.2.4)."""

_MOST_STORED = 0xFFFF
_AT_ONCE = 4096
"""Bytes of which `zlib` computes a checksum without letting another thread in, which the loop would wait for."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A text; `packed` are whole blocks of a deflate stream (RFC 1951) that need nothing of what is before them."""

    plain: bytes
    packed: bytes


def packed_once(text: str) -> Piece:
    """What many answers have in them. Takes a while: for a thread."""
    plain = text.encode(errors="replace")
    squeezing = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return Piece(plain, squeezing.compress(plain) + squeezing.flush(zlib.Z_FULL_FLUSH))


def as_it_is(text: str) -> Piece:
    """What one answer has in it: not made smaller, so that no length tells what it says."""
    plain = text.encode(errors="replace")
    return Piece(plain, b"".join(_stored(plain)))


def gzip_of(*pieces: Piece) -> bytes:
    checksum = size = 0
    for each in pieces:
        size += len(each.plain)
        for begin in range(0, len(each.plain), _AT_ONCE):
            checksum = zlib.crc32(each.plain[begin : begin + _AT_ONCE], checksum)
    blocks = b"".join(each.packed for each in pieces)
    return b"".join((_HEAD, blocks, _LAST, struct.pack("<LL", checksum, size & 0xFFFFFFFF)))


def _stored(plain: bytes) -> Iterator[bytes]:
    for begin in range(0, len(plain), _MOST_STORED):
        part = plain[begin : begin + _MOST_STORED]
        yield struct.pack("<BHH", 0, len(part), len(part) ^ _MOST_STORED)
        yield part
