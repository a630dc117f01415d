"""Situations in which a person is at work on what Docker starts again and again."""

from __future__ import annotations

import asyncio
import tempfile

from nemo_watchdog.demo import faults
from tests.suites.acts import in_turn, person
from tests.suites.situations import Happens, Situation, Stage
from tests.suites.touched import held

SETTINGS = "/data/pg/postgresql.auto.conf"


async def cannot_start(stage: Stage) -> None:
    """Its settings are not understood, it crashes, and Docker's own restarts do not help."""
    await stage.platform.exec("postgres", "sh", "-c", f"echo nonsense = on >> {SETTINGS}")
    await stage.platform.docker("update", "--restart", "unless-stopped", stage.platform.name("postgres"))
    await faults.sigkill(stage.platform, "postgres")
    async with asyncio.timeout(60.0):
        waits = 0
        while waits < 10:  # for long enough that it goes on to wait
            waits = waits + 1 if (await stage.platform.state("postgres"))["Status"] == "restarting" else 0
            await asyncio.sleep(0.1)


async def mended(stage: Stage) -> None:
    """While it is down, so that what it keeps can be read."""
    with tempfile.NamedTemporaryFile() as settings:
        await stage.platform.docker("cp", settings.name, f"{stage.platform.name('postgres')}:{SETTINGS}")


def while_docker_waits(name: str, *order: str) -> Situation:
    """To start it once more."""
    happens: Happens = in_turn(cannot_start, person(*order, "postgres"), held("postgres"), mended)
    return Situation(name, ["postgres"], "postgres", "gate:human_hold", happens)


LOOPING = (
    while_docker_waits("a person stops what Docker waits to start again", "stop"),
    while_docker_waits("a person kills what Docker waits to start again", "kill"),
    while_docker_waits("a person tells Docker to start it no more", "update", "--restart", "no"),
)
