"""Text that only the daemon can have written: signed (HMAC-SHA256), and fit for an address and for a cookie.

Each purpose has signatures of its own, so that what was signed for one is nothing to another.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

LONGEST = 1024
"""Characters of a token that are looked at."""


class Signer:
    def __init__(self, key: bytes, purpose: bytes) -> None:
        self._key = key
        self._purpose = purpose

    def token(self, said: str | bytes) -> str:
        """What was said, for everybody to read, and the signature behind a point."""
        coded = _coded(said.encode() if isinstance(said, str) else said)
        return f"{coded}.{self.signature(coded)}"

    def read(self, token: str) -> bytes | None:
        """What was said in it; None for what was not made here, or was altered."""
        said, _, signature = token[:LONGEST].partition(".")
        # As it is written and not as it decodes: of base64 two texts may be one.
        if not self.is_signature(signature, said):
            return None
        return base64.urlsafe_b64decode(said + "=" * (-len(said) % 4))

    def signature(self, said: str) -> str:
        """Of a text that stands somewhere else."""
        text = self._purpose + said.encode(errors="surrogateescape")
        return _coded(hmac.new(self._key, text, hashlib.sha256).digest())

    def is_signature(self, given: str, said: str) -> bool:
        """In constant time, and whatever was given: as aiohttp decodes headers."""
        return hmac.compare_digest(given.encode(errors="surrogateescape"), self.signature(said).encode())


def _coded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")
