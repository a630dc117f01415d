"""Signs what a program is sent: HMAC-SHA256 over the time and the body, so that neither goes with another one."""

from __future__ import annotations

import hmac
from hashlib import sha256


def signed(secret: str, at: int, body: bytes) -> str:
    """HMAC-SHA256 (RFC 2104) over the time in seconds since 1970, a point and the body, in hexadecimal.

    A secret of bytes that are no text is signed with as those bytes.
    """
    key = secret.encode("utf-8", "surrogateescape")
    return hmac.new(key, b"%d.%b" % (at, body), sha256).hexdigest()
