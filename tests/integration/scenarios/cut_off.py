"""Six services in a network namespace of their own, whose published ports can be cut there by a firewall's rules.

The Engine, its containers and the daemon live in that namespace: no rule touches the machine's own network.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import secrets
import signal
import socket
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from nemo_watchdog.demo.docker_cli import command
from nemo_watchdog.demo.images import IMAGE, USR_MOUNTS
from nemo_watchdog.demo.parts import Gateway
from nemo_watchdog.testing.servers import stop_listening
from tests.integration.containers.private_engine import PrivateEngine
from tests.integration.daemon import COMMAND, Daemon
from tests.parts import need

SERVICES = ("a", "b", "c", "d", "e", "f")
FIRST_PORT = 8001

POLICY = """\
version: 1
defaults: {interval: 1s, confirm_interval: 300ms, timeout: 1s, down_after: 3, up_after: 2, startup_grace: 2s}
dependencies:
{dependencies}
severities:
  SEV1: {title: Complete outage,   respond_within: 15m, notify: [on-call]}
  SEV2: {title: Major degradation, respond_within: 30m, notify: [on-call]}
  SEV3: {title: Minor issue,       respond_within: 4h,  notify: [on-call]}
  SEV4: {title: Low impact,        respond_within: 24h, notify: [on-call]}
classification:
  - {name: cannot-be-reached, when: {reason: unreachable_from_here}, severity: SEV1}
  - {name: down, when: {health: down}, severity: SEV2}
  - {name: anything-else, severity: SEV4}
remedies:
  restart:
    steps: [{do: docker.restart, stop_timeout: 1s, attempts: 3, backoff: {initial: 1s}, verify_within: 6s}]
    budget: 5 per 1h
limits: {budget: 20 per 1h, concurrent_actions: 3, storm: {hold: 3s}}
contacts: {on-call: []}
"""


class Services:
    """`async with Services() as services:` they run and are published on 127.0.0.1 of their namespace."""

    def __init__(self) -> None:
        self.engine = PrivateEngine(bridged=True)
        self._prefix = f"nemo-test-{secrets.token_hex(4)}"
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self.engine)
        try:
            await asyncio.gather(*(self._start(name) for name in SERVICES))
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(Exception):
            await self.engine.docker("rm", "-f", *(self.container(name) for name in SERVICES))
        await self._stack.aclose()

    def container(self, name: str) -> str:
        return f"{self._prefix}-{name}"

    def port(self, name: str) -> int:
        return FIRST_PORT + SERVICES.index(name)

    def policy_text(self) -> str:
        entries = "".join(
            f"  {name}: {{probe: http, url: 'http://127.0.0.1:{self.port(name)}/health', "
            f"container: {self.container(name)}, remedy: restart}}\n"
            for name in SERVICES
        )
        return POLICY.replace("{dependencies}\n", entries)

    @asynccontextmanager
    async def daemon(self, folder: Path) -> AsyncIterator[Daemon]:
        """It runs beside the services and is asked from here."""
        inside = (need("nsenter"), f"--net={self.engine.namespace}", *COMMAND)
        daemon = Daemon(self.policy_text(), folder, environ={"DOCKER_HOST": self.engine.url}, command=inside)
        async with passing_on(daemon.port, self.engine.namespace), daemon:
            yield daemon

    async def cut(self, names: Sequence[str], target: str) -> None:
        """What goes to their published ports is lost (`DROP`) or refused (`REJECT`)."""
        for name in names:
            where = ("-p", "tcp", "-d", "127.0.0.1", "--dport", str(self.port(name)))
            await self._inside(need("iptables"), "-A", "OUTPUT", *where, "-j", target)

    async def mend(self) -> None:
        await self._inside(need("iptables"), "-F", "OUTPUT")

    async def kill(self, names: Sequence[str]) -> None:
        """Their first processes die at once, as in a crash."""
        for pid in [int(await self._of(name, "State", "Pid")) for name in names]:
            os.kill(pid, signal.SIGKILL)

    async def started_at(self, name: str) -> str:
        """As Docker has it: it changes with every start."""
        return await self._of(name, "State", "StartedAt")

    async def _of(self, name: str, *path: str) -> str:
        (value,) = json.loads(await self.engine.docker("inspect", self.container(name)))
        for key in path:
            value = value[key]
        return str(value)

    async def _inside(self, *arguments: str) -> None:
        await command(need("nsenter"), f"--net={self.engine.namespace}", *arguments)

    async def _start(self, name: str) -> None:
        part = Gateway()
        await self.engine.docker(
            *("run", "-d", "--pull", "never", "--name", self.container(name), *USR_MOUNTS),
            *("-p", f"127.0.0.1:{self.port(name)}:{part.inner_port}"),
            *(*part.options({}), IMAGE, *part.command()),
        )


@asynccontextmanager
async def passing_on(port: int, namespace: str) -> AsyncIterator[None]:
    """What is said to the port here is said to the same port there."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there = await asyncio.to_thread(_connected, port, namespace)
        except OSError:
            writer.transport.abort()
            return
        answers, asks = await asyncio.open_connection(sock=there)
        await asyncio.gather(_pass(reader, asks), _pass(answers, writer))

    server = await asyncio.start_server(talk, "127.0.0.1", port)
    try:
        yield
    finally:
        await stop_listening(server)


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


def _connected(port: int, namespace: str) -> socket.socket:
    """A socket that was made there; the thread that made it ends, so that nothing else is. Source: setns(2)."""
    made: list[socket.socket | OSError] = []

    def make() -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        file = os.open(namespace, os.O_RDONLY)
        try:
            went = libc.setns(file, 0) == 0
            made.append(
                socket.create_connection(("127.0.0.1", port), timeout=5.0)
                if went
                else OSError(ctypes.get_errno(), "setns")
            )
        except OSError as error:
            made.append(error)
        finally:
            os.close(file)

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    (answer,) = made
    if isinstance(answer, OSError):
        raise answer
    answer.setblocking(False)
    return answer
