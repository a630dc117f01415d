"""People with hands on the containers, or on the watchdog: what they do is theirs to undo, and they do, in time."""

from __future__ import annotations

from random import Random

from nemo_watchdog.engine.events import PauseAsked, ResumeAsked, RetryAsked
from nemo_watchdog.model import RunState
from tests.simulation.docker import QUIT, Box
from tests.simulation.world import World

MINUTE, HOUR = 60.0, 3600.0

LONG_STOP = 200.0
"""Seconds that a server may take to save what it has."""


def _box(world: World, luck: Random) -> Box | None:
    """One that nobody else has hands on and that Docker can be told about."""
    box = world.engine.boxes[luck.choice(tuple(world.engine.boxes))]
    free = not box.person and not box.ordered and not world.engine.trouble
    return box if free and box.state is RunState.RUNNING else None


def _takes(world: World, box: Box, what: str) -> None:
    world.note(f"people: {what} {box.name}")
    box.person, box.person_since = what, world.now


def _starts(world: World, box: Box) -> None:
    """They want it to run again."""
    box.person = ""
    if not world.engine.start(box, ordered=True):
        world.engine.start(box, ordered=True)


def stop(world: World, luck: Random) -> None:
    """`docker stop`, sometimes of what takes its time; and a start, minutes or hours later."""
    if box := _box(world, luck):
        _takes(world, box, "stop")
        usually, box.stops_in = box.stops_in, LONG_STOP if luck.random() < 0.25 else box.stops_in
        lasts = luck.uniform(MINUTE, 3 * HOUR)

        def stopped() -> None:
            box.stops_in = usually
            world.engine.emit(box, "stop")
            world.loop.call_later(lasts, _starts, world, box)

        world.engine.stop(box, 300.0, stopped)


def restart(world: World, luck: Random) -> None:
    if box := _box(world, luck):
        _takes(world, box, "restart")

        def done(well: bool) -> None:
            if not well:
                world.engine.start(box)
            box.person = ""

        world.engine.restart(box, 30.0, done)


def freeze(world: World, luck: Random) -> None:
    """`docker pause`, and `docker unpause` later."""
    if box := _box(world, luck):
        _takes(world, box, "pause")
        box.state = RunState.PAUSED
        world.engine.emit(box, "pause")
        world.platform.changed()

        def go_on() -> None:
            box.person = ""
            if box.state is RunState.PAUSED:
                box.state = RunState.RUNNING
                world.engine.emit(box, "unpause")
                world.platform.changed()

        world.loop.call_later(luck.uniform(10.0, 2 * HOUR), go_on)


def deploy(world: World, luck: Random) -> None:
    """The container is stopped, removed and made anew."""
    if box := _box(world, luck):
        _takes(world, box, "deploy")
        gap = luck.uniform(0.5, 60.0)

        def stopped() -> None:
            world.engine.emit(box, "stop")
            box.state, box.ailment = RunState.MISSING, None
            world.engine.emit(box, "destroy")
            world.loop.call_later(gap, made)

        def made() -> None:
            box.number += 1
            box.state = RunState.CREATED
            world.engine.emit(box, "create")
            world.loop.call_later(1.0, _starts, world, box)

        world.engine.stop(box, 30.0, stopped)


def ask_for_a_dump(world: World, luck: Random) -> None:
    """A QUIT that ends nothing."""
    if box := _box(world, luck):
        world.note(f"people: dump {box.name}")
        world.engine.emit(box, "kill", QUIT)
        box.dumped_at = world.now


def pause(world: World, scope: str, lasts: float | None) -> None:
    """`nemo-watchdog pause`, if anybody listens."""
    if world.life is not None:
        world.note(f"people: the watchdog is paused for {scope}: {lasts}")
        world.life.core.tell(PauseAsked(scope, "we look ourselves", "root", lasts))


def pause_the_watchdog(world: World, luck: Random) -> None:
    """For one dependency or for all, with an end or until somebody resumes."""
    scope = luck.choice(("*",) * 4 + tuple(world.platform.specs))
    lasts = luck.choice((10 * MINUTE, HOUR, None))
    pause(world, scope, lasts)
    if lasts is None:
        world.loop.call_later(luck.uniform(MINUTE, 2 * HOUR), _resume, world, scope)


def _resume(world: World, scope: str) -> None:
    if world.life is None:
        world.loop.call_later(HOUR / 6, _resume, world, scope)
        return
    world.note(f"people: resume {scope}")
    world.resumed(scope)
    world.life.core.tell(ResumeAsked(scope, "root"))


def retry(world: World, luck: Random) -> None:
    """`nemo-watchdog retry` of whatever is in trouble."""
    if world.life is not None and world.platform.bad_since:
        name = luck.choice(sorted(world.platform.bad_since))
        world.note(f"people: retry {name}")
        world.life.core.tell(RetryAsked(name, "again", "root"))
