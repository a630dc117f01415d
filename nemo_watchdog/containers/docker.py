"""Docker behind a deadline: every call ends in time, and a Docker that does not answer is blindness, not a finding.

Paths used, for a socket proxy's allow-list: GET /version, /_ping, /events, /containers/NAME/(json|stats|top|logs);
POST /containers/NAME/(restart|start|kill|unpause), each for the action of that name. For `execute` alone: POST
/containers/NAME/exec, /exec/ID/start; GET /exec/ID/json. For `labels`, `all_inspected` and `largest` alone: GET
/containers/json.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

import aiohttp
from aiodocker.containers import DockerContainer
from aiodocker.exceptions import DockerError

from nemo_watchdog.containers.connection import Connection
from nemo_watchdog.containers.event_stream import EVENTS, EventStream, read_event
from nemo_watchdog.containers.parse import (
    own_name,
    parse_inspect,
    parse_labels,
    parse_log,
    parse_titles,
    parse_usage,
    parse_waiting,
    unix_seconds,
)
from nemo_watchdog.errors import ContainersUnreachable, NotOrdered, OrderFailed, OrderUncertain, QuestionRefused
from nemo_watchdog.model import ContainerEvent, ContainerStatus, ContainerUsage, LogLine, RunState
from nemo_watchdog.ports import MOST_LOG_LINES

PING_AFTER = 10.0
"""Seconds of a silent stream after which Docker is asked whether it lives."""

LONGEST_ANSWER = 1 << 22
"""Bytes of one answer: 256 past events (moby, daemon/events: eventsLimit) or the log lines of one interval."""

LONGEST_LIST = 1 << 24
"""Bytes of the list of all containers, of which each takes one or two thousand."""

INSPECTED_AT_ONCE = 8

SHORT_LINES = 200
"""So many lines of a log are never longer than `LONGEST_ANSWER`: Docker cuts them (16 KiB; moby, daemon/logger/copier).
"""

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")
_AS_IT_WAS = 304
_UNREACHABLE = 900
"""aiodocker's own status for a connection that failed."""


class DockerContainers:
    """Satisfies `ports.Containers`. `host` is like DOCKER_HOST; `timeout` in seconds bounds one question to Docker."""

    def __init__(self, host: str | None, timeout: float = 5.0, *, ping_after: float = PING_AFTER) -> None:
        self._connection = Connection(host, timeout)
        self._stream = EventStream(self._connection, self.ping, ping_after)

    async def inspect(self, name: str) -> ContainerStatus:
        """See `ports.Containers.inspect`. A prefix of another container's id is not a name: `RunState.MISSING`."""
        missing = ContainerStatus(RunState.MISSING, detail=f"Docker has no container named {name}")
        if _NAME.fullmatch(name) is None:
            return missing
        try:
            async with self._connection.bounded("a container's state"):
                inspected = await self._show(name)
        except DockerError as error:
            if error.status == 404:
                return missing
            raise _unreachable(error) from error
        except (ValueError, LookupError, TypeError) as error:
            raise ContainersUnreachable(f"Docker gave no usable answer: {type(error).__name__}") from error
        if not isinstance(inspected, Mapping):
            raise ContainersUnreachable("Docker's answer is not a container's inspect")
        if inspected.get("Name") != f"/{name}" and inspected.get("Id") != name:
            return missing
        try:
            return parse_inspect(inspected)
        except ValueError as error:
            raise ContainersUnreachable(str(error)) from error

    async def labels(self, *, never_started: bool = False) -> Mapping[str, Mapping[str, str]]:
        """See `ports.Containers.labels`."""
        what = "which containers there are"
        told = await self._connection.ask("/containers/json", what, LONGEST_LIST, all="true")
        try:
            return parse_labels(json.loads(told), never_started=never_started)
        except ValueError as error:
            raise QuestionRefused(200, "no list of containers", what) from error

    async def all_inspected(self) -> Sequence[Mapping[str, Any]]:
        """What Docker knows of each container, running or not, as it tells it. One that goes meanwhile is left out.

        Raises `ContainersUnreachable`.
        """
        told = await self._connection.ask("/containers/json", "which containers there are", LONGEST_LIST, all="true")
        try:
            ids = [str(each["Id"]) for each in json.loads(told)]
        except (ValueError, LookupError, TypeError) as error:
            raise ContainersUnreachable("Docker's answer does not say which containers there are") from error
        turn = asyncio.Semaphore(INSPECTED_AT_ONCE)

        async def one(container_id: str) -> Mapping[str, Any] | None:
            path = self._path(container_id, "json")
            async with turn:
                try:
                    inspected = json.loads(await self._connection.ask(path, "a container's state", LONGEST_ANSWER))
                except QuestionRefused as error:
                    if error.status == 404:
                        return None
                    raise
                except ValueError as error:
                    raise ContainersUnreachable("Docker's answer is not a container's inspect") from error
            return inspected if isinstance(inspected, Mapping) else None

        found = await asyncio.gather(*map(one, ids))
        return [each for each in found if each is not None]

    def events(self) -> AsyncIterator[ContainerEvent]:
        """See `ports.Containers.events`."""
        return self._stream.events()

    async def history(self, name: str, container_id: str) -> Sequence[ContainerEvent]:
        """See `ports.Containers.history`. Docker keeps the last 256 events of everything, and none over a restart.

        Docker's clock must not be behind ours: it holds the answer back until its clock has reached the end asked for.
        """
        wanted = {"type": ["container"], "container": [container_id], "event": list(EVENTS)}
        lines = (await self._stream.past(LONGEST_ANSWER, filters=json.dumps(wanted))).split(b"\n")
        events = (read_event(line) for line in lines)
        told = (event for event in events if event is not None and event.container_id == container_id)
        return [replace(event, container=name) for event in told]

    async def remembers_since(self) -> datetime | None:
        """See `ports.Containers.remembers_since`: the time of the oldest event of whatever kind."""
        return min(await self._stream.remembered(), default=None)

    async def takes_callers(self) -> bool:
        """See `ports.Containers.takes_callers`. An Engine that shuts down goes on with the callers that it has."""
        caller = self._connection.another()
        try:
            await caller.ask("/_ping", "that it lives", LONGEST_ANSWER)
        except ContainersUnreachable:
            return False
        finally:
            await caller.close()
        return True

    async def usage(self, name: str) -> ContainerUsage:
        """See `ports.Containers.usage`. One sample without a second one to compare with, so that it takes no second."""
        path, what = self._path(name, "stats"), "a container's usage"
        told = await self._connection.ask(path, what, LONGEST_ANSWER, **{"stream": "false", "one-shot": "true"})
        try:
            return parse_usage(json.loads(told))
        except ValueError as error:
            raise QuestionRefused(200, "no usage of a running container", what) from error

    async def uninterruptible(self, name: str) -> frozenset[int]:
        """See `ports.Containers.uninterruptible`. Docker runs `ps` for it, where it runs itself."""
        path, what = self._path(name, "top"), "what the processes of a container do"
        told = await self._connection.ask(path, what, LONGEST_ANSWER, ps_args="-eo pid,stat")
        try:
            return parse_waiting(json.loads(told))
        except ValueError as error:
            raise QuestionRefused(200, "no processes of a running container", what) from error

    async def titles(self, name: str) -> Sequence[str]:
        """See `ports.Containers.titles`. Not asked with `uninterruptible`: `ps` needs none of their memory for that."""
        path, what = self._path(name, "top"), "the titles of the processes of a container"
        told = await self._connection.ask(path, what, LONGEST_ANSWER, ps_args="-eo pid,args")
        try:
            return parse_titles(json.loads(told))
        except ValueError as error:
            raise QuestionRefused(200, "no processes of a running container", what) from error

    async def log(self, name: str, since: datetime) -> Sequence[LogLine]:
        """See `ports.Containers.log`. For a `since` alone Docker reads the log from its beginning."""
        told = await self._log(name, since=unix_seconds(since), tail=str(MOST_LOG_LINES))
        if len(told) >= LONGEST_ANSWER:
            # Cut off, it would be the oldest that are known, and further behind with each question.
            told = await self._log(name, since=unix_seconds(since), tail=str(SHORT_LINES))
        return [line for line in parse_log(told) if line.at >= since]

    async def last_words(self, name: str, lines: int) -> Sequence[LogLine]:
        """See `ports.Containers.last_words`. Docker reads from the end for it, and for a `since` from the beginning."""
        return parse_log(await self._log(name, tail=str(lines)))

    async def inspection(self, name: str) -> Mapping[str, Any]:
        """See `ports.Containers.inspection`."""
        what = "all about a container"
        try:
            told = json.loads(await self._connection.ask(self._path(name, "json"), what, LONGEST_ANSWER))
        except ValueError as error:
            raise QuestionRefused(200, "no container's inspect", what) from error
        if not isinstance(told, Mapping):
            raise QuestionRefused(200, "no container's inspect", what)
        return told

    async def largest(self, most: int) -> Sequence[tuple[str, ContainerUsage]]:
        """See `ports.Containers.largest`. One that ends meanwhile is left out."""
        what = "which containers run"
        told = await self._connection.ask("/containers/json", what, LONGEST_LIST)
        try:
            names = [name for each in json.loads(told) if (name := own_name(each))]
        except (ValueError, LookupError, TypeError) as error:
            raise QuestionRefused(200, "no list of containers", what) from error
        turn = asyncio.Semaphore(INSPECTED_AT_ONCE)

        async def one(name: str) -> tuple[str, ContainerUsage] | None:
            async with turn:
                try:
                    return name, await self.usage(name)
                except QuestionRefused:
                    return None

        used = [each for each in await asyncio.gather(*map(one, names)) if each is not None]
        return sorted(used, key=lambda each: each[1].memory, reverse=True)[:most]

    async def execute(self, name: str, command: Sequence[str]) -> int | None:
        """See `ports.Containers.execute`. Of one that prints more than `MOST_TOLD` bytes no end is known."""
        what = "how a command in a container ended"
        asked = {"Cmd": list(command), "AttachStdout": True, "AttachStderr": True}
        told = await self._connection.tell(self._path(name, "exec"), what, asked)
        if told is None:
            return None
        try:
            order = json.loads(told)["Id"]
            # The answer to the start ends when the command does.
            if await self._connection.tell(f"/exec/{order}/start", what, {"Detach": False, "Tty": False}) is None:
                return None
            ended = json.loads(await self._connection.ask(f"/exec/{order}/json", what, LONGEST_ANSWER))
            return int(ended["ExitCode"])  # null while it goes on: that is no answer
        except (ValueError, LookupError, TypeError) as error:
            raise ContainersUnreachable(f"Docker's answer does not say {what}") from error

    async def restart(self, name: str, stop_timeout: float) -> None:
        """See `ports.Containers.restart`. Docker counts whole seconds: never fewer than asked for."""
        # aiodocker has no HTTP timeout here: the deadline of the action bounds the call.
        with _an_order():
            await self._container(name).restart(t=math.ceil(stop_timeout))

    async def start(self, name: str) -> None:
        """See `ports.Containers.start`."""
        with _an_order():
            if await self._connection.order(self._path(name, "start")) == _AS_IT_WAS:
                raise NotOrdered("the container runs already: Docker did nothing")

    async def kill(self, name: str, signal: int) -> None:
        """See `ports.Containers.kill`."""
        with _an_order():
            await self._connection.order(self._path(name, "kill"), signal=str(signal))

    async def unpause(self, name: str) -> None:
        """See `ports.Containers.unpause`."""
        with _an_order():
            await self._connection.order(self._path(name, "unpause"))

    async def ping(self) -> None:
        """Raises `ContainersUnreachable` when Docker does not say within the timeout that it lives."""
        await self._connection.ask("/_ping", "that it lives", LONGEST_ANSWER)

    async def close(self) -> None:
        await self._connection.close()

    async def _log(self, name: str, **which: str) -> bytes:
        asked = {"stdout": "1", "stderr": "1", "timestamps": "1", **which}
        return await self._connection.ask(self._path(name, "logs"), "a container's log", LONGEST_ANSWER, **asked)

    async def _show(self, name: str) -> object:
        """Asked once more in the version of the API that Docker speaks now: an Engine may have been rolled back."""
        try:
            return await self._container(name).show()
        except DockerError as error:
            if error.status != 400:
                raise
        self._connection.negotiate_anew()
        return await self._container(name).show()

    def _container(self, name: str) -> DockerContainer:
        return self._connection.client().containers.container(_checked(name))

    @staticmethod
    def _path(name: str, part: str) -> str:
        return f"/containers/{_checked(name)}/{part}"


def _checked(name: str) -> str:
    """The name, fit for a path of the API."""
    if _NAME.fullmatch(name) is None:
        raise ContainersUnreachable(f"{name} is no name of a container")
    return name


@contextmanager
def _an_order() -> Iterator[None]:
    """What Docker and the connection say to an order, in the words of `ports.Containers.restart`."""
    try:
        yield
    except TimeoutError:
        raise  # too late is too late, whoever counted the seconds
    except DockerError as error:
        if error.status != _UNREACHABLE:
            raise OrderFailed(error.message) from error
        if isinstance(error.__context__, aiohttp.ClientConnectorError):
            raise ContainersUnreachable(error.message) from error
        raise OrderUncertain(f"the connection to Docker was lost: {error.message}") from error
    except aiohttp.ClientConnectorError as error:
        raise ContainersUnreachable(f"Docker does not answer: {error}") from error
    except (aiohttp.ClientError, OSError, ValueError, LookupError, TypeError) as error:
        raise OrderUncertain(f"Docker gave no usable answer: {type(error).__name__}") from error


def _unreachable(error: DockerError) -> ContainersUnreachable:
    if error.status == _UNREACHABLE:
        return ContainersUnreachable(error.message)
    return QuestionRefused(error.status, error.message, "a container's state")
