"""Pushes incidents to Alertmanager, API v2: firing until `endsAt`. Every address gets every alert.

Alertmanagers of a cluster share silences but not alerts, so each is told (https://prometheus.io/docs/alerting/latest/alertmanager/).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_exponential_jitter

from nemo_watchdog.durations import duration
from nemo_watchdog.model import Alert
from nemo_watchdog.names import Names
from nemo_watchdog.notifiers.way import BadAuthorities, Way
from nemo_watchdog.policy.policy import Alertmanager
from nemo_watchdog.ports import Delivery
from nemo_watchdog.system_words import system_words

PATH = "/api/v2/alerts"
STATUS_PATH = "/api/v2/status"

LONGEST_DETAIL = 300
"""Characters of an answer that are told."""

_LONGEST_SHOWN = 4096
"""Bytes of an answer that are looked at for secrets, to tell the first of them."""

_LONGEST_STATUS = 1 << 20
"""Bytes; the configuration is part of it."""


class _Unavailable(Exception):
    """Alertmanager, or a proxy before it, asks to be tried again."""


_WORTH_RETRYING = (_Unavailable, aiohttp.ClientConnectionError, aiohttp.ClientPayloadError)


class AlertmanagerClient:
    """`timeout` in seconds bounds a whole push, retries included. No secret shows in a delivery's detail."""

    def __init__(self, targets: Sequence[Alertmanager], timeout: float = 10.0) -> None:
        self._ways = tuple(map(Way, targets))
        self._timeout = timeout
        self._names = Names()
        self._session: aiohttp.ClientSession | None = None

    async def push(self, alerts: Sequence[Alert]) -> Mapping[str, Delivery]:
        """Sends all alerts to every address at once; failures are results, never exceptions. By the address of each.

        Call it again while an alert fires: one that is not repeated is over at its `ends_at` or, without one, after
        Alertmanager's own `resolve_timeout`.
        """
        if not alerts or not self._ways:
            return {}
        if self._session is None:
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=self._names))
        session = self._session
        body = [_posted(alert) for alert in alerts]
        deliveries = await asyncio.gather(*(self._push(session, way, body) for way in self._ways))
        return {way.target.url: delivery for way, delivery in zip(self._ways, deliveries, strict=True)}

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _push(self, session: aiohttp.ClientSession, way: Way, body: list[dict[str, Any]]) -> Delivery:
        retrying = AsyncRetrying(
            stop=stop_after_delay(self._timeout),
            wait=wait_exponential_jitter(multiplier=0.1, max=2.0, jitter=0.1),
            retry=retry_if_exception_type(_WORTH_RETRYING),
            reraise=True,
        )
        last = "no answer"
        try:
            async with asyncio.timeout(self._timeout):
                async for attempt in retrying:
                    with attempt:
                        try:
                            return await self._post(session, way, body)
                        except _WORTH_RETRYING as error:
                            last = str(error) or type(error).__name__
                            raise
        except TimeoutError:
            detail = f"not accepted within {duration(self._timeout)}: {last}"
            return Delivery(delivered=False, retryable=True, detail=detail)
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError, UnicodeError):  # the last of a host without a name
            return Delivery(delivered=False, retryable=False, detail="the address is not an HTTP URL")
        except BadAuthorities as error:
            return Delivery(delivered=False, retryable=True, detail=str(error))
        except _WORTH_RETRYING:
            return Delivery(delivered=False, retryable=True, detail=last)
        except (aiohttp.ClientError, ValueError) as error:
            return Delivery(delivered=False, retryable=True, detail=type(error).__name__)
        raise AssertionError("tenacity either returns or raises")  # pragma: no cover

    async def _post(self, session: aiohttp.ClientSession, way: Way, body: list[dict[str, Any]]) -> Delivery:
        async with session.post(way.to(PATH), json=body, **await way.carries()) as response:
            if response.status == 200:
                return Delivery(delivered=True)
            answer = (await response.content.read(_LONGEST_SHOWN)).decode(errors="replace")
            said = way.redactor.text(" ".join(answer.split()))[:LONGEST_DETAIL]
            detail = f"HTTP {response.status} {said}".rstrip()
            if response.status >= 500 or response.status == 429:
                raise _Unavailable(detail)
            return Delivery(delivered=False, retryable=False, detail=detail)


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether an Alertmanager answers. `said` is its version, or why it is none; no secret of its address."""

    ready: bool
    said: str
    refuses: bool = False
    """It does not let us in."""


async def readiness(targets: Sequence[Alertmanager], within: float) -> Mapping[str, Readiness]:
    """What each address answers within so many seconds. No alert is sent."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=Names())) as session:
        answers = await asyncio.gather(*(_ready(session, Way(each), within) for each in targets))
    return {each.url: answer for each, answer in zip(targets, answers, strict=True)}


async def _ready(session: aiohttp.ClientSession, way: Way, within: float) -> Readiness:
    try:
        async with (
            asyncio.timeout(within),
            session.get(way.to(STATUS_PATH), **await way.carries()) as response,
        ):
            told = await response.content.read(_LONGEST_STATUS) if response.status == 200 else b""
            while told and (more := await response.content.read(_LONGEST_STATUS - len(told))):
                told += more
    except TimeoutError:
        return Readiness(ready=False, said=f"no answer within {duration(within)}")
    except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError):
        return Readiness(ready=False, said="the address is not an HTTP URL")
    except BadAuthorities as error:
        return Readiness(ready=False, said=str(error))
    except aiohttp.ClientConnectorError as error:
        return Readiness(ready=False, said=system_words(error.os_error))
    except (aiohttp.ClientError, ValueError) as error:
        return Readiness(ready=False, said=type(error).__name__)
    if response.status != 200:
        said = f"HTTP {response.status} for {STATUS_PATH}"
        return Readiness(ready=False, said=said, refuses=response.status in (401, 403))
    try:
        version = json.loads(told)["versionInfo"]["version"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return Readiness(ready=False, said=f"what answers {STATUS_PATH} is no Alertmanager")
    return Readiness(ready=True, said=f"Alertmanager {str(version)[:40]} answers")


def _posted(alert: Alert) -> dict[str, Any]:
    """`postableAlert` of Alertmanager's OpenAPI document (api/v2/openapi.yaml); times are RFC 3339."""
    posted: dict[str, Any] = {"labels": dict(alert.labels), "annotations": dict(alert.annotations)}
    if alert.link:
        posted["generatorURL"] = alert.link
    if alert.starts_at is not None:
        posted["startsAt"] = _rfc3339(alert.starts_at)
    if alert.ends_at is not None:
        posted["endsAt"] = _rfc3339(alert.ends_at)
    return posted


def _rfc3339(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
