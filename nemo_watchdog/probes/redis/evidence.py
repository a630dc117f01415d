"""What a restart of Redis would destroy, in text: INFO, the slow log, who its clients are.

The server may be out of clients: one connection at a time, and none stays. No question is asked that holds up a Redis
with many clients for long.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, TypeAlias

import redis.asyncio.connection as client
from redis import exceptions

from nemo_watchdog.durations import duration
from nemo_watchdog.errors import EvidenceError, in_one_line
from nemo_watchdog.evidence import Questions
from nemo_watchdog.model import Finding, Reason
from nemo_watchdog.probes.redis import clients, slowlog
from nemo_watchdog.probes.redis.address import WrongAddress
from nemo_watchdog.probes.redis.failures import redis_failure
from nemo_watchdog.probes.redis.info import number, parse_info
from nemo_watchdog.probes.redis.refusal import refusal
from nemo_watchdog.probes.redis.sentinel import NoMaster
from nemo_watchdog.probes.redis.way import Way, Ways
from nemo_watchdog.probes.shared.network import os_failure

PATIENCE = 4.0
"""Seconds of one question."""
_MOST_CLIENTS = 10_000
_LONGEST_INFO = 128 * 1024

_COUNTS = ("cmdstat_", "errorstat_", "latency_percentiles_")
"""What begins so is named after a command or an error, and counts it."""

Ask: TypeAlias = Callable[..., Awaitable[Any]]
"""Asks a command, by its words; gives the reply."""
Question: TypeAlias = Callable[[Ask], Awaitable[str]]


class RedisEvidence:
    """`last` is how the look connects, when it has done so: the same instance is asked."""

    def __init__(self, ways: Ways, last: Callable[[], Way | None]) -> None:
        self._ways = ways
        self._last = last
        self._one = asyncio.Lock()

    def questions(self) -> Questions:
        """Each raises `EvidenceError` when it has no answer."""
        return {name: partial(self._answer, question) for name, question in _QUESTIONS.items()}

    async def _answer(self, question: Question) -> str:
        async with self._one:
            way: Way | None = None
            try:
                async with asyncio.timeout(PATIENCE) as limit:
                    way = await self._ways.find(self._last())
                    async with _connected(way) as ask:
                        return await question(ask)
            except (NoMaster, WrongAddress) as error:
                why = error.finding.detail
            except exceptions.RedisError as error:
                why = (await _told_at_the_accept(error, way)).detail
            except OSError as error:
                why = f"no answer within {duration(PATIENCE)}" if limit.expired() else os_failure(error).detail
            except (ValueError, RuntimeError):
                # redis-py's parser, about bytes that are no RESP; uvloop, about a connection that has ended.
                why = "its answer is not the Redis protocol, or the connection has ended in it"
        raise EvidenceError(why)


@contextlib.asynccontextmanager
async def _connected(way: Way) -> AsyncIterator[Ask]:
    # The database is left out: nothing that is asked is in one, and to select it may be forbidden.
    connection = way.make(**{name: value for name, value in way.settings.items() if name != "db"})

    async def ask(*words: str) -> Any:
        try:
            await connection.send_command(*words, check_health=False)
            return await connection.read_response(disconnect_on_error=False)
        except exceptions.NoPermissionError:
            raise EvidenceError(f"the user may not run {' '.join(words)} (NOPERM)") from None
        except exceptions.ResponseError as error:
            if "unknown command" in str(error):
                raise EvidenceError(f"it has no command {words[0]}: renamed, or taken away") from None
            raise

    try:
        await connection.connect()  # type: ignore[no-untyped-call]
        yield ask
    finally:
        with contextlib.suppress(exceptions.RedisError, OSError):
            # nowait: a peer that hangs must not hold up the end.
            await connection.disconnect(nowait=True)
        # The transport closes its socket in the next turn of the loop.
        await asyncio.sleep(0)


async def _told_at_the_accept(error: exceptions.RedisError, way: Way | None) -> Finding:
    """Whom it does not take it tells so at the accept, and who writes then may see the end and not the words."""
    finding = redis_failure(error)
    if finding.reason is not Reason.CONNECTION_LOST or way is None or way.make is not client.Connection:
        return finding
    refused = await refusal(*way.address, PATIENCE)
    return finding if refused is None else redis_failure(refused)


def _text(reply: Any) -> str:
    if not isinstance(reply, str):
        raise ValueError("no text")  # noqa: TRY004 - what redis-py's parser raises for other nonsense
    return reply


async def _info(ask: Ask) -> str:
    return info_in_words(_text(await ask("INFO", "everything")))


def info_in_words(text: str) -> str:
    """INFO's own lines, as they come; a value that may be a secret is not kept."""
    lines = map(_line, text.splitlines())
    whole = "".join(f"{line}\n" for line in lines)
    return whole if len(whole) <= _LONGEST_INFO else f"{whole[:_LONGEST_INFO]}\nand more\n"


def _line(line: str) -> str:
    name, colon, value = line.partition(":")
    if value and slowlog.SECRET.search(name) and not name.startswith(_COUNTS):
        value = "(not kept: it may be a secret)"
    return in_one_line(f"{name}{colon}{value}")


async def _slowlog(ask: Ask) -> str:
    return slowlog.in_words(await ask("SLOWLOG", "GET", str(slowlog.ENTRIES)))


async def _clients(ask: Ask) -> str:
    count = number(parse_info(_text(await ask("INFO", "clients"))), "connected_clients")
    if count > _MOST_CLIENTS:
        raise EvidenceError(f"{count:.0f} clients: to list more than {_MOST_CLIENTS} would hold it up")
    listed = _text(await ask("CLIENT", "LIST"))
    return await asyncio.to_thread(clients.in_words, listed)  # thousands of lines would block the event loop


_QUESTIONS: Mapping[str, Question] = MappingProxyType(
    {"info.txt": _info, "slowlog.txt": _slowlog, "clients.txt": _clients}
)
