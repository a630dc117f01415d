"""A program that takes letters, and checks who sent them."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Any

from tests.unit.notifiers.services.server import Asked

KEY = "w3bh00k-s3cr3t-0123456789abcdef"


@dataclass
class WebhookService:
    taken: dict[str, Any] = field(default_factory=dict)
    """By their keys: what comes again is the same."""

    def answer(self, asked: Asked) -> tuple[int, Any]:
        """As docs/policy.md tells how to check it."""
        stamp, _, hexed = asked.headers["x-nemo-watchdog-signature"].partition(",v1=")
        signed = stamp.removeprefix("t=").encode() + b"." + asked.raw
        if not hmac.compare_digest(hexed, hmac.new(KEY.encode(), signed, hashlib.sha256).hexdigest()):
            return 403, {"error": "the signature is wrong", "asked": asked.path}
        self.taken[asked.headers["x-nemo-watchdog-key"]] = asked.body
        return 204, None
