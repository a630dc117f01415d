"""A release that came in with a fault is gone back from by the daemon, and a database of another version never is."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from nemo_watchdog.containers import DockerRecreation
from nemo_watchdog.demo.docker_cli import docker
from nemo_watchdog.demo.images import USR_MOUNTS
from nemo_watchdog.errors import OrderFailed
from nemo_watchdog.recreation import tag_of
from nemo_watchdog.testing.servers import free_port
from tests.integration.daemon import Daemon
from tests.integration.releases import release

SERVES = """
import os, signal, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
class Answers(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if os.environ["RELEASE"] == "1" else 500)
        self.end_headers()
HTTPServer(("", 8000), Answers).serve_forever()
"""
"""Every release but the first answers 500; which one it is, only the image says."""

POLICY = """\
version: 1
defaults: {{interval: 1s, confirm_interval: 300ms, startup_grace: 2s, down_after: 2}}
dependencies:
  web: {{probe: http, url: 'http://127.0.0.1:{port}/', container: {name}, tags: [{tag}], remedy: back}}
contacts: {{team: []}}
remedies:
  back:
    steps:
      - {{do: docker.rollback, proven_for: 1m, stop_timeout: 2s, verify_within: 20s}}
      - {{do: escalate, to: team}}
    budget: 5 per 1h
"""
LABEL = "nemo-watchdog-test.made=1"
PROVEN_WITHIN = 100.0
"""Seconds; no image proves itself in less than a minute."""


class Web:
    """One container, of which there are releases: images that all have the same name when they are deployed."""

    def __init__(self) -> None:
        self.name = f"nemo-test-{secrets.token_hex(4)}"
        self.image = f"{self.name}:app"
        self.label = f"nemo-watchdog-test.of={self.name}"
        self.port = free_port()
        self.made: list[str] = []

    def policy(self, tag: str = "front") -> str:
        return POLICY.format(port=self.port, name=self.name, tag=tag)

    async def build(self, environment: Mapping[str, str]) -> str:
        """The id of another release, which the name means from now on."""
        command = json.dumps(["/usr/bin/python3", "-c", SERVES])
        image = await release(self.image, environment, f"CMD {command}", labels=(LABEL, self.label))
        self.made.append(image)
        return image

    async def deploy(self, **environment: str) -> str:
        """As a person does: the container goes, and another one comes from the new image, which has the name now."""
        image = await self.build(environment)
        if await self.all():
            await docker("rm", "-f", self.name)
        options = ("--publish", f"127.0.0.1:{self.port}:8000", "--label", LABEL, "--env", "OWN=1", *USR_MOUNTS)
        await docker("run", "-d", "--name", self.name, *options, self.image)
        return image

    async def shown(self) -> dict[str, Any]:
        return dict(json.loads(await docker("inspect", self.name))[0])

    async def all(self) -> list[str]:
        """The names of all containers of that name, and of those beside it."""
        return sorted((await docker("ps", "-a", "--filter", f"name=^{self.name}", "--format", "{{.Names}}")).split())

    async def remove(self) -> None:
        for name in await self.all():
            await docker("rm", "-f", "-v", name)
        for tag in (tag_of(self.name), self.image):
            if await docker("images", "-q", tag):
                await docker("rmi", tag)
        for image in self.made:
            if image in await docker("images", "-a", "-q", "--no-trunc"):
                await docker("rmi", "-f", image)


@pytest_asyncio.fixture
async def web(docker_engine: str) -> AsyncIterator[Web]:
    it = Web()
    yield it
    await it.remove()


@pytest.mark.timeout(300)
async def test_a_release_that_fails_is_gone_back_from(web: Web, tmp_path: Path) -> None:
    """To the digest before, which our tag has kept from pruning; what the bad image brought does not go along."""
    good = await web.deploy(RELEASE="1")
    async with Daemon(web.policy(), tmp_path) as daemon:
        await daemon.wait_for_health("web", "up", within=30.0)
        proven = await daemon.event("image_proven", within=PROVEN_WITHIN)
        assert (proven["image_id"], proven["container"]) == (good, web.name)
        bad = await web.deploy(RELEASE="2")
        assert bad != good
        await docker("image", "prune", "--force", "--filter", f"label={web.label}")
        await daemon.event("incident_resolved", within=90.0)
        await daemon.event("settling_ended", within=30.0)
        shown = await web.shown()
        assert shown["Image"] == good
        assert shown["Config"]["Image"] == tag_of(web.name)
        assert {"RELEASE=1", "OWN=1"} <= set(shown["Config"]["Env"])
        assert "RELEASE=2" not in shown["Config"]["Env"]
        assert await web.all() == [web.name]


@pytest.mark.timeout(300)
async def test_data_of_another_version_are_left_to_a_person(web: Web, tmp_path: Path) -> None:
    """Nothing is ordered, the container stays as it is, and both versions are named."""
    await web.deploy(RELEASE="1", PG_MAJOR="16")
    async with Daemon(web.policy("data"), tmp_path) as daemon:
        await daemon.wait_for_health("web", "up", within=30.0)
        await daemon.event("image_proven", within=PROVEN_WITHIN)
        await web.deploy(RELEASE="2", PG_MAJOR="17")
        before = (await web.shown())["Id"]
        ended = await daemon.event("action_ended", within=60.0)
        assert ended["outcome"] == "refused"
        assert "its image now is PG_MAJOR 17, the proven one PG_MAJOR 16" in ended["detail"]
        assert (await web.shown())["Id"] == before
        assert await web.all() == [web.name]


async def test_a_tag_moves_and_what_is_gone_cannot_have_it(web: Web) -> None:
    """Again is no harm; Docker says of an image that is not there that it is not."""
    recreation = DockerRecreation(None, timeout=20.0)
    try:
        first, second = await web.build({"RELEASE": "1"}), await web.build({"RELEASE": "2"})
        for image in (first, first, second):
            await recreation.keep(image, web.name)
            found = await recreation.image(tag_of(web.name))
            assert found is not None
            assert found["Id"] == image
        with pytest.raises(OrderFailed, match="could not tag the image: No such image"):
            await recreation.keep(f"sha256:{'0' * 64}", web.name)
        assert await recreation.image(f"sha256:{'0' * 64}") is None
    finally:
        await recreation.close()
