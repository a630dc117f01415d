"""A real daemon for tests: `nemo_watchdog run` in a process of its own, asked over HTTP, heard through its log lines.

The process never outlives the block, and its log is shown when something that was waited for did not come.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

from nemo_watchdog.testing.servers import free_port

COMMAND = (sys.executable, "-m", "nemo_watchdog")
READY_WITHIN = 20.0
STOP_WITHIN = 15.0
LOOK_EVERY = 0.05
SHOWN_LINES = 40


class DaemonError(AssertionError):
    """What was waited for did not come, or the daemon ended: with its last log lines."""


class Daemon:
    """`async with Daemon(policy_text, tmp_path) as daemon:` is ready at the start of the block.

    `folder` gets the policy and the state directory. `environ` is added to this process's environment.
    `files` is the most file descriptors that the process may have; `more` goes to its command line. `command` is what
    is run: this version, by default; `first` is run in its place at the first start, and never again.
    `events` are the log lines of all its runs, oldest first; a line that is no JSON is `{"event": "not json", ...}`.
    """

    def __init__(
        self,
        policy_text: str,
        folder: Path,
        *,
        environ: Mapping[str, str] | None = None,
        files: int | None = None,
        more: Sequence[str] = (),
        command: Sequence[str] = COMMAND,
        first: Sequence[str] = (),
    ) -> None:
        self.policy = folder / "policy.yaml"
        self.state_dir = folder / "state"
        self.port = free_port()
        self.events: list[dict[str, Any]] = []
        self._files = files
        self._more = more
        self._command = command
        self._first = first
        self._environ = {**os.environ, **(environ or {})}
        self._news = asyncio.Condition()
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._session: aiohttp.ClientSession | None = None
        self.policy.write_text(policy_text, encoding="utf-8")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        return self._running().pid

    @property
    def token(self) -> str:
        """The secret that a change through the API must bring."""
        return (self.state_dir / "token").read_text(encoding="ascii").strip()

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10.0))
        try:
            await self.start()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    async def start(self, *, observing: bool = False) -> None:
        """Returns once it is ready, or answers where it will only observe; raises `DaemonError` when it ends before."""
        command = (*(self._first or self._command), "run", "--log-format", "json", *self._more)
        self._first = ()
        if self._files is not None:
            command = ("/bin/sh", "-c", f'ulimit -n {self._files}; exec "$@"', "sh", *command)
        where = ("--policy", str(self.policy), "--state-dir", str(self.state_dir), "--listen", f"127.0.0.1:{self.port}")
        self._process = await asyncio.create_subprocess_exec(
            *command,
            *where,
            env=self._environ,
            stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            limit=2**20,
            start_new_session=True,
        )
        self._reading = asyncio.create_task(self._read(self._process))
        await self.until(self.status if observing else self._ready, READY_WITHIN, "not ready")

    async def status(self) -> dict[str, Any]:
        """What `/api/v1/status` answers."""
        answer: dict[str, Any] = json.loads(await self.get("/api/v1/status"))
        return answer

    async def metrics(self) -> str:
        """What Prometheus would read."""
        return await self.get("/metrics")

    async def get(self, path: str, accept: str = "*/*") -> str:
        """The body of a 200; raises `aiohttp.ClientError` otherwise."""
        assert self._session is not None, "use `async with`"
        async with self._session.get(self.url + path, headers={"Accept": accept}) as answer:
            answer.raise_for_status()
            return await answer.text()

    async def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """A change through the API, with the token; raises `aiohttp.ClientError` when it is refused."""
        assert self._session is not None, "use `async with`"
        headers = {"Authorization": f"Bearer {self.token}"}
        async with self._session.post(self.url + path, json=dict(body), headers=headers) as answer:
            answer.raise_for_status()
            changed: dict[str, Any] = await answer.json()
            return changed

    async def wait_until(self, good: Callable[[dict[str, Any]], bool], within: float = 10.0) -> dict[str, Any]:
        """The first status for which `good` holds; raises `DaemonError` with the last one after `within` seconds."""
        last: dict[str, Any] = {}

        async def look() -> bool:
            nonlocal last
            last = await self.status()
            return good(last)

        await self.until(look, within, "the status never became so", lambda: f"last status: {json.dumps(last)}\n")
        return last

    async def wait_for_health(self, dependency: str, health: str, within: float = 10.0) -> dict[str, Any]:
        """The first status in which the dependency has this health."""
        return await self.wait_until(lambda status: status["dependencies"][dependency]["health"] == health, within)

    async def more_looks(self, count: int, within: float = 60.0) -> None:
        """Returns after that many more looks of its probes: it had its chances to do something."""

        async def total() -> float:
            lines = (await self.metrics()).splitlines()
            return sum(
                float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("nemo_watchdog_probes_total{")
            )

        wanted = await total() + count

        async def enough() -> bool:
            return await total() >= wanted

        await self.until(enough, within, f"not {count} more looks")

    async def event(self, name: str, within: float = 10.0, *, after: int = 0, **fields: Any) -> dict[str, Any]:
        """The first log line of that event with these fields, past or to come, from position `after` of `events`."""

        def found() -> dict[str, Any] | None:
            wanted = {"event": name, **fields}
            return next((line for line in self.events[after:] if wanted.items() <= line.items()), None)

        try:
            async with asyncio.timeout(within), self._news:
                await self._news.wait_for(lambda: found() is not None)
        except TimeoutError:
            more = f"no {name} {fields or ''} within {within:g} s\n{await self._as_it_is()}{self.last_lines()}"
            raise DaemonError(more) from None
        line = found()
        assert line is not None
        return line

    def write_policy(self, text: str) -> None:
        """Replaces the policy file at once, as an editor does; the daemon sees it by itself."""
        beside = self.policy.with_suffix(".new")
        beside.write_text(text, encoding="utf-8")
        beside.replace(self.policy)

    def signal(self, number: int) -> None:
        self._running().send_signal(number)

    async def kill9(self) -> None:
        """It dies in the middle of whatever it does."""
        self._running().kill()
        await self.ended()

    async def terminate(self, within: float = STOP_WITHIN) -> int:
        """SIGTERM; the exit status. Raises `DaemonError` when it is not gone `within` seconds."""
        self._running().terminate()
        return await self.ended(within)

    async def restart(self, *, kill: bool = False) -> None:
        """The same policy, state directory and port, in a new process that is ready."""
        await (self.kill9() if kill else self.terminate())
        await self.start()

    async def ended(self, within: float = STOP_WITHIN) -> int:
        """Waits for its end; the exit status, negative for a signal."""
        process = self._running()
        try:
            async with asyncio.timeout(within):
                status = await process.wait()
                if self._reading is not None:
                    await self._reading
        except TimeoutError:
            raise DaemonError(f"still running after {within:g} s\n{self.last_lines()}") from None
        self._process = self._reading = None
        return status

    def _running(self) -> asyncio.subprocess.Process:
        assert self._process is not None, "the daemon does not run"
        return self._process

    async def _as_it_is(self) -> str:
        """That it ended, or its status: what a log that says nothing more cannot tell."""
        if self._process is None:
            return "it does not run\n"
        if self._process.returncode is not None:
            return f"it ended with {self._process.returncode}\n"
        try:
            return f"status: {json.dumps(await self.status())}\n"
        except (aiohttp.ClientError, TimeoutError) as error:
            return f"it runs, and does not answer: {error!r}\n"

    async def _ready(self) -> bool:
        await self.get("/readyz")
        return True

    async def until(
        self,
        look: Callable[[], Any],
        within: float,
        complaint: str,
        more: Callable[[], str] = str,
    ) -> None:
        """Looks again and again; an answer that does not come is no answer yet, a daemon that ended never answers."""
        trouble = ""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                while True:
                    try:
                        if await look():
                            return
                    except aiohttp.ClientError as error:
                        trouble = f" ({error})"
                    if self._running().returncode is not None:
                        status = await self.ended()
                        raise DaemonError(f"it ended with {status}\n{self.last_lines()}")
                    await asyncio.sleep(LOOK_EVERY)
        raise DaemonError(f"{complaint} within {within:g} s{trouble}\n{more()}{self.last_lines()}")

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        async for raw in process.stderr:
            text = raw.decode(errors="replace").rstrip()
            try:
                line = json.loads(text)
            except ValueError:
                line = {"event": "not json", "text": text}
            async with self._news:
                self.events.append(line if isinstance(line, dict) else {"event": "not json", "text": text})
                self._news.notify_all()

    def last_lines(self) -> str:
        return "\n".join(json.dumps(line) for line in self.events[-SHOWN_LINES:])

    async def _close(self) -> None:
        process, reading = self._process, self._reading
        try:
            if process is not None and process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(signal.SIGCONT)
                    process.kill()
                await process.wait()
            if reading is not None:
                await reading
        finally:
            self._process = self._reading = None
            if self._session is not None:
                await self._session.close()
                self._session = None
