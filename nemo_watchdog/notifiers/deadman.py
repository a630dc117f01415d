"""One GET to the service that calls people when it hears nothing more. Its answer is not read."""

from __future__ import annotations

import asyncio

import aiohttp

from nemo_watchdog.durations import duration
from nemo_watchdog.names import Names
from nemo_watchdog.policy.secret_value import Secret
from nemo_watchdog.ports import Delivery
from nemo_watchdog.system_words import system_words


class HttpHeartbeat:
    def __init__(self) -> None:
        self._names = Names()
        self._session: aiohttp.ClientSession | None = None

    async def beat(self, url: Secret, within: float) -> Delivery:
        """In so many seconds; a failure is a result, never an exception, and says nothing of the address."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(resolver=self._names),
                headers={"User-Agent": "nemo-watchdog"},
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        try:
            async with (
                asyncio.timeout(within),
                self._session.get(url.reveal(), allow_redirects=False) as response,
            ):
                good = 200 <= response.status < 300
                return Delivery(good, retryable=not good, detail="" if good else f"HTTP {response.status}")
        except TimeoutError:
            return Delivery(delivered=False, retryable=True, detail=f"no answer within {duration(within)}")
        except aiohttp.ClientConnectorError as error:
            return Delivery(delivered=False, retryable=True, detail=system_words(error.os_error))
        except (aiohttp.ClientError, ValueError) as error:
            return Delivery(delivered=False, retryable=True, detail=type(error).__name__)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None
