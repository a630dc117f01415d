"""The one check of a token."""

from __future__ import annotations

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from nemo_watchdog.web.auth import bearer, demand, is_token


def asking(authorization: str | None) -> web.Request:
    return make_mocked_request("POST", "/", headers={} if authorization is None else {"Authorization": authorization})


@pytest.mark.parametrize(
    ("given", "token"),
    [
        (None, None), ("", None), ("Bearer", ""), ("Bearer ", ""), ("Bearer abc", "abc"), ("bearer abc", "abc"),
        ("BEARER abc", "abc"), ("Bearer abc d", "abc d"), ("Basic abc", None), ("abc", None), ("Bearerabc", None),
    ],
)  # fmt: skip
def test_the_token_of_a_header(given: str | None, token: str | None) -> None:
    """The scheme's case says nothing (RFC 9110, 11.1); all behind it is the token."""
    assert bearer(asking(given)) == token


@pytest.mark.parametrize(
    ("given", "wanted", "same"),
    [
        ("abc", "abc", True), ("abC", "abc", False), ("", "abc", False), ("abcd", "abc", False),
        ("\udcff", "abc", False),
        ("", "", False), ("abc", "", False), ("no token is as long as this one", "", False),
    ],
)  # fmt: skip
def test_a_token_that_there_is_not_is_met_by_nothing(given: str, wanted: str, same: bool) -> None:
    """Neither by an empty one nor by what stands in its place."""
    assert is_token(given, wanted) is same


def test_a_demand_that_is_not_met_says_what_to_bring() -> None:
    """For people in the text, for programs in the header that a 401 must have (RFC 9110, 15.5.2)."""
    demand(asking("Bearer abc"), "abc")
    with pytest.raises(web.HTTPUnauthorized) as refused:
        demand(asking("Bearer abd"), "abc")
    assert refused.value.headers["WWW-Authenticate"] == "Bearer"
    assert "Authorization: Bearer TOKEN" in str(refused.value.text)
