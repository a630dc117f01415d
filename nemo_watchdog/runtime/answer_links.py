"""Links by which a person answers a message: whoever has one may take the outage, and may do nothing else.

Each is signed (HMAC-SHA256) and names a page, the contact who was told and when it expires. It is good for one answer:
how often a letter is sent, and to how many addresses, all of its links are one (`digest`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from nemo_watchdog.engine.pages import LINK_LASTS
from nemo_watchdog.signed_text import Signer

PATH = "/ack/"

_PURPOSE = b"nemo-watchdog answer 2\n"


@dataclass(frozen=True, slots=True)
class Link:
    """`letter` tells apart what the contact was sent about the page; `expires` in Unix seconds."""

    page: str
    contact: str
    letter: str
    expires: float
    person: str
    """Who answers: the contact, or, where people take turns, whose turn it was."""

    @property
    def digest(self) -> str:
        """What is written down of a link that was used."""
        return hashlib.sha256(json.dumps([self.page, self.contact, self.letter]).encode()).hexdigest()[:32]


class AnswerLinks:
    def __init__(self, key: bytes, now: Callable[[], datetime]) -> None:
        self._signer = Signer(key, _PURPOSE)
        self._now = now

    def token(self, page: str, contact: str, letter: str, person: str = "") -> str:
        """Good from now on, for a day. `person` is the contact itself where it is empty."""
        expires = int(self._now().timestamp() + LINK_LASTS)
        return self._signer.token(
            json.dumps([page, contact, letter, expires, person or contact], separators=(",", ":"))
        )

    def read(self, token: str) -> Link | None:
        """What it says; None for what was not made here, or was altered."""
        said = self._signer.read(token)
        return None if said is None else Link(*json.loads(said))

    def has_expired(self, link: Link) -> bool:
        return self._now().timestamp() >= link.expires
