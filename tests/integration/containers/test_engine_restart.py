"""A real dockerd that goes away and comes back: blind meanwhile, and afterwards everything is heard again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import cast

import pytest

from nemo_watchdog.containers import DockerContainers
from nemo_watchdog.demo.images import IMAGE, USR_MOUNTS
from nemo_watchdog.errors import ContainersUnreachable
from nemo_watchdog.model import ContainerEvent, Outcome, Reason, RunState
from nemo_watchdog.ports import ProbeContext
from nemo_watchdog.probes import PROBES
from tests.integration.containers.private_engine import PrivateEngine

HEARD_WITHIN = 30.0


class Story:
    """The events in the order in which they came, `reconnected` among them."""

    def __init__(self) -> None:
        self._heard: asyncio.Queue[str] = asyncio.Queue()

    async def listen(self, containers: DockerContainers) -> None:
        async with aclosing(cast("AsyncGenerator[ContainerEvent, None]", containers.events())) as events:
            async for event in events:
                self._heard.put_nowait(f"{event.container} {event.action}".strip())

    async def until(self, wanted: str) -> None:
        async with asyncio.timeout(HEARD_WITHIN):
            while await self._heard.get() != wanted:
                pass


async def test_the_stream_outlives_a_restart_of_dockerd(docker_engine: str) -> None:
    """Heard before, unreachable and blind meanwhile, told `reconnected`, inspected, and heard after."""
    async with PrivateEngine() as engine, asyncio.TaskGroup() as group:
        containers, story = DockerContainers(engine.url), Story()
        kind = PROBES["docker"]
        probe = kind.make(kind.options(), ProbeContext("docker", 2.0, 1.0, None, containers))
        listening = group.create_task(story.listen(containers))
        await story.until("reconnected")
        options = ("--name", "it", "--network", "none", *USR_MOUNTS)
        await engine.docker("run", "-d", *options, IMAGE, "/bin/sh", "-c", "trap 'exit 0' TERM; sleep 600 & wait")
        await story.until("it start")
        first = await containers.inspect("it")
        assert (await probe.look()).outcome is Outcome.OK

        await engine.stop()
        finding = await probe.look()
        assert (finding.outcome, finding.reason) == (Outcome.FAILED, Reason.DOCKER_UNREACHABLE)
        with pytest.raises(ContainersUnreachable):
            await containers.inspect("it")

        await engine.start()
        await story.until("reconnected")
        assert (await containers.inspect("it")).state is RunState.EXITED
        assert (await probe.look()).outcome is Outcome.OK
        await engine.docker("start", "it")
        await story.until("it start")
        again = await containers.inspect("it")
        assert again.state is RunState.RUNNING
        assert again.container_id == first.container_id
        assert again.run != first.run

        listening.cancel()
        await containers.close()
        await probe.close()
