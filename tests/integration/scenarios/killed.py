"""One action, one point: the daemon is killed there, started again as ever, and nobody does anything by hand.

What must be so then is told by Docker, by the other side and by the journal: no order without a look after the one
before it, none beyond the budget, one whole container, an end of everything that was begun.
"""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from time import time

import aiohttp
import psutil

from nemo_watchdog.actions.catalog import ACTIONS
from tests.integration.daemon import COMMAND, Daemon
from tests.integration.killed_at import EVIDENCE
from tests.integration.scenarios.docker_socket import DockerSocket, Trap, When
from tests.integration.scenarios.kill_points import Point
from tests.integration.scenarios.kill_scenes import MOST, SCENES, Scene
from tests.integration.scenarios.on_disk import OnDisk

LAUNCHER = (sys.executable, "-m", "tests.integration.killed_at")
ENDS_WITHIN = 60.0
"""Seconds from the second start, for two attempts and what they leave behind; three times that where stops are slow."""


async def play(action: str, point: Point, folder: Path) -> int:
    """How often it was ordered. Raises `AssertionError` for what is not as it must be."""
    scene = SCENES[action](point, folder)
    async with scene.played(), DockerSocket(folder / "docker.sock") as way:
        first = (*LAUNCHER, point.record) if point.record else COMMAND
        environ = {"DOCKER_HOST": way.url, **await scene.environ()}
        async with Daemon(scene.policy(), folder, environ=environ, first=first) as daemon:
            await daemon.wait_for_health("web", "up", within=30.0)
            shape = await scene.shape()
            scene.kill = lambda: _kill(daemon.pid)
            trap = _armed(way, point, scene)
            await scene.breaks()
            if point.asks:
                await daemon.event("proposed", within=30.0)
                assert not await _approve(daemon)
            status = await daemon.ended(ENDS_WITHIN + scene.held_for)
            assert status == -signal.SIGKILL, f"it ended with {status}\n{daemon.last_lines()}"
            await _was_there(scene, OnDisk(daemon.state_dir), trap)
            again = time()
            await daemon.start()
            await _ends(daemon, scene)
            left = (await daemon.status())["budgets"]["web"]["remaining"]
            assert await daemon.terminate() == 0
            disk = OnDisk(daemon.state_dir)
            assert left == MOST - _is_in_order(disk, scene)
        assert await scene.is_whole()
        assert await scene.shape() == shape
        orders = await scene.orders()
        _were_spaced(orders, await scene.looks() if len(orders) > 1 else [])
        assert not [order for order in orders if again < order < again + scene.held_for], "ordered before its time"
        least = 1 if scene.once else 0
        assert least <= len(orders) <= (1 if scene.once and point.helps else MOST), f"{len(orders)} orders"
    return len(orders)


def _kill(pid: int) -> None:
    """With what it has started, as systemd does."""
    for each in (*psutil.Process(pid).children(recursive=True), psutil.Process(pid)):
        each.kill()


def _armed(way: DockerSocket, point: Point, scene: Scene) -> Trap | None:
    if point.call is None:
        return None
    request = re.compile(point.call.request.encode())
    trap = Trap(request, point.when, scene.kill, point.call.number)
    way.arm(trap)
    return trap


async def _approve(daemon: Daemon) -> bool:
    """A person allows what waits for that; whether he was told that it is taken."""
    taken = False
    for each in (await daemon.status())["proposals"]:
        if each["state"] == "open":
            with suppress(aiohttp.ClientError):  # no answer comes from what is killed by it
                await daemon.post("/api/v1/proposals/approve", {"proposal": each["id"], "by": "ada"})
                taken = True
    return taken


async def _was_there(scene: Scene, disk: OnDisk, trap: Trap | None) -> None:
    """It was killed at the point, and not somewhere else."""
    point = scene.point
    when, _, kind = point.record.partition(":")
    if trap is not None:
        assert trap.sprung
        assert disk.of("action_intended")
        assert trap.when is not When.AFTER or b" 20" in trap.answer, trap.answer
        if trap.when is not When.MEANWHILE and point.stage != "evidence":
            assert await scene.came_through() is (trap.when is When.AFTER)
    elif kind == EVIDENCE:
        assert disk.evidence == (when == "after")
    elif kind:
        assert bool(disk.of(kind)) is (when != "before")
        assert disk.is_intent_proven or when in {"before", "unproven"}
        assert when != "unproven" or not disk.is_intent_proven
    else:
        assert len(await scene.orders()) == 1
        assert disk.of("action_intended")
        assert not disk.of("action_ended")
    is_ordered = (trap is not None and point.stage != "evidence") or await scene.orders()
    if is_ordered and ACTIONS[scene.action].destroys:
        assert disk.evidence, "nothing is kept of what it has destroyed"


async def _ends(daemon: Daemon, scene: Scene) -> None:
    """By itself: it is healed, or a person was told, and nothing more happens."""
    helps = scene.point.helps

    async def is_over() -> bool:
        if scene.point.asks:
            await _approve(daemon)  # he was not told that it is taken, or another attempt must be allowed
        status = await daemon.status()
        if helps:
            return (
                not status["incidents"] and status["dependencies"]["web"]["health"] == "up" and await scene.is_whole()
            )
        told = [one["ladders"]["web"]["ended"] for one in status["incidents"] if "web" in one["ladders"]]
        return bool(told) and all(told) and await scene.is_whole()

    within = ENDS_WITHIN * (3.0 if scene.point.slow else 1.0) + scene.held_for
    await daemon.until(is_over, within, "it has not come to an end")
    await daemon.more_looks(4)
    assert await is_over()


def _is_in_order(disk: OnDisk, scene: Scene) -> int:
    """Everything that was begun has an end on record, and nothing is left to people but what they were told.

    How many of the budget that has cost; what was refused has cost nothing.
    """
    intended, ended = disk.of("action_intended"), disk.of("action_ended")
    assert [each["action_id"] for each in intended] == [each["action_id"] for each in ended]
    refused = {each["action_id"] for each in ended if each["outcome"] == "refused"}
    assert bool(refused) is scene.point.outlasts
    story = [each["type"] for each in disk.of("action_intended", "attempt_failed") if each["action_id"] not in refused]
    cost = story.count("action_intended")
    assert 1 <= cost <= MOST
    assert ("action_intended", "action_intended") not in set(pairwise(story)), "repeated without a verdict"
    settled = {each["action_id"] for each in disk.of("settling_ended") if each["again_in"] is None}
    settled |= {each["action_id"] for each in disk.of("settling_judged") if each["verdict"] == "nothing_left"}
    assert {each["action_id"] for each in disk.of("settling_owed")} == settled
    left = ("touched", "left_over", "journal_distrusted", *(("escalated",) if scene.point.helps else ()))
    begun = disk.records.index(intended[0])  # what came before is the test's own doing
    assert not [record for record in disk.records[begun:] if record["type"] in left]
    return cost


def _were_spaced(orders: Sequence[float], looks: Sequence[float]) -> None:
    for before, after in pairwise(orders):
        assert any(before < look < after for look in looks), "ordered again, and nobody had looked"
