"""Speaks Opsgenie's Alert API: one alert there for a page, by its alias, from the first message to the last.

https://docs.opsgenie.com/docs/alert-api and https://docs.opsgenie.com/docs/alert-api-continued (requests, and how long
fields may be), https://docs.opsgenie.com/docs/response (codes). A request is answered with 202 and an id before it is
carried out; of one about an alias that is not open nothing comes. To create what is open already only counts it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from nemo_watchdog.channel import DEADLINE, Channel, Letter, Sent
from nemo_watchdog.model import Severity, Standing
from nemo_watchdog.notifiers.http_service import Exchange, HttpService, NotTaken, shortened
from nemo_watchdog.policy.people import Opsgenie
from nemo_watchdog.ports import Delivery

SOURCE = "Nemo Watchdog"
_PRIORITIES = {Severity.SEV1: "P1", Severity.SEV2: "P2", Severity.SEV3: "P3", Severity.SEV4: "P4"}
_LONGEST_ALIAS, _LONGEST_MESSAGE, _LONGEST_TEXT, _LONGEST_NAME = 512, 130, 15_000, 100


@dataclass(slots=True)
class _Alert:
    """What stands there, as far as it is known. `key` is that of the last letter that it has."""

    standing: str = ""
    priority: str = ""
    key: str = ""

    @classmethod
    def read(cls, memo: str) -> _Alert:
        """Nothing where the last one was closed: the alias begins a new one."""
        parts = memo.split(" ", 2)
        return cls(*parts) if len(parts) == 3 and parts[0] != Standing.OVER else cls()

    def memo(self) -> str:
        return f"{self.standing} {self.priority} {self.key}" if self.standing else ""


class OpsgenieChannel(Channel):
    """Satisfies `channel.Channel`. The memo is how the alert stands there; empty when there was none."""

    def __init__(self, address: Opsgenie, deadline: float = DEADLINE) -> None:
        key = address.key.reveal()
        self._headers = {"Authorization": f"GenieKey {key}"}
        self._alerts = address.url.rstrip("/") + "/v2/alerts"
        self._service = HttpService([key], deadline)

    async def send(self, letter: Letter, memo: str) -> Sent:
        alert = _Alert.read(memo)
        if letter.standing is Standing.NO_PAGE and not alert.standing:
            return Sent(Delivery(delivered=True, detail="no page"), memo)
        try:
            async with self._service.exchange() as exchange:
                done = await self._send(exchange, letter, alert)
        except NotTaken as failed:
            return Sent(failed.delivery(), alert.memo())
        return Sent(Delivery(delivered=True, detail=done), alert.memo())

    async def close(self) -> None:
        await self._service.close()

    async def _send(self, exchange: Exchange, letter: Letter, alert: _Alert) -> str:
        """One request after another; `alert` is what has come of them, whether the last succeeded or not."""
        if letter.standing is Standing.ACKNOWLEDGED:
            request = await self._ask(exchange, letter, "/acknowledge", _saying(letter, letter.owner))
            alert.priority = alert.priority or _PRIORITIES[letter.severity]
            alert.standing, alert.key = Standing.ACKNOWLEDGED, letter.key
        elif letter.standing is not Standing.FIRING:
            request = await self._ask(exchange, letter, "/close", _saying(letter))
            alert.standing, alert.priority, alert.key = Standing.OVER, _PRIORITIES[letter.severity], letter.key
        elif not alert.standing:
            request = await self._ask(exchange, letter, "", _created(letter))
            alert.standing, alert.priority, alert.key = Standing.FIRING, _PRIORITIES[letter.severity], letter.key
        else:
            request = await self._follow_up(exchange, letter, alert)
        return f"accepted as {request}"

    async def _follow_up(self, exchange: Exchange, letter: Letter, alert: _Alert) -> str:
        request = "sent before"
        if alert.standing == Standing.ACKNOWLEDGED:
            # The answer may have come before there was an alert: then it is created; one that is open only counts it.
            await self._ask(exchange, letter, "/unacknowledge", {"source": SOURCE})
            request = await self._ask(exchange, letter, "", _created(letter))
            alert.standing = Standing.FIRING
        if (priority := _PRIORITIES[letter.severity]) != alert.priority:
            title = {"message": shortened(letter.title or str(letter.kind), _LONGEST_MESSAGE)}
            await self._ask(exchange, letter, "/message", title, method="PUT")
            request = await self._ask(exchange, letter, "/priority", {"priority": priority}, method="PUT")
            alert.priority = priority
        if letter.key != alert.key:
            request = await self._ask(exchange, letter, "/notes", _saying(letter))
            alert.key = letter.key
        return request

    async def _ask(
        self, exchange: Exchange, letter: Letter, path: str, document: dict[str, Any], method: str = "POST"
    ) -> str:
        """The id of the request."""
        url = self._alerts
        if path:
            url = f"{url}/{quote(_alias(letter), safe='')}{path}?identifierType=alias"
        answer = await exchange.ask(url, document, self._headers, method=method)
        request = answer.document().get("requestId")
        if answer.status != 202 or not isinstance(request, str):
            raise self._service.strange(answer, "where Opsgenie answers 202 and the id of the request")
        return self._service.shown(f"request {request}")


def _created(letter: Letter) -> dict[str, Any]:
    since = letter.since or letter.at
    details = {"severity": str(letter.severity), "since": since.isoformat(), "incidents": " ".join(letter.incidents)}
    if letter.link:
        details["link"] = letter.link
    return {
        "message": shortened(letter.title or str(letter.kind), _LONGEST_MESSAGE),
        "alias": _alias(letter),
        "description": shortened(f"{letter.title}\n{letter.body}", _LONGEST_TEXT),
        "priority": _PRIORITIES[letter.severity],
        "source": SOURCE,
        "entity": letter.root,
        "details": details,
    }


def _saying(letter: Letter, user: str = "") -> dict[str, Any]:
    said = {"source": SOURCE, "note": shortened(f"{letter.title}\n{letter.body}", _LONGEST_TEXT)}
    return said | ({"user": shortened(user, _LONGEST_NAME)} if user else {})


def _alias(letter: Letter) -> str:
    return letter.thread[:_LONGEST_ALIAS]
