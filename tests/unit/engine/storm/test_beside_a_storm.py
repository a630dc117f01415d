"""Beside a storm and after it: who is held with the others though not of its incident, and who is not."""

from __future__ import annotations

from nemo_watchdog.engine.state import REOPEN_WINDOW
from nemo_watchdog.model import ActionOutcome, Gate, ok
from tests.unit.engine.storm.parts import STORM, Platform, many

SIX = [f"d{number}" for number in range(6)]


def test_what_was_down_before_a_storm_is_left_alone_in_it_too() -> None:
    """It has an incident of its own, and its next restart is due: nobody can tell whether that would help now."""
    world = Platform(*many(7))
    for _ in range(3):
        world.looks(SIX, ok())
        world.fail("d6", times=1)
    assert world.started_names() == ["d6"]
    world.wait(2 * STORM.within)
    world.finish(ActionOutcome.FAILED)
    world.fail_together([*SIX, "d6"], times=30)
    homes = {name: world.engine.durable.incident_of(name) for name in ("d0", "d6")}
    assert homes["d0"] is not homes["d6"]
    assert world.started_names() == ["d6"]
    assert world.gate("d6") == Gate.STORM


def test_one_at_a_time_means_also_those_whose_turn_came_later() -> None:
    """The first one could not be started and is due again: it waits for the next one, which takes its time."""
    world = Platform(*many(6))
    world.die_together(SIX)
    world.finish(ActionOutcome.FAILED)
    world.wait(60.0)
    assert world.started_names() == ["d0", "d1"]
    assert world.gate("d0") == Gate.STORM
    world.finish(ActionOutcome.FAILED)
    world.wait(0.0)
    assert len(world.pending) == 1


def test_what_fails_long_after_a_storm_waits_for_nobody_that_fails_beside_it() -> None:
    world = Platform(*many(6))
    world.fail_together(SIX)
    world.come_back(SIX)
    world.wait(REOPEN_WINDOW + 1.0)
    for name in SIX[:2]:
        world.crash(name)
    assert world.started_names() == SIX[:2]
