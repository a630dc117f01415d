"""Which containers there are: each as Docker tells of it, within the time, or not at all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web

from nemo_watchdog.containers import DockerContainers
from nemo_watchdog.errors import ContainersUnreachable, QuestionRefused
from tests.unit.containers.fake_docker import FakeDocker, cut, fake_docker, inspected, says


@pytest_asyncio.fixture
async def docker(tmp_path: Path) -> AsyncIterator[FakeDocker]:
    async with fake_docker(tmp_path) as fake:
        yield fake


@pytest_asyncio.fixture
async def containers(docker: FakeDocker) -> AsyncIterator[DockerContainers]:
    containers = DockerContainers(docker.url, timeout=1.0)
    yield containers
    await containers.close()


async def test_each_is_told_as_docker_has_it(docker: FakeDocker, containers: DockerContainers) -> None:
    """One that goes between the two questions is left out."""
    docker.containers["postgres"] = {**inspected(), "Name": "/postgres"}
    assert [each["Name"] for each in await containers.all_inspected()] == ["/redis", "/postgres"]


@pytest.mark.parametrize("listed", [b"", b"{", b"{}x", b"[1]", b"[{}]", b"null"])
async def test_a_list_that_is_none(docker: FakeDocker, containers: DockerContainers, listed: bytes) -> None:
    docker.listed = listed
    with pytest.raises(ContainersUnreachable, match="which containers there are"):
        await containers.all_inspected()


async def test_an_inspect_that_is_none(docker: FakeDocker, containers: DockerContainers) -> None:
    async def nonsense(_: web.Request) -> web.StreamResponse:
        return web.Response(body=b"{", content_type="application/json")

    docker.inspect = nonsense
    with pytest.raises(ContainersUnreachable, match="is not a container's inspect"):
        await containers.all_inspected()


async def test_what_docker_says_instead_is_told(docker: FakeDocker, containers: DockerContainers) -> None:
    docker.inspect = says(500, "broken")
    with pytest.raises(QuestionRefused, match="500: broken"):
        await containers.all_inspected()
    docker.inspect = cut
    with pytest.raises(ContainersUnreachable, match="does not answer"):
        await containers.all_inspected()


async def test_it_takes_no_longer_than_it_may(docker: FakeDocker, containers: DockerContainers) -> None:
    async def stalls(_: web.Request) -> web.StreamResponse:
        await docker.stall()
        raise web.HTTPServiceUnavailable

    docker.inspect = stalls
    with pytest.raises(ContainersUnreachable, match="within 1s"):
        await containers.all_inspected()
