"""What is put together of pieces is one gzip file, as everybody reads it."""

from __future__ import annotations

import gzip

import pytest

from nemo_watchdog.web.packing import Piece, as_it_is, gzip_of, packed_once

LONG = "".join(f"<ü{n * n % 977}>" for n in range(40_000))


@pytest.mark.parametrize(
    "pieces",
    [
        (),
        (packed_once("only"),),
        (as_it_is(""), packed_once(""), as_it_is("")),
        (as_it_is("<head>"), packed_once("a page, a page, a page"), as_it_is("</html>")),
        (as_it_is(LONG), packed_once(LONG), packed_once(LONG[::-1]), as_it_is("\udc80 is no character")),
    ],
)
def test_it_is_all_of_them_one_after_the_other(pieces: tuple[Piece, ...]) -> None:
    assert gzip.decompress(gzip_of(*pieces)) == b"".join(each.plain for each in pieces)


def test_what_is_the_same_for_all_is_small_and_what_is_not_has_the_length_that_it_has() -> None:
    """So that no length tells whether one looks like the other."""
    same = packed_once("the same line\n" * 1000)
    assert len(gzip_of(same)) < 200
    one, other = (len(gzip_of(as_it_is(text), same)) for text in ("the same line\n", "another line.\n"))
    assert one == other
