"""The way to Docker: made at the first use, bounded in time; what goes wrong on it is `ContainersUnreachable`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiodocker import Docker

from nemo_watchdog.durations import duration
from nemo_watchdog.errors import ContainersUnreachable, OrderFailed, QuestionRefused

DEFAULT_HOST = "unix:///var/run/docker.sock"


MOST_TOLD = 64 * 1024
"""Bytes of an answer to an order."""

_MOST_WORDS = 200
"""Characters of what Docker says about an error."""

_MOST_OF_AN_ORDER = 1000
"""The same, about an order: it names what it tried first, and the reason last."""


async def _read(response: aiohttp.ClientResponse, most: int) -> bytes:
    told = bytearray()
    while len(told) < most and (chunk := await response.content.read(most - len(told))):
        told += chunk
    return bytes(told)


async def _words(response: aiohttp.ClientResponse, most: int = _MOST_WORDS) -> str:
    """What Docker, or a proxy before it, says about an error, in one line. (Docker Engine API, ErrorResponse.)"""
    told = await _read(response, MOST_TOLD)
    try:
        said = json.loads(told)["message"]
    except (ValueError, LookupError, TypeError, RecursionError):
        said = told.decode("utf-8", "replace")
    return " ".join(str(said).split())[:most] or "nothing more"


class Connection:
    """`host` is like DOCKER_HOST; `timeout` in seconds bounds one question."""

    def __init__(self, host: str | None, timeout: float) -> None:
        self.timeout = timeout
        self.closed = False
        self._host = host or DEFAULT_HOST
        if not self._host.startswith(("unix:///", "tcp://", "http://", "https://")):
            raise ValueError(f"the Docker address {self._host} must begin with unix:///, tcp://, http:// or https://")
        self._docker: Docker | None = None

    def another(self) -> Connection:
        """A way of its own to the same Docker, that nobody has used yet."""
        return Connection(self._host, self.timeout)

    def client(self) -> Docker:
        """Aiodocker's client. Its session belongs to the loop that runs at the first use."""
        if self.closed:
            raise ContainersUnreachable("the connection to Docker was closed")
        if self._docker is None:
            self._docker = Docker(url=self._host)
        return self._docker

    def negotiate_anew(self) -> None:
        """The next question finds out which version of the API Docker speaks (`GET /version`)."""
        self.client().api_version = "auto"

    async def ask(self, path: str, what: str, most: int, **params: str) -> bytes:
        """The body of a 200, at most so many bytes; raises `ContainersUnreachable`, `QuestionRefused` for another one.

        `what` names it for people.
        """
        client = self.client()
        async with self.bounded(what), client.session.get(f"{client.docker_host}{path}", params=params) as response:
            if response.status != 200:
                raise QuestionRefused(response.status, await _words(response), what)
            return await _read(response, most)

    async def tell(self, path: str, what: str, order: Mapping[str, Any]) -> bytes | None:
        """The body of the answer to a POST, at most `MOST_TOLD` bytes; None when Docker refuses the order (4xx)."""
        client = self.client()
        async with self.bounded(what), client.session.post(f"{client.docker_host}{path}", json=order) as response:
            if 400 <= response.status < 500:
                return None
            if response.status >= 300:
                raise QuestionRefused(response.status, await _words(response), what)
            return await _read(response, MOST_TOLD)

    async def order(self, path: str, **params: str) -> int:
        """The status of the answer to a POST that changes a container: 2xx, or 304 where it changes nothing.

        It has no deadline, and what the transport raises comes out as it is. Raises `OrderFailed` with Docker's words.
        """
        client = self.client()
        async with client.session.post(
            f"{client.docker_host}{path}",
            params=params,
            timeout=aiohttp.ClientTimeout(total=None),
            allow_redirects=False,
        ) as response:
            if response.status == 304 or response.status < 300:
                return response.status
            raise OrderFailed(await _words(response, _MOST_OF_AN_ORDER))

    async def open_stream(self, path: str, what: str, params: Mapping[str, str]) -> aiohttp.ClientResponse:
        """A 200 whose body goes on for ever; the caller closes it."""
        async with self.bounded(what):
            response = await self.client().session.get(
                f"{self.client().docker_host}{path}",
                params=params,
                timeout=aiohttp.ClientTimeout(total=None, sock_read=None),
            )
            if response.status != 200:
                words = await _words(response)
                response.close()
                raise QuestionRefused(response.status, words, what)
        return response

    @asynccontextmanager
    async def bounded(self, what: str) -> AsyncIterator[None]:
        """The timeout, and every failure of the transport as blindness."""
        try:
            async with asyncio.timeout(self.timeout):
                yield
        except TimeoutError as error:
            raise ContainersUnreachable(f"Docker did not tell {what} within {duration(self.timeout)}") from error
        except (aiohttp.ClientError, OSError) as error:
            raise ContainersUnreachable(f"Docker does not answer: {error}") from error

    async def close(self) -> None:
        self.closed = True
        if self._docker is not None:
            await self._docker.close()
            self._docker = None
