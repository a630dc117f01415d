"""What was ordered of a platform's containers, told by Docker's own events: what the daemon says is not believed.

Docker remembers 256 events of everything, so they are heard as they come; what it remembers at the end is added, for
the last of them may not have come through yet.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self

from nemo_watchdog.demo.docker_cli import docker
from nemo_watchdog.recreation import is_beside, name_of_new

LAST_WORDS = frozenset({"2", "9", "15"})
"""Signals with which Docker itself stops a container; another one has been asked for."""
_PLAIN = {"start": "start", "pause": "pause", "unpause": "unpause", "rename": "rename", "destroy": "remove"}


class Witness:
    """`async with Witness("LABEL=VALUE") as witness:` hears all that happens to the containers with that label."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._lines: set[str] = set()
        self._since = ""
        self._process: asyncio.subprocess.Process | None = None
        self._hearing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._since = f"{time.time():.6f}"
        self._process = await asyncio.create_subprocess_exec(
            shutil.which("docker") or "docker",
            *self._question(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        self._hearing = asyncio.create_task(self._hear(self._process))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        assert self._hearing is not None
        if self._process.returncode is None:
            self._process.kill()
        await self._hearing
        await self._process.wait()

    async def orders(self) -> Counter[str]:
        """All until now."""
        return orders_in(await self.events())

    async def events(self) -> list[Mapping[str, Any]]:
        """All until now, as Docker writes them, oldest first."""
        remembered = await docker(*self._question(), "--until", f"{time.time():.6f}")
        events = [json.loads(line) for line in self._lines.union(remembered.splitlines())]
        return sorted(events, key=lambda each: int(each["timeNano"]))

    def _question(self) -> list[str]:
        filters = ["--filter", "type=container", "--filter", f"label={self._label}"]
        return ["events", "--since", self._since, *filters, "--format", "{{json .}}"]

    async def _hear(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            self._lines.add(line.decode().rstrip("\n"))


def orders_in(events: Iterable[Mapping[str, Any]]) -> Counter[str]:
    """How often each thing was ordered, such as `restart`, `start`, `kill 1`, `create`, `recreate` and `rollback`.

    One order may be many events: a restart is a stop and a start as well, and what was made is started. The last two
    make a container that is to take the place of another, from the image that this has, or from another one.
    """
    trails: defaultdict[str, list[str]] = defaultdict(list)
    images: dict[str, str] = {}
    for event in sorted(events, key=lambda each: int(each["timeNano"])):
        told, trail = event["Actor"]["Attributes"], trails[event["Actor"]["ID"]]
        if event["Action"] == "create":
            trail.append(_made(told["name"], told["image"], images))
        else:
            _follow(trail, event["Action"], told.get("signal", ""))
        if not is_beside(told["name"]):
            images[told["name"]] = told["image"]
    return Counter(each for trail in trails.values() for each in _without_first_start(trail))


def _follow(trail: list[str], act: str, number: str) -> None:
    """What one container was told goes to the end of its trail, and takes the place of what it is made of."""
    if act == "kill":
        trail.append(f"kill {number}")
    elif act == "stop":
        while trail and trail[-1].removeprefix("kill ") in LAST_WORDS:
            trail.pop()
        trail.append(act)
    elif act == "restart":
        for part in ("start", "stop"):  # what has ended is not stopped before
            if trail and trail[-1] == part:
                trail.pop()
        trail.append(act)
    elif act in _PLAIN:
        trail.append(_PLAIN[act])


def _made(name: str, image: str, images: Mapping[str, str]) -> str:
    """`images`: what each container was of when something happened to it last."""
    before = next((of for each, of in images.items() if name_of_new(each) == name), None)
    if before is None:
        return "create"
    return "recreate" if before == image else "rollback"


def _without_first_start(trail: list[str]) -> list[str]:
    """The first start of what was made belongs to that."""
    if trail and trail[0] in {"create", "recreate", "rollback"} and "start" in trail:
        trail.remove("start")
    return trail
