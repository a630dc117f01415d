"""Somebody has frozen it by a signal through Docker: held until it goes on."""

from __future__ import annotations

import pytest

from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine import signals
from nemo_watchdog.model import (
    ContainerEvent,
    Gate,
    NotificationKind,
    Reason,
    RunState,
)
from tests.unit.engine.attribution.parts import A_STOP, crashes, gate, held_now
from tests.unit.engine.world import World


def frozen(world: World, number: int = 19) -> ContainerEvent:
    sent = world.event("gateway", "kill", number)
    world.send(ev.ContainerActed(sent))
    return sent


@pytest.mark.parametrize("number", sorted(signals.FREEZING_SIGNALS))
def test_what_somebody_froze_is_held_until_it_is_let_go_on(world: World, number: int) -> None:
    """`docker kill -s STOP`, and CONT hours later; what then does not answer is broken."""
    frozen(world, number)
    world.fail("gateway", Reason.TIMEOUT, times=30)
    world.wait(7200.0)
    world.see("gateway", RunState.RUNNING)
    world.fail("gateway", Reason.TIMEOUT, times=5)
    assert gate(world) is Gate.HUMAN_HOLD
    assert (
        "until the container is let go on (signal CONT) or answers again" in world.told(NotificationKind.HELD)[0].body
    )
    world.send(ev.ContainerActed(world.event("gateway", "kill", signals.CONT)))
    world.wait(5.0)
    assert not world.started  # what was seen of it was of what could not answer
    world.fail("gateway", Reason.TIMEOUT)
    assert len(world.started) == 1


def test_what_is_let_go_on_is_looked_at_at_once_and_judged_by_those_looks_alone(world: World) -> None:
    """That it gave no answer while it was frozen is no sign of trouble."""
    frozen(world)
    world.fail("gateway", Reason.TIMEOUT, times=5)
    world.soon.clear()
    world.send(ev.ContainerActed(world.event("gateway", "kill", signals.CONT)))
    assert world.soon == {"gateway"}
    world.fail("gateway", Reason.TIMEOUT, times=1)
    assert not world.started
    world.fail("gateway", Reason.TIMEOUT, times=2)
    assert len(world.started) == 1


def test_what_answers_again_is_not_frozen(world: World) -> None:
    """Somebody let it go on from outside."""
    frozen(world)
    world.succeed("gateway", times=30)  # a session that was open is another process
    assert held_now(world)
    world.fail("gateway", Reason.TIMEOUT)
    world.succeed("gateway")
    assert not held_now(world)


def test_what_answers_for_long_was_not_frozen(world: World) -> None:
    """The kernel keeps most such signals from the first process, or somebody let it go on within a second."""
    frozen(world)
    world.wait(signals.THAWED_AFTER.total_seconds())
    world.succeed("gateway")
    crashes(world)
    assert len(world.started) == 1


@pytest.mark.parametrize("goes_on", [True, False])
def test_a_daemon_that_was_away_learns_that_it_is_frozen(world: World, goes_on: bool) -> None:
    """Docker remembers the signals of the run."""
    past = [world.event("gateway", "kill", 19)]
    world.pass_time(5.0)
    past += [world.event("gateway", "kill", signals.CONT)] * goes_on
    world.kill_daemon()
    world.see("gateway", RunState.RUNNING, past=past)
    world.fail("gateway", Reason.TIMEOUT, times=30)
    assert bool(world.started) is goes_on


def test_what_was_let_go_on_unheard_is_not_held(world: World) -> None:
    """The stream was cut meanwhile."""
    stop = frozen(world)
    world.fail("gateway", Reason.TIMEOUT)
    world.see("gateway", RunState.RUNNING, past=[stop, world.event("gateway", "kill", signals.CONT)])
    assert not held_now(world)


def test_what_ends_frozen_was_a_persons(world: World) -> None:
    """Whatever ended it, somebody was at work on it."""
    crashes(world, frozen(world))
    world.fail("gateway", Reason.REFUSED, times=5)
    assert "had frozen the container through Docker when it ended" in world.told(NotificationKind.HELD)[0].body
    assert not world.started


def test_a_new_run_is_not_frozen(world: World) -> None:
    """Somebody has restarted it."""
    frozen(world)
    world.pass_time(1.0)
    world.run("gateway")
    assert not world.engine.durable.holds


def test_what_is_stopped_while_it_is_frozen_is_stopped(world: World) -> None:
    """And what is frozen while it is being stopped as well."""
    frozen(world)
    world.send(ev.ContainerActed(world.event("gateway", "kill", 15)))
    frozen(world)
    world.send(ev.ContainerActed(world.event("gateway", "kill", signals.CONT)))
    world.fail("gateway", Reason.TIMEOUT, times=30)
    assert gate(world) is Gate.HUMAN_HOLD
    assert not world.started


@pytest.mark.parametrize("killed", [False, True])
def test_what_is_frozen_when_the_time_of_an_older_stop_is_over_is_frozen(world: World, *, killed: bool) -> None:
    """The program ignored the stop and served on, so that nothing happened at the end of its time."""
    world.send(ev.ContainerActed(world.event("gateway", "kill", 15)))
    world.wait(A_STOP + 1.0)
    world.succeed("gateway")
    frozen(world)
    if killed:
        world.kill_daemon()
        world.see("gateway", RunState.RUNNING)
    world.fail("gateway", Reason.TIMEOUT, times=5)
    assert gate(world) is Gate.HUMAN_HOLD
    assert not world.started
