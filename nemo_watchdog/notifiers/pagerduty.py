"""Speaks PagerDuty's Events API v2: one incident there for a page, by its `dedup_key`, from the first to the last.

https://developer.pagerduty.com/docs/events-api-v2/overview/ (codes of answers) and
https://developer.pagerduty.com/docs/events-api-v2/trigger-events/ (fields and their lengths). What it drops there:
acknowledging or resolving what is not open. So each letter is one event, and no harm when it is sent twice.

While an incident is acknowledged there, a further trigger calls nobody. An acknowledgement that holds no more is
therefore ended there first, by a resolve: the trigger that follows, with the same key, calls again.
"""

from __future__ import annotations

from typing import Any

from nemo_watchdog.channel import DEADLINE, Channel, Letter, Sent
from nemo_watchdog.model import Severity, Standing
from nemo_watchdog.notifiers.http_service import Exchange, HttpService, NotTaken, shortened
from nemo_watchdog.policy.people import PagerDuty
from nemo_watchdog.ports import Delivery

_PATH = "/v2/enqueue"
_SEVERITIES = {
    Severity.SEV1: "critical",
    Severity.SEV2: "error",
    Severity.SEV3: "warning",
    Severity.SEV4: "info",
}
_ACTIONS = {
    Standing.FIRING: "trigger",
    Standing.ACKNOWLEDGED: "acknowledge",
    Standing.OVER: "resolve",
    Standing.NO_PAGE: "resolve",
}
_TAKEN = 202
_LONGEST_KEY, _LONGEST_SUMMARY, _LONGEST_DETAILS = 255, 1024, 100_000


class PagerDutyChannel(Channel):
    """Satisfies `channel.Channel`. The memo is what the last event was; empty when nothing is open there."""

    def __init__(self, address: PagerDuty, deadline: float = DEADLINE) -> None:
        self._key = address.key.reveal()
        self._url = address.url.rstrip("/") + _PATH
        self._service = HttpService([self._key], deadline)

    async def send(self, letter: Letter, memo: str) -> Sent:
        if letter.standing is Standing.NO_PAGE and not memo:
            return Sent(Delivery(delivered=True, detail="no page"))
        action = _ACTIONS[letter.standing]
        try:
            async with self._service.exchange() as exchange:
                if action == "trigger" and memo == "acknowledge":
                    await self._send(exchange, letter, "resolve")
                    memo = ""
                await self._send(exchange, letter, action)
        except NotTaken as failed:
            return Sent(failed.delivery(), memo)
        return Sent(Delivery(delivered=True, detail=f"{action} accepted"), "" if action == "resolve" else action)

    async def close(self) -> None:
        await self._service.close()

    async def _send(self, exchange: Exchange, letter: Letter, action: str) -> None:
        event: dict[str, Any] = {
            "routing_key": self._key,
            "event_action": action,
            "dedup_key": letter.thread[:_LONGEST_KEY],
        }
        if action == "trigger":
            event |= _alert(letter)
        answer = await exchange.ask(self._url, event, enough=(_TAKEN,))
        if answer.status != _TAKEN:
            raise self._service.strange(answer, "where PagerDuty answers 202")


def _alert(letter: Letter) -> dict[str, Any]:
    alert: dict[str, Any] = {
        "client": "Nemo Watchdog",
        "payload": {
            "summary": shortened(letter.title or str(letter.kind), _LONGEST_SUMMARY),
            "source": letter.root or "nemo-watchdog",
            "severity": _SEVERITIES[letter.severity],
            "timestamp": (letter.since or letter.at).isoformat(),
            "component": letter.root,
            "class": str(letter.kind),
            "custom_details": {
                "message": shortened(letter.body, _LONGEST_DETAILS),
                "incidents": list(letter.incidents),
                "key": letter.key,
            },
        },
    }
    if letter.link:
        alert |= {"client_url": letter.link, "links": [{"href": letter.link, "text": "the incident"}]}
    return alert
