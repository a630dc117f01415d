"""A unix socket in front of Docker's that can be cut or stalled: the Engine itself stays well, only the way to it.

It hears every request before Docker does, and every answer before who has asked: a trap is sprung by one of them.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Self

ENGINE = "/var/run/docker.sock"

SPOKEN, OLDER, UNHEARD_OF = b"1.41", b"1.40", b"9.99"
"""Versions of the API: what the Engine 20.10 speaks, what its predecessor spoke, and what none does."""

MEMORY = 256
"""Events that Docker remembers, of whatever kind."""


def remembered(*, filtered: bool) -> bytes:
    """An answer of Docker whose memory is full of what came since, which is somebody else's."""
    other = b'{"Type":"network","Action":"connect","timeNano":%d}\n' % time.time_ns()
    body = b"" if filtered else other * MEMORY
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


class When(Enum):
    """At which moment of a request a trap is sprung; the words follow "the daemon is killed"."""

    BEFORE = "before Docker hears it"
    MEANWHILE = "while Docker does it"
    AFTER = "after Docker has done it, the answer unheard"


@dataclass(slots=True, eq=False)
class Trap:
    """Of requests whose first line it finds, the one of that number springs it, once: nothing more comes through."""

    request: re.Pattern[bytes]
    when: When
    spring: Callable[[], None]
    number: int = 1
    heard: int = 0
    answer: bytes = b""
    """The first line of Docker's answer that was kept back."""
    sprung: bool = False

    def hears(self, data: bytes) -> bool:
        if self.sprung or not self.request.match(data.partition(b"\r\n")[0]):
            return False
        self.heard += 1
        return self.heard == self.number

    def goes_off(self, answer: bytes = b"") -> None:
        self.answer, self.sprung = answer.partition(b"\r\n")[0], True
        self.spring()


class DockerSocket:
    """`async with DockerSocket(path) as way:`; the daemon gets `way.url` as DOCKER_HOST."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._open = asyncio.Event()
        self._open.set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._held: bytes = b""
        self._trap: Trap | None = None
        self._forgetful = False
        self._rolled_back = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.path}"

    def cut(self) -> None:
        """Every connection breaks, and new ones break at once."""
        self._open.clear()
        self.drop()

    def stall(self) -> None:
        """Connections stay, and nothing comes through them any more."""
        self._flowing.clear()

    def hold(self, path: bytes) -> None:
        """Requests whose first line has this in it reach Docker no more; all others do."""
        self._held = path

    def arm(self, trap: Trap) -> None:
        """From now on; the one before is not armed any more."""
        self._trap = trap

    def forget(self) -> None:
        """Docker remembers no event but 256 others of just now; an open stream tells what comes."""
        self._forgetful = True

    def roll_back(self) -> None:
        """Docker speaks an older version of its API than before, and refuses the newer one in its own words."""
        self._rolled_back = True
        self.drop()

    def heal(self) -> None:
        """The way is free; what was stalled goes on."""
        self._open.set()
        self._flowing.set()

    def drop(self) -> None:
        """Every connection breaks once."""
        for writer in self._writers:
            writer.transport.abort()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_unix_server(self._serve, str(self.path))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        self.heal()
        self.drop()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._open.is_set():
            writer.transport.abort()
            return
        engine_reader, engine_writer = await asyncio.open_unix_connection(ENGINE)
        mine = {writer, engine_writer}
        self._writers |= mine
        awaited: set[Trap] = set()
        try:
            with suppress(ConnectionError):
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._pass_on(reader, engine_writer, awaited, writer))
                    group.create_task(self._pass_on(engine_reader, writer, awaited))
        except* ConnectionError:
            pass
        finally:
            self._writers -= mine
            for each in mine:
                each.close()

    async def _pass_on(
        self,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        awaited: set[Trap],
        asker: asyncio.StreamWriter | None = None,
    ) -> None:
        """`asker` is who sends requests: what was forgotten is answered here. `awaited` are traps for an answer."""
        while data := await source.read(65536):
            await self._flowing.wait()
            if self._held and asker is not None and self._held in data.partition(b"\r\n")[0]:
                await asyncio.Event().wait()
            trap = self._trap if asker is not None and self._trap is not None and self._trap.hears(data) else None
            if asker is None and awaited:
                awaited.pop().goes_off(data)
                break
            if trap is not None and trap.when is When.BEFORE:
                trap.goes_off()
                break
            if trap is not None and trap.when is When.AFTER:
                awaited.add(trap)
            if self._forgetful and asker is not None and data.startswith(b"GET /events?"):
                line = data.partition(b"\r\n")[0]
                if b"until=" in line:
                    asker.write(remembered(filtered=b"filters=" in line))
                    continue
                data = re.sub(rb"[?&]since=[^& ]*", b"", line) + data[len(line) :]  # nothing is told again
            if self._rolled_back:
                data = data.replace(b" /v" + SPOKEN, b" /v" + UNHEARD_OF) if asker else data.replace(SPOKEN, OLDER)
            sink.write(data)
            await sink.drain()
            if trap is not None and trap.when is When.MEANWHILE:
                trap.goes_off()
        sink.close()
