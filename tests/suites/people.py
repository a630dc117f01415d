"""Situations in which a person, or Docker for one, is at work on a container."""

from __future__ import annotations

import asyncio
import os
import signal

from nemo_watchdog.demo import faults
from tests.suites.acts import GATEWAY, docker_cut, in_turn, person
from tests.suites.situations import Situation, Stage


async def stopping(stage: Stage) -> None:
    """`docker stop` of a gateway that takes its time: frozen, it ends with the stop timeout."""
    os.kill(int((await stage.platform.state("gateway"))["Pid"]), signal.SIGSTOP)
    task = asyncio.create_task(faults.person_stops(stage.platform, "gateway"))
    stage.stack.push_async_callback(asyncio.wait, {task})


async def daemon_dies_and_a_person_stops(stage: Stage) -> None:
    await faults.switch(stage.platform, "gateway", "500")
    await stage.daemon.kill9()
    await faults.person_stops(stage.platform, "gateway")
    await stage.daemon.start()


async def heal(stage: Stage) -> None:
    stage.way.heal()


PEOPLE = (
    Situation("a person stops it", GATEWAY, "gateway", "gate:human_hold", person("stop", "-t", "1", "gateway")),
    Situation("a person kills it", ["redis"], "redis", "gate:human_hold", person("kill", "redis")),
    Situation("a person pauses it", GATEWAY, "gateway", "gate:human_hold", person("pause", "gateway")),
    Situation(
        "a person restarts it", GATEWAY, "gateway", "health:up", person("restart", "-t", "1", "gateway"), by_people=1
    ),
    Situation("a person is stopping it", GATEWAY, "gateway", "gate:human_hold", stopping),
    Situation(
        "a person stops it while Docker is cut off",
        GATEWAY,
        "gateway",
        "gate:human_hold",
        in_turn(docker_cut, person("stop", "-t", "1", "gateway"), heal),
    ),
    Situation(
        "a person stops it while the watchdog is dead",
        GATEWAY,
        "gateway",
        "gate:human_hold",
        daemon_dies_and_a_person_stops,
    ),
)
