"""Situations in which a person sends a container a signal that is not the usual one, or under another name."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping

from nemo_watchdog.demo.parts import Gateway, Part
from tests.suites.acts import GATEWAY, in_turn, person
from tests.suites.situations import Situation, Stage
from tests.suites.touched import held

LONG_ENOUGH = 12.0
"""Seconds after which a QUIT that is answered has ended nothing."""


class StoppedByRealTime(Gateway):
    """As images of systemd are."""

    def options(self, others: Mapping[str, Part]) -> list[str]:
        return [*super().options(others), "--stop-signal", "SIGRTMIN+3"]


async def stopping(stage: Stage) -> None:
    """It takes its time, and does not answer meanwhile."""
    os.kill(int((await stage.platform.state("gateway"))["Pid"]), signal.SIGSTOP)
    name = stage.platform.name("gateway")
    task = asyncio.create_task(stage.platform.docker("stop", "-t", "20", name))
    stage.stack.push_async_callback(asyncio.wait, {task})


async def answers_no_more(stage: Stage) -> None:
    """As what has closed its port and finishes what it has."""
    os.kill(int((await stage.platform.state("gateway"))["Pid"]), signal.SIGSTOP)
    await asyncio.sleep(LONG_ENOUGH)


async def stopped_under_another_name(stage: Stage) -> None:
    name = stage.platform.name("gateway")
    for order in (["rename", name, f"{name}-aside"], ["stop", "-t", "1", f"{name}-aside"]):
        await stage.platform.docker(*order)
    await stage.platform.docker("rename", f"{name}-aside", name)


def frozen(part: str) -> Situation:
    happens = in_turn(person("kill", "-s", "STOP", part), held(part), person("kill", "-s", "CONT", part))
    return Situation(f"a person freezes {part} and lets it go on", [part], part, "health:up", happens)


SIGNALLED = (
    Situation(
        "a person stops it by a real-time signal",
        [StoppedByRealTime()],
        "gateway",
        "gate:human_hold",
        stopping,
        people_order={"kill 37": 1},
    ),
    Situation(
        "a person sends it a QUIT, and it drains",
        GATEWAY,
        "gateway",
        "gate:human_hold",
        in_turn(person("kill", "-s", "QUIT", "gateway"), answers_no_more),
    ),
    frozen("redis"),
    frozen("postgres"),
    Situation(
        "a person stops it under another name", GATEWAY, "gateway", "gate:human_hold", stopped_under_another_name
    ),
)
