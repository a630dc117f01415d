"""The platform: it makes containers under one prefix, touches none that it did not make, and leaves none behind.

Everything that it makes carries the label `nemo-watchdog-demo.platform=<prefix>` and a label of this one run,
and what is removed at the end is what carries the latter.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import secrets
import socket
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from nemo_watchdog.demo import wire
from nemo_watchdog.demo.docker_cli import DockerError, command, docker
from nemo_watchdog.demo.images import IMAGE, USR_MOUNTS, ensure_image, is_missing_image
from nemo_watchdog.demo.parts import PARTS, Part, Postgres, Redis
from nemo_watchdog.demo.policy import Watched, policy_text
from nemo_watchdog.durations import duration
from nemo_watchdog.errors import NemoWatchdogError

LABEL = "nemo-watchdog-demo.platform"
RUN_LABEL = "nemo-watchdog-demo.run"
ALL_PARTS = ("postgres", "redis", "gateway", "gemma")

_REMOVE = f"""
docker ps -aq --no-trunc --filter "label={RUN_LABEL}=$1" | xargs -r docker rm -f -v &&
docker network ls -q --filter "label={RUN_LABEL}=$1" | xargs -r docker network rm
docker rmi "$2" || true
"""


class PlatformError(NemoWatchdogError):
    """The platform cannot start, or did not become ready: the message says which part and why."""


class Platform:
    """`async with Platform("nemo-demo") as platform:` starts the parts and removes them at the end, also after Ctrl-C.

    `parts` are names or options, such as `("postgres", Redis(password="x"))`. `labels` are put on every container.
    With `keep` everything is left running at the end.
    """

    def __init__(
        self,
        prefix: str = "nemo-demo",
        parts: Sequence[str | Part] = ALL_PARTS,
        *,
        labels: Mapping[str, str] | None = None,
        keep: bool = False,
    ) -> None:
        chosen = [PARTS[part]() if isinstance(part, str) else part for part in parts]
        self.prefix = prefix
        self.parts: Mapping[str, Part] = {part.kind: part for part in chosen}
        self.keep = keep
        self.asked: list[tuple[str, ...]] = []
        """Each command that `docker` was given, oldest first."""
        self._run = secrets.token_hex(8)
        self._labels = {**(labels or {}), LABEL: prefix, RUN_LABEL: self._run}
        self._ports: dict[str, int] = {}
        self._reserved = ExitStack()
        self._background: set[asyncio.Task[None]] = set()
        self._problems: list[BaseException] = []

    def name(self, part: str) -> str:
        """The container's name."""
        return f"{self.prefix}-{self._known(part)}"

    def port(self, part: str) -> int:
        """The port on 127.0.0.1; it stays the same when the container restarts."""
        return self._ports[self._known(part)]

    @property
    def postgres_dsn(self) -> str:
        part = self.parts["postgres"]
        secret = f":{part.password}" if isinstance(part, Postgres) and part.password is not None else ""
        return f"postgresql://postgres{secret}@127.0.0.1:{self.port('postgres')}/postgres"

    @property
    def redis_url(self) -> str:
        part = self.parts["redis"]
        secret = f":{part.password}@" if isinstance(part, Redis) and part.password is not None else ""
        return f"redis://{secret}127.0.0.1:{self.port('redis')}/0"

    @property
    def removal(self) -> str:
        """The commands with which a person removes what was kept."""
        return self._removal_of([self.name(part) for part in self.parts])

    def policy_text(self) -> str:
        """A policy for this platform, with thresholds for people who watch: failures are confirmed in a second."""
        return policy_text({part: Watched(self._address(part), self.name(part)) for part in self.parts})

    async def __aenter__(self) -> Self:
        await self._refuse_taken_names()
        try:
            await ensure_image()
            await docker("network", "create", *self._label_options(), self._network)
            async with asyncio.TaskGroup() as group:
                for kind in self.parts:
                    group.create_task(self._start(kind))
        except BaseException as error:
            await self._remove()
            self._reserved.close()
            if isinstance(error, BaseExceptionGroup) and isinstance(error.exceptions[0], DockerError):
                raise error.exceptions[0] from None
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            for task in list(self._background):
                task.cancel()
            await asyncio.gather(*self._background, return_exceptions=True)
        finally:
            if not self.keep:
                await self._remove()
            self._reserved.close()
        if self._problems and error is None:
            raise self._problems[0]

    def in_background(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs until it ends or the platform does; what it raises is raised at the platform's end."""
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background_ended)

    async def ready(self, *parts: str, within: float = 30.0) -> None:
        """Returns once each part (all of them by default) serves; raises `PlatformError` after `within` seconds."""
        waiting = dict.fromkeys(parts or self.parts, "not asked yet")
        try:
            async with asyncio.timeout(within):
                while waiting:
                    for part in list(waiting):
                        waiting[part] = await self.check(part) or ""
                        if not waiting[part]:
                            del waiting[part]
                    await asyncio.sleep(0.05 if waiting else 0)
        except TimeoutError:
            told = [f"{part}: {reason}\n{await self.logs(part, 10)}" for part, reason in waiting.items()]
            raise PlatformError(f"not ready within {duration(within)}: " + "\n".join(told)) from None

    async def check(self, part: str, within: float = 1.0) -> str | None:
        """None when the part would serve a client now, else why not, in one line."""
        options = self.parts[self._known(part)]
        if isinstance(options, Postgres):
            return await asyncio.to_thread(wire.check_postgres, "127.0.0.1", self.port(part), within)
        if isinstance(options, Redis):
            password = options.password
            return await asyncio.to_thread(wire.check_redis, "127.0.0.1", self.port(part), within, password)
        try:
            status, body = await self.http(part, "/health", within=within)
        except (OSError, http.client.HTTPException) as error:
            return str(error) or type(error).__name__
        return None if status == 200 else f"{status} {body.decode(errors='replace')}"

    async def http(self, part: str, path: str, *, method: str = "GET", within: float = 5.0) -> tuple[int, bytes]:
        """Status and body. Raises OSError (TimeoutError among them) or `http.client.HTTPException`."""
        return await asyncio.to_thread(_http, self.port(part), method, path, within)

    async def state(self, part: str) -> dict[str, Any]:
        """`State` of `docker inspect`."""
        state: dict[str, Any] = json.loads(await docker("inspect", "-f", "{{json .State}}", self.name(part)))
        return state

    async def logs(self, part: str, lines: int = 100, *, since: str = "0") -> str:
        """The last lines of what the part wrote, oldest first; `since` is a time as `docker inspect` writes it."""
        script = 'exec docker logs --tail "$1" --since "$2" "$3" 2>&1'
        return await command("sh", "-c", script, "sh", str(lines), since, self.name(part))

    async def exec(self, part: str, *arguments: str, stdin: bytes | None = None) -> str:
        """`docker exec` in the part's container."""
        flags = [] if stdin is None else ["-i"]
        return await docker("exec", *flags, self.name(part), *arguments, stdin=stdin)

    async def docker(self, *arguments: str) -> str:
        """Any other docker command; a name for its container is `platform.name(part)`."""
        self.asked.append(arguments)
        return await docker(*arguments)

    def _background_ended(self, task: asyncio.Task[None]) -> None:
        self._background.discard(task)
        if not task.cancelled() and (problem := task.exception()) is not None:
            self._problems.append(problem)

    def _address(self, part: str) -> str:
        """Where its clients find it, as a URL or DSN."""
        if part == "postgres":
            return self.postgres_dsn
        return self.redis_url if part == "redis" else f"http://127.0.0.1:{self.port(part)}"

    @property
    def _network(self) -> str:
        return f"{self.prefix}-network"

    def _known(self, part: str) -> str:
        if part not in self.parts:
            raise PlatformError(f"this platform has no {part!r}; it has {', '.join(self.parts)}")
        return part

    def _label_options(self) -> list[str]:
        return [option for name, value in self._labels.items() for option in ("--label", f"{name}={value}")]

    async def _refuse_taken_names(self) -> None:
        wanted = {self.name(part) for part in self.parts}
        names = ("ps", "-a", "--format", "{{.Names}}")
        ours = set((await docker(*names, "--filter", f"label={LABEL}={self.prefix}")).split())
        taken = wanted & set((await docker(*names)).split())
        if foreign := sorted(taken - ours):
            raise PlatformError(f"there are containers named {', '.join(foreign)} already: choose another prefix")
        if ours:
            raise PlatformError(
                f"an earlier {self.prefix} platform is still here; remove it with: {self._removal_of(sorted(ours))}"
            )
        if self._network in (await docker("network", "ls", "--format", "{{.Name}}")).split():
            raise PlatformError(f"there is a network named {self._network} already: docker network rm {self._network}")

    def _removal_of(self, containers: Iterable[str]) -> str:
        return f"docker rm -fv {' '.join(containers)} && docker network rm {self._network}"

    async def _start(self, kind: str) -> None:
        """Tries again where another process took the port, or another platform the image, in between."""
        attempts = 5
        for attempt in range(1, attempts + 1):
            try:
                await self._run_container(kind)
            except DockerError as error:
                port_taken = "already allocated" in error.text or "already in use" in error.text
                name_taken = "container name" in error.text
                if attempt == attempts or name_taken or not (port_taken or is_missing_image(error)):
                    raise
                if port_taken:
                    await docker("rm", "-f", "-v", self.name(kind))
                await ensure_image()
            else:
                return

    async def _run_container(self, kind: str) -> None:
        self._reserve(kind)
        await self._make(kind)

    async def _make(self, kind: str, image: str = IMAGE) -> None:
        """The container of a part, at the port that is reserved for it."""
        part = self.parts[kind]
        others = {name: other for name, other in self.parts.items() if name != kind}
        await docker(
            *("run", "-d", "--pull", "never", "--name", self.name(kind), *self._label_options()),
            *(*self._network_options(kind), *USR_MOUNTS, *part.options(others), image, *part.command()),
        )

    def _network_options(self, kind: str) -> list[str]:
        published = f"127.0.0.1:{self._ports[kind]}:{self.parts[kind].inner_port}"
        return ["--network", self._network, "--network-alias", kind, "-p", published]

    def _reserve(self, kind: str) -> None:
        """A port of the host for that part."""
        self._ports[kind] = self._reserved.enter_context(_reserve_port()).getsockname()[1]

    async def _remove(self) -> None:
        """One process in a session of its own: a second Ctrl-C ends us, and the removal all the same goes on."""
        await command("sh", "-c", _REMOVE, "sh", self._run, IMAGE)


def _reserve_port() -> socket.socket:
    """A port that the kernel gives to nobody while a container restarts; Docker's own choice would change each time.

    Docker may listen on it all the same: both set SO_REUSEADDR, and this socket does not listen. Source: socket(7).
    """
    port = socket.socket()
    port.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    port.bind(("127.0.0.1", 0))
    return port


def _http(port: int, method: str, path: str, timeout: float) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
