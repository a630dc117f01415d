"""The one check of a token: in constant time, and whatever bytes a header brings."""

from __future__ import annotations

import hmac

from aiohttp import web

_NO_TOKEN = "no token is as long as this one"  # noqa: S105 - compared where there is nothing to compare with


def bearer(request: web.Request) -> str | None:
    """The token of `Authorization: Bearer TOKEN`, the scheme in any case (RFC 9110, 11.1); None without that scheme."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" else None


def is_token(given: str, wanted: str) -> bool:
    """Whether they are the same. Nothing is the same as a token that there is not (`wanted` is empty)."""
    given_bytes = given.encode(errors="surrogateescape")  # as aiohttp decodes headers
    return hmac.compare_digest(given_bytes, (wanted or _NO_TOKEN).encode()) and bool(wanted)


def demand(request: web.Request, token: str) -> None:
    """Raises 401 unless the request brings this token."""
    if not is_token(bearer(request) or "", token):
        text = "a change needs the daemon's token: Authorization: Bearer TOKEN"
        raise web.HTTPUnauthorized(text=text, headers={"WWW-Authenticate": "Bearer"})
