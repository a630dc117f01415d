"""Our own restart, whose end we did not see."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.view import status
from nemo_watchdog.model import (
    ActionOutcome,
    ContainerEvent,
    ContainerStatus,
    Gate,
    Health,
    NotificationKind,
    Past,
    Reason,
    RunState,
)
from nemo_watchdog.views import PolicyView
from tests.unit.engine.attribution.parts import gate
from tests.unit.engine.world import RESTART, World, dependency, policy, remedy


def slow_to_verify(verify_within: float = 60.0) -> World:
    return World(policy(dependency("gateway", grace=0.0), fix=remedy(replace(RESTART, verify_within=verify_within))))


def test_after_a_kill_in_our_own_restart_one_restart_is_enough() -> None:
    """Docker goes on with it: what it does is ours, and is looked at for a whole verification window first."""
    world = slow_to_verify()
    world.fail("gateway")
    assert len(world.started) == 1
    world.pass_time(0.2)
    past = [world.event("gateway", "kill", 15)]
    world.kill_daemon()
    world.see("gateway", RunState.RUNNING, past=past)
    assert not world.of(r.HoldPlaced)
    world.pass_time(5.0)
    past.append(world.event("gateway", "die"))
    world.see("gateway", RunState.EXITED, past=past, finished_at=world.utc, exit_code=143)
    world.wait(1.0)
    world.run("gateway")
    world.fail("gateway", Reason.REFUSED, times=5)
    assert gate(world) is Gate.VERIFICATION
    world.succeed("gateway", times=5)
    assert world.health("gateway") is Health.UP
    assert len(world.started) == 1
    assert not world.of(r.HoldPlaced)


def test_what_our_lost_restart_does_not_start_again_is_held() -> None:
    """A restart starts again what it has ended: after the window it may have been a person's stop."""
    world = slow_to_verify()
    world.fail("gateway")
    world.pass_time(0.2)
    past = [world.event("gateway", "kill", 15), world.event("gateway", "die")]
    world.kill_daemon()
    world.see("gateway", RunState.EXITED, past=past, finished_at=world.utc, exit_code=143)
    world.wait(30.0)
    assert gate(world) is Gate.VERIFICATION
    world.wait(60.0)
    assert gate(world) is Gate.HUMAN_HOLD
    assert "an order of ours whose result is unknown" in world.told(NotificationKind.HELD)[0].body
    world.wait(7200.0)
    assert len(world.started) == 1


def test_a_stop_after_the_window_of_a_lost_restart_is_a_persons() -> None:
    """A restart that never reached Docker explains nothing for ever."""
    world = slow_to_verify(20.0)
    world.fail("gateway")
    world.pending.pop()
    world.kill_daemon()
    world.see("gateway", RunState.RUNNING)
    world.wait(25.0)
    world.send(ev.ContainerActed(world.event("gateway", "kill", 15)))
    world.fail("gateway", Reason.TIMEOUT, times=30)
    assert gate(world) is Gate.HUMAN_HOLD
    assert len(world.started) == 1


@pytest.mark.parametrize("outcome", [ActionOutcome.TIMED_OUT, ActionOutcome.UNKNOWN])
def test_an_order_that_docker_may_still_carry_out_is_waited_for(outcome: ActionOutcome) -> None:
    """It did not answer in time and ends the container later: no second order within the window."""
    world = slow_to_verify()
    world.fail("gateway")
    world.finish(outcome)
    world.pass_time(2.0)
    past = [world.event("gateway", "kill", 15), world.event("gateway", "die")]
    for event in past:
        world.send(ev.ContainerActed(event))
    world.see("gateway", RunState.EXITED, past=past, finished_at=world.utc, exit_code=143)
    world.wait(2.0)
    world.run("gateway")
    world.succeed("gateway", times=5)
    assert world.health("gateway") is Health.UP
    assert len(world.started) == 1


def test_who_stops_the_run_that_our_restart_began_is_somebody(world: World) -> None:
    """Our order ends a run that is older than itself."""
    world.fail("gateway")
    world.finish()
    world.wait(5.0)
    world.send(ev.ContainerActed(world.event("gateway", "kill", 15)))
    (hold,) = world.engine.durable.holds.values()
    assert hold.what == "somebody is stopping the container through Docker (signal 15)"
    world.wait(1.0)
    world.stopped_by_hand("gateway")
    world.fail("gateway", Reason.REFUSED, times=5)
    assert gate(world) is Gate.HUMAN_HOLD
    assert "somebody stopped the container through Docker (signal 15)" in world.told(NotificationKind.HELD)[-1].body
    assert len(world.started) == 1


def test_what_our_restart_ended_and_did_not_start_again_nobody_stopped(world: World) -> None:
    """Docker has answered that the start failed: its signals were ours, and it is tried again."""
    world.fail("gateway")
    world.pass_time(1.0)
    past = [world.event("gateway", "kill", 15), world.event("gateway", "die")]
    for event in past:
        world.send(ev.ContainerActed(event))
    world.see("gateway", RunState.EXITED, past=past, finished_at=world.utc, exit_code=143)
    world.pass_time(1.0)
    world.finish(ActionOutcome.FAILED)
    assert not world.engine.durable.holds
    world.wait(60.0)
    assert len(world.started) == 2


def test_a_signal_after_our_restart_has_failed_is_a_persons(world: World) -> None:
    """The run that it was to end goes on."""
    world.fail("gateway")
    world.pass_time(1.0)
    world.finish(ActionOutcome.FAILED)
    world.pass_time(1.0)
    world.send(ev.ContainerActed(world.event("gateway", "kill", 15)))
    world.fail("gateway", Reason.TIMEOUT, times=60)
    assert gate(world) is Gate.HUMAN_HOLD
    assert len(world.started) == 1


@pytest.mark.parametrize("untimed", ["the signal", "the run"])
def test_what_docker_tells_without_a_time_is_not_our_restarts_doing(world: World, untimed: str) -> None:
    """Nobody can tell whether it was sent while that went on: it is a person's."""
    world.fail("gateway")
    begun = None if untimed == "the run" else world.starts["c-gateway"]
    world.see("gateway", RunState.UNREACHABLE)
    world.send(ev.ContainerSeen("c-gateway", ContainerStatus(RunState.RUNNING, "id-c-gateway", begun), Past()))
    world.send(
        ev.ContainerActed(ContainerEvent("c-gateway", "kill", 15, None if untimed == "the signal" else world.utc))
    )
    (hold,) = world.engine.durable.holds.values()
    assert hold.what.startswith("somebody is stopping the container")


def test_what_is_taken_off_its_network_is_held_until_it_is_on_it_again() -> None:
    """Nothing is kept of it: the next inspect ends it, and its end through Docker's own doing is not held for it."""
    world = World(policy(dependency("gateway")))
    world.see("gateway", RunState.RUNNING, off_network="app")
    world.fail("gateway", Reason.REFUSED, times=5)
    assert gate(world) is Gate.HUMAN_HOLD
    assert not world.pending
    view = status(world.engine, world.now, PolicyView(0.0, ()), "0").dependencies["gateway"]
    assert view.held == "somebody took the container off its network app"
    world.see("gateway", RunState.RUNNING)
    world.fail("gateway", Reason.REFUSED)
    assert [request.action for request in world.pending] == ["docker.restart"]


def test_what_ends_off_its_network_is_started() -> None:
    """It has ended by itself: the network is no reason to leave it down."""
    world = World(policy(dependency("gateway")))
    world.see("gateway", RunState.EXITED, off_network="app", exit_code=1, finished_at=world.utc)
    assert len(world.pending) == 1
