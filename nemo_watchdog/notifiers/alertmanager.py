"""Pushes incidents to Alertmanager, API v2: firing until `endsAt` lies in the past. Every address gets every alert.

Alertmanagers of a cluster share silences but not alerts, so each is told (https://prometheus.io/docs/alerting/latest/alertmanager/).
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_exponential_jitter

from nemo_watchdog.durations import duration
from nemo_watchdog.model import Alert
from nemo_watchdog.ports import Delivery

PATH = "/api/v2/alerts"
STATUS_PATH = "/api/v2/status"

_LONGEST_STATUS = 1 << 20
"""Bytes; the configuration is part of it."""


class _Unavailable(Exception):
    """Alertmanager, or a proxy before it, asks to be tried again."""


_WORTH_RETRYING = (_Unavailable, aiohttp.ClientConnectionError, aiohttp.ClientPayloadError)


class AlertmanagerClient:
    """`urls` are base addresses such as `http://127.0.0.1:9093`.

    `timeout` in seconds bounds a whole push, retries included. User and password may be part of an address; they
    never show in a delivery's detail.
    """

    def __init__(self, urls: Sequence[str], timeout: float = 10.0) -> None:
        self._urls = tuple(dict.fromkeys(urls))
        self._timeout = timeout
        self._session: aiohttp.ClientSession | None = None

    async def push(self, alerts: Sequence[Alert]) -> Mapping[str, Delivery]:
        """Sends all alerts to every address at once; failures are results, never exceptions.

        Call it again while an alert fires, more often than Alertmanager's `resolve_timeout` (5 minutes unless set):
        an alert that has no `ends_at` and is not repeated resolves by itself.
        """
        if not alerts or not self._urls:
            return {}
        if self._session is None:
            self._session = aiohttp.ClientSession()
        session = self._session
        body = [_posted(alert) for alert in alerts]
        deliveries = await asyncio.gather(*(self._push(session, url, body) for url in self._urls))
        return dict(zip(self._urls, deliveries, strict=True))

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _push(self, session: aiohttp.ClientSession, url: str, body: list[dict[str, Any]]) -> Delivery:
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
                            return await self._post(session, url, body)
                        except _WORTH_RETRYING as error:
                            last = str(error) or type(error).__name__
                            raise
        except TimeoutError:
            detail = f"not accepted within {duration(self._timeout)}: {last}"
            return Delivery(delivered=False, retryable=True, detail=detail)
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError):
            return Delivery(delivered=False, retryable=False, detail="the address is not an HTTP URL")
        except _WORTH_RETRYING:
            return Delivery(delivered=False, retryable=True, detail=last)
        except aiohttp.ClientError as error:
            return Delivery(delivered=False, retryable=True, detail=type(error).__name__)
        raise AssertionError("tenacity either returns or raises")  # pragma: no cover

    async def _post(self, session: aiohttp.ClientSession, url: str, body: list[dict[str, Any]]) -> Delivery:
        async with session.post(url.rstrip("/") + PATH, json=body, allow_redirects=False) as response:
            if response.status == 200:
                return Delivery(delivered=True)
            answer = " ".join((await response.content.read(300)).decode(errors="replace").split())
            detail = f"HTTP {response.status} {answer}".rstrip()
            if response.status >= 500 or response.status == 429:
                raise _Unavailable(detail)
            return Delivery(delivered=False, retryable=False, detail=detail)


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether an Alertmanager answers. `said` is its version, or why it is none; no secret of its address."""

    ready: bool
    said: str


async def readiness(urls: Sequence[str], within: float) -> Mapping[str, Readiness]:
    """What each address answers within so many seconds. No alert is sent."""
    async with aiohttp.ClientSession() as session:
        answers = await asyncio.gather(*(_ready(session, url, within) for url in urls))
    return dict(zip(urls, answers, strict=True))


async def _ready(session: aiohttp.ClientSession, url: str, within: float) -> Readiness:
    try:
        async with (
            asyncio.timeout(within),
            session.get(url.rstrip("/") + STATUS_PATH, allow_redirects=False) as response,
        ):
            told = await response.content.read(_LONGEST_STATUS) if response.status == 200 else b""
            while told and (more := await response.content.read(_LONGEST_STATUS - len(told))):
                told += more
    except TimeoutError:
        return Readiness(ready=False, said=f"no answer within {duration(within)}")
    except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError):
        return Readiness(ready=False, said="the address is not an HTTP URL")
    except aiohttp.ClientConnectorError as error:
        return Readiness(ready=False, said=_why(error.os_error))
    except (aiohttp.ClientError, ValueError) as error:
        return Readiness(ready=False, said=type(error).__name__)
    if response.status != 200:
        return Readiness(ready=False, said=f"HTTP {response.status} for {STATUS_PATH}")
    try:
        version = json.loads(told)["versionInfo"]["version"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return Readiness(ready=False, said=f"what answers {STATUS_PATH} is no Alertmanager")
    return Readiness(ready=True, said=f"Alertmanager {str(version)[:40]} answers")


def _why(error: OSError) -> str:
    """The system's own words; asyncio's repeat the address."""
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return error.strerror or type(error).__name__


def _posted(alert: Alert) -> dict[str, Any]:
    """`postableAlert` of Alertmanager's OpenAPI document (api/v2/openapi.yaml); times are RFC 3339."""
    posted: dict[str, Any] = {"labels": dict(alert.labels), "annotations": dict(alert.annotations)}
    if alert.starts_at is not None:
        posted["startsAt"] = _rfc3339(alert.starts_at)
    if alert.ends_at is not None:
        posted["endsAt"] = _rfc3339(alert.ends_at)
    return posted


def _rfc3339(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
