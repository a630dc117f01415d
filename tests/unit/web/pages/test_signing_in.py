"""`/sign-in` and `/sign-out`."""

from __future__ import annotations

import pytest

from nemo_watchdog.web.sessions import COOKIE
from tests.unit.web.pages.signed_in import Person
from tests.unit.web.site import TOKEN, Site


async def test_a_token_gives_a_session_that_no_script_can_read(site: Site) -> None:
    done = await Person(site, "").send("/sign-in", {"token": TOKEN, "next": "/incidents?open=true"})
    assert (done.status, done.location) == (303, "/incidents?open=true")
    cookie = done.headers["Set-Cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert TOKEN not in cookie


async def test_a_wrong_token_gives_none_and_says_what_to_do(site: Site) -> None:
    page = await Person(site, "").send("/sign-in", {"token": "nwd_wrong", "next": "/incidents"})
    assert page.status == 403
    assert "Set-Cookie" not in page.headers
    assert "nemo-watchdog token make" in page.said
    assert "nwd_wrong" not in page.text
    assert page.fields["next"] == "/incidents"


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/", "//evil.example", "/\\evil.example", "/\t/evil.example", "javascript:alert(1)",
        "evil", "", "http:evil.example", "/ok\r\nSet-Cookie: a=b", "\\\\evil.example", "///evil.example",
    ],
)  # fmt: skip
async def test_nobody_is_led_to_another_site(site: Site, address: str) -> None:
    done = await Person(site, "").send("/sign-in", {"token": TOKEN, "next": address})
    assert (done.status, done.location) == (303, "/")


async def test_another_site_signs_nobody_in_or_out(site: Site) -> None:
    elsewhere = {"Origin": "https://evil.example"}
    page = await Person(site, "").send("/sign-in", {"token": TOKEN}, **elsewhere)
    assert (page.status, "Set-Cookie" in page.headers) == (403, False)
    page = await Person(site).send("/sign-out", {}, **elsewhere)
    assert (page.status, "Set-Cookie" in page.headers) == (403, False)


async def test_who_signs_out_has_no_cookie_any_more(site: Site) -> None:
    ada = Person(site)
    assert "Sign out" in (await ada.see("/sign-in")).said
    done = await ada.send("/sign-out", {"next": "/incidents"})
    assert (done.status, done.location) == (303, "/incidents")
    assert f'{COOKIE}=""' in done.headers["Set-Cookie"]


async def test_who_is_signed_in_goes_on(site: Site) -> None:
    done = await Person(site).see("/sign-in?next=/incidents%3Fopen=true")
    assert (done.status, done.location) == (303, "/incidents?open=true")


@pytest.mark.parametrize(
    ("site_of_the_link", "goes_on"), [("cross-site", True), ("same-origin", False), ("none", False), ("", False)]
)
async def test_only_what_comes_from_elsewhere_goes_on_by_itself(
    site: Site, site_of_the_link: str, *, goes_on: bool
) -> None:
    """A browser may have a session that it did not bring; a second time it would have brought it."""
    headers = {"Sec-Fetch-Site": site_of_the_link} if site_of_the_link else {}
    response = await site.client.get("/sign-in?next=/tags/a%2522", headers=headers)
    assert ('<meta http-equiv="refresh" content="0; url=/tags/a%22">' in await response.text()) is goes_on


async def test_what_is_no_form_is_refused_as_a_page(site: Site) -> None:
    response = await site.client.post("/sign-in", json={"token": TOKEN})
    assert (response.status, response.content_type) == (415, "text/html")
