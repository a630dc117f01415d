"""`docker.restart` on a real Docker Engine and a real, tiny container."""

from __future__ import annotations

import asyncio
import secrets
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest_asyncio

from nemo_watchdog.actions.docker.restart import DockerRestart, RestartOptions
from nemo_watchdog.containers import DockerContainers
from nemo_watchdog.demo.docker_cli import DockerError, docker
from nemo_watchdog.demo.images import USR_MOUNTS, ensure_image
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


@pytest_asyncio.fixture
async def container(docker_engine: str) -> AsyncIterator[str]:
    """The name of a running container, removed after the test."""
    name = f"nemo-test-{secrets.token_hex(4)}"
    image = await ensure_image()
    options = ("--name", name, "--label", "nemo-watchdog-test.made=1", "--network", "none", "-e", "PASSWORD=hunter2")
    await docker("run", "-d", *options, *USR_MOUNTS, image, "/bin/sh", "-c", "trap 'exit 0' TERM; sleep 600 & wait")
    yield name
    await docker("rm", "-f", name)


async def restart(
    containers: DockerContainers,
    container: str,
    judged: ContainerStatus | None = None,
    stop_timeout: float = 5.0,
    within: float = 60.0,
) -> ActionResult:
    options = RestartOptions.model_construct(stop_timeout=stop_timeout)
    return await DockerRestart(ActionContext(containers)).run(
        ActionRequest("a-1", "i-1", "it", "docker.restart", Target(CONTAINER, container), options, judged, within)
    )


async def test_restart_makes_a_new_run(containers: DockerContainers, container: str) -> None:
    """A restart keeps the container and gives it a new start."""
    before = await containers.inspect(container)
    result = await restart(containers, container, before)
    after = await containers.inspect(container)
    assert result.outcome is ActionOutcome.SUCCEEDED
    assert after.state is RunState.RUNNING
    assert after.container_id == before.container_id
    assert after.started_at is not None
    assert before.started_at is not None
    assert after.started_at > before.started_at


async def test_a_replaced_container_is_not_restarted(containers: DockerContainers, container: str) -> None:
    """A container of the same name that is another one is left as it runs."""
    before = await containers.inspect(container)
    result = await restart(containers, container, replace(before, container_id="0" * 64))
    assert result.outcome is ActionOutcome.REFUSED
    assert (await containers.inspect(container)).run == before.run


async def test_what_was_taken_off_its_network_since_is_not_restarted(
    containers: DockerContainers, docker_engine: str
) -> None:
    """Nobody has told the gates yet; the last look before the order sees it."""
    name = f"nemo-test-{secrets.token_hex(4)}"
    command = ("sh", "-c", "trap 'exit 0' TERM; sleep 600 & wait")
    label = ("--label", "nemo-watchdog-test.made=1")
    await docker("run", "-d", "--name", name, *label, *USR_MOUNTS, await ensure_image(), *command)
    try:
        judged = await containers.inspect(name)
        await docker("network", "disconnect", "bridge", name)
        result = await restart(containers, name, judged)
        assert result.outcome is ActionOutcome.REFUSED
        assert "taken off its network bridge" in result.detail
        assert (await containers.inspect(name)).run == judged.run
    finally:
        await docker("rm", "-f", name)


async def removed(name: str) -> None:
    """Docker goes on with the restart and may write into what it removes: then it is asked again."""
    async with asyncio.timeout(60.0):
        while True:
            try:
                await docker("rm", "-f", name)
            except DockerError:
                await asyncio.sleep(0.5)
            else:
                return


async def test_a_restart_that_outlives_its_timeout(containers: DockerContainers, docker_engine: str) -> None:
    """A container that ignores SIGTERM for longer than the request allows gives TIMED_OUT, in time."""
    name = f"nemo-test-{secrets.token_hex(4)}"
    label = ("--label", "nemo-watchdog-test.made=1", "--network", "none")
    script = "trap '' TERM; while :; do sleep 1; done"
    await docker("run", "-d", "--name", name, *label, *USR_MOUNTS, await ensure_image(), "/bin/sh", "-c", script)
    try:
        began = time.monotonic()
        result = await restart(containers, name, stop_timeout=30.0, within=6.0)
        took = time.monotonic() - began
    finally:
        await removed(name)
    assert result.outcome is ActionOutcome.TIMED_OUT
    assert took < 10.0


async def test_dockers_own_message(containers: DockerContainers, docker_engine: str) -> None:
    """A container that cannot start again, for its port was taken, fails the action with Docker's words."""
    name = f"nemo-test-{secrets.token_hex(4)}"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        publish = ("-p", f"127.0.0.1:{taken.getsockname()[1]}:80")
        taken.listen()
        options = ("--name", name, "--label", "nemo-watchdog-test.made=1", *publish, *USR_MOUNTS)
        await docker("create", *options, await ensure_image(), "/bin/sleep", "600")
        try:
            result = await restart(containers, name)
        finally:
            await docker("rm", "-f", name)
    assert result.outcome is ActionOutcome.FAILED
    assert "address already in use" in result.detail
