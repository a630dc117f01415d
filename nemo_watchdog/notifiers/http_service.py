"""Asks an HTTP service, within one deadline for all that a letter takes. No text from it holds a secret of ours.

Redirects are not followed: where a key is sent is what the policy says. A service that asks to be left alone (429 with
`Retry-After`, RFC 9110, section 10.2.3) is: it is asked again within the deadline, or not before that time.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Container, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from nemo_watchdog.channel import DEADLINE
from nemo_watchdog.durations import duration
from nemo_watchdog.errors import in_one_line
from nemo_watchdog.names import Names
from nemo_watchdog.ports import Delivery
from nemo_watchdog.redaction.redactor import Redactor
from nemo_watchdog.system_words import system_words

LONGEST_DETAIL = 300
"""Characters."""

_LONGEST_ANSWER = 64 << 10
"""Bytes."""

_LONGEST_SHOWN = 4096
"""Characters of an answer that are looked at for secrets, to show the first of them."""

_SHORTEST_PAUSE, _LONGEST_PAUSE = 1.0, 3600.0
_WORTH_RETRYING = frozenset({408, 425, 429})


class NotTaken(Exception):
    """The service did not take it. The message is for people and holds no secret."""

    def __init__(self, detail: str, *, retryable: bool) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retryable = retryable

    def delivery(self) -> Delivery:
        return Delivery(delivered=False, retryable=self.retryable, detail=self.detail)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    text: str
    retry_after: float | None = None

    def document(self) -> dict[str, Any]:
        """Empty where it is no object of JSON."""
        try:
            document = json.loads(self.text)
        except (ValueError, RecursionError):
            return {}
        return document if isinstance(document, dict) else {}


class HttpService:
    """`secrets` are what it is asked with: an answer may repeat them."""

    def __init__(self, secrets: Iterable[str], deadline: float = DEADLINE) -> None:
        self._redactor = Redactor(each for each in secrets if each)
        self._deadline = deadline
        self._names = Names()
        self._session: aiohttp.ClientSession | None = None
        self._left_alone_until = 0.0

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    @asynccontextmanager
    async def exchange(self) -> AsyncIterator[Exchange]:
        """All that one letter takes; at its deadline it ends with `NotTaken`."""
        try:
            async with asyncio.timeout(self._deadline) as limit:
                yield Exchange(self, limit.when() or 0.0)
        except TimeoutError:
            raise NotTaken(f"not accepted within {duration(self._deadline)}", retryable=True) from None

    def shown(self, text: str) -> str:
        """What may be told of it."""
        said = in_one_line(self._redactor.text(" ".join(text[:_LONGEST_SHOWN].split())))
        return said if len(said) <= LONGEST_DETAIL else f"{said[: LONGEST_DETAIL - 1]}…"

    def strange(self, answer: Answer, what: str) -> NotTaken:
        """It answered with success and not as the service does: something else may stand at its address for a while."""
        return NotTaken(self.shown(f"HTTP {answer.status} {what}: {answer.text}"), retryable=True)

    async def ask(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, end: float, enough: Container[int]
    ) -> Answer:
        loop = asyncio.get_running_loop()
        while True:
            await self._leave_alone(end)
            answer = await self._answer(method, url, headers, body, enough)
            if answer.status != 429 or answer.retry_after is None:
                break
            self._left_alone_until = loop.time() + answer.retry_after
        if 200 <= answer.status < 300:
            return answer
        if 300 <= answer.status < 400:
            raise NotTaken(f"HTTP {answer.status}: redirects are not followed", retryable=False)
        retryable = answer.status >= 500 or answer.status in _WORTH_RETRYING
        raise NotTaken(self.shown(f"HTTP {answer.status} {answer.text}"), retryable=retryable)

    async def _leave_alone(self, end: float) -> None:
        now = asyncio.get_running_loop().time()
        pause = self._left_alone_until - now
        if now + pause >= end:
            raise NotTaken(f"HTTP 429: asked to be left alone for {duration(round(pause, 1))}", retryable=True)
        if pause > 0:
            await asyncio.sleep(pause)

    async def _answer(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, enough: Container[int]
    ) -> Answer:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(resolver=self._names),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
                headers={"User-Agent": "nemo-watchdog", "Content-Type": "application/json; charset=utf-8"},
            )
        try:
            url.encode()  # of bytes that are no text, the client would leave some out
            async with self._session.request(
                method, url, data=body, headers=headers, allow_redirects=False
            ) as response:
                text = "" if response.status in enough else await _text(response)
                return Answer(response.status, text, _retry_after(response.headers.get("Retry-After", "")))
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError):
            raise NotTaken("the address is not an HTTP URL", retryable=False) from None
        except aiohttp.ClientConnectorCertificateError:
            raise NotTaken("its certificate is not trusted here", retryable=True) from None
        except aiohttp.ClientConnectorError as error:
            raise NotTaken(system_words(error.os_error), retryable=True) from None
        except (aiohttp.ClientError, OSError) as error:
            raise NotTaken(type(error).__name__, retryable=True) from None
        except ValueError:
            raise NotTaken("the key, or the address, holds what no HTTP request can carry", retryable=False) from None


@dataclass(frozen=True, slots=True)
class Exchange:
    service: HttpService
    end: float
    """Of the event loop's clock."""

    async def ask(
        self,
        url: str,
        document: Any,
        headers: Mapping[str, str] | None = None,
        *,
        method: str = "POST",
        enough: Container[int] = (),
    ) -> Answer:
        """The answer, of status 2xx. Raises `NotTaken` otherwise.

        A status of `enough` says all: the text that follows is not read, be it cut or without an end.
        """
        return await self.send(url, as_json(document), headers or {}, method=method, enough=enough)

    async def send(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        method: str = "POST",
        enough: Container[int] = (),
    ) -> Answer:
        """See `ask`."""
        return await self.service.ask(method, url, headers, body, self.end, enough)


def as_json(document: Any) -> bytes:
    """What has no place in UTF-8, such as half of a pair of surrogates, as Python writes it."""
    return json.dumps(document, ensure_ascii=False).encode("utf-8", "backslashreplace")


def shortened(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


async def _text(response: aiohttp.ClientResponse) -> str:
    told = b""
    while len(told) < _LONGEST_ANSWER and (more := await response.content.read(_LONGEST_ANSWER - len(told))):
        told += more
    return told.decode(errors="replace")


def _retry_after(value: str) -> float | None:
    """Seconds; None as well for a date, which the header may also be: whoever is told to retry does so later anyhow."""
    if not (value.isascii() and value.isdigit()):
        return None
    return min(max(float(value), _SHORTEST_PAUSE), _LONGEST_PAUSE)
