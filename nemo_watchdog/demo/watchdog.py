"""The watchdog of the demo: a real daemon in its own process, heard through its log and asked through its API."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from nemo_watchdog.errors import NemoWatchdogError

STOP_WITHIN = 15.0

Line = dict[str, Any]


class Watchdog:
    """`async with Watchdog(policy, state_dir, listen)`: runs the daemon; `lines` holds every log line so far."""

    def __init__(self, policy: Path, state_dir: Path, listen: str, hear: Callable[[Line], None]) -> None:
        self.lines: list[Line] = []
        self.listen = listen
        self.keep = False
        self._arguments = ["--policy", str(policy), "--state-dir", str(state_dir), "--listen", listen]
        self._log = state_dir / "daemon.log"
        self._hear = hear
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._news = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "nemo_watchdog",
                "run",
                *self._arguments,
                "--log-format",
                "json",
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C ends the demo, and the demo ends the daemon
            )
        self._reader = asyncio.create_task(self._read())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._reader is not None:
            self._reader.cancel()
            with suppress(asyncio.CancelledError):
                await self._reader
        process = self._process
        if process is None or process.returncode is not None or self.keep:
            return
        process.terminate()
        try:
            async with asyncio.timeout(STOP_WITHIN):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    @property
    def pid(self) -> int:
        if self._process is None:
            raise NemoWatchdogError("the demo's watchdog has not been started")
        return self._process.pid

    async def line(self, wanted: Callable[[Line], bool], *, after: int, within: float) -> Line | None:
        """The first line from number `after` on that is wanted, waiting for it; None after `within` seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                seen = after
                while True:
                    for line in self.lines[seen:]:
                        if wanted(line):
                            return line
                    seen = len(self.lines)
                    self._news.clear()
                    if len(self.lines) == seen:
                        await self._news.wait()
        return None

    async def _read(self) -> None:
        """Follows the log file, which the daemon keeps when the demo leaves it running."""
        if self._process is None:
            return
        with self._log.open(encoding="utf-8", errors="replace") as log:
            rest = ""
            while True:
                text = rest + log.read()
                *whole, rest = text.split("\n")
                for raw in whole:
                    self._take(raw)
                if not whole:
                    if self._process.returncode is not None:
                        raise NemoWatchdogError(f"the demo's watchdog ended with {self._process.returncode}: {text}")
                    await asyncio.sleep(0.05)

    def _take(self, raw: str) -> None:
        try:
            line = json.loads(raw)
        except ValueError:
            line = {"event": raw}
        self.lines.append(line)
        self._hear(line)
        self._news.set()
