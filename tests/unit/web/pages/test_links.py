"""Addresses of pages: a name stays one part of its address, whatever it is made of."""

from __future__ import annotations

import pytest

from nemo_watchdog.web.pages import links


@pytest.mark.parametrize("name", ["a/b", "a?b", "a#b", "a b", "<b>", "ü", "a%2Fb", '"'])
def test_a_name_is_one_part(name: str) -> None:
    address = links.dependency(name)
    assert address.count("/") == 2
    assert not set(address) & set('?#<>" ')


def test_an_order_names_what_it_is_about() -> None:
    assert links.order("pause") == "/do/pause"
    assert links.order("pause", scope="a b&c", back="") == "/do/pause?scope=a+b%26c"


@pytest.mark.parametrize("address", ["/", "/incidents?open=true&cursor=abc", "/dependencies/a%20b"])
def test_an_address_of_ours_is_left_as_it_is(address: str) -> None:
    assert links.local(address) == address
