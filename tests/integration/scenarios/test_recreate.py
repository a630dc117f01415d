"""A container that a restart does not cure is made anew by the daemon; what that does not cure either is put back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio

from tests.integration.daemon import Daemon
from tests.integration.scenarios.web import CURED_BY_ANOTHER_CONTAINER, CURED_BY_NOTHING, Web

ONCE: dict[str, Any] = {"stop_timeout": "1s", "attempts": 1, "backoff": {"initial": "1s", "jitter": 0}}
STEPS = (
    {"do": "docker.restart", "verify_within": "4s", **ONCE},
    {"do": "docker.recreate", "verify_within": "8s", **ONCE},
    {"do": "escalate", "to": "team"},
)


@pytest_asyncio.fixture
async def web(docker_engine: str) -> AsyncIterator[Web]:
    it = Web()
    await it.start()
    yield it
    await it.remove()


async def test_what_a_restart_does_not_cure_is_made_anew(web: Web, tmp_path: Path) -> None:
    """One attempt of each; its data are there, and nothing of the old one is left."""
    async with Daemon(web.policy(*STEPS), tmp_path) as daemon:
        await daemon.wait_for_health("web", "up", within=30.0)
        before = await web.id()
        await web.breaks(CURED_BY_ANOTHER_CONTAINER)
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
    async with Daemon(web.policy(*STEPS), tmp_path) as daemon:
        await daemon.wait_for_health("web", "up", within=30.0)
        before = await web.id()
        await web.breaks(CURED_BY_NOTHING)
        await daemon.event("settling_ended", within=90.0)
        await daemon.event("escalated", within=60.0)
        assert await web.id() == before
        assert await web.all() == [web.name]
        assert await web.run("cat /data/kept") == "precious"
        assert not [line for line in daemon.events if line["event"] == "touched"]
        await web.run(f"rm {CURED_BY_NOTHING}")
        await daemon.event("incident_resolved", within=60.0)


async def test_a_daemon_that_is_killed_in_the_middle_leaves_one_container_that_serves(web: Web, tmp_path: Path) -> None:
    """It is made whole by the next process: nothing is left over, and nothing is done twice."""
    async with Daemon(web.policy(*STEPS), tmp_path) as daemon:
        await daemon.wait_for_health("web", "up", within=30.0)
        before = await web.id()
        await web.breaks(CURED_BY_ANOTHER_CONTAINER)
        await daemon.event("action_started", within=60.0, action="docker.recreate")
        await daemon.kill9()
        await daemon.start()
        await daemon.event("settling_ended", within=90.0)
        await daemon.event("escalated", within=60.0)
        assert await web.id() == before
        assert await web.all() == [web.name]
        assert await web.run("cat /data/kept") == "precious"
        assert not [line for line in daemon.events if line["event"] == "touched"]
