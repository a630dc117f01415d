"""Which containers use most memory: by their own names, without those that end meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web

from nemo_watchdog.containers import DockerContainers
from nemo_watchdog.errors import QuestionRefused
from tests.unit.containers.fake_docker import FakeDocker, fake_docker


@pytest_asyncio.fixture
async def docker(tmp_path: Path) -> AsyncIterator[FakeDocker]:
    async with fake_docker(tmp_path) as fake:
        yield fake


@pytest_asyncio.fixture
async def containers(docker: FakeDocker) -> AsyncIterator[DockerContainers]:
    containers = DockerContainers(docker.url, timeout=1.0)
    yield containers
    await containers.close()


def using(memory: int) -> web.Response:
    stats = {"memory_stats": {"usage": memory, "limit": 100}, "cpu_stats": {"cpu_usage": {"total_usage": 1}}}
    return web.json_response(stats)


async def test_one_is_named_by_its_own_name(docker: FakeDocker, containers: DockerContainers) -> None:
    """A link to it is another name, `/other/redis`, and no name for a question."""
    docker.listed = b'[{"Names": ["/other/redis", "/redis"]}, {"Names": null}]'
    docker.more["stats"] = using(7)
    assert [(name, used.memory) for name, used in await containers.largest(5)] == [("redis", 7.0)]


async def test_what_ends_meanwhile_is_left_out(docker: FakeDocker, containers: DockerContainers) -> None:
    docker.listed = b'[{"Names": ["/redis"]}]'
    docker.more["stats"] = web.json_response({"message": "No such container"}, status=404)
    assert await containers.largest(5) == []


@pytest.mark.parametrize("listed", [b"", b"{", b"[1]", b"[{}]", b"null"])
async def test_a_list_that_is_none(docker: FakeDocker, containers: DockerContainers, listed: bytes) -> None:
    docker.listed = listed
    with pytest.raises(QuestionRefused, match="which containers run"):
        await containers.largest(5)
