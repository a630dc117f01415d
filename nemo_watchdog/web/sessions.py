"""Who is signed in: a cookie that says which token somebody brought, signed, and nothing that the daemon remembers.

A session ends with its time or with its token, whichever is first.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from nemo_watchdog.signed_text import Signer
from nemo_watchdog.web.tokens import Token, Tokens

COOKIE = "nemo_watchdog_session"
LASTS = 12 * 3600
"""Seconds."""

_OF_DIGEST = 16
_COOKIES, _FORMS = b"nemo-watchdog session 1\n", b"nemo-watchdog form 1\n"


@dataclass(frozen=True, slots=True)
class Session:
    """`token` is the id of the token, `digest` the beginning of its hash, `expires` in Unix seconds."""

    token: str
    digest: str
    expires: int
    nonce: str


class Sessions:
    def __init__(self, key: bytes, tokens: Tokens, now: Callable[[], datetime]) -> None:
        self._cookies, self._forms = Signer(key, _COOKIES), Signer(key, _FORMS)
        self._tokens = tokens
        self._now = now

    def begin(self, token: Token) -> Session:
        expires = int(self._now().timestamp()) + LASTS
        return Session(token.id, token.digest[:_OF_DIGEST], expires, secrets.token_urlsafe(16))

    def cookie(self, session: Session) -> str:
        """What a browser keeps of it."""
        said = [session.token, session.digest, session.expires, session.nonce]
        return self._cookies.token(json.dumps(said, separators=(",", ":")))

    def read(self, cookie: str) -> tuple[Session, Token] | None:
        """Whose it is; None for what was altered, is over, or whose token is not there any more."""
        if (said := self._cookies.read(cookie)) is None:
            return None
        session = Session(*json.loads(said))
        token = self._tokens.known(session.token)
        if token is None or not token.digest.startswith(session.digest):
            return None
        return (session, token) if self._now().timestamp() < session.expires else None

    def form_token(self, session: Session) -> str:
        """What a form of a page that this session was shown brings back: no other page can know it.

        Each page has another one: the length of what is packed together would tell what is always the same.
        """
        salt = secrets.token_urlsafe(8)
        return f"{salt}.{self._forms.signature(f'{salt}.{session.nonce}')}"

    def is_form_token(self, session: Session, given: str) -> bool:
        salt, _, signature = given.partition(".")
        return self._forms.is_signature(signature, f"{salt}.{session.nonce}")
