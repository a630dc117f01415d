"""A container engine in memory that makes containers anew, and that dies at any order when a test wants it to."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from nemo_watchdog.errors import OrderFailed
from nemo_watchdog.recreation import tag_of
from nemo_watchdog.testing.fakes import FakeContainers

PRESENT, PROVEN = "sha256:1", "sha256:0"
"""The ids of the image that a container has here, and of one that it may go back to."""


class Died(BaseException):
    """The process ends here, and nothing of it goes on."""


class FakeRecreation:
    """Satisfies `recreation.Recreation`: `there` are inspects by id. It refuses what Docker refuses.

    With `dies_at` the so-manieth call raises `Died`: before it is done, or with `after` when it is done. `fails` are
    orders by name that Docker refuses.
    """

    def __init__(self) -> None:
        self.there: dict[str, dict[str, Any]] = {}
        self.images: dict[str, str] = {}
        """The id that each name of an image means."""
        self.configs: dict[str, dict[str, Any]] = {}
        """Of images that are there, by their ids: their own configuration."""
        self.volumes: set[str] = set()
        self.calls: list[tuple[str, ...]] = []
        self.dies_at: int | None = None
        self.after = False
        self.raises: dict[str, BaseException] = {}
        """What the next order of that name raises, and nothing is done."""
        self.most_running = 0
        self._made = 0

    def add(self, name: str, container_id: str, *, status: str = "running", **host: Any) -> dict[str, Any]:
        """A container as an inspect shows it."""
        shown: dict[str, Any] = {
            "Id": container_id,
            "Name": f"/{name}",
            "Image": PRESENT,
            "State": {"Status": status},
            "Config": {"Hostname": container_id[:12], "Image": "app:1", "Cmd": ["serve"]},
            "HostConfig": {"NetworkMode": "default", "RestartPolicy": {"Name": "always", "MaximumRetryCount": 0}}
            | host,
            "NetworkSettings": {"Networks": {}},
            "Mounts": [],
        }
        self.there[container_id] = shown
        return shown

    def named(self, name: str) -> dict[str, Any] | None:
        return next((each for key, each in self.there.items() if name == key or each["Name"] == f"/{name}"), None)

    def names(self) -> dict[str, str]:
        """How each is, by its name."""
        return {each["Name"][1:]: each["State"]["Status"] for each in self.there.values()}

    async def show(self, container: str) -> Mapping[str, Any] | None:
        await self._call("show", container)
        found = deepcopy(self.named(container))
        self._done()
        return found

    async def image(self, image: str) -> Mapping[str, Any] | None:
        await self._call("image", image)
        self._done()
        found = self.images.get(image, image)
        known = found in self.configs or image in self.images
        return {"Id": found, "Config": deepcopy(self.configs.get(found, {}))} if known else None

    async def keep(self, image: str, container: str) -> None:
        await self._call("keep", image, container)
        if image not in self.configs:
            raise OrderFailed(f"Docker could not tag the image: No such image: {image}")
        self.images[tag_of(container)] = image
        self._done()

    async def create(self, name: str, body: Mapping[str, Any]) -> str:
        await self._call("create", name)
        if self.named(name) is not None:
            raise OrderFailed(f"Docker could not create the container {name}: the name is in use")
        self._made += 1
        container_id = f"{self._made:02d}" * 32
        config = {key: value for key, value in body.items() if key not in {"HostConfig", "NetworkingConfig"}}
        self.add(name, container_id, status="created", **deepcopy(dict(body["HostConfig"])))["Config"] |= config
        self._done()
        return container_id

    async def connect(self, network: str, container: str, endpoint: Mapping[str, Any]) -> None:
        await self._call("connect", network, container)
        self._find(container)["NetworkSettings"]["Networks"][network] = dict(endpoint)
        self._done()

    async def set_restart_policy(self, container: str, policy: Mapping[str, Any]) -> None:
        await self._call("set_restart_policy", container, str(policy["Name"]))
        self._find(container)["HostConfig"]["RestartPolicy"] = dict(policy)
        self._done()

    async def stop(self, container: str, stop_timeout: float) -> None:
        await self._call("stop", container, str(stop_timeout))
        if self._find(container)["State"]["Status"] == "running":
            self._find(container)["State"]["Status"] = "exited"
        self._done()

    async def start(self, container: str) -> None:
        await self._call("start", container)
        self._find(container)["State"]["Status"] = "running"
        self.most_running = max(self.most_running, [*self.names().values()].count("running"))
        self._done()

    async def rename(self, container: str, name: str) -> None:
        await self._call("rename", container, name)
        if self.named(name) is not None:
            raise OrderFailed(f"Docker could not rename the container to {name}: the name is in use")
        self._find(container)["Name"] = f"/{name}"
        self._done()

    async def remove(self, container: str) -> None:
        await self._call("remove", container)
        if self._find(container)["State"]["Status"] == "running":
            raise OrderFailed("Docker could not remove the container: it runs")
        del self.there[self._find(container)["Id"]]
        self._done()

    async def _call(self, *call: str) -> None:
        await asyncio.sleep(0)
        self.calls.append(call)
        if self.dies_at == len(self.calls) and not self.after:
            raise Died
        if call[0] in self.raises:
            raise self.raises.pop(call[0])

    def _done(self) -> None:
        if self.dies_at == len(self.calls):
            raise Died

    def _find(self, container: str) -> dict[str, Any]:
        found = self.named(container)
        if found is None:
            raise OrderFailed(f"No such container: {container}")
        return found


class RecreationOf(FakeRecreation):
    """That of `FakeContainers`: orders are kept there, and end as it says."""

    def __init__(self, containers: FakeContainers) -> None:
        super().__init__()
        self._containers = containers
        for name, status in containers.statuses.items():
            self.add(name, status.container_id)
        self.configs = {PRESENT: {}, PROVEN: {}}

    async def _call(self, *call: str) -> None:
        if call[0] in {"show", "image"}:
            await self._containers.ping()
        else:
            await self._containers.take(*call)
        await super()._call(*call)
