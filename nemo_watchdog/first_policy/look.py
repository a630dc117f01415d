"""A few bounded HTTP questions to what a container publishes: which page tells that it is well, and in which words."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from nemo_watchdog.first_policy.found import Found, Published
from nemo_watchdog.first_policy.health_check import asked_by

PATHS = ("/health", "/healthz", "/-/healthy", "/")
MODELS = "/v1/models"

WITHIN = 2.0
"""Seconds for one question."""

AT_ONCE = 16
MOST_PORTS = 3
MOST_BYTES = 64 * 1024

_NO_HTTP = frozenset({22, 25, 465, 587, 1433, 1521, 1883, 2181, 3306, 5432, 5672, 6379, 6432, 8883, 9092, 11211, 27017})
"""Ports of protocols whose servers count or log what they do not understand."""

_WELL = ("ok", "healthy", "up", "pass", "alive", "ready", "running")


@dataclass(frozen=True, slots=True)
class Page:
    """A page that tells that it is well. `says` is the word of its JSON's `status` where that is a good one."""

    at: Published
    path: str
    status: int = 200
    says: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """`models` are the names that it lists as a model server does; None where it is none."""

    page: Page | None = None
    models: tuple[str, ...] | None = None
    speaks_http: bool = False


async def look_at(found: Iterable[Found]) -> dict[str, Seen]:
    """What was seen of each container that runs and can be reached, by its name."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(container: Found) -> Seen:
        async with turn:
            return await _look(container)

    asked = [each for each in found if each.runs and each.exists and each.reachable]
    return dict(zip((each.name for each in asked), await asyncio.gather(*map(one, asked)), strict=True))


async def _look(container: Found) -> Seen:
    asked = asked_by(container)
    if asked is not None and asked.path and asked.scheme == "http" and (at := container.at(asked.port)) is not None:
        return await _look_at_port(at, (asked.path,))
    speaks = False
    for at in [each for each in container.reachable if each.inner not in _NO_HTTP][:MOST_PORTS]:
        seen = await _look_at_port(at)
        if seen.page is not None or seen.models is not None:
            return seen
        speaks = speaks or seen.speaks_http
    return Seen(speaks_http=speaks)


async def _look_at_port(at: Published, by_health_check: tuple[str, ...] = ()) -> Seen:
    answer = await ask(at, MODELS)
    if answer is None:
        return Seen()
    models = _models(answer)
    for path in by_health_check or (PATHS if models is None else (*PATHS[:1], MODELS)):
        answer = await ask(at, path)
        # A health check may be content with a redirect; a page that was only guessed must say that it is well.
        if answer is not None and (answer.status == 200 or (by_health_check and answer.status < 400)):
            return Seen(Page(at, path, answer.status, _word(answer.body)), models, speaks_http=True)
    return Seen(models=models, speaks_http=True)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes


async def ask(at: Published, path: str, within: float = WITHIN) -> Answer | None:
    """None where no answer in HTTP comes in time."""
    try:
        async with asyncio.timeout(within):
            return await _ask(at, path)
    except (OSError, ValueError, EOFError, asyncio.LimitOverrunError):  # TimeoutError is an OSError
        return None


async def _ask(at: Published, path: str) -> Answer:
    reader, writer = await asyncio.open_connection(at.host, at.port, limit=MOST_BYTES)
    try:
        head = (f"GET {path} HTTP/1.1", f"Host: {at.address}", "User-Agent: nemo-watchdog", "Accept: */*")
        writer.write("\r\n".join((*head, "Connection: close", "", "")).encode())
        top, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        version, status, *_ = top.split(" ", 2)
        if not version.startswith("HTTP/1."):
            raise ValueError("not HTTP")
        headers = {name.strip().lower(): value.strip() for name, _, value in (each.partition(":") for each in lines)}
        return Answer(int(status), await _body(reader, headers.get("content-length"), headers))
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def _body(reader: asyncio.StreamReader, length: str | None, headers: dict[str, str]) -> bytes:
    """The first bytes of it, with the marks of its chunks taken out."""
    if headers.get("transfer-encoding", "").lower() == "chunked":
        told = b""
        while len(told) < MOST_BYTES and (size := int((await reader.readline()).partition(b";")[0], 16)):
            told += await reader.readexactly(min(size, MOST_BYTES))
            await reader.readline()
        return told
    most = MOST_BYTES if length is None else min(int(length), MOST_BYTES)
    told = b""
    while len(told) < most and (part := await reader.read(most - len(told))):
        told += part
    return told


def _word(body: bytes) -> str:
    status = _json(body, "status")
    return status if isinstance(status, str) and status.lower() in _WELL else ""


def _models(answer: Answer) -> tuple[str, ...] | None:
    """As OpenAI's API lists them: `{"object": "list", "data": [{"id": …}]}`."""
    listed = _json(answer.body, "data") if answer.status == 200 else None
    if not isinstance(listed, Sequence) or isinstance(listed, str) or _json(answer.body, "object") != "list":
        return None
    return tuple(str(each["id"]) for each in listed if isinstance(each, dict) and "id" in each)


def _json(body: bytes, key: str) -> object:
    with suppress(ValueError, RecursionError):
        told = json.loads(body)
        return told.get(key) if isinstance(told, dict) else None
    return None
