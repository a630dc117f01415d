"""Situations in which a person, or Docker for one, is at work on a container."""

from __future__ import annotations

import asyncio
import os
import signal
import time

from nemo_watchdog.demo import faults
from tests.suites.acts import GATEWAY, a_stop_signal, docker_cut, in_turn, person, swap
from tests.suites.situations import Situation, Stage, matches


async def freeze(stage: Stage) -> None:
    os.kill(int((await stage.platform.state("gateway"))["Pid"]), signal.SIGSTOP)


async def stopping(stage: Stage) -> None:
    """`docker stop` of a gateway that takes its time: frozen, it ends with the stop timeout."""
    await freeze(stage)
    task = asyncio.create_task(faults.person_stops(stage.platform, "gateway"))
    stage.stack.push_async_callback(asyncio.wait, {task})


async def daemon_dies_and_a_person_stops(stage: Stage) -> None:
    await faults.switch(stage.platform, "gateway", "500")
    await stage.daemon.kill9()
    await faults.person_stops(stage.platform, "gateway")
    await stage.daemon.start()


async def stops_what_is_being_restarted(stage: Stage) -> None:
    """Frozen, it takes the whole stop timeout of our restart, and a person's `docker stop` falls into it.

    Docker starts it again at the end of our order. When it hangs once more nothing is done: it was to be stopped.
    """
    since = time.time()
    await freeze(stage)
    await a_stop_signal(stage, "gateway", since)
    await person("stop", "-t", "20", "gateway")(stage)
    await stage.daemon.wait_until(lambda s: matches("health:up", s["dependencies"]["gateway"]), within=60.0)
    await freeze(stage)


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
        "a person stops it while the watchdog restarts it",
        GATEWAY,
        "gateway",
        "gate:human_hold",
        stops_what_is_being_restarted,
        rewrites=swap("stop_timeout: 2s", "stop_timeout: 8s"),
        by_people=1,  # the watchdog's own, under which the stop came
    ),
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
