"""What an action is played with: a real container and, where that is another one, the other side that counts orders.

What was ordered is told by Docker's events, or by what the other side wrote down; nothing is asked of the daemon.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, time
from typing import Any, ClassVar

from aiohttp import web

from nemo_watchdog.demo.docker_cli import command, docker
from nemo_watchdog.demo.images import USR_MOUNTS, ensure_image
from nemo_watchdog.journal import SqliteJournal
from nemo_watchdog.model import Moment
from nemo_watchdog.records import ImageProven
from nemo_watchdog.recreation import tag_of
from nemo_watchdog.runtime.clock import boot_id
from nemo_watchdog.state_dir import JOURNAL_NAME
from tests.integration.scenarios import web_unit
from tests.integration.scenarios.engine_events import EngineEvents
from tests.integration.scenarios.kill_points import (
    CONNECT,
    HEARD,
    RELOADS,
    RUNS,
    STARTS,
    STOPS,
    STOPS_FOR_LONG,
    STOPS_SLOWLY,
    Point,
)
from tests.integration.scenarios.web import (
    COMMAND,
    CURED_BY_A_RESTART,
    CURED_BY_ANOTHER_CONTAINER,
    CURED_BY_NOTHING,
    MADE,
    Web,
)
from tests.parts import need

LINGERS = 12
"""Seconds that a slow stop takes: a daemon that starts meanwhile is there before its end."""

MOST = 2
"""Orders that the budget allows; the step has one attempt more."""


class Scene:
    """`docker.restart`, and what all others have of it. `folder` is where it may write."""

    action: ClassVar[str] = "docker.restart"
    order: ClassVar[str] = "restart"
    """Docker's event by which the orders are counted."""
    cures: ClassVar[str] = CURED_BY_A_RESTART
    once: ClassVar[bool] = True
    """What it does is never done twice where it helps."""
    held_for: ClassVar[float] = 0.0
    """Seconds for which each daemon leaves it alone first."""

    def __init__(self, point: Point, folder: Path) -> None:
        self.point = point
        self.folder = folder
        self.web = Web()
        self.told = EngineEvents({"type": ["container"], "label": [self.web.label]})
        self.before: Counter[str] = Counter()
        """Docker's events that tell of what the test has done."""
        self.kill: Callable[[], None] = _nobody

    def options(self) -> dict[str, Any]:
        """Of the step."""
        return {"stop_timeout": f"{2 * LINGERS}s" if self.point.slow else "1s"}

    def policy(self) -> str:
        verify = f"{2 * LINGERS}s" if self.point.slow else "6s" if self.point.helps else "3s"
        pace = {"attempts": MOST + 1, "verify_within": verify, "backoff": {"initial": "1s", "jitter": 0}}
        step = {"do": self.action, **self.options(), **pace}
        text = self.web.policy(step, {"do": "escalate", "to": "team"}, budget=f"{MOST} per 1h")
        return text + ("autonomy: suggest\n" if self.point.asks else "")

    async def environ(self) -> dict[str, str]:
        """Of the daemon, besides the way to Docker."""
        return {}

    @asynccontextmanager
    async def played(self) -> AsyncIterator[None]:
        """What there is before the daemon; nothing of it is left after the block."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.web.remove)
            await self.start(stack)
            await stack.enter_async_context(self.told)
            yield

    async def start(self, _stack: AsyncExitStack) -> None:
        await self.web.start(*self.lingers)

    @property
    def lingers(self) -> tuple[str, ...]:
        return ("--env", f"LINGERS={LINGERS}") if self.point.slow else ()

    async def breaks(self) -> None:
        await self.web.breaks(self.cures if self.point.helps else CURED_BY_NOTHING)

    async def orders(self) -> list[float]:
        """When it was ordered, in seconds of the wall clock."""
        return [each["timeNano"] / 1e9 for each in await self.told.so_far(self.order)]

    async def done(self, event: str) -> int:
        """How often Docker did that by an order of the daemon's."""
        return len(await self.told.so_far(event)) - self.before[event]

    async def came_through(self) -> bool:
        """Whether Docker did what the point's call asks for, where it tells of it."""
        call = self.point.call
        assert call is not None
        return await self.done(call.told) == call.done if call.told else False

    async def looks(self) -> list[float]:
        """When somebody asked it, likewise."""
        return [float(line) for line in (await self.web.run("cat /data/looks")).split()]

    async def is_whole(self) -> bool:
        """One container, which has its name and runs."""
        if await self.web.all() != [self.web.name]:
            return False
        return await docker("inspect", "--format", "{{.State.Status}}", self.web.name) == "running"

    async def shape(self) -> dict[str, object]:
        """What of it must be the same at the end."""
        shown = json.loads(await docker("inspect", self.web.name))[0]
        return {
            "restart policy": shown["HostConfig"]["RestartPolicy"],
            "networks": sorted(shown["NetworkSettings"]["Networks"]),
            "volumes": sorted(each["Name"] for each in shown["Mounts"] if each["Type"] == "volume"),
            "kept": await self.web.run("cat /data/kept"),
        }


class Recreated(Scene):
    action = "docker.recreate"
    order = "create"
    cures = CURED_BY_ANOTHER_CONTAINER
    once = False
    """One that was killed in the middle is taken back, and may be tried again."""

    @property
    def network(self) -> str:
        """Its second one, where that is what the point is about."""
        return f"{self.web.name}-network" if self.point.call is CONNECT else ""

    async def start(self, stack: AsyncExitStack) -> None:
        if self.network:
            await docker("network", "create", "--label", MADE, self.network)
            stack.push_async_callback(self.web.remove)
            stack.push_async_callback(docker, "network", "rm", self.network)
            stack.push_async_callback(self.web.remove)
        await self.web.start("--restart", "unless-stopped", *self.lingers)
        if self.network:
            await docker("network", "connect", self.network, self.web.name)

    async def came_through(self) -> bool:
        """That a container which does not run was put on a network, Docker tells nobody."""
        if not self.network:
            return await super().came_through()
        return self.network in await docker("inspect", "--format", "{{json .NetworkSettings.Networks}}", self.new)

    @property
    def new(self) -> str:
        return f"{self.web.name}-nemo-new"


class RolledBack(Recreated):
    """A release that came in with a fault; the one before it has proven itself, as the journal says."""

    action = "docker.rollback"

    def options(self) -> dict[str, Any]:
        return {"stop_timeout": "1s", "proven_for": "1m"}

    def __init__(self, point: Point, folder: Path) -> None:
        super().__init__(point, folder)
        self.image = f"{self.web.name}:app"

    async def start(self, stack: AsyncExitStack) -> None:
        stack.push_async_callback(self._remove_images)
        stack.push_async_callback(self.web.remove)
        await self._deploy("good")
        await self.web.run("echo precious > /data/kept")
        image = await docker("inspect", "--format", "{{.Image}}", self.web.name)
        (self.folder / "state").mkdir(mode=0o700)
        journal = SqliteJournal(self.folder / "state" / JOURNAL_NAME, boot_id())
        proven = ImageProven("web", self.web.name, image, self.image, 60.0)
        journal.append([proven.body()], [], Moment(monotonic(), datetime.now(UTC)))
        journal.close()

    async def breaks(self) -> None:
        if not self.point.helps:
            await self.web.breaks(CURED_BY_NOTHING)
        await docker("rm", "-f", self.web.name)
        await self._deploy("bad")
        self.before = Counter({event: len(await self.told.so_far(event)) for event in ("create", "start", "destroy")})

    async def orders(self) -> list[float]:
        return (await super().orders())[self.before["create"] :]

    async def _deploy(self, release: str) -> None:
        change = [word for each in (f"ENV RELEASE={release}", f"CMD {json.dumps(COMMAND)}") for word in ("-c", each)]
        base = await docker("create", "--label", MADE, "--label", self.web.label, await ensure_image(), "true")
        try:
            await docker("commit", *change, base, self.image)
        finally:
            await docker("rm", base)
        data = ("--volume", f"{self.web.name}:/data", "--restart", "unless-stopped")
        await self.web.make(data, self.image)

    async def _remove_images(self) -> None:
        found = await docker("images", "-q", "--filter", f"label={self.web.label}")
        for tag in (tag_of(self.web.name), self.image, *found.split()):
            if await docker("images", "-q", tag):
                await docker("rmi", "-f", tag)


class Started(Scene):
    """What has crashed."""

    action = "docker.start"
    order = "start"

    def options(self) -> dict[str, Any]:
        return {}

    async def breaks(self) -> None:
        await self.web.crashes()


class Composed(Scene):
    """What has crashed, of a Compose project. Who kills the daemon kills what it has started, as systemd does."""

    action = "compose.up"
    order = "start"

    def options(self) -> dict[str, Any]:
        return {"file": str(self.file), "project": self.web.name.replace("-", ""), "service": "web"}

    @property
    def file(self) -> Path:
        return self.folder / "docker-compose.yml"

    async def start(self, stack: AsyncExitStack) -> None:
        need("docker-compose")
        service = {
            "image": await ensure_image(),
            "container_name": self.web.name,
            "command": [word.replace("$", "$$") for word in COMMAND],
            "labels": [MADE, self.web.label],
            "ports": [f"127.0.0.1:{self.web.port}:8000"],
            "tmpfs": "/run",
            "network_mode": "bridge",
            "volumes": ["/data", *USR_MOUNTS[1::2]],
        }
        self.file.write_text(json.dumps({"version": "2.4", "services": {"web": service}}), encoding="utf-8")
        project = self.options()["project"]
        await command("docker-compose", "-p", project, "-f", str(self.file), "up", "-d")
        await self.web.run("echo precious > /data/kept")

    async def breaks(self) -> None:
        await self.web.crashes()


class Signalled(Scene):
    action = "docker.kill"
    order = "kill"

    def options(self) -> dict[str, Any]:
        return {"signal": "HUP"}


class Unpaused(Scene):
    """What a script has paused, and never let go on. The time that it has begins anew with each daemon."""

    action = "docker.unpause"
    order = "unpause"
    held_for = 60.0

    def options(self) -> dict[str, Any]:
        return {"after": f"{self.held_for:g}s"}

    async def breaks(self) -> None:
        await docker("pause", self.web.name)


class UnitRestarted(Scene):
    """A unit of systemd, which writes down what it does. Where that is the point, the daemon is killed then."""

    action = "systemd.restart"
    written: ClassVar[str] = web_unit.STOPS
    """Where the unit writes down what is ordered."""
    crashes: ClassVar[int] = 0
    halts: ClassVar[dict[Point, tuple[dict[str, int], str, int]]] = {
        STOPS: ({"stop": 3}, web_unit.STOPS, 1),
        STOPS_SLOWLY: ({"stop": LINGERS}, web_unit.STOPS, 1),
        STOPS_FOR_LONG: ({"stop": 2 * LINGERS}, web_unit.STOPS, 1),
        STARTS: ({"start": 3}, web_unit.STARTS, 2),
        RELOADS: ({"reload": 3}, web_unit.RELOADS, 1),
    }
    """How long that takes, where it is written down at its beginning, and as the how manyth there."""

    def options(self) -> dict[str, Any]:
        return {"unit": web_unit.UNIT}

    def policy(self) -> str:
        """Its container is nobody's business: who watches a unit knows of none."""
        return super().policy().replace(f", container: {self.web.name}, when_unsure: restart", "")

    async def environ(self) -> dict[str, str]:
        return {"DBUS_SYSTEM_BUS_ADDRESS": await web_unit.bus(self.web)}

    async def start(self, stack: AsyncExitStack) -> None:
        takes, file, number = self.halts.get(self.point, ({}, "", 0))
        await web_unit.start(self.web, **takes)
        if file:
            watching = asyncio.create_task(self._kill_at(file, number))
            stack.callback(watching.cancel)

    async def _kill_at(self, file: str, number: int) -> None:
        await web_unit.came(self.web, file, number)
        self.kill()

    async def orders(self) -> list[float]:
        return await web_unit.written(self.web, self.written)

    async def is_whole(self) -> bool:
        return await super().is_whole() and await web_unit.is_whole(self.web, crashes=self.crashes)

    async def shape(self) -> dict[str, object]:
        return {**await super().shape(), **await web_unit.shows(self.web, "FragmentPath", "DropInPaths")}


class UnitStarted(UnitRestarted):
    """What has crashed. Its first start was the test's."""

    action = "systemd.start"
    written = web_unit.STARTS
    crashes = 1

    async def breaks(self) -> None:
        await self.web.crashes()

    async def orders(self) -> list[float]:
        return (await super().orders())[1:]


class UnitReloaded(UnitRestarted):
    action = "systemd.reload"
    written = web_unit.RELOADS


class Commanded(Scene):
    """The program writes down that it runs, and mends. Where that is the point, it kills who has started it first."""

    action = "command"

    def options(self) -> dict[str, Any]:
        die = "os.kill(os.getppid(), 9)" if self.point == RUNS else "None"
        mend = f"urllib.request.urlopen('http://127.0.0.1:{self.web.port}/mend')"
        program = (
            f"import os, time, urllib.request; first = not os.path.exists({str(self.written)!r}); "
            f"print(time.time(), file=open({str(self.written)!r}, 'a'), flush=True); first and {die}; {mend}"
        )
        return {"command": [sys.executable, "-c", program]}

    @property
    def written(self) -> Path:
        return self.folder / "orders"

    async def orders(self) -> list[float]:
        return [float(line) for line in self.written.read_text().split()] if self.written.exists() else []


class Hooked(Scene):
    """The other side writes down what it hears, and mends. Where that is the point, it kills who asks, once."""

    action = "webhook"

    def __init__(self, point: Point, folder: Path) -> None:
        super().__init__(point, folder)
        self.taken: list[tuple[str, float]] = []
        self.url = ""

    def options(self) -> dict[str, Any]:
        return {"url": self.url, "secret": "of the test"}

    async def start(self, stack: AsyncExitStack) -> None:
        await super().start(stack)
        app = web.Application()
        app.router.add_post("/", self._take)
        runner = web.AppRunner(app, shutdown_timeout=1.0)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"

    async def _take(self, request: web.Request) -> web.Response:
        self.taken.append((request.headers["Idempotency-Key"], time()))
        if self.point == HEARD and len(self.taken) == 1:
            self.kill()
        await asyncio.shield(self.web.run("kill -HUP 1"))
        return web.Response()

    async def orders(self) -> list[float]:
        assert len(dict(self.taken)) == len(self.taken), "the same order came twice"
        return [at for _, at in self.taken]


def _nobody() -> None:
    raise AssertionError("there is nobody to kill yet")


SCENES: dict[str, type[Scene]] = {
    scene.action: scene
    for scene in (
        *(Scene, Recreated, RolledBack, Started, Signalled, Unpaused),
        *(Composed, UnitRestarted, UnitStarted, UnitReloaded, Commanded, Hooked),
    )
}
"""By action."""
