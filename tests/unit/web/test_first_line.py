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


@pytest.mark.parametrize("size", [100_000, 1_000, 900_000])
def test_a_longer_line_loses_its_middle(size: int) -> None:
    """Name and parameters stand before or behind it; no more is held than a line may have."""
    first = FirstLine()
    assert first.feed(PUSH) == b""
    for _ in range(2_000_000 // size):
        assert first.feed(b"x" * size) == b""
        assert first._held is not None
        assert len(first._held) <= MAX_LINE
    line, _, rest = first.feed(b"&token=y HTTP/1.1\r\nHost: x\r\n").partition(b"\r\n")
    assert line.startswith(PUSH + b"xxx")
    assert line.endswith(b"xxx&token=y HTTP/1.1")
    assert rest == b"Host: x\r\n"
    assert len(line) + first.cut == len(PUSH) + 2_000_000 // size * size + len(b"&token=y HTTP/1.1")


def test_what_comes_with_the_end_of_a_long_line_stays() -> None:
    """Only the line is cut, not what follows in the same breath."""
    read = FirstLine().feed(PUSH + b"x" * MAX_LINE + b"&a=b HTTP/1.1\r\nHost: x\r\n\r\n")
    assert read.endswith(b"xxx&a=b HTTP/1.1\r\nHost: x\r\n\r\n")
    assert len(read) < MAX_LINE


def test_a_line_without_end_is_the_parsers() -> None:
    """Which says that it is too long."""
    first = FirstLine()
    assert first.feed(PUSH) == b""
    piece = b"x" * 1_000_000
    read = [first.feed(piece) for _ in range(12)]
    assert read[0] == b""
    assert any(read)
    assert max(map(len, read)) <= MAX_LINE + len(piece)
