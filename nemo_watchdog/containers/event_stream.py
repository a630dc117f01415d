"""Docker's event stream, for ever: opened again when it ends, is cut, stalls or is garbled.

aiodocker's own event channel is not used. It ends in silence when its stream breaks, keeps events without bound and
raises the old failure again at `stop()` (0.27.0), so the stream is read here line by line.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import aiohttp
import structlog

from nemo_watchdog.containers.connection import Connection
from nemo_watchdog.containers.parse import parse_event, unix_seconds
from nemo_watchdog.errors import ContainersUnreachable
from nemo_watchdog.model import ContainerEvent

RECONNECTED = "reconnected"
ENGINE_RESTARTED = "engine_restarted"
LOST = "lost"

MEMORY = 256
"""Events that Docker remembers, of whatever kind (moby, daemon/events: eventsLimit)."""

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0
"""Seconds between two tries to open the event stream."""

LONGEST_LINE = 1 << 20
"""Bytes of one event; Docker's own are a few hundred plus the container's labels."""

ANSWERS_WITHIN = (0.25, 0.5, 1.0, 2.0)
"""Seconds that one question after the other waits for an Engine that comes back: its socket takes callers and lets them
wait from before it looks after its containers."""

OVERLAP = timedelta(seconds=1)
"""A stream that is opened again tells once more what came so long before the other was lost."""

EVENTS = ("create", "start", "restart", "stop", "kill", "die", "oom", "pause", "unpause", "rename", "destroy")
"""Events of a container's life, and its `health_status`; the events of `exec` health checks would drown them."""

FOLLOWED = json.dumps({"type": ["container"], "event": [*EVENTS, "health_status"]})

_log = structlog.stdlib.get_logger(__name__)


class EventStream:
    """`ping` raises when Docker does not live; it is asked after so many seconds of silence."""

    def __init__(self, connection: Connection, ping: Callable[[], Awaitable[None]], ping_after: float) -> None:
        self._connection = connection
        self._ping = ping
        self._ping_after = ping_after
        self._whole_since: datetime | None = None
        self._alive: datetime | None = None
        """When the last stream was surely open."""
        self._newest: datetime | None = None
        """The newest event that Docker is known to have had."""

    async def events(self) -> AsyncIterator[ContainerEvent]:
        """See `ports.Containers.events`. The first event, too, is `reconnected`; ends only after `close`.

        Docker tells again what it remembers of the time in which the stream was lost: of its last 256 events.
        """
        pause, lost = FIRST_PAUSE, False
        while True:
            try:
                async for event in self._one_connection():
                    pause, lost = FIRST_PAUSE, False
                    yield event
            except ContainersUnreachable as error:
                if self._connection.closed:
                    return
                _log.warning("docker_events_lost", error=str(error), retry_in=pause)
            if not lost:
                lost = True
                yield ContainerEvent("", LOST, at=self._alive)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _one_connection(self) -> AsyncIterator[ContainerEvent]:
        """`reconnected`, then its events; ends with `ContainersUnreachable`, however it ends."""
        wanted = {"filters": FOLLOWED}
        opened = datetime.now(UTC)
        if self._alive is not None:
            opened = await self._answers()
            wanted["since"] = unix_seconds(min(self._alive, opened) - OVERLAP)
        response = await self._connection.open_stream("/events", "its events", wanted)
        try:
            for word in await self._begin(opened):
                yield word
            rest = b""
            while True:
                chunk = await self._read(response)
                *lines, rest = (rest + chunk).split(b"\n")
                if len(rest) > LONGEST_LINE:
                    raise ContainersUnreachable("Docker's event stream has a line without an end")
                for line in lines:
                    event = read_event(line)
                    if event is not None:
                        self._newest = event.at or self._newest
                        yield event
        finally:
            response.close()

    async def _answers(self) -> datetime:
        """Shortly before it answered, when nobody could order anything yet. Raises `ContainersUnreachable`."""
        for patience in ANSWERS_WITHIN:
            asked = datetime.now(UTC)
            with suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self._ping()
                return asked
        raise ContainersUnreachable("Docker takes callers and does not answer them")

    async def past(self, most: int, **wanted: str) -> bytes:
        """What Docker remembers, at most so many bytes of it."""
        # From the beginning: a time that a clock which was set back has not reached is refused (400).
        until = unix_seconds(datetime.now(UTC))
        return await self._connection.ask("/events", "its past events", most, since="0", until=until, **wanted)

    async def remembered(self) -> list[datetime]:
        """The time of each event that Docker remembers, of whatever kind, oldest first."""
        lines = (await self.past(LONGEST_LINE)).splitlines()
        try:
            return [datetime.fromtimestamp(json.loads(line)["timeNano"] / 1e9, UTC) for line in lines if line.strip()]
        except (ValueError, LookupError, TypeError) as error:
            raise ContainersUnreachable("Docker's past events are garbled") from error

    async def _has_told_all(self, asked: datetime) -> None:
        """A stream can be dead without a word: then Docker remembers what it has not told. Raises for that."""
        told = (await self.past(LONGEST_LINE, filters=FOLLOWED)).splitlines()
        times = [event.at for event in map(read_event, told) if event is not None and event.at is not None]
        last = [at for at in times if at < asked - OVERLAP][-1:]
        if last and (self._newest is None or last[0] > self._newest):
            raise ContainersUnreachable("Docker's event stream is silent, though there were events")

    async def _begin(self, opened: datetime) -> list[ContainerEvent]:
        """Since when nothing is missing: as before when Docker remembers back to the stream that was lost.

        An Engine that was started anew remembers nothing of before; what was pushed out of its memory leaves it full.
        """
        remembered = await self.remembered()
        forgotten = self._newest is not None and self._newest not in remembered and len(remembered) < MEMORY
        words = [ContainerEvent("", ENGINE_RESTARTED, at=self._alive)] if forgotten else []
        if self._alive is None or not remembered or remembered[0] > self._alive:
            self._whole_since = None
        self._whole_since = self._whole_since or opened
        self._newest = remembered[-1] if remembered else None
        self._alive = opened
        return [*words, ContainerEvent("", RECONNECTED, at=self._whole_since)]

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        """The next bytes, as soon as there are some. Silence is fine for as long as Docker has no more to tell."""
        while True:
            try:
                async with asyncio.timeout(self._ping_after):
                    chunk = await response.content.readany()
            except TimeoutError:
                asked = datetime.now(UTC)
                await self._ping()
                await self._has_told_all(asked)
                self._alive = asked
                continue
            except (aiohttp.ClientError, OSError) as error:
                raise ContainersUnreachable(f"Docker's event stream broke: {type(error).__name__}") from error
            if not chunk:
                raise ContainersUnreachable("Docker's event stream ended")
            self._alive = datetime.now(UTC)
            return chunk


def read_event(line: bytes) -> ContainerEvent | None:
    """One line; None for a blank one and for what is no container's."""
    if not line.strip():
        return None
    try:
        return parse_event(line)
    except ValueError as error:
        raise ContainersUnreachable("Docker's event stream is garbled") from error
