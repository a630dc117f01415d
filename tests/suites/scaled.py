"""A queue with one worker, as a Compose project: it has two jobs, and is at each of them for ever."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from nemo_watchdog.demo.parts import Part
from nemo_watchdog.demo.platform import Platform
from tests.integration.compose_service import WORKER, service
from tests.integration.daemon import DaemonError
from tests.suites.composed import ComposedPlatform
from tests.suites.situations import Stage


@dataclass(frozen=True, slots=True)
class Worker:
    kind: ClassVar[str] = "worker"
    inner_port: ClassVar[int] = 8000

    def options(self, others: Mapping[str, Part]) -> list[str]:
        return []

    def command(self) -> list[str]:
        return ["/bin/sh", "-c", WORKER]


class Queue(ComposedPlatform):
    """Its workers have the names that Compose gives them."""

    @property
    def jobs(self) -> Path:
        return self.file.parent / "jobs"

    def name(self, part: str) -> str:
        return f"{self.prefix}_{self._known(part)}_1"

    async def check(self, part: str, within: float = 1.0) -> str | None:
        waiting = len(list(self.jobs.glob("*.waiting")))
        return f"{waiting} jobs wait for {self._known(part)}" if waiting else None

    def _service(self, kind: str, part: Part) -> dict[str, Any]:
        self.jobs.mkdir(exist_ok=True)
        return {**service(WORKER, self.jobs), "labels": self._labels}

    def give(self, *names: str) -> None:
        for name in names:
            (self.jobs / f"{name}.waiting").touch()


def watched(text: str, platform: Platform) -> str:
    assert isinstance(platform, Queue)
    worker = {
        "probe": "command",
        "command": ["/bin/sh", "-c", f"! ls {platform.jobs}/*.waiting"],
        "exit_codes": {"1": "degraded"},
        "container": platform.name("worker"),
        "tags": ["core"],
        "startup_grace": "2s",
        "remedy": "grow",
    }
    scaling = {"do": "compose.up", "file": str(platform.file), "project": platform.prefix, "service": "worker"}
    grow = {
        "when": {"category": ["fault", "busy"]},
        "steps": [
            {"do": "docker.restart", "when": {"category": "fault"}},
            {**scaling, "scale": 2, "when": {"reason": "reported_busy"}},
        ],
        "budget": "3 per 1h",
    }
    text = text.replace("dependencies:\n", f"dependencies:\n  worker: {json.dumps(worker)}\n", 1)
    return text.replace("remedies:\n", f"remedies:\n  grow: {json.dumps(grow)}\n", 1)


async def too_much_to_do(stage: Stage) -> None:
    assert isinstance(stage.platform, Queue)
    stage.platform.give("a", "b")


async def both_are_worked_at(stage: Stage) -> None:
    """By two, of which one is the one of before."""
    assert isinstance(stage.platform, Queue)
    taken = len(list(stage.platform.jobs.glob("*.taken")))
    ours = ("--filter", f"label=com.docker.compose.project={stage.platform.prefix}")
    running = (await stage.platform.docker("ps", *ours, "--format", "{{.Names}}")).split()
    if (taken, len(running)) != (2, 2):
        raise DaemonError(f"{taken} jobs are worked at by {', '.join(running)}")
