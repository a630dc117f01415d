"""`docker.restart` on a Docker that answers well, badly, late or never: one order for what was judged, or none."""

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
    ContainerStatus,
    RunState,
    Target,
)
from nemo_watchdog.ports import ActionContext
from tests.unit.containers.fake_docker import CONTAINER_ID, FakeDocker, cut, fake_docker, says

JUDGED = ContainerStatus(
    RunState.RUNNING, container_id=CONTAINER_ID, started_at=datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
)


@pytest_asyncio.fixture
async def docker(tmp_path: Path) -> AsyncIterator[FakeDocker]:
    async with fake_docker(tmp_path) as fake:
        yield fake


async def restart(
    docker: FakeDocker,
    container: str = "redis",
    judged: ContainerStatus = JUDGED,
    within: float = 5.0,
    touched: str = "",
) -> ActionResult:
    options = RestartOptions.model_validate({"stop_timeout": "2s500ms"})
    target = Target(CONTAINER, container)
    containers = DockerContainers(docker.url, timeout=1.0)
    try:
        return await KIND.make(ActionContext(containers, lambda _: touched)).run(
            ActionRequest("a-1", "i-1", "redis", "docker.restart", target, options, judged, within)
        )
    finally:
        await containers.close()


async def test_restart_gives_the_grace(docker: FakeDocker) -> None:
    """The named container is restarted with the stop timeout in whole seconds, never fewer than asked for."""
    result = await restart(docker)
    assert result.outcome is ActionOutcome.SUCCEEDED
    assert docker.restarts == [("redis", "3")]


@pytest.mark.parametrize(
    ("judged", "why"),
    [
        (replace(JUDGED, container_id="another id"), "the container was replaced since it was judged"),
        (replace(JUDGED, started_at=datetime(2026, 3, 1, tzinfo=UTC)), "the container was started anew"),
        (replace(JUDGED, state=RunState.EXITED), "the container is running and was exited when it was judged"),
    ],
)
async def test_what_is_not_as_it_was_judged_is_not_restarted(
    docker: FakeDocker, judged: ContainerStatus, why: str
) -> None:
    """Another container, another run or another state: somebody was there meanwhile."""
    result = await restart(docker, judged=judged)
    assert result.outcome is ActionOutcome.REFUSED
    assert why in result.detail
    assert docker.restarts == []


async def test_what_was_taken_off_its_network_meanwhile_is_not_restarted(docker: FakeDocker) -> None:
    """A restart would not put it back; what was judged without its network is the gates' to hold."""
    docker.containers["redis"] |= {"HostConfig": {"NetworkMode": "app"}, "NetworkSettings": {"Networks": {}}}
    result = await restart(docker)
    assert result.outcome is ActionOutcome.REFUSED
    assert result.detail == "the container was taken off its network app since it was judged"
    assert docker.restarts == []
    assert (await restart(docker, judged=replace(JUDGED, off_network="app"))).outcome is ActionOutcome.SUCCEEDED


async def test_what_somebody_is_stopping_since_it_was_judged_is_not_restarted(docker: FakeDocker) -> None:
    """An inspect does not show it: what was heard of Docker's events is asked last, right before the order."""
    result = await restart(docker, touched="somebody stopped the container through Docker (signal 15)")
    assert result.outcome is ActionOutcome.REFUSED
    assert "(signal 15)" in result.detail
    assert docker.restarts == []


async def test_nothing_is_not_restarted(docker: FakeDocker) -> None:
    """A container that is missing gives a failure that names it."""
    result = await restart(docker, "gone")
    assert result.outcome is ActionOutcome.REFUSED
    assert "gone" in result.detail
    assert docker.restarts == []


async def test_a_blind_restart_is_refused(docker: FakeDocker) -> None:
    """When the container cannot be inspected first, nothing is ordered."""
    docker.inspect = cut
    assert (await restart(docker)).outcome is ActionOutcome.REFUSED
    assert docker.restarts == []


async def test_a_docker_that_is_silent_before_the_order_is_refused(docker: FakeDocker) -> None:
    """The action's own deadline ends while it still asks what is there: certainly nothing was ordered."""

    async def stall(_: web.Request) -> web.StreamResponse:
        await docker.stall()
        return web.Response()

    docker.inspect = stall
    result = await restart(docker, within=0.3)
    assert result.outcome is ActionOutcome.REFUSED
    assert "within 300ms" in result.detail
    assert docker.restarts == []


async def test_dockers_own_words_for_a_failure(docker: FakeDocker) -> None:
    """An error of Docker fails the action with Docker's message."""
    docker.restart = says(500, "cannot restart: port is already allocated")
    result = await restart(docker)
    assert result.outcome is ActionOutcome.FAILED
    assert result.detail == "cannot restart: port is already allocated"


async def test_a_restart_that_takes_too_long(docker: FakeDocker) -> None:
    """The request's timeout bounds the call, and is longer than that of a question."""

    async def stall(_: web.Request) -> web.StreamResponse:
        await docker.stall()
        return web.Response()

    docker.restart = stall
    result = await restart(docker, within=1.3)
    assert result.outcome is ActionOutcome.TIMED_OUT
    assert "within 1.3s" in result.detail


async def test_a_connection_lost_during_the_restart_is_unknown(docker: FakeDocker) -> None:
    """When Docker heard the order and its answer was lost, the result is unknown, not failed."""
    docker.restart = cut
    result = await restart(docker)
    assert result.outcome is ActionOutcome.UNKNOWN
    assert len(docker.restarts) == 1


async def test_a_daemon_gone_before_the_order_is_a_failure(docker: FakeDocker) -> None:
    """When the order surely never reached Docker, the action failed."""
    found = web.json_response(docker.containers["redis"])
    found.headers["Connection"] = "close"

    async def last_answer(_: web.Request) -> web.StreamResponse:
        docker.socket.unlink()
        found.force_close()
        return found

    docker.inspect = last_answer
    result = await restart(docker)
    assert result.outcome is ActionOutcome.REFUSED
    assert docker.restarts == []


async def test_a_prefix_of_an_id_is_not_a_name(docker: FakeDocker) -> None:
    """Docker resolves prefixes of ids; a container that was not named is not touched."""
    docker.containers["4f0c"] = docker.containers["redis"]
    assert (await restart(docker, "4f0c")).outcome is ActionOutcome.REFUSED
    assert docker.restarts == []


async def test_no_name_restarts_nothing(docker: FakeDocker) -> None:
    """Not even when the request names none."""
    assert (await restart(docker, "")).outcome is ActionOutcome.REFUSED
    assert docker.restarts == []
