"""An end of which it cannot be said yet whose it was: an action of ours may have been under way."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.model import ActionOutcome, Gate, Health, Reason, RunState
from tests.unit.engine.attribution.parts import gate, reason
from tests.unit.engine.world import RESTART, World, dependency, policy, remedy

FULL = '2026-01-05 12:00:00.000 UTC [1] PANIC:  could not write to file "pg_wal/x": No space left on device'
UNCLEAR_FOR = 60.0


def killed_in_its_own_restart(*, paused: bool = False) -> World:
    """For a minute nobody knows whether Docker still carries it out."""
    world = World(policy(dependency("gateway", grace=0.0), fix=remedy(replace(RESTART, verify_within=UNCLEAR_FOR))))
    world.fail("gateway")
    assert world.pending
    if paused:
        world.send(ev.PauseAsked("*", "deploying", "ops"))
    world.pass_time(0.2)
    world.kill_daemon()
    return world


@pytest.fixture
def world() -> World:
    return killed_in_its_own_restart()


def ends(world: World, *, signal: int | None = None, said: str = "") -> datetime:
    sent = [world.event("gateway", "kill", signal)] if signal is not None else []
    past = [*sent, world.event("gateway", "die")]
    world.see("gateway", RunState.EXITED, past=past, said=said, finished_at=world.utc, exit_code=1)
    assert not world.of(r.HoldPlaced)
    return world.utc


@pytest.mark.parametrize("again", [False, True], ids=["seen once", "inspected again"])
def test_what_it_said_is_heeded_when_its_end_can_be_judged(world: World, again: bool) -> None:
    """Docker tells the last words once: a later inspect has none. Its disk is full, and no start mends that."""
    at = ends(world, said=FULL)
    if again:
        world.pass_time(10.0)
        world.see("gateway", RunState.EXITED, finished_at=at, exit_code=1)
    world.fail("gateway", Reason.REFUSED)
    assert gate(world) is Gate.VERIFICATION
    world.wait(2 * UNCLEAR_FOR)
    assert reason(world) is Reason.DISK_FULL
    assert gate(world) is Gate.CATEGORY
    world.wait(7200.0)
    assert len(world.started) == 1


def test_an_end_that_a_new_run_has_followed_is_judged_no_more(world: World) -> None:
    """Docker has carried our restart out: the signal was its own, and what runs is held for nobody."""
    ends(world, signal=15)
    world.pass_time(1.0)
    world.run("gateway")
    world.succeed("gateway", times=5)
    assert world.health("gateway") is Health.UP
    world.wait(2 * UNCLEAR_FOR)
    assert not world.of(r.HoldPlaced)


def test_who_ended_it_is_said_as_soon_as_it_can_be_whatever_else_holds_it() -> None:
    """Everything is paused: that a person stopped it is on disk for when the pause is over."""
    world = killed_in_its_own_restart(paused=True)
    ends(world, signal=15)
    world.wait(UNCLEAR_FOR)
    assert len(world.of(r.HoldPlaced)) == 1
    world.send(ev.ResumeAsked("*", "ops"))
    assert gate(world) is Gate.HUMAN_HOLD


def test_what_our_own_restart_ends_while_docker_waits_to_start_it_was_no_person() -> None:
    """It had crashed in the moment of our order, and Docker was about to start it again: ours ended that wait."""
    world = World(policy(dependency("gateway", grace=0.0)))
    ended = world.utc
    world.fail("gateway")
    past = [world.event("gateway", "start"), world.event("gateway", "die")]
    world.see("gateway", RunState.RESTARTING, past=past, finished_at=ended, exit_code=1, restarts=1)
    world.see("gateway", RunState.EXITED, past=past, finished_at=ended, exit_code=1, restarts=1)
    world.finish(ActionOutcome.FAILED)
    assert not world.engine.durable.holds
    world.wait(60.0)
    assert len(world.started) == 2
