"""What is packed for whom, by an answer of its own."""

from __future__ import annotations

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from nemo_watchdog.web.answers import Tagged, packed, unless_known


def answered(takes: str | None, known: str = "") -> web.Response:
    headers = {} if takes is None else {"Accept-Encoding": takes}
    if known:
        headers["If-None-Match"] = known
    request = make_mocked_request("GET", "/", headers)
    return packed(request, unless_known(request, Tagged(b"x" * 5000, "a-tag")))


@pytest.mark.parametrize("takes", ["gzip", "gzip, deflate, br", "br;q=1.0, GZIP;q=0.5", "deflate,gzip;q=0.01"])
def test_who_takes_gzip_gets_it_as_another_form_of_the_same(takes: str) -> None:
    """The tag is a weak one then: the bytes are others."""
    answer = answered(takes)
    assert answer.compression
    assert answer.headers["ETag"] == 'W/"a-tag"'
    assert answer.headers["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize("takes", [None, "", "identity", "br", "x-gzip", "gzip;q=0", "gzip; q=0.000, br", "*"])
def test_who_does_not_say_so_gets_it_as_it_is(takes: str | None) -> None:
    answer = answered(takes)
    assert not answer.compression
    assert answer.headers["ETag"] == '"a-tag"'
    assert answer.headers["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize("known", ['W/"a-tag"', '"a-tag"'])
def test_who_has_it_in_either_form_is_told_so(known: str) -> None:
    answer = answered("gzip", known)
    assert (answer.status, answer.body, answer.compression) == (304, None, False)
