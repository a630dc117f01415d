"""A heartbeat whose message was put into the address as it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemo_watchdog.web.first_line import MAX_LINE, FirstLine, mended

PUSH = b"GET /api/v1/push/backup?token=x&msg="
END = b" HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (b"no space", b"no%20space"),
        ("für Öl".encode(), b"f%C3%BCr%20%C3%96l"),
        (b"a\tb\x00c\xff", b"a%09b%00c%FF"),
        (b"no%20space", b"no%20space"),
        (b" HTTP/1.1 in it", b"%20HTTP/1.1%20in%20it"),
    ],
)
def test_what_no_address_may_hold_is_encoded(sent: bytes, read: bytes) -> None:
    """And nothing else is touched."""
    assert mended(PUSH + sent + END) == PUSH + read + END


@pytest.mark.parametrize(
    "start",
    [
        b"GET /api/v1/status?a b HTTP/1.1\r\n\r\n",
        b"DELETE /api/v1/push/backup?a b HTTP/1.1\r\n\r\n",
        b"GET /api/v1/push/backup?a b\r\nGET /api/v1/push/b HTTP/1.1\r\n\r\n",
        b"GET /api/v1/push/backup?a b HTTP/2.0\r\n\r\n",
        b"GET  /api/v1/push/backup?a b HTTP/1.1\r\n\r\n",
    ],
)
def test_another_line_is_left_to_the_parser(start: bytes) -> None:
    """Only a heartbeat is nothing without its own token."""
    assert mended(start) == start


@given(st.lists(st.binary(max_size=30), max_size=6), st.sampled_from([PUSH, b"POST /api/v1/push/b", b"GET /", b""]))
def test_in_pieces_as_at_once(pieces: list[bytes], start: bytes) -> None:
    """However the network cuts it, the parser gets the same bytes, and all of them once the line is there."""
    pieces = [start, *pieces, b" HTTP/1.1\r\n"]
    first, whole = FirstLine(), FirstLine()
    assert b"".join(map(first.feed, pieces)) == whole.feed(b"".join(pieces))


@pytest.mark.parametrize("start", [b"\x16\x03\x01", b"GET / HT", b"\r\n", b"GET /api/v2"])
def test_what_is_no_heartbeat_is_not_held_back(start: bytes) -> None:
    """The parser sees at once that it is no request."""
    assert FirstLine().feed(start) == start


def test_no_more_is_held_than_a_line_may_have() -> None:
    """Then the parser says that it is too long."""
    first = FirstLine()
    assert first.feed(PUSH) == b""
    assert first.feed(b"x" * MAX_LINE) == PUSH + b"x" * MAX_LINE
    assert first.feed(b"y z") == b"y z"
