"""Who is asked beside a look: Docker only when a restart may be near, and what it does not tell stays unknown."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nemo_watchdog.engine.events import Signs
from nemo_watchdog.errors import ContainersUnreachable
from nemo_watchdog.model import Finding, Reason, failed, ok
from nemo_watchdog.policy.policy import BusyWhile, Dependency, Threshold
from nemo_watchdog.runtime import in_progress as module
from nemo_watchdog.runtime.clock import SystemClock
from nemo_watchdog.runtime.in_progress import InProgress
from nemo_watchdog.runtime.probe_loop import ProbeLoop
from nemo_watchdog.testing import HANG, ScriptedProbe
from tests.unit.engine.world import dependency, policy
from tests.unit.runtime.shell import Shell, running, until

BAD = failed(Reason.TIMEOUT, "test")
SAVING = ("redis-server *:6379", "redis-rdb-bgsave *:6379")
SAID = "saving a snapshot (by the titles of its processes)"


class Docker:
    def __init__(self, titles: Sequence[str] = SAVING) -> None:
        self.answer = titles
        self.trouble: Exception | None = None
        self.hangs = False
        self.asked: list[str] = []

    async def titles(self, name: str) -> Sequence[str]:
        self.asked.append(name)
        if self.hangs:
            await asyncio.Event().wait()
        if self.trouble is not None:
            raise self.trouble
        return self.answer


async def told(docker: Docker, spec: Dependency, *findings: Finding) -> list[Signs]:
    witness = InProgress(spec, docker)
    return [await witness.beside(finding) for finding in findings]


async def test_the_look_that_may_make_it_down_asks_for_titles() -> None:
    docker = Docker()
    signs = await told(docker, dependency("redis"), ok(), BAD, BAD, BAD, BAD, ok(), BAD)
    assert [each.titles for each in signs] == [None, None, None, SAID, SAID, None, None]
    assert docker.asked == ["c-redis", "c-redis"]


async def test_failures_count_as_the_threshold_counts_them() -> None:
    docker = Docker()
    spec = dependency("redis", down_after=Threshold(2, 3))
    signs = await told(docker, spec, BAD, ok(), BAD)
    assert [each.titles for each in signs] == [None, None, SAID]


@pytest.mark.parametrize(
    "spec",
    [dependency("redis", container=None), dependency("redis", remedy=None)],
    ids=["no container", "no remedy"],
)
async def test_nobody_is_asked_where_it_cannot_matter(spec: Dependency) -> None:
    docker = Docker()
    assert [each.titles for each in await told(docker, spec, *[BAD] * 4)] == [None] * 4
    assert not docker.asked


async def test_what_the_look_says_itself_needs_no_second_word() -> None:
    docker = Docker()
    assert [s.titles for s in await told(docker, dependency("redis"), *[replace(BAD, work="a")] * 4)] == [None] * 4
    assert not docker.asked


async def test_a_docker_that_does_not_tell_leaves_it_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """And holds up no look."""
    monkeypatch.setattr(module, "ASKED_FOR", 0.01)
    docker = Docker()
    docker.trouble = ContainersUnreachable("no answer")
    assert (await told(docker, dependency("redis"), *[BAD] * 3))[-1].titles is None
    docker.hangs = True
    assert (await told(docker, dependency("redis"), *[BAD] * 3))[-1].titles is None


async def test_files_are_looked_for_at_every_look(tmp_path: Path) -> None:
    """Also at a good one: a look at a neighbour may decide."""
    spec = dependency("redis", busy_while=(BusyWhile("file", str(tmp_path)),))
    assert await told(Docker(), spec, ok()) == [Signs(None, f"{tmp_path} exists")]


@pytest.mark.parametrize("last", [BAD, HANG])
async def test_a_loop_tells_what_was_asked_beside_its_look(last: Any, tmp_path: Path) -> None:
    """From the look to the engine."""
    spec = dependency(
        "redis", interval=0.01, confirm_interval=0.005, timeout=0.02, busy_while=(BusyWhile("file", str(tmp_path)),)
    )
    shell = Shell(policy(spec), clock=SystemClock())
    at_work = InProgress(spec, Docker())
    loop = ProbeLoop(spec, ScriptedProbe(ok(), last), shell.core, shell.metrics, in_progress=at_work)
    tracker = shell.core.engine.trackers["redis"]
    async with running(loop.run()):
        await until(lambda: tracker.in_progress.work == SAID)
        assert tracker.in_progress.marks == f"{tmp_path} exists"
    shell.core.close()
