"""Whose word about work in progress is the newest, and since when it is in progress."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.model import Finding, Gate, Observation, Reason, RunState, failed, ok
from nemo_watchdog.policy.policy import BusyWhile
from tests.unit.engine.world import World, dependency, policy

BAD = failed(Reason.WRONG_ANSWER, "test")
VACUUM = "VACUUM FULL in shop"
FILE = BusyWhile("file", "/run/restore")


def shop(**more: object) -> World:
    return World(policy(dependency("shop", grace=0.0, **more)))  # type: ignore[arg-type]


def look(
    world: World, finding: Finding = BAD, *, times: int = 1, titles: str | None = None, marks: str | None = ""
) -> None:
    for _ in range(times):
        world.wait(1.0)
        world.send(ev.Observed("shop", Observation(finding, 0.01, world.now), signs=ev.Signs(titles, marks)))


def held(world: World) -> str:
    """By what it is, or nothing."""
    decision = world.engine.decision("shop", world.now)
    return decision.value if decision is not None and decision.gate is Gate.WORK and not world.started else ""


def test_titles_tell_of_work_that_no_look_had_told_of() -> None:
    """It worked at nothing when it answered last."""
    world = shop()
    look(world, ok(), times=3)
    look(world, times=10, titles="VACUUM")
    assert "VACUUM" in held(world)


@pytest.mark.parametrize("by_itself", [False, True])
def test_what_was_told_last_stands_when_nobody_can_tell_any_more(by_itself: bool) -> None:
    """Docker lists no processes now: that takes nothing back."""
    world = shop()
    look(world, replace(BAD, work=VACUUM if by_itself else ""), times=5, titles=VACUUM)
    look(world, times=10)
    assert VACUUM in held(world)


@pytest.mark.parametrize("seen", ["/run/restore exists", None])
def test_how_long_somebody_is_at_work_is_counted_from_the_first_sight_of_it(seen: str | None) -> None:
    """And from the first sight of the next, when it was over in between."""
    world = shop(busy_while=(FILE,))
    look(world, times=5, marks=seen)
    assert ", for 4s as far as was seen" in held(world)
    world = shop(busy_while=(FILE,))
    look(world, ok(), times=5, marks=seen)
    look(world, ok(), times=5)
    look(world, times=8, marks=seen)
    assert ", for 7s as far as was seen" in held(world)


def test_what_began_first_of_all_that_is_in_progress_says_for_how_long_it_is() -> None:
    world = shop(busy_while=(FILE,))
    look(world, replace(ok(), work=VACUUM), times=10)
    look(world, replace(BAD, work=VACUUM), times=5, marks="/run/restore exists")
    assert held(world).startswith(f"in progress: {VACUUM}; /run/restore exists, for 14s as far as was seen")


def test_what_the_last_look_was_the_first_to_see_is_in_progress_for_no_time_yet() -> None:
    """And a new daemon counts from there."""
    world = shop()
    look(world, times=2)
    look(world, replace(BAD, work=VACUUM))
    assert f"{VACUUM}, for 0s as far as was seen" in held(world)
    world.kill_daemon()
    world.see("shop", RunState.RUNNING)
    look(world, times=3)
    assert f"{VACUUM}, for 3s as far as was seen" in held(world)


@pytest.mark.parametrize(("looks", "lasts"), [(0, 0.0), (3, 15.0)], ids=["seen once", "confirmed"])
def test_a_dependency_is_at_work_since_it_was_confirmed_to_be(looks: int, lasts: float) -> None:
    dump = dependency("dump", container=None, remedy=None, grace=0.0)
    of_dump = (BusyWhile("dependency", "dump"),)
    world = World(policy(dependency("shop", grace=0.0, busy_while=of_dump), dump), running=False, proven=True)
    world.run("shop", age=3600.0)
    look(world, ok(), times=3)
    world.look("dump", ok(), times=looks)
    world.pass_time(10.0)
    look(world, times=3)
    world.look("dump", ok(), every=0.0)
    look(world)
    assert held(world).startswith(f"in progress: dump is at work, for {lasts:.0f}s as far as was seen")
    (record,) = world.of(r.WorkAwaited)
    assert isinstance(record, r.WorkAwaited)
    assert record.working_for == lasts


def test_what_nobody_could_tell_is_over_as_soon_as_it_can_be_told() -> None:
    """The mount that hung is back, with the first good look at a run of which nothing was known yet."""
    world = shop(busy_while=(FILE,))
    look(world, BAD, marks=None)
    world.run("shop", age=60.0)
    look(world, ok(), times=3)
    look(world, failed(Reason.TIMEOUT, "test"), times=3)
    assert len(world.started) == 1
