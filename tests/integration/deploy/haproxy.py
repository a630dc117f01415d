"""The shipped socket proxy as a process of this machine, and an Engine that only takes down what reaches it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from nemo_watchdog.testing.servers import free_port
from tests.integration.scenarios.docker_socket import ENGINE
from tests.parts import need

CONFIG = Path(__file__).parents[3] / "deploy" / "socket-proxy" / "haproxy.cfg"
READY_WITHIN = 20.0
TOLD_WITHIN = 20.0


class Haproxy:
    """`async with Haproxy() as proxy:` listens at `url`, before this machine's Docker or the socket `engine`.

    `environ` is what operators may set; `times` replaces durations of the configuration.
    """

    def __init__(
        self,
        engine: str | Path = ENGINE,
        environ: Mapping[str, str] | None = None,
        times: Mapping[str, str] | None = None,
    ) -> None:
        self.port = free_port()
        self.url = f"tcp://127.0.0.1:{self.port}"
        self._folder = Path(tempfile.mkdtemp(prefix="nemo-haproxy-"))
        self._log = self._folder / "log"
        self._environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("SOCKET_PROXY_")},
            "SOCKET_PROXY_BIND": f"127.0.0.1:{self.port}",
            "SOCKET_PROXY_DOCKER": str(engine),
            **(environ or {}),
        }
        self._times = times or {}
        self._process: asyncio.subprocess.Process | None = None

    @property
    def refused(self) -> list[str]:
        """What was refused, as its log has it: method and path."""
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        return [line.partition(": ")[2] for line in lines if line.startswith("refused ")]

    async def has_refused(self, what: str) -> None:
        """Returns once the log says so; the answer comes before the line."""
        async with asyncio.timeout(TOLD_WITHIN):
            while what not in self.refused:
                await asyncio.sleep(0.02)

    async def raw(self, request: bytes) -> bytes:
        """What comes back for these bytes until the proxy closes, or has given one whole answer."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            async with asyncio.timeout(TOLD_WITHIN):
                writer.write(request)
                return await reader.read()
        except ConnectionError:
            return b""
        finally:
            writer.close()

    async def __aenter__(self) -> Self:
        text = CONFIG.read_text(encoding="utf-8")
        for before, after in self._times.items():
            assert before in text
            text = text.replace(before, after)
        config = self._folder / "haproxy.cfg"
        config.write_text(text, encoding="utf-8")
        with self._log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(need("haproxy"), "-db", "-f", str(config)),
                env=self._environ,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            await self._listening()
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
            await self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    async def _listening(self) -> None:
        assert self._process is not None
        async with asyncio.timeout(READY_WITHIN):
            while True:
                assert self._process.returncode is None, self._log.read_text(errors="replace")
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                    writer.close()
                    return
                await asyncio.sleep(0.02)


class SilentEngine:
    """A unix socket in Docker's place. It answers with `answer` and leaves the connection open; `asked` are requests.

    `hung_up` is how many connections the other side has closed. `answer` (of the request's head, when it is
    a function) None: it closes without a word.
    """

    def __init__(self, path: Path, answer: bytes | Callable[[str], bytes | None] | None = b"") -> None:
        self.path = path
        self.asked: list[str] = []
        self.hung_up = 0
        self._answer = answer
        self._writers: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_unix_server(self._take, self.path)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for writer in self._writers:
            writer.close()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
        self.path.unlink(missing_ok=True)

    def say(self, more: bytes) -> None:
        """On every connection that is open."""
        for writer in self._writers:
            writer.write(more)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            self.asked.append(head)
            answer = self._answer(head) if callable(self._answer) else self._answer
            if answer is not None:
                writer.write(answer)
                await reader.read()
        self.hung_up += 1
        self._writers.remove(writer)
        writer.close()
