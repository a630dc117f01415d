"""More than one signal, and what is learned late: each has the time of its own, and the firmest holds."""

from __future__ import annotations

from datetime import timedelta

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine import signals
from nemo_watchdog.model import ContainerEvent, Gate, Health, NotificationKind, Reason, RunState
from tests.unit.engine.attribution.parts import A_STOP, crashes, gate, held_now
from tests.unit.engine.world import World, dependency, policy

QUIT, TERM, STOP = signals.QUIT, signals.TERM, 19


def hear(world: World, signal: int) -> ContainerEvent:
    sent = world.event("gateway", "kill", signal)
    world.send(ev.ContainerActed(sent))
    return sent


# -- learned late -----------------------------------------------------------------------------------------------


def test_the_time_of_a_stop_begins_with_its_signal_and_not_when_it_is_learned(world: World) -> None:
    """The daemon was away for ten minutes of it: five are left."""
    sent = world.event("gateway", "kill", TERM)
    world.pass_time(600.0)
    world.kill_daemon()
    world.see("gateway", RunState.RUNNING, past=[sent])
    world.fail("gateway", Reason.TIMEOUT, times=5)
    assert gate(world) is Gate.HUMAN_HOLD
    world.wait(A_STOP - 600.0)
    world.fail("gateway", Reason.TIMEOUT)
    assert len(world.started) == 1


def test_a_stop_that_bears_a_time_to_come_lasts_no_longer_than_any(world: World) -> None:
    """The clock was set back by half an hour since."""
    sent = world.event("gateway", "kill", TERM)
    world.utc -= timedelta(minutes=30)
    world.kill_daemon()
    world.see("gateway", RunState.RUNNING, past=[sent])
    world.fail("gateway", Reason.TIMEOUT, times=5)
    assert gate(world) is Gate.HUMAN_HOLD
    world.wait(A_STOP)
    world.fail("gateway", Reason.TIMEOUT)
    assert len(world.started) == 1


def test_a_signal_without_a_time_is_one_of_now(world: World) -> None:
    """Docker has not told when."""
    world.send(ev.ContainerActed(ContainerEvent("c-gateway", "kill", TERM)))
    world.fail("gateway", Reason.TIMEOUT, times=5)
    assert gate(world) is Gate.HUMAN_HOLD


def test_an_inspect_of_what_is_being_stopped_tells_nothing_new(world: World) -> None:
    """Docker remembers the signal that was heard: one hold, told once."""
    sent = hear(world, TERM)
    for _ in range(5):
        world.fail("gateway", Reason.TIMEOUT)
        world.see("gateway", RunState.RUNNING, past=[sent])
    assert len(world.of(r.HoldPlaced)) == 1
    assert len(world.told(NotificationKind.HELD)) == 1


def test_a_second_stop_that_was_not_heard_has_its_own_time(world: World) -> None:
    """The stream was cut when somebody sent the signal again; Docker remembers both."""
    past = [hear(world, TERM)]
    world.wait(A_STOP - 60.0)
    past.append(world.event("gateway", "kill", TERM))
    world.see("gateway", RunState.RUNNING, past=past)
    world.wait(A_STOP - 60.0)
    world.fail("gateway", Reason.TIMEOUT)
    assert gate(world) is Gate.HUMAN_HOLD
    assert not world.started


def test_a_stop_after_a_thread_dump_that_it_outlived_is_seen_at_the_first_sight(world: World) -> None:
    """Docker remembers both signals of the run: that the first ended nothing says nothing of the second."""
    past = [hear(world, QUIT)]
    world.succeed("gateway", times=12)
    world.wait(1.0)
    assert not held_now(world)
    world.pass_time(60.0)
    past.append(world.event("gateway", "kill", TERM))
    world.kill_daemon()
    world.see("gateway", RunState.RUNNING, past=past)
    world.fail("gateway", Reason.TIMEOUT, times=30)
    assert gate(world) is Gate.HUMAN_HOLD
    assert not world.started


def test_a_stop_that_comes_while_it_is_seen_to_recover_from_another_is_one(world: World) -> None:
    """It hung when the first was sent, and drains now: one look says that it serves again, and so does the next."""
    past = [hear(world, TERM)]
    world.fail("gateway", Reason.TIMEOUT, times=20)
    world.succeed("gateway", times=1)
    past.append(hear(world, TERM))
    world.succeed("gateway", times=1)
    assert world.health("gateway") is Health.UP
    world.fail("gateway", Reason.REFUSED, times=5)
    assert gate(world) is Gate.HUMAN_HOLD
    crashes(world, *past)
    world.wait(7200.0)
    assert not world.started


# -- the firmest holds ------------------------------------------------------------------------------------------


def test_a_thread_dump_long_after_a_stop_makes_it_no_softer(world: World) -> None:
    """Somebody asks what it still does: that it answers ten seconds later is no word about the stop."""
    stop = hear(world, TERM)
    world.wait(60.0)
    dump = hear(world, QUIT)
    world.succeed("gateway", times=30)
    world.wait(1.0)
    assert held_now(world)
    world.fail("gateway", Reason.REFUSED)
    assert gate(world) is Gate.HUMAN_HOLD
    crashes(world, stop, dump)
    world.wait(7200.0)
    assert not world.started


@pytest.mark.parametrize("order", [(QUIT, STOP), (STOP, QUIT)], ids=["dumped first", "frozen first"])
def test_what_is_frozen_beside_a_thread_dump_is_frozen_until_it_is_let_go_on(
    world: World, order: tuple[int, int]
) -> None:
    """The time of a stop ends nothing: what is frozen writes no dump before it goes on."""
    for signal in order:
        hear(world, signal)
        world.pass_time(1.0)
    world.fail("gateway", Reason.TIMEOUT)
    world.wait(2 * A_STOP)
    world.fail("gateway", Reason.TIMEOUT, times=5)
    assert gate(world) is Gate.HUMAN_HOLD
    assert not world.started


def test_freezing_what_is_frozen_says_nothing_new(world: World) -> None:
    hear(world, STOP)
    world.wait(60.0)
    hear(world, STOP)
    assert len(world.of(r.HoldPlaced)) == 1


# -- what was outlived --------------------------------------------------------------------------------------------


def test_an_answer_long_after_a_thread_dump_ends_the_hold_at_once(world: World) -> None:
    """While it wrote the dump one look timed out."""
    hear(world, QUIT)
    world.wait(30.0)
    world.fail("gateway", Reason.TIMEOUT, times=1)
    assert held_now(world)
    world.succeed("gateway", times=1)
    assert not held_now(world)


def test_who_is_being_stopped_keeps_nobody_from_being_looked_at_after_a_thread_dump() -> None:
    """Each hold is asked about for itself."""
    world = World(policy(dependency("db", grace=0.0), dependency("gateway", grace=0.0)))
    world.send(ev.ContainerActed(world.event("db", "kill", TERM)))
    hear(world, QUIT)
    world.soon.clear()
    world.wait(10.5)
    assert world.soon == {"gateway"}
