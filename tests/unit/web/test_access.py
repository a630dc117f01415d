"""Who may read and who may change something: by token, by session, and by nothing that another site can send."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from yarl import URL

from nemo_watchdog.runtime.core import Core
from nemo_watchdog.web.access import FORM_TOKEN, bearer, came_from_here, is_token
from nemo_watchdog.web.sessions import COOKIE, LASTS, Session
from nemo_watchdog.web.tokens import Right
from tests.unit.runtime.whole import Daemon, quick
from tests.unit.web.site import BEARER, TOKEN, Site, detail, serving

FOR_ALL = {
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/status.json"),
    ("GET", "/api/v1/public"),
    ("GET", "/ack/{token}"),
    ("POST", "/ack/{token}"),
    ("GET", "/api/v1/push/{name}"),
    ("POST", "/api/v1/push/{name}"),
    # the pages
    ("GET", "/status"),
    ("GET", "/status.atom"),
    ("GET", "/static/{name}"),
    ("GET", "/sign-in"),
    ("POST", "/sign-in"),
    ("POST", "/sign-out"),
}
"""What needs no token where reading is closed: nothing that tells what only operators may know."""


def asking(authorization: str | None) -> web.Request:
    return make_mocked_request("POST", "/", headers={} if authorization is None else {"Authorization": authorization})


def bears(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


@pytest.fixture
async def closed(tmp_path: Path) -> AsyncIterator[Site]:
    """Where reading needs a token."""
    async with serving(Daemon(tmp_path, quick("gateway"), quick("redis")), reading_is_open=False) as made:
        yield made


@pytest.fixture
def orders(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of all that people asked for and that came to be told."""
    told: list[str] = []
    tell = Core.tell

    def listen(core: Core, event: Any, *more: Any) -> None:
        if type(event).__name__.endswith("Asked"):
            told.append(type(event).__name__)
        tell(core, event, *more)

    monkeypatch.setattr(Core, "tell", listen)
    return told


async def document(site: Site) -> dict[str, Any]:
    told: dict[str, Any] = await (await site.get("/api/v1/openapi.json", **BEARER)).json()
    return told


async def changes(site: Site) -> list[tuple[str, str]]:
    """Method and path of all that needs a token that may operate, with names in the place of parameters."""
    paths = (await document(site))["paths"]
    return [
        (method.upper(), path.replace("{", "").replace("}", ""))
        for path, methods in paths.items()
        for method, each in methods.items()
        if each.get("security") == [{"token": []}]
    ]


# -- the token of a header


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


# -- the API


async def test_a_demand_that_is_not_met_says_what_to_bring(site: Site) -> None:
    """For people in the text, for programs in the header that a 401 must have (RFC 9110, 15.5.2)."""
    site.access.demand_change(asking(f"Bearer {TOKEN}"))
    for given in (None, "Bearer", "Bearer ", "Bearer x", f"Basic {TOKEN}"):
        with pytest.raises(web.HTTPUnauthorized) as refused:
            site.access.demand_change(asking(given))
        assert refused.value.headers["WWW-Authenticate"] == "Bearer"
        assert "Authorization: Bearer TOKEN" in str(refused.value.text)


async def test_a_token_that_may_read_changes_nothing(site: Site, orders: list[str]) -> None:
    """Of all that the document calls a change, and whatever the body is."""
    secret, before = await site.token(Right.READ, "grafana"), site.tokens_file.read_bytes()
    wanted = await changes(site)
    assert len(wanted) > 15
    for method, path in wanted:
        response = await site.client.request(method, path, json={"reason": "x"}, headers=bears(secret))
        assert (path, response.status) == (path, 403)
        assert "the token grafana may only read" in await detail(response)
    assert (orders, site.tokens_file.read_bytes()) == ([], before)


async def test_a_cookie_alone_changes_nothing_through_the_api(site: Site, orders: list[str]) -> None:
    """A browser would bring it also for a page of another site."""
    cookie, before = site.cookie(site.session()), site.tokens_file.exists()
    for method, path in await changes(site):
        response = await site.client.request(method, path, json={"reason": "x"}, headers=cookie)
        assert (path, response.status) == (path, 401)
    assert (orders, site.tokens_file.exists()) == ([], before)


async def test_a_change_says_by_which_token_it_was(site: Site) -> None:
    """Whatever name is given: the daemon's own token says nothing of who has it, any other does."""
    secret = await site.token(Right.OPERATE, "deploys")
    for headers, said in (
        (BEARER, "ops"),
        (bears(secret), "ops (token deploys)"),
    ):
        body = {"reason": "new disk", "by": "ops"}
        assert (await site.client.post("/api/v1/pause", json=body, headers=headers)).status == 200
        (pause,) = site.daemon.shell.core.engine.durable.pauses.values()
        assert pause.by == said
        assert (await site.client.post("/api/v1/resume", json={}, headers=headers)).status == 200


async def test_a_revoked_token_changes_nothing(site: Site, orders: list[str]) -> None:
    """From the moment on at which it was revoked."""
    secret = await site.token(Right.OPERATE)
    (token,) = site.access.tokens.all
    await site.access.tokens.revoke(token.id, "tests")
    response = await site.client.post("/api/v1/pause", json={"reason": "x"}, headers=bears(secret))
    assert (response.status, orders) == (401, [])


# -- reading


async def test_where_reading_is_open_nobody_needs_a_token(site: Site) -> None:
    """A wrong one does no harm either."""
    for headers in ({}, bears("wrong"), BEARER):
        assert (await site.get("/api/v1/status", **headers)).status == 200


async def test_where_reading_is_closed_all_but_what_is_for_all_needs_a_token(closed: Site) -> None:
    """Of every route that is served, and of what there is not: nobody learns what there is."""
    told, refused = [], 0
    for route in closed.app.router.routes():
        assert route.resource is not None
        path, method = route.resource.canonical, route.method
        response = await closed.client.request(method, path.replace("{", "").replace("}", ""), allow_redirects=False)
        if (("GET" if method == "HEAD" else method), path) in FOR_ALL:
            told += [(method, path)] if response.status != 401 else []
            continue
        assert (method, path, response.status) == (method, path, 401)
        assert response.headers["WWW-Authenticate"] == "Bearer"
        refused += 1
    assert refused > 30
    assert len(told) > 6
    assert (await closed.get("/no-such-path")).status == 401


async def test_the_document_says_what_is_for_all(closed: Site) -> None:
    """What it calls so is that, and nothing else."""
    paths = (await document(closed))["paths"]
    free = {
        (method.upper(), path)
        for path, methods in paths.items()
        for method, each in methods.items()
        if "security" not in each
    }
    assert free <= FOR_ALL
    assert {("GET", "/healthz"), ("GET", "/status.json"), ("GET", "/ack/{token}")} <= free


@pytest.mark.parametrize("right", list(Right))
async def test_with_a_token_or_a_session_reading_is_answered(closed: Site, right: Right) -> None:
    """Of either right."""
    secret = await closed.token(right)
    for headers in (bears(secret), closed.cookie(closed.session(secret)), BEARER):
        for path in ("/api/v1/status", "/metrics", "/api/v1/openapi.json"):
            assert (await closed.get(path, **headers)).status == 200


async def test_a_token_that_is_brought_counts_and_no_cookie_beside_it(closed: Site) -> None:
    """Who says who he is wants no other answer; what is no bearer's is a proxy's business."""
    cookie = closed.cookie(closed.session())
    assert (await closed.get("/api/v1/status", **cookie, **bears("wrong"))).status == 401
    assert (await closed.get("/api/v1/status", **cookie, Authorization="Basic b3BzOng=")).status == 200


async def test_a_person_who_is_not_signed_in_is_led_to_where_he_can(closed: Site) -> None:
    """And comes back to where he wanted to go; what he sent is not sent again."""
    html = {"Accept": "text/html,application/xhtml+xml;q=0.9"}
    response = await closed.client.get("/incidents/x?a=1&b=%26", headers=html, allow_redirects=False)
    to = URL(response.headers["Location"])
    assert (response.status, to.path, dict(to.query)) == (303, "/sign-in", {"next": "/incidents/x?a=1&b=%26"})
    response = await closed.client.post("/api/v1/pause", headers=html, allow_redirects=False)
    assert (response.status, response.headers["Location"]) == (303, "/sign-in?next=/")
    assert closed.pauses == []


# -- sessions


async def test_a_session_ends_with_its_time(closed: Site) -> None:
    cookie = closed.cookie(closed.session())
    closed.later = timedelta(seconds=LASTS - 60)
    assert (await closed.get("/api/v1/status", **cookie)).status == 200
    closed.later = timedelta(seconds=LASTS + 1)
    assert (await closed.get("/api/v1/status", **cookie)).status == 401


async def test_a_session_ends_with_its_token(closed: Site) -> None:
    """At once, and that of another token goes on."""
    secrets = [await closed.token(Right.OPERATE, name) for name in ("first", "second")]
    first, second = (closed.cookie(closed.session(each)) for each in secrets)
    await closed.access.tokens.revoke(closed.access.tokens.all[0].id, "tests")
    assert [(await closed.get("/api/v1/status", **each)).status for each in (first, second)] == [401, 200]


async def test_an_altered_cookie_is_none(closed: Site) -> None:
    """Neither the signature of another text, nor a text without one, nor one that was signed for something else."""
    value = closed.cookie(closed.session(await closed.token(Right.READ)))["Cookie"].removeprefix(f"{COOKIE}=")
    said, _, signature = value.partition(".")
    session = json.loads(base64.urlsafe_b64decode(said + "=="))
    session[0] = "own"
    altered = base64.urlsafe_b64encode(json.dumps(session).encode()).decode().rstrip("=")
    link = closed.links.token("page", "contact", "1")
    for given in (
        f"{altered}.{signature}",
        said,
        f"{said}.",
        f".{signature}",
        value[:-1],
        value + "A",
        link,
        "",
        "x" * 9000,
    ):
        assert (await closed.get("/api/v1/status", Cookie=f"{COOKIE}={given}")).status == 401, given
    assert (await closed.get("/api/v1/status", Cookie=f"{COOKIE}={value}")).status == 200


async def test_only_a_token_signs_in(site: Site) -> None:
    """One that was pasted with a line's end is the same."""
    assert site.access.sign_in(f" {TOKEN}\n") is not None
    for given in ("", " ", "wrong", TOKEN.upper(), "\N{WHITE STAR}", "\udcff"):
        assert site.access.sign_in(given) is None


@pytest.mark.parametrize(
    ("said", "secure"), [(None, False), ("http", False), ("https", True), ("HTTPS", True), ("https, http", True)]
)
async def test_the_cookie_is_for_this_site_and_for_no_script(site: Site, said: str | None, secure: bool) -> None:
    """Where the browser speaks to a proxy by https, it goes by nothing else."""
    request = make_mocked_request("POST", "/sign-in", headers={} if said is None else {"X-Forwarded-Proto": said})
    response = web.Response()
    site.access.put(response, request, site.session())
    cookie = response.cookies[COOKIE]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Strict", "/")
    assert (cookie["max-age"], bool(cookie["secure"])) == (str(LASTS), secure)
    assert TOKEN not in cookie.value
    site.access.sign_out(response)
    assert response.cookies[COOKIE]["max-age"] == "0"


# -- forms of pages


def sent(site: Site, session: Session | None, **headers: str) -> web.Request:
    """A form as a browser sends it."""
    cookie = {} if session is None else site.cookie(session)
    return make_mocked_request("POST", "/do/pause", headers={"Host": "box:9877", **cookie, **headers})


def refusal(site: Site, request: web.Request, form: Mapping[str, str]) -> tuple[int, str]:
    with pytest.raises(web.HTTPException) as refused:
        site.access.demand_form(request, form)
    return refused.value.status, str(refused.value.text)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://box:9877"},
        {"Origin": "https://BOX:9877"},
        {"Origin": "http://box:9877", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "null", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
    ],
)
async def test_a_form_of_a_page_of_ours_is_taken(site: Site, headers: dict[str, str]) -> None:
    session = site.session(await site.token(Right.OPERATE, "alice"))
    caller = site.access.demand_form(sent(site, session, **headers), {FORM_TOKEN: site.access.form_token(session)})
    assert (caller.name, caller.session, caller.by("Alice")) == ("alice", session, "Alice (token alice)")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "http://box:8080"},
        {"Origin": "http://box"},
        {"Origin": "http://box:9877.evil.example"},
        {"Origin": "http://box:9877@evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "null", "Sec-Fetch-Site": "none"},
        {"Origin": "http://[::1", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "http://box:9877", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://box:9877", "Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": ""},
    ],
)
async def test_a_form_of_another_site_is_refused(site: Site, headers: dict[str, str]) -> None:
    """Also with all that makes it good: whoever could read that must not use it from there."""
    session = site.session()
    request = sent(site, session, **headers)
    assert not came_from_here(request)
    status, said = refusal(site, request, {FORM_TOKEN: site.access.form_token(session)})
    assert (status, "another site" in said) == (403, True)


async def test_without_a_host_nothing_is_of_this_site() -> None:
    assert not came_from_here(make_mocked_request("POST", "/", headers={"Origin": "null"}))
    assert not came_from_here(make_mocked_request("POST", "/", headers={"Origin": "http://"}))


async def test_a_form_without_what_stands_in_it_is_refused(site: Site) -> None:
    """None, a guess, that of another session of the same token, and that of the time before signing in again."""
    session, another = site.session(), site.session()
    for form in (
        {},
        {FORM_TOKEN: ""},
        {FORM_TOKEN: "x"},
        {FORM_TOKEN: "\udcff"},
        {FORM_TOKEN: session.nonce},
        {FORM_TOKEN: site.access.form_token(another)},
    ):
        status, said = refusal(site, sent(site, session), form)
        assert (status, "Load it anew" in said) == (403, True)


async def test_a_form_needs_a_session_that_is_good(site: Site) -> None:
    """No bearer in its place: a form that has one was made by a program, and there is the API."""
    session = site.session()
    form = {FORM_TOKEN: site.access.form_token(session)}
    assert refusal(site, sent(site, None), form)[0] == 401
    assert refusal(site, sent(site, None, **BEARER), form)[0] == 401
    site.later = timedelta(seconds=LASTS + 1)
    assert refusal(site, sent(site, session), form)[0] == 401


async def test_a_form_with_a_token_that_may_read_is_refused(site: Site) -> None:
    session = site.session(await site.token(Right.READ, "grafana"))
    status, said = refusal(site, sent(site, session), {FORM_TOKEN: site.access.form_token(session)})
    assert (status, "the token grafana may only read" in said) == (403, True)
