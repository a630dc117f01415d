"""Docker behind a deadline: every call ends in time, and a Docker that does not answer is blindness, not a finding.

aiodocker makes the requests; its event channel is not used. That channel ends in silence when its stream breaks, keeps
events without bound and raises the old failure again at `stop()` (0.27.0), so the stream is read here line by line.
Paths used, for a socket proxy's allow-list: GET /version, /_ping, /events, /containers/NAME/json;
POST /containers/NAME/restart.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime

import aiohttp
import structlog
from aiodocker import Docker
from aiodocker.exceptions import DockerError

from nemo_watchdog.containers.parse import parse_event, parse_inspect
from nemo_watchdog.errors import ContainersUnreachable
from nemo_watchdog.model import ActionOutcome, ActionRequest, ActionResult, ContainerEvent, ContainerStatus, RunState

DEFAULT_HOST = "unix:///var/run/docker.sock"

RECONNECTED = ContainerEvent(container="", action="reconnected")

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0
"""Seconds between two tries to open the event stream."""

PING_AFTER = 10.0
"""Seconds of a silent stream after which Docker is asked whether it lives."""

LONGEST_LINE = 1 << 20
"""Bytes of one event; Docker's own are a few hundred plus the container's labels."""

EVENTS = ("create", "start", "restart", "stop", "kill", "die", "oom", "pause", "unpause", "rename", "destroy")
"""Events of a container's life, and its `health_status`; the events of `exec` health checks would drown them."""

LONGEST_HISTORY = 1 << 22
"""Bytes. Docker keeps 256 past events (moby, daemon/events: eventsLimit)."""

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")
_UNREACHABLE = 900
"""aiodocker's own status for a connection that failed."""

_log = structlog.stdlib.get_logger(__name__)


class DockerContainers:
    """Satisfies `ports.Containers`. `host` is like DOCKER_HOST; `timeout` in seconds bounds one question to Docker."""

    def __init__(self, host: str | None, timeout: float = 5.0, *, ping_after: float = PING_AFTER) -> None:
        self._host = host or DEFAULT_HOST
        if not self._host.startswith(("unix:///", "tcp://", "http://", "https://")):
            raise ValueError(f"the Docker address {self._host} must begin with unix:///, tcp://, http:// or https://")
        self._timeout = timeout
        self._ping_after = ping_after
        self._docker: Docker | None = None
        self._closed = False

    async def inspect(self, name: str) -> ContainerStatus:
        """See `ports.Containers.inspect`. A prefix of another container's id is not a name: `RunState.MISSING`."""
        missing = ContainerStatus(RunState.MISSING, detail=f"Docker has no container named {name}")
        if _NAME.fullmatch(name) is None:
            return missing
        docker = self._client()
        try:
            async with asyncio.timeout(self._timeout):
                inspected: object = await docker.containers.container(name).show()
        except TimeoutError as error:
            raise ContainersUnreachable(f"Docker did not answer within {self._timeout:g}s") from error
        except DockerError as error:
            if error.status == 404:
                return missing
            raise _unreachable(error) from error
        except (aiohttp.ClientError, OSError, ValueError, LookupError, TypeError) as error:
            raise ContainersUnreachable(f"Docker gave no usable answer: {type(error).__name__}") from error
        if not isinstance(inspected, Mapping):
            raise ContainersUnreachable("Docker's answer is not a container's inspect")
        if inspected.get("Name") != f"/{name}" and inspected.get("Id") != name:
            return missing
        try:
            return parse_inspect(inspected)
        except ValueError as error:
            raise ContainersUnreachable(str(error)) from error

    async def events(self) -> AsyncIterator[ContainerEvent]:
        """See `ports.Containers.events`. The first event, too, is `reconnected`; ends only after `close`.

        Docker keeps 256 past events only, so what happened while the stream was lost is learned by inspecting.
        """
        pause = FIRST_PAUSE
        while True:
            try:
                async for event in self._stream():
                    pause = FIRST_PAUSE
                    yield event
            except ContainersUnreachable as error:
                if self._closed:
                    return
                _log.warning("docker_events_lost", error=str(error), retry_in=pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def history(self, name: str, since: datetime) -> Sequence[ContainerEvent]:
        """See `ports.Containers.history`. Docker keeps the last 256 events of all containers, and none over a restart.

        Docker's clock must not be behind ours: it holds the answer back until its clock has reached the end asked for.
        """
        docker = self._client()
        wanted = {"type": ["container"], "container": [name], "event": list(EVENTS)}
        span = {"since": f"{since.timestamp():.6f}", "until": f"{datetime.now(UTC).timestamp():.6f}"}
        try:
            async with (
                asyncio.timeout(self._timeout),
                docker.session.get(
                    f"{docker.docker_host}/events", params={**span, "filters": json.dumps(wanted)}
                ) as response,
            ):
                if response.status != 200:
                    raise ContainersUnreachable(f"Docker answered the question for its events with {response.status}")
                told = await response.content.read(LONGEST_HISTORY)
                while chunk := await response.content.read(LONGEST_HISTORY - len(told)):
                    told += chunk
        except TimeoutError as error:
            raise ContainersUnreachable(f"Docker did not tell its events within {self._timeout:g}s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise ContainersUnreachable(f"Docker does not answer: {error}") from error
        events = (_event(line) for line in told.split(b"\n"))
        return [event for event in events if event is not None and event.container == name]

    async def restart(self, request: ActionRequest) -> ActionResult:
        """See `ports.Containers.restart`. UNKNOWN when the connection broke after Docker may have heard the order."""
        try:
            async with asyncio.timeout(request.timeout):
                status = await self.inspect(request.container)
                if (otherwise := _not_as_judged(request, status)) is not None:
                    return ActionResult(ActionOutcome.REFUSED, otherwise)
                # No HTTP timeout of its own: aiodocker has none here, and the deadline above bounds the call.
                await self._client().containers.container(request.container).restart(t=math.ceil(request.stop_timeout))
        except TimeoutError:
            return ActionResult(
                ActionOutcome.TIMED_OUT, f"Docker did not finish within {request.timeout:g}s; it may still do so"
            )
        except DockerError as error:
            if error.status == _UNREACHABLE:
                if isinstance(error.__context__, aiohttp.ClientConnectorError):
                    return ActionResult(ActionOutcome.REFUSED, error.message)
                return ActionResult(ActionOutcome.UNKNOWN, f"the connection to Docker was lost: {error.message}")
            return ActionResult(ActionOutcome.FAILED, error.message)
        except (aiohttp.ClientError, OSError, ValueError, LookupError, TypeError) as error:
            return ActionResult(ActionOutcome.UNKNOWN, f"Docker gave no usable answer: {type(error).__name__}")
        return ActionResult(ActionOutcome.SUCCEEDED, "Docker restarted the container")

    async def ping(self) -> None:
        """Raises `ContainersUnreachable` when Docker does not say within the timeout that it lives."""
        docker = self._client()
        try:
            async with asyncio.timeout(self._timeout), docker.session.get(f"{docker.docker_host}/_ping") as response:
                if response.status != 200:
                    raise ContainersUnreachable(f"Docker answered the ping with {response.status}")
        except TimeoutError as error:
            raise ContainersUnreachable(f"Docker did not answer a ping within {self._timeout:g}s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise ContainersUnreachable(f"Docker does not answer: {error}") from error

    async def close(self) -> None:
        self._closed = True
        if self._docker is not None:
            await self._docker.close()
            self._docker = None

    def _client(self) -> Docker:
        # Made at the first use: its session belongs to the loop that runs then.
        if self._closed:
            raise ContainersUnreachable("the connection to Docker was closed")
        if self._docker is None:
            self._docker = Docker(url=self._host)
        return self._docker

    async def _stream(self) -> AsyncIterator[ContainerEvent]:
        """One connection: `reconnected`, then its events; ends with `ContainersUnreachable`, however it ends."""
        response = await self._open_stream()
        try:
            yield RECONNECTED
            rest = b""
            while True:
                chunk = await self._read(response)
                *lines, rest = (rest + chunk).split(b"\n")
                if len(rest) > LONGEST_LINE:
                    raise ContainersUnreachable("Docker's event stream has a line without an end")
                for line in lines:
                    event = _event(line)
                    if event is not None:
                        yield event
        finally:
            response.close()

    async def _open_stream(self) -> aiohttp.ClientResponse:
        docker = self._client()
        wanted = {"type": ["container"], "event": [*EVENTS, "health_status"]}
        try:
            async with asyncio.timeout(self._timeout):
                response = await docker.session.get(
                    f"{docker.docker_host}/events",
                    params={"filters": json.dumps(wanted)},
                    timeout=aiohttp.ClientTimeout(total=None, sock_read=None),
                )
        except TimeoutError as error:
            raise ContainersUnreachable(f"Docker's event stream did not open within {self._timeout:g}s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise ContainersUnreachable(f"Docker does not answer: {error}") from error
        if response.status != 200:
            response.close()
            raise ContainersUnreachable(f"Docker answered the event stream with {response.status}")
        return response

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        """The next bytes, as soon as there are some. A silent stream is fine for as long as Docker answers pings."""
        while True:
            try:
                async with asyncio.timeout(self._ping_after):
                    chunk = await response.content.readany()
            except TimeoutError:
                await self.ping()
                continue
            except (aiohttp.ClientError, OSError) as error:
                raise ContainersUnreachable(f"Docker's event stream broke: {type(error).__name__}") from error
            if not chunk:
                raise ContainersUnreachable("Docker's event stream ended")
            return chunk


def _not_as_judged(request: ActionRequest, found: ContainerStatus) -> str | None:
    """Why the order no longer holds; None when what was judged is what is there."""
    if found.state is RunState.MISSING:
        return found.detail
    judged = request.judged
    if judged is None:
        return None
    if found.container_id != judged.container_id:
        return "the container was replaced since it was judged"
    if found.started_at != judged.started_at:
        return "the container was started anew since it was judged"
    if found.state is not judged.state:
        return f"the container is {found.state} and was {judged.state} when it was judged"
    return None


def _event(line: bytes) -> ContainerEvent | None:
    if not line.strip():
        return None
    try:
        return parse_event(line)
    except ValueError as error:
        raise ContainersUnreachable("Docker's event stream is garbled") from error


def _unreachable(error: DockerError) -> ContainersUnreachable:
    if error.status == _UNREACHABLE:
        return ContainersUnreachable(error.message)
    return ContainersUnreachable(f"Docker answered {error.status}: {error.message}")
