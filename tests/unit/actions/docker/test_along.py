"""What `docker.restart` takes along, on a Docker that answers well, badly or late: each only as it was judged."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web

from nemo_watchdog.actions.docker.restart import KIND, RestartOptions
from nemo_watchdog.containers import DockerContainers
from nemo_watchdog.model import (
    CONTAINER,
    ActionOutcome,
    ActionRequest,
    ActionResult,
    Along,
    ContainerStatus,
    RunState,
    Target,
)
from nemo_watchdog.ports import ActionContext
from tests.unit.containers.fake_docker import CONTAINER_ID, FakeDocker, fake_docker, inspected, says

JUDGED = ContainerStatus(
    RunState.RUNNING, container_id=CONTAINER_ID, started_at=datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
)
OTHERS = frozenset({"sidecar", "exporter"})


@pytest_asyncio.fixture
async def docker(tmp_path: Path) -> AsyncIterator[FakeDocker]:
    async with fake_docker(tmp_path) as fake:
        fake.containers = {name: inspected() | {"Name": f"/{name}"} for name in ("redis", "sidecar", "exporter")}
        yield fake


async def restart(
    docker: FakeDocker,
    judged: ContainerStatus = JUDGED,
    of_sidecar: ContainerStatus = JUDGED,
    touched: str = "",
    within: float = 6.0,
) -> ActionResult:
    options = RestartOptions.model_validate({"stop_timeout": "2s"})
    containers = DockerContainers(docker.url, timeout=1.0)
    context = ActionContext(containers, lambda name: "somebody is stopping it" if name == touched else "")
    along = (Along("sidecar", "sidecar", of_sidecar), Along("exporter", "exporter", JUDGED))
    target = Target(CONTAINER, "redis")
    try:
        return await KIND.make(context).run(
            ActionRequest("a-1", "i-1", "redis", "docker.restart", target, options, judged, within, along=along)
        )
    finally:
        await containers.close()


async def test_each_is_restarted_after_it(docker: FakeDocker) -> None:
    """One after the other, with the same stop timeout."""
    result = await restart(docker)
    assert result == ActionResult(
        ActionOutcome.SUCCEEDED,
        "Docker restarted the container; sidecar: restarted as well; exporter: restarted as well",
    )
    assert docker.restarts == [("redis", "2"), ("sidecar", "2"), ("exporter", "2")]


async def test_what_is_not_as_it_was_judged_is_left_alone(docker: FakeDocker) -> None:
    """The others are restarted, and it is said which one was not."""
    result = await restart(docker, of_sidecar=replace(JUDGED, container_id="another"))
    assert result.outcome is ActionOutcome.SUCCEEDED
    assert "sidecar: the container was replaced since it was judged; exporter: restarted" in result.detail
    assert result.left == {"sidecar"}
    assert [name for name, _ in docker.restarts] == ["redis", "exporter"]


async def test_what_somebody_is_stopping_meanwhile_is_left_alone(docker: FakeDocker) -> None:
    result = await restart(docker, touched="exporter")
    assert result.left == {"exporter"}
    assert result.detail.endswith("exporter: somebody is stopping it")
    assert [name for name, _ in docker.restarts] == ["redis", "sidecar"]


async def test_what_is_refused_takes_nobody_along(docker: FakeDocker) -> None:
    result = await restart(docker, judged=replace(JUDGED, state=RunState.EXITED))
    assert (result.outcome, result.left) == (ActionOutcome.REFUSED, OTHERS)
    assert docker.restarts == []


async def test_what_docker_cannot_restart_takes_nobody_along(docker: FakeDocker) -> None:
    docker.restart = says(500, "port is already allocated")
    result = await restart(docker)
    assert (result.outcome, result.detail) == (ActionOutcome.FAILED, "port is already allocated")
    assert result.left == OTHERS
    assert [name for name, _ in docker.restarts] == ["redis"]


async def test_one_that_docker_cannot_restart_is_told(docker: FakeDocker) -> None:
    """Its target was restarted: whether that has helped, looks say."""

    async def fails_for_sidecar(request: web.Request) -> web.StreamResponse:
        if request.match_info["name"] == "sidecar":
            return await says(500, "cannot join network of a non running container")(request)
        return web.Response(status=204)

    docker.restart = fails_for_sidecar
    result = await restart(docker)
    assert result.outcome is ActionOutcome.SUCCEEDED
    assert "sidecar: cannot join network of a non running container" in result.detail
    assert result.left == frozenset()


@pytest.mark.parametrize(("late", "left"), [("redis", OTHERS), ("sidecar", frozenset[str]())])
async def test_what_may_still_be_done_is_not_called_done(docker: FakeDocker, late: str, left: frozenset[str]) -> None:
    """Where that is the target, the others are left alone; where it is one of them, the rest are restarted."""

    async def stalls(request: web.Request) -> web.StreamResponse:
        if request.match_info["name"] == late:
            await docker.stall()
        return web.Response(status=204)

    docker.restart = stalls
    result = await restart(docker, within=1.5)
    assert (result.outcome, result.left) == (ActionOutcome.TIMED_OUT, left)
    names = [name for name, _ in docker.restarts]
    assert names == (["redis"] if late == "redis" else ["redis", "sidecar", "exporter"])
