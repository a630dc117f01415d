"""`docker.start`, `docker.kill` and `docker.unpause` on a real Docker Engine and real, tiny containers."""

from __future__ import annotations

import asyncio
import secrets
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from nemo_watchdog.actions.catalog import ACTIONS
from nemo_watchdog.containers import DockerContainers
from nemo_watchdog.demo.docker_cli import docker
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
from tests.integration.scenarios.docker_socket import DockerSocket

HEARS_HUP = "trap 'echo heard' HUP; trap 'exit 3' TERM; echo listening; while :; do sleep 0.1; done"
Make = Callable[..., Awaitable[str]]


@pytest_asyncio.fixture
async def make(docker_engine: str) -> AsyncIterator[Make]:
    """Makes a container that listens to signals, and gives its name; all are removed after the test."""
    names: list[str] = []

    async def run(*options: str) -> str:
        name = f"nemo-test-{secrets.token_hex(4)}"
        names.append(name)
        options = options or ("--network", "none")
        label = ("--label", "nemo-watchdog-test.made=1")
        await docker("run", "-d", "--name", name, *label, *options, *USR_MOUNTS, await ensure_image(), *SHELL)
        await until_it_says(name, "listening")  # until then PID 1 hears no signal at all
        return name

    yield run
    for name in names:
        await docker("rm", "-f", name)


SHELL = ("/bin/sh", "-c", HEARS_HUP)


async def act(
    containers: DockerContainers,
    name: str,
    container: str,
    judged: ContainerStatus | None = None,
    within: float = 30.0,
    **options: Any,
) -> ActionResult:
    kind = ACTIONS[name]
    checked = kind.options.model_validate(options)
    request = ActionRequest("a-1", "i-1", "it", name, Target(CONTAINER, container), checked, judged, within)
    return await kind.make(ActionContext(containers)).run(request)


async def until_it_is(containers: DockerContainers, name: str, state: RunState) -> ContainerStatus:
    async with asyncio.timeout(30.0):
        while (seen := await containers.inspect(name)).state is not state:
            await asyncio.sleep(0.05)
    return seen


async def until_it_says(name: str, word: str) -> None:
    async with asyncio.timeout(30.0):
        while word not in await docker("logs", name):
            await asyncio.sleep(0.05)


async def test_what_has_ended_is_started(containers: DockerContainers, make: Make) -> None:
    """The same container, in a new run."""
    name = await make()
    await docker("kill", name)
    judged = await until_it_is(containers, name, RunState.EXITED)
    result = await act(containers, "docker.start", name, judged)
    after = await containers.inspect(name)
    assert result.outcome is ActionOutcome.SUCCEEDED
    assert (after.state, after.container_id) == (RunState.RUNNING, judged.container_id)
    assert after.started_at != judged.started_at


async def test_what_runs_already_is_not_started(containers: DockerContainers, make: Make) -> None:
    """Docker says that it did nothing, and so do we; what is paused it does not start either."""
    name = await make()
    before = await containers.inspect(name)
    result = await act(containers, "docker.start", name)
    assert (result.outcome, result.detail) == (
        ActionOutcome.REFUSED,
        "the container runs already: Docker did nothing",
    )
    await docker("pause", name)
    assert (await act(containers, "docker.start", name)).outcome is ActionOutcome.FAILED
    after = await containers.inspect(name)
    assert (after.state, after.run) == (RunState.PAUSED, before.run)


async def test_what_was_started_since_it_was_judged_is_left_alone(containers: DockerContainers, make: Make) -> None:
    name = await make()
    await docker("kill", name)
    judged = await until_it_is(containers, name, RunState.EXITED)
    await docker("start", name)
    before = await containers.inspect(name)
    result = await act(containers, "docker.start", name, judged)
    assert result.outcome is ActionOutcome.REFUSED
    assert "was started anew" in result.detail
    assert (await containers.inspect(name)).run == before.run


async def test_a_start_whose_port_was_taken_fails_with_dockers_words(containers: DockerContainers, make: Make) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        taken.close()
        name = await make("-p", f"127.0.0.1:{port}:80")
        await docker("kill", name)
        judged = await until_it_is(containers, name, RunState.EXITED)
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(("127.0.0.1", port))
            other.listen()
            result = await act(containers, "docker.start", name, judged)
    assert result.outcome is ActionOutcome.FAILED
    assert "address already in use" in result.detail


async def test_a_signal_comes_to_the_main_process_and_its_run_goes_on(containers: DockerContainers, make: Make) -> None:
    name = await make()
    judged = await containers.inspect(name)
    result = await act(containers, "docker.kill", name, judged, signal="HUP")
    assert (result.outcome, result.detail) == (ActionOutcome.SUCCEEDED, "Docker sent signal 1")
    await until_it_says(name, "heard")
    assert (await containers.inspect(name)).run == judged.run


async def test_what_a_signal_has_ended_docker_does_not_start_again(containers: DockerContainers, make: Make) -> None:
    """Whatever its restart policy: that is what a start after it is for."""
    name = await make("--restart", "always", "--network", "none")
    assert (await act(containers, "docker.kill", name, signal="TERM")).outcome is ActionOutcome.SUCCEEDED
    ended = await until_it_is(containers, name, RunState.EXITED)
    assert ended.exit_code == 3
    assert (await act(containers, "docker.start", name, ended)).outcome is ActionOutcome.SUCCEEDED


async def test_what_does_not_run_gets_no_signal(containers: DockerContainers, make: Make) -> None:
    """What was judged to run is refused; where nobody judged, Docker says no."""
    name = await make()
    judged = await containers.inspect(name)
    await docker("kill", name)
    await until_it_is(containers, name, RunState.EXITED)
    assert (await act(containers, "docker.kill", name, judged, signal="HUP")).outcome is ActionOutcome.REFUSED
    result = await act(containers, "docker.kill", name, signal="HUP")
    assert result.outcome is ActionOutcome.FAILED
    assert "is not running" in result.detail


async def test_what_is_paused_goes_on_in_its_run(containers: DockerContainers, make: Make) -> None:
    name = await make()
    await docker("pause", name)
    judged = await containers.inspect(name)
    assert judged.state is RunState.PAUSED
    assert (await act(containers, "docker.unpause", name, judged, after="1m")).outcome is ActionOutcome.SUCCEEDED
    after = await containers.inspect(name)
    assert (after.state, after.run) == (RunState.RUNNING, judged.run)


async def test_what_is_not_paused_is_not_let_go_on(containers: DockerContainers, make: Make) -> None:
    """Refused where it was paused when it was judged; where nobody judged, Docker says no."""
    name = await make()
    await docker("pause", name)
    judged = await containers.inspect(name)
    await docker("unpause", name)
    assert (await act(containers, "docker.unpause", name, judged, after="1m")).outcome is ActionOutcome.REFUSED
    result = await act(containers, "docker.unpause", name, after="1m")
    assert result.outcome is ActionOutcome.FAILED
    assert "is not paused" in result.detail


@pytest.mark.parametrize(
    ("name", "options", "path"),
    [
        ("docker.start", {}, b"/start"),
        ("docker.kill", {"signal": "HUP"}, b"/kill"),
        ("docker.unpause", {"after": "1m"}, b"/unpause"),
    ],
)
async def test_an_order_that_is_not_answered_times_out(
    make: Make, tmp_path: Path, name: str, options: dict[str, Any], path: bytes
) -> None:
    """In time, and without a word that it was not done."""
    container = await make()
    if name == "docker.start":
        await docker("kill", container)
    elif name == "docker.unpause":
        await docker("pause", container)
    async with DockerSocket(tmp_path / "docker.sock") as way:
        containers = DockerContainers(way.url, timeout=20.0)
        try:
            judged = await containers.inspect(container)
            way.hold(path)
            began = time.monotonic()
            result = await act(containers, name, container, judged, within=6.0, **options)
        finally:
            await containers.close()
    assert result.outcome is ActionOutcome.TIMED_OUT, result  # Docker told in time how it is, and then nothing more
    assert time.monotonic() - began < 10.0
