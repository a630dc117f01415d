"""Which of the daemon's calls to Docker are let through, each asked once. It restarts nothing and runs nothing.

An order is asked for `NOBODY`, a container that cannot exist: Docker's own 404 says that the order came through to it,
and a 401, 403 or 405, or a 404 in other words, that something before Docker refuses it.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from types import MappingProxyType

from nemo_watchdog.containers.connection import Connection
from nemo_watchdog.errors import ContainersUnreachable, in_one_line
from nemo_watchdog.recreation import KEPT

NOBODY = "_nemo-watchdog-doctor"
"""Docker gives no container such a name: they begin with a letter or a digit (moby, daemon/names)."""

_MOST = 64 * 1024
_MOST_WORDS = 80
_REFUSALS = (401, 403, 405, 407)
_NOT_FROM_DOCKER = (502, 503, 504)
_NOT_THERE = ("no such", f"network {NOBODY} not found")
"""Docker's own 404, for what cannot be there; another one is of who does not know the path."""


class Call(StrEnum):
    """What the daemon asks of Docker."""

    VERSION = "version"
    PING = "ping"
    EVENTS = "events"
    INSPECT = "inspect"
    STATS = "stats"
    TOP = "top"
    LOGS = "logs"
    LIST = "list"
    RESTART = "restart"
    START = "start"
    KILL = "kill"
    UNPAUSE = "unpause"
    IMAGE = "image"
    TAG = "tag"
    CREATE = "create"
    CONNECT = "connect"
    UPDATE = "update"
    STOP = "stop"
    RENAME = "rename"
    REMOVE = "remove"
    EXEC = "exec"
    EXEC_START = "exec start"
    EXEC_RESULT = "exec result"


PATHS: Mapping[Call, tuple[str, str]] = MappingProxyType(
    {
        Call.VERSION: ("GET", "/version"),
        Call.PING: ("GET", "/_ping"),
        Call.EVENTS: ("GET", "/events"),
        Call.INSPECT: ("GET", "/containers/{}/json"),
        Call.STATS: ("GET", "/containers/{}/stats"),
        Call.TOP: ("GET", "/containers/{}/top"),
        Call.LOGS: ("GET", "/containers/{}/logs"),
        Call.LIST: ("GET", "/containers/json"),
        Call.RESTART: ("POST", "/containers/{}/restart"),
        Call.START: ("POST", "/containers/{}/start"),
        Call.KILL: ("POST", "/containers/{}/kill"),
        Call.UNPAUSE: ("POST", "/containers/{}/unpause"),
        Call.IMAGE: ("GET", "/images/{}/json"),
        Call.TAG: ("POST", "/images/{}/tag"),
        Call.CREATE: ("POST", "/containers/create"),
        Call.CONNECT: ("POST", "/networks/{}/connect"),
        Call.UPDATE: ("POST", "/containers/{}/update"),
        Call.STOP: ("POST", "/containers/{}/stop"),
        Call.RENAME: ("POST", "/containers/{}/rename"),
        Call.REMOVE: ("DELETE", "/containers/{}"),
        Call.EXEC: ("POST", "/containers/{}/exec"),
        Call.EXEC_START: ("POST", "/exec/{}/start"),
        Call.EXEC_RESULT: ("GET", "/exec/{}/json"),
    }
)
"""Method and path; `{}` is the name of a container, an image or a network, or the id of an order to run something."""

_QUESTIONS: Mapping[Call, Mapping[str, str]] = {
    Call.STATS: {"stream": "false", "one-shot": "true"},
    Call.TOP: {"ps_args": "-eo pid,stat"},
    Call.LIST: {"limit": "1"},
    Call.KILL: {"signal": "1"},
    Call.RENAME: {"name": NOBODY},
    Call.TAG: {"repo": KEPT, "tag": "nobody"},
    Call.LOGS: {"stdout": "1", "stderr": "1", "tail": "1"},
}
_COMMANDS: Mapping[Call, object] = {
    Call.EXEC: {"Cmd": ["true"]},
    Call.CREATE: {},  # without a command Docker makes nothing
    Call.CONNECT: {"Container": NOBODY},
    Call.UPDATE: {},
    Call.EXEC_START: {"Detach": False, "Tty": False},
}


@dataclass(frozen=True, slots=True)
class Answer:
    """`status` is HTTP's. By `ahead` seconds at least Docker's clock is before ours, below 0 behind it."""

    let_through: bool
    status: int
    words: str = ""
    """Of a refusal, or the version of Docker."""
    ahead: float | None = None


class NoWay(ContainersUnreachable):
    """Nobody answered. `number` is the system's error (errno), None where it gave none; `silent`: it took the call."""

    def __init__(self, message: str, number: int | None, *, silent: bool = False, unknown_host: bool = False) -> None:
        super().__init__(message)
        self.number = number
        self.silent = silent
        self.unknown_host = unknown_host


class Permissions:
    """`host` is like DOCKER_HOST; `timeout` in seconds bounds one question. Raises `ValueError` for a bad address."""

    def __init__(self, host: str | None, timeout: float) -> None:
        self._connection = Connection(host, timeout)

    async def ask(self, call: Call, name: str = NOBODY) -> Answer:
        """Raises `NoWay`. An order, which is no GET, and what is of no container are asked for `NOBODY`."""
        method, path = PATHS[call]
        if method != "GET" or call is Call.IMAGE:
            name = NOBODY
        try:
            return await self._ask(call, method, path.format(name))
        except ContainersUnreachable as error:
            cause = error.__cause__
            number = cause.errno if isinstance(cause, OSError) else None
            unknown = isinstance(getattr(cause, "os_error", cause), socket.gaierror)
            silent = isinstance(cause, TimeoutError)
            raise NoWay(str(error), None if unknown else number, silent=silent, unknown_host=unknown) from error

    async def close(self) -> None:
        await self._connection.close()

    async def _ask(self, call: Call, method: str, path: str) -> Answer:
        async with self._connection.bounded(f"whether {call} is let through"):
            client = self._connection.client()
            asked = datetime.now(UTC)
            async with client.session.request(
                method,
                f"{client.docker_host}{path}",
                params=_QUESTIONS.get(call),
                json=_COMMANDS.get(call),
                allow_redirects=False,
            ) as response:
                ahead = _ahead(response.headers.get("Date"), asked, datetime.now(UTC))
                if response.status == 200:
                    words = _version(await response.content.read(_MOST)) if call is Call.VERSION else ""
                    return Answer(let_through=True, status=200, words=words, ahead=ahead)
                told = await response.content.read(_MOST)
        of_docker = _of_docker(told)
        let_through = _is_let_through(response.status, of_docker)
        words = of_docker if of_docker is not None else told.decode("utf-8", "replace")
        return Answer(let_through, response.status, in_one_line(" ".join(words.split()))[:_MOST_WORDS], ahead)


def _is_let_through(status: int, of_docker: str | None) -> bool:
    if status in _REFUSALS or of_docker is None or status in _NOT_FROM_DOCKER:
        return False
    return status != 404 or any(words in of_docker.lower() for words in _NOT_THERE)


def _of_docker(told: bytes) -> str | None:
    """The message of an error of Docker (Docker Engine API, ErrorResponse); None for what is none."""
    with suppress(ValueError, LookupError, TypeError, RecursionError):
        return str(json.loads(told)["message"])
    return None


def _version(told: bytes) -> str:
    """Docker's version and that of its API; empty for what tells none."""
    with suppress(ValueError, LookupError, TypeError, RecursionError):
        said = json.loads(told)
        return in_one_line(f"{said['Version']} (API {said['ApiVersion']})")[:_MOST_WORDS]
    return ""


def _ahead(date: str | None, asked: datetime, answered: datetime) -> float | None:
    """The header `Date` has whole seconds, cut off, and was written at some time between question and answer."""
    try:
        told = parsedate_to_datetime(date or "")
    except ValueError:
        return None
    if told.tzinfo is None:
        return None
    least, most = (told - answered).total_seconds(), (told - asked).total_seconds() + 1.0
    return least if least > 0 else min(most, 0.0)
