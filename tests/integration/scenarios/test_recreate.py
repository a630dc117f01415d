"""A container that a restart does not cure is made anew by the daemon; what that does not cure either is put back."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from nemo_watchdog.demo.docker_cli import docker
from nemo_watchdog.demo.images import USR_MOUNTS, ensure_image
from nemo_watchdog.testing.servers import free_port
from tests.integration.daemon import Daemon

SERVES = """
trap 'exit 0' TERM
while :; do
  if test -e /broken -o -e /data/broken; then sleep 0.2; else python3 -m http.server 8000 & echo $! >/pid; wait $!; fi
done
"""
"""It serves until a file is there: one of its own, which a restart keeps, or one in its volume."""

POLICY = """\
version: 1
defaults: {{interval: 1s, confirm_interval: 300ms, startup_grace: 2s, down_after: 2}}
dependencies:
  web: {{probe: http, url: 'http://127.0.0.1:{port}/', container: {name}, remedy: anew}}
contacts: {{team: []}}
remedies:
  anew:
    steps:
      - {{do: docker.restart, stop_timeout: 1s, attempts: 1, verify_within: 4s, backoff: {{initial: 1s, jitter: 0}}}}
      - {{do: docker.recreate, stop_timeout: 1s, attempts: 1, verify_within: 8s, backoff: {{initial: 1s, jitter: 0}}}}
      - {{do: escalate, to: team}}
    budget: 5 per 1h
"""


LABEL = "nemo-watchdog-test.made=1"


class Web:
    """One container with a volume of its own; `kept` is what was written into that."""

    def __init__(self) -> None:
        self.name = f"nemo-test-{secrets.token_hex(4)}"
        self.port = free_port()
        self.policy = POLICY.format(port=self.port, name=self.name)

    async def start(self) -> None:
        options = (
            "--volume",
            "/data",
            "--publish",
            f"127.0.0.1:{self.port}:8000",
            "--label",
            "nemo-watchdog-test.made=1",
        )
        image = await ensure_image()
        await docker("run", "-d", "--name", self.name, *options, *USR_MOUNTS, image, "/bin/sh", "-c", SERVES)
        await self.run("echo precious > /data/kept")

    async def run(self, script: str) -> str:
        return await docker("exec", self.name, "/bin/sh", "-c", script)

    async def breaks(self, file: str) -> None:
        """What serves ends, and no restart brings it back."""
        await self.run(f"touch {file}; kill $(cat /pid)")

    async def id(self) -> str:
        return await docker("inspect", "--format", "{{.Id}}", self.name)

    async def all(self) -> list[str]:
        """The names of all containers of that name, and of those beside it."""
        return sorted((await docker("ps", "-a", "--filter", f"name=^{self.name}", "--format", "{{.Names}}")).split())


@pytest_asyncio.fixture
async def web(docker_engine: str) -> AsyncIterator[Web]:
    it = Web()
    await it.start()
    yield it
    for name in await it.all():
        await docker("rm", "-f", "-v", name)


async def test_what_a_restart_does_not_cure_is_made_anew(web: Web, tmp_path: Path) -> None:
    """One attempt of each; its data are there, and nothing of the old one is left."""
    async with Daemon(web.policy, tmp_path) as daemon:
        await daemon.wait_for_health("web", "up", within=30.0)
        before = await web.id()
        await web.breaks("/broken")
        await daemon.event("incident_resolved", within=90.0)
        await daemon.event("settling_ended", within=30.0)
        done = [(line["action"], line["outcome"]) for line in daemon.events if line["event"] == "action_ended"]
        assert done == [("docker.restart", "succeeded"), ("docker.recreate", "succeeded")]
        assert await web.id() != before
        assert await web.all() == [web.name]
        assert await web.run("cat /data/kept") == "precious"
        assert not [line for line in daemon.events if line["event"] == "touched"]
        await daemon.more_looks(4)
        assert (await daemon.status())["dependencies"]["web"]["held"] is None


async def test_what_that_does_not_cure_either_is_put_back(web: Web, tmp_path: Path) -> None:
    """The old container, with its data, and a person is told."""
    async with Daemon(web.policy, tmp_path) as daemon:
        await daemon.wait_for_health("web", "up", within=30.0)
        before = await web.id()
        await web.breaks("/data/broken")
        await daemon.event("settling_ended", within=90.0)
        await daemon.event("escalated", within=60.0)
        assert await web.id() == before
        assert await web.all() == [web.name]
        assert await web.run("cat /data/kept") == "precious"
        assert not [line for line in daemon.events if line["event"] == "touched"]
        await web.run("rm /data/broken")
        await daemon.event("incident_resolved", within=60.0)


async def test_a_daemon_that_is_killed_in_the_middle_leaves_one_container_that_serves(web: Web, tmp_path: Path) -> None:
    """It is made whole by the next process: nothing is left over, and nothing is done twice."""
    async with Daemon(web.policy, tmp_path) as daemon:
        await daemon.wait_for_health("web", "up", within=30.0)
        before = await web.id()
        await web.breaks("/broken")
        await daemon.event("action_started", within=60.0, action="docker.recreate")
        await daemon.kill9()
        await daemon.start()
        await daemon.event("settling_ended", within=90.0)
        await daemon.event("escalated", within=60.0)
        assert await web.id() == before
        assert await web.all() == [web.name]
        assert await web.run("cat /data/kept") == "precious"
        assert not [line for line in daemon.events if line["event"] == "touched"]
