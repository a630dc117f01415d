"""A real dockerd that goes away and comes back: blind meanwhile, and afterwards everything is heard again."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import cast

import pytest

from nemo_watchdog.containers import DockerContainers
from nemo_watchdog.demo.images import IMAGE, USR_MOUNTS
from nemo_watchdog.errors import ContainersUnreachable
from nemo_watchdog.model import ContainerEvent, Outcome, Reason, RunState
from nemo_watchdog.ports import ProbeContext
from nemo_watchdog.probes import PROBES
from tests.integration.containers.private_engine import PrivateEngine
from tests.integration.daemon import Daemon

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


POLICY = """\
version: 1
defaults: {interval: 1s, confirm_interval: 300ms, down_after: 3}
dependencies:
  database: {probe: docker, container: database, tags: [data], remedy: restart}
  gateway: {probe: docker, container: gateway, needs: [database], remedy: restart}
  parked: {probe: docker, container: parked, remedy: restart}
remedies:
  restart: {steps: [{do: docker.restart, stop_timeout: 1s, attempts: 2, verify_within: 10s}], budget: 5 per 1h}
"""


@pytest.mark.parametrize("way", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
async def test_what_the_engine_ended_is_started_again_and_what_a_person_stopped_is_not(
    docker_engine: str, tmp_path: Path, way: signal.Signals
) -> None:
    """An upgrade at night: what ran is started in the order of `needs`, what somebody had stopped stays down."""
    async with PrivateEngine() as engine:
        options = ("--network", "none", *USR_MOUNTS)
        for name in ("database", "gateway", "parked"):
            script = "trap 'exit 0' TERM; sleep 600 & wait"
            await engine.docker("run", "-d", "--name", name, *options, IMAGE, "/bin/sh", "-c", script)
        async with Daemon(POLICY, tmp_path, environ={"DOCKER_HOST": engine.url}) as daemon:
            for name in ("database", "gateway", "parked"):
                await daemon.wait_for_health(name, "up")
            await engine.docker("stop", "parked")
            await daemon.wait_until(lambda s: bool(s["dependencies"]["parked"]["held"]))
            await engine.stop(way)
            await daemon.event("docker unreachable: every action is held", within=30.0)
            await engine.start()
            for name in ("database", "gateway"):
                # until then it may be `up` still
                await daemon.event("action_ended", within=60.0, dependency=name, outcome="succeeded")
                await daemon.wait_for_health(name, "up", within=60.0)
            orders = [line for line in daemon.events if line["event"] == "action_ended"]
            acted = [line["dependency"] for line in orders if line["outcome"] != "refused"]
            assert acted == ["database", "gateway"], orders
            ended = [line for line in daemon.events if line["event"] == "ended_by_itself"]
            assert {line["dependency"] for line in ended if "the Docker Engine" in line["by"]} == {
                "database",
                "gateway",
            }
            status = await daemon.status()
            held = status["dependencies"]["parked"]["held"]  # a killed Engine may not have told how the stop ended
            assert held.startswith(("somebody stopped the container", "somebody was stopping the container")), held
            assert json.loads(await engine.docker("inspect", "-f", "{{json .State.Running}}", "parked")) is False
