"""A queue's worker in a Compose project with other services, which are not as its file would have them by now."""

from __future__ import annotations

import json
from typing import Any

from nemo_watchdog.demo.docker_cli import command
from nemo_watchdog.demo.parts import Part
from tests.integration.compose_service import IDLE, service
from tests.integration.daemon import DaemonError
from tests.parts import need
from tests.suites import scaled
from tests.suites.scaled import Queue, Worker
from tests.suites.situations import Situation, Stage


class Older(Worker):
    kind = "older"


class Stopped(Worker):
    kind = "stopped"


class Grown(Worker):
    kind = "grown"


class Shop(Queue):
    """All but the worker idle."""

    def _service(self, kind: str, part: Part) -> dict[str, Any]:
        own = super()._service(kind, part)
        return own if kind == "worker" else {**own, "command": service(IDLE, self.jobs)["command"]}

    async def compose(self, *words: str) -> None:
        await command(need("docker-compose"), "-p", self.prefix, "-f", str(self.file), *words)

    def change(self, kind: str) -> None:
        """The file would have it otherwise from now on."""
        project = json.loads(self.file.read_text(encoding="utf-8"))
        project["services"][kind]["environment"] = ["RELEASE=2"]
        self.file.write_text(json.dumps(project), encoding="utf-8")

    async def beside(self) -> dict[str, tuple[str, str, str]]:
        """Id, state and beginning of every container of the project that is not the worker's, by name."""
        ours = ("--filter", f"label=com.docker.compose.project={self.prefix}")
        names = (await self.docker("ps", "-a", *ours, "--format", "{{.Names}}")).split()
        shown = json.loads(await self.docker("inspect", *names))
        return {
            each["Name"]: (each["Id"], each["State"]["Status"], each["State"]["StartedAt"])
            for each in shown
            if each["Config"]["Labels"]["com.docker.compose.service"] != "worker"
        }


async def people_are_at_the_others(stage: Stage) -> None:
    """One is scaled, one stopped, one otherwise in the file; then the worker has too much to do."""
    shop = stage.platform
    assert isinstance(shop, Shop)
    await shop.compose("up", "-d", "--no-deps", "--scale", "grown=2", "grown")
    await shop.docker("stop", "-t", "5", shop.name("stopped"))
    shop.change("older")
    before = await shop.beside()
    if sorted(status for _, status, _ in before.values()) != ["exited", "running", "running", "running"]:
        raise DaemonError(f"the others are {before}")
    shop.give("a", "b")
    await stage.daemon.event("action_ended", within=60.0, action="compose.up", outcome="succeeded")
    await stage.daemon.event("incident_resolved", within=60.0)
    if (after := await shop.beside()) != before:
        raise DaemonError(f"the others are {after}, and were {before}")


async def a_person_stops_the_service(stage: Stage) -> None:
    """By Compose; and what it would do waits."""
    assert isinstance(stage.platform, Shop)
    await stage.platform.compose("stop", "-t", "5", "worker")
    stage.platform.give("a", "b")
    await stage.daemon.wait_until(lambda s: s["dependencies"]["worker"]["held"] is not None, within=60.0)


async def nobody_works(stage: Stage) -> None:
    running = await stage.platform.docker("ps", "--filter", f"name=^{stage.platform.prefix}", "--format", "{{.Names}}")
    if running:
        raise DaemonError(f"there runs {running}")


SHOP = (
    Situation(
        "a service is scaled up beside others that are not as the file has them",
        [Worker(), Older(), Stopped(), Grown()],
        "worker",
        "health:up",
        people_are_at_the_others,
        rewrites=scaled.watched,
        people_order={"create": 1},
        rightly={"create": 1},
        made=Shop,
    ),
    Situation(
        "a person stops the service by Compose",
        [Worker()],
        "worker",
        "health:down",
        a_person_stops_the_service,
        rewrites=scaled.watched,
        people_order={"stop": 1},
        made=Shop,
        afterwards=nobody_works,
    ),
)
