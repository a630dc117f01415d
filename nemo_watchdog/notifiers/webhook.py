"""Posts a letter as JSON to whatever program takes it, signed. Only 2xx says that it was taken.

The document is described in docs/policy.md; its `version` changes when a field goes or means something else. The
signature is over the time and the body, so that neither can be replayed with the other, as Stripe does it
(https://docs.stripe.com/webhooks#verify-manually). The key is the same when a letter is sent again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from nemo_watchdog.channel import DEADLINE, Channel, Letter, Sent
from nemo_watchdog.notifiers.http_service import HttpService, NotTaken, as_json
from nemo_watchdog.policy.people import Webhook
from nemo_watchdog.ports import Delivery
from nemo_watchdog.signing import signed

VERSION = 1
_SHORTEST_KEY = 8
"""Characters of a piece of the address's path that may be a key."""
SIGNATURE = "X-Nemo-Watchdog-Signature"
KEY = "X-Nemo-Watchdog-Key"


class WebhookChannel(Channel):
    """Satisfies `channel.Channel`; it needs no memo. `now` is in seconds since 1970."""

    def __init__(self, address: Webhook, deadline: float = DEADLINE, now: Callable[[], float] = time.time) -> None:
        self._url = address.url.reveal()
        self._secret = address.secret.reveal()
        self._service = HttpService([self._secret, *_secrets_of(self._url)], deadline)
        self._now = now

    async def send(self, letter: Letter, memo: str) -> Sent:
        body = as_json(document_of(letter))
        headers = {KEY: letter.key}
        if self._secret:
            headers[SIGNATURE] = signature(self._secret, int(self._now()), body)
        try:
            async with self._service.exchange() as exchange:
                answer = await exchange.send(self._url, body, headers, enough=range(200, 300))
        except NotTaken as failed:
            return Sent(failed.delivery(), memo)
        return Sent(Delivery(delivered=True, detail=f"HTTP {answer.status}"), memo)

    async def close(self) -> None:
        await self._service.close()


def signature(secret: str, at: int, body: bytes) -> str:
    """`t=UNIX,v1=HEX`, see `signing.signed`."""
    return f"t={at},v1={signed(secret, at, body)}"


def document_of(letter: Letter) -> dict[str, Any]:
    return {
        "version": VERSION,
        "key": letter.key,
        "thread": letter.thread,
        "contact": letter.contact,
        "kind": str(letter.kind),
        "standing": str(letter.standing),
        "severity": str(letter.severity),
        "root": letter.root,
        "title": letter.title,
        "body": letter.body,
        "at": _rfc3339(letter.at),
        "since": None if letter.since is None else _rfc3339(letter.since),
        "incidents": list(letter.incidents),
        "owner": letter.owner,
        "link": letter.link,
    }


def _rfc3339(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _secrets_of(url: str) -> list[str]:
    """The whole of it, and what of it a page of an error may repeat."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return [url]
    asked = [value for each in parts.query.split("&") if (value := each.partition("=")[2])]
    pieces = [each for each in parts.path.split("/") if len(each) >= _SHORTEST_KEY]
    return [url, parts.path.strip("/"), *pieces, parts.query, *asked, parts.password or ""]
