"""A hold is of one run and of its end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.model import ContainerStatus, NotificationKind, Past, Reason, RunState, WhenUnsure
from tests.unit.engine.attribution.parts import A_STOP
from tests.unit.engine.world import World, dependency, policy


def as_an_older_version_wrote_it(world: World) -> None:
    """Of before there was a run in a hold."""
    world.records = [
        (at, replace(record, run="", finished="") if isinstance(record, r.HoldPlaced) else record)
        for at, record in world.records
    ]


@pytest.mark.parametrize("older", [False, True])
def test_a_run_that_began_after_a_persons_stop_has_its_own_end(older: bool) -> None:
    """They started it again while nobody looked, it served, and it crashed: nobody stopped that."""
    world = World(policy(dependency("gateway", grace=0.0)))
    world.stopped_by_hand("gateway")
    assert world.engine.durable.holds
    if older:
        as_an_older_version_wrote_it(world)
    world.pass_time(5.0)
    world.starts["c-gateway"] = world.utc
    world.pass_time(5.0)
    world.kill_daemon()
    world.see("gateway", RunState.EXITED, past=[world.event("gateway", "die")], finished_at=world.utc, exit_code=137)
    assert not world.engine.durable.holds
    assert len(world.started) == 1


def test_what_a_person_restarts_and_cannot_start_was_not_stopped(world: World) -> None:
    """It had begun, and ended, before the end of the run before was understood."""
    ended, past = world.utc, [world.event("gateway", "kill", 15), world.event("gateway", "die")]
    world.pass_time(0.05)
    world.starts["c-gateway"], before = world.utc, world.starts["c-gateway"]
    began = world.utc
    world.pass_time(0.05)
    world.starts["c-gateway"] = before
    world.see("gateway", RunState.EXITED, past=past, finished_at=ended, exit_code=143)
    assert world.engine.durable.holds
    world.starts["c-gateway"] = began
    world.see(
        "gateway", RunState.EXITED, past=[*past, world.event("gateway", "die")], finished_at=world.utc, exit_code=1
    )
    assert not world.engine.durable.holds


def test_what_was_paused_and_crashes_later_is_started(world: World) -> None:
    """Somebody let it go on while nobody looked."""
    world.see("gateway", RunState.PAUSED)
    world.kill_daemon()
    world.see("gateway", RunState.EXITED, past=[world.event("gateway", "die")], finished_at=world.utc, exit_code=1)
    assert len(world.started) == 1


def test_who_stops_it_and_pauses_it_meanwhile_is_stopping_it_still(world: World) -> None:
    """Then the Docker Engine goes down, takes it with it and forgets who it was."""
    world.send(ev.ContainerActed(world.event("gateway", "kill", 15)))
    world.see("gateway", RunState.PAUSED)
    world.kill_daemon()
    world.see(
        "gateway",
        RunState.EXITED,
        past=[],
        away=(world.utc, world.utc),
        finished_at=world.utc,
        exit_code=143,
        whole_since=None,
    )
    world.fail("gateway", Reason.REFUSED, times=5)
    assert "was stopping the container through Docker when it ended" in world.told(NotificationKind.HELD)[0].body
    assert not world.started


@pytest.mark.parametrize("killed", [False, True])
def test_who_paused_it_long_after_a_stop_and_lets_it_go_on_has_it_watched(world: World, *, killed: bool) -> None:
    """It had outlived the stop: the pause is all that it was held for."""
    world.send(ev.ContainerActed(world.event("gateway", "kill", 15)))
    world.wait(A_STOP + 1.0)
    world.see("gateway", RunState.PAUSED)
    if killed:
        world.kill_daemon()
        world.see("gateway", RunState.PAUSED)
    world.see("gateway", RunState.RUNNING)
    world.fail("gateway", Reason.TIMEOUT, times=5)
    assert len(world.started) == 1


def test_a_hold_of_an_end_outlives_dockers_memory(world: World) -> None:
    """The same end is not judged anew with less of its history."""
    world.stopped_by_hand("gateway")
    at = world.utc
    world.kill_daemon()
    world.see("gateway", RunState.DEAD, past=[], finished_at=at, exit_code=143)
    assert len(world.of(r.HoldPlaced)) == 2
    assert not world.started


def test_a_persons_stop_that_an_older_version_wrote_down_is_one_still() -> None:
    """Docker has forgotten it, and the policy would take the risk with what nobody knows."""
    world = World(policy(dependency("gateway", grace=0.0, when_unsure=WhenUnsure.RESTART)))
    world.stopped_by_hand("gateway")
    ended = world.utc
    as_an_older_version_wrote_it(world)
    world.kill_daemon()
    world.see("gateway", RunState.EXITED, whole_since=None, finished_at=ended, exit_code=143)
    world.fail("gateway", Reason.REFUSED, times=5)
    assert not world.started


def test_what_somebody_created_is_held_once_until_it_is_started(world: World) -> None:
    """It has no run yet; each new daemon finds it so."""
    created = ContainerStatus(RunState.CREATED, "id-c-gateway")
    for _ in range(3):
        world.send(ev.ContainerSeen("c-gateway", created, Past()))
        world.fail("gateway", Reason.REFUSED, times=5)
        world.kill_daemon()
    assert not world.started
    assert len(world.of(r.HoldPlaced)) == 1
    assert "has not started it yet" in world.told(NotificationKind.HELD)[0].body
    world.run("gateway")
    assert not world.engine.durable.holds


def test_a_thread_dump_before_a_pause_is_no_stop(world: World) -> None:
    """Somebody let it go on while nobody looked, and long after that signal it crashed."""
    world.send(ev.ContainerActed(world.event("gateway", "kill", 3)))
    assert world.engine.durable.holds
    world.see("gateway", RunState.PAUSED)
    world.pass_time(3600.0)
    world.kill_daemon()
    world.see("gateway", RunState.EXITED, past=[world.event("gateway", "die")], finished_at=world.utc, exit_code=1)
    assert len(world.started) == 1


def test_the_stop_of_an_earlier_run_says_nothing_of_what_was_paused_after_it(world: World) -> None:
    """The stop was heard; then nobody listened while it was started again, served, and was paused."""
    world.send(ev.ContainerActed(world.event("gateway", "kill", 15)))
    world.kill_daemon()
    world.pass_time(60.0)
    world.starts["c-gateway"] = world.utc
    world.pass_time(60.0)
    world.see("gateway", RunState.PAUSED)
    world.kill_daemon()
    world.see("gateway", RunState.EXITED, past=[world.event("gateway", "die")], finished_at=world.utc, exit_code=1)
    assert len(world.started) == 1
