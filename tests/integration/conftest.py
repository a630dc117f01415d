"""Integration tests use real parts; everything below this folder carries the marker `integration`."""

from __future__ import annotations

import asyncio
import secrets
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from nemo_watchdog.containers import DockerContainers
from nemo_watchdog.demo import docker_cli
from nemo_watchdog.demo.images import IMAGE, USR_MOUNTS, ensure_image, is_missing_image
from nemo_watchdog.demo.parts import Part
from nemo_watchdog.demo.platform import Platform
from tests.integration.small_containers import Run
from tests.parts import absent, need

HERE = Path(__file__).parent
TEST_LABEL = {"nemo-watchdog-test.made": "1"}
LABEL = [word for label in TEST_LABEL.items() for word in ("--label", "=".join(label))]

StartPlatform = Callable[..., Awaitable[Platform]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.integration)


@pytest.fixture(scope="session")
def docker_engine() -> Iterator[str]:
    """The Engine's version; without an Engine that answers, the test fails where CI is set and is skipped elsewhere.

    Meanwhile it has the image of the parts, whichever platform beside this one ends and takes its own away.
    """
    docker = need("docker")
    answer = subprocess.run(
        [docker, "version", "--format", "{{.Server.Version}}"], capture_output=True, text=True, check=False, timeout=30
    )
    if answer.returncode:
        absent(f"no Docker Engine answers: {answer.stderr.strip()}")
    keeper = f"nemo-test-{secrets.token_hex(4)}-image"
    asyncio.run(keep_image(keeper))
    yield answer.stdout.strip()
    for leaving in (("rm", keeper), ("rmi", IMAGE)):  # the image goes with the last who has it
        subprocess.run([docker, *leaving], capture_output=True, check=False, timeout=30)


async def keep_image(container: str) -> None:
    """A container that is never started holds it: Docker removes no image that a container has."""
    while True:
        try:
            await docker_cli.docker(
                "create", "--pull", "never", "--name", container, *LABEL, await ensure_image(), "true"
            )
        except docker_cli.DockerError as error:
            if not is_missing_image(error):
                raise
        else:
            return


@pytest.fixture(scope="session")
def real_parts(docker_engine: str) -> str:
    """All that a platform is made of."""
    need("postgres")
    need("redis-server")
    return docker_engine


def make_platform(*parts: str | Part) -> Platform:
    """Not started yet; its prefix is its own, and its containers carry the label of tests."""
    return Platform(f"nemo-test-{secrets.token_hex(4)}", parts, labels=TEST_LABEL)


@pytest_asyncio.fixture
async def start_platform(real_parts: str) -> AsyncIterator[StartPlatform]:
    """A platform that is ready, of the parts that are named or given with options; it is removed after the test."""
    async with AsyncExitStack() as stack:

        async def start(*parts: str | Part) -> Platform:
            platform = await stack.enter_async_context(make_platform(*parts))
            await platform.ready()
            return platform

        yield start


@pytest.fixture(scope="module")
def start_module_platform(real_parts: str) -> Iterator[Callable[..., Platform]]:
    """The same for all tests of a module, started by a module's fixture that is no coroutine.

    It outlives the event loops of the tests: faults that go on in the background belong to `start_platform`.
    """
    stack = AsyncExitStack()

    async def enter(*parts: str | Part) -> Platform:
        platform = await stack.enter_async_context(make_platform(*parts))
        await platform.ready()
        return platform

    with asyncio.Runner() as runner:
        try:
            yield lambda *parts: runner.run(enter(*parts))
        finally:
            runner.run(stack.aclose())


@pytest_asyncio.fixture
async def run(docker_engine: str) -> AsyncIterator[Run]:
    """Its containers are removed after the test."""
    async with AsyncExitStack() as stack:

        async def start(script: str, *options: str, more: Sequence[str] = ()) -> str:
            name = f"nemo-test-{secrets.token_hex(4)}"
            stack.push_async_callback(docker_cli.docker, "rm", "-f", name)
            mine = ("--name", name, *LABEL, "--network", "none", *options, *USR_MOUNTS, await ensure_image())
            await docker_cli.docker("run", "-d", *mine, "/bin/sh", "-c", script, *more)
            return name

        yield start


@pytest_asyncio.fixture
async def containers() -> AsyncIterator[DockerContainers]:
    containers = DockerContainers(None, timeout=20.0)
    yield containers
    await containers.close()
