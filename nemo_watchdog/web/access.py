"""Who may read, and who may change something: by the token that a request brings, or by its session.

A program brings `Authorization: Bearer TOKEN`. A person signs in once, and then a browser brings the cookie by itself,
also for a page of another site: so it changes nothing through the API, and nothing by a form without what stands in it.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlencode

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from nemo_watchdog.web.sessions import COOKIE, LASTS, Session, Sessions
from nemo_watchdog.web.tokens import Right, Token, Tokens

log = structlog.get_logger("nemo_watchdog")

SIGN_IN = "/sign-in"
FORM_TOKEN = "form_token"  # noqa: S105 - the name of a field

NO_TOKEN = "a change needs the daemon's token: Authorization: Bearer TOKEN"  # noqa: S105 - words for people
NO_READER = "reading needs a token here: Authorization: Bearer TOKEN, or sign in with one in a browser"
NOT_SIGNED_IN = "you are not signed in any more: nothing was changed. Sign in, and do it again"
FROM_ELSEWHERE = "this came from a page of another site: nothing was changed"
OLD_PAGE = "this page is from before you signed in: nothing was changed. Load it anew, and do it again"

_IN_ITS_PLACE = "no token is as long as this one"
"""Compared where there is nothing to compare with."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever asks. `session` is None for who brought the token itself."""

    name: str
    right: Right
    session: Session | None
    is_own: bool = False
    """It is the daemon's own token, which says nothing of who has it."""

    @property
    def may_operate(self) -> bool:
        return self.right is Right.OPERATE

    def by(self, given: str) -> str:
        """Who it was, for what is written down: whoever they say that they are, and by which token."""
        return given if self.is_own else f"{given} (token {self.name})"


class Access:
    def __init__(self, tokens: Tokens, sessions: Sessions, *, reading_is_open: bool = True) -> None:
        self.tokens = tokens
        self.reading_is_open = reading_is_open
        self._sessions = sessions

    @classmethod
    def kept_in(
        cls, file: Path, own: str, key: bytes, now: Callable[[], datetime], *, reading_is_open: bool = True
    ) -> Access:
        """With the tokens in that file, of which there may be none. Raises `NemoWatchdogError`."""
        tokens = Tokens(file, own, now)
        return cls(tokens, Sessions(key, tokens, now), reading_is_open=reading_is_open)

    def caller(self, request: web.Request) -> Caller | None:
        """Who asks. Where a token is brought, it counts, and no cookie."""
        if (brought := bearer(request)) is not None:
            token = self.tokens.find(brought)
            return None if token is None else _caller(token)
        found = self._sessions.read(request.cookies.get(COOKIE, ""))
        return None if found is None else _caller(found[1], found[0])

    def may_read(self, request: web.Request) -> bool:
        return self.reading_is_open or self.caller(request) is not None

    def demand_read(self, request: web.Request) -> None:
        """Raises 401 where reading is not open and nobody is known."""
        if not self.may_read(request):
            raise _unauthorized(NO_READER)

    def demand_change(self, request: web.Request) -> Caller:
        """Of the API: who brings a token that may operate. Raises 401, and 403 for one that may not."""
        caller = None if bearer(request) is None else self.caller(request)
        if caller is None:
            raise _unauthorized(NO_TOKEN)
        return _operator(caller)

    def demand_form(self, request: web.Request, form: Mapping[str, str]) -> Caller:
        """Of a page: who is signed in, may operate, and was shown this very form. Raises 401 and 403."""
        self.demand_own(request)
        found = self._sessions.read(request.cookies.get(COOKIE, ""))
        if found is None:
            raise _unauthorized(NOT_SIGNED_IN)
        session, token = found
        if not self._sessions.is_form_token(session, form.get(FORM_TOKEN, "")):
            raise web.HTTPForbidden(text=OLD_PAGE)
        return _operator(_caller(token, session))

    def demand_own(self, request: web.Request) -> None:
        """Raises 403 for what a page of another site sent."""
        if not came_from_here(request):
            raise web.HTTPForbidden(text=FROM_ELSEWHERE)

    def sign_in(self, secret: str) -> Session | None:
        """With any token that there is; None where it is none."""
        if (token := self.tokens.find(secret.strip())) is None:
            log.warning("somebody could not sign in: there is no such token")
            return None
        log.info("somebody signed in", id=token.id, name=token.name)
        return self._sessions.begin(token)

    def put(self, response: web.StreamResponse, request: web.Request, session: Session) -> None:
        """The cookie: for this site alone, and for no script."""
        response.set_cookie(
            COOKIE,
            self._sessions.cookie(session),
            max_age=LASTS,
            path="/",
            httponly=True,
            samesite="Strict",
            secure=_is_https(request),
        )

    def sign_out(self, response: web.StreamResponse) -> None:
        response.del_cookie(COOKIE, path="/", httponly=True, samesite="Strict")

    def form_token(self, session: Session) -> str:
        """What a form brings back in its field `FORM_TOKEN`."""
        return self._sessions.form_token(session)


def readers_only(access: Access, free: Collection[str]) -> Middleware:
    """Where reading is not open: answers who is known, and everybody on the paths `free`; people go to sign in."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        resource = request.match_info.route.resource
        if (resource is None or resource.canonical not in free) and not access.may_read(request):
            if "text/html" in request.headers.get(hdrs.ACCEPT, ""):
                wanted = request.path_qs if request.method in ("GET", "HEAD") else "/"
                raise web.HTTPSeeOther(f"{SIGN_IN}?{urlencode({'next': wanted})}")
            raise _unauthorized(NO_READER)
        return await handler(request)

    return check


def came_from_here(request: web.Request) -> bool:
    """Whether a browser says that a page of ours sent it; one that says nothing of it is believed.

    A page that may send no referrer sends `Origin: null` (Fetch, "append a request Origin header"): then its word in
    `Sec-Fetch-Site` counts, which no page can write.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site not in (None, "same-origin", "none"):
        return False
    origin = request.headers.get(hdrs.ORIGIN)
    if origin is None or (origin == "null" and site == "same-origin"):
        return True
    host = request.headers.get(hdrs.HOST, "")
    return host != "" and origin.partition("://")[2].lower() == host.lower()


def bearer(request: web.Request) -> str | None:
    """The token of `Authorization: Bearer TOKEN`, the scheme in any case (RFC 9110, 11.1); None without that scheme."""
    scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    return token if scheme.lower() == "bearer" else None


def is_token(given: str, wanted: str) -> bool:
    """Whether they are the same. Nothing is the same as a token that there is not (`wanted` is empty)."""
    given_bytes = given.encode(errors="surrogateescape")  # as aiohttp decodes headers
    return hmac.compare_digest(given_bytes, (wanted or _IN_ITS_PLACE).encode()) and bool(wanted)


def _caller(token: Token, session: Session | None = None) -> Caller:
    return Caller(token.name, token.right, session, token.is_own)


def _operator(caller: Caller) -> Caller:
    if not caller.may_operate:
        text = f"the token {caller.name} may only read: a change needs one that may operate"
        raise web.HTTPForbidden(text=f"{text} (nemo-watchdog token make NAME --right operate)")
    return caller


def _unauthorized(text: str) -> web.HTTPUnauthorized:
    return web.HTTPUnauthorized(text=text, headers={"WWW-Authenticate": "Bearer"})


def _is_https(request: web.Request) -> bool:
    """Also where a proxy ends the encryption, and says so."""
    said = request.headers.get("X-Forwarded-Proto", "").partition(",")[0]
    return request.secure or said.strip().lower() == "https"
