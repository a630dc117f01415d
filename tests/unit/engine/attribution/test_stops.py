"""Somebody is stopping it, or has: held, for as long as a stop may take."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from nemo_watchdog.engine import events as ev
from nemo_watchdog.model import (
    CONTAINER,
    ContainerEvent,
    Gate,
    NotificationKind,
    Reason,
    RunState,
    Target,
    ok,
)
from tests.unit.engine.attribution.parts import A_STOP, crashes, gate, held_now
from tests.unit.engine.world import World, dependency, policy


def test_a_stop_that_goes_on_is_seen_at_the_first_sight_of_what_still_runs(world: World) -> None:
    """The signal was sent while the daemon was away, or the stream was cut: Docker's memory tells it."""
    sent = world.event("gateway", "kill", 15)
    world.kill_daemon()
    world.see("gateway", RunState.RUNNING, past=[sent])
    world.fail("gateway", Reason.TIMEOUT, times=30)
    assert gate(world) is Gate.HUMAN_HOLD
    assert not world.started


def test_whoever_stops_has_the_time_that_a_stop_may_take(world: World) -> None:
    """Docker does not say how long `docker stop -t` waits: a quarter of an hour, and then it is nobody's stop."""
    world.send(ev.ContainerActed(world.event("gateway", "kill", 15)))
    world.fail("gateway", Reason.TIMEOUT, times=10)
    (told,) = world.told(NotificationKind.HELD)
    assert "until the container has ended or answers again, for 14m5" in told.body
    world.wait(A_STOP - 60.0)
    world.fail("gateway", Reason.TIMEOUT)
    assert not world.started
    world.wait(60.0)
    world.fail("gateway", Reason.TIMEOUT)
    assert len(world.started) == 1


@pytest.mark.parametrize("state", [RunState.UNREACHABLE, RunState.RESTARTING, RunState.REMOVING])
def test_while_nobody_can_tell_whether_it_has_ended_a_stop_goes_on(world: World, state: RunState) -> None:
    """Docker's silence ends nothing, and explains nothing."""
    world.send(ev.ContainerActed(world.event("gateway", "kill", 15)))
    world.see("gateway", state)
    world.fail("gateway", Reason.TIMEOUT, times=5)
    world.see("gateway", RunState.RUNNING)
    world.fail("gateway", Reason.TIMEOUT, times=5)
    assert gate(world) is Gate.HUMAN_HOLD
    assert world.engine.durable.holds[Target(CONTAINER, "c-gateway")].until is not None


def test_what_is_known_of_a_stop_is_said_of_an_end_that_docker_has_forgotten(world: World) -> None:
    """The Engine was killed in it: nobody can tell how it went on, and it is known that somebody was at it."""
    world.send(ev.ContainerActed(world.event("gateway", "kill", 15)))
    world.pass_time(1.0)
    world.see("gateway", RunState.EXITED, whole_since=None, finished_at=world.utc, exit_code=0)
    hold = world.engine.durable.holds[Target(CONTAINER, "c-gateway")]
    assert (hold.what, hold.until) == ("somebody was stopping the container through Docker when it ended", None)


def test_what_is_removed_is_not_being_stopped_any_more(world: World) -> None:
    """`docker rm -f`: there is nothing to act on, and nothing to hold for the next container of that name."""
    world.send(ev.ContainerActed(world.event("gateway", "kill", 9)))
    world.see("gateway", RunState.MISSING)
    world.fail("gateway", Reason.REFUSED, times=5)
    assert gate(world) is Gate.BLIND
    assert not world.engine.durable.holds


def test_a_second_stop_has_its_own_time(world: World) -> None:
    """Somebody who sends the signal again waits again."""
    world.send(ev.ContainerActed(world.event("gateway", "kill", 15)))
    world.wait(A_STOP - 60.0)
    world.send(ev.ContainerActed(world.event("gateway", "kill", 15)))
    world.wait(A_STOP - 60.0)
    world.fail("gateway", Reason.TIMEOUT)
    assert gate(world) is Gate.HUMAN_HOLD
    assert not world.started


def test_a_stop_under_way_outlives_the_daemon_and_dockers_memory(world: World) -> None:
    """What was heard is on disk."""
    world.send(ev.ContainerActed(world.event("gateway", "kill", 15)))
    world.pass_time(60.0)
    world.kill_daemon()
    world.see("gateway", RunState.RUNNING, whole_since=None)
    world.fail("gateway", Reason.TIMEOUT, times=30)
    assert gate(world) is Gate.HUMAN_HOLD
    assert not world.started


def test_what_answers_again_is_not_being_stopped(world: World) -> None:
    """The TERM was ignored: the next failure is a failure, and the signal did not end it."""
    world.send(ev.ContainerActed(world.event("gateway", "kill", 15)))
    world.fail("gateway", Reason.TIMEOUT)
    world.succeed("gateway")
    assert not world.engine.durable.holds
    world.wait(30.0)
    world.see("gateway", RunState.RUNNING, past=[world.event("gateway", "start")])
    world.crash("gateway")
    assert len(world.started) == 1


def test_what_answers_again_within_a_second_is_not_held_for_what_docker_remembers(world: World) -> None:
    """The whole of it is asked for at the next sight, with the signal that was outlived."""
    world.send(ev.PauseAsked("*", "I am at it", "ops"))
    world.fail("gateway", Reason.TIMEOUT)
    sent = world.event("gateway", "kill", 15)
    world.send(ev.ContainerActed(sent))
    world.look("gateway", ok(), times=3, every=0.1)
    world.see("gateway", RunState.RUNNING, past=[sent])
    assert not held_now(world)


def test_what_still_answers_may_be_being_stopped(world: World) -> None:
    """A gateway that drains answers until it ends: its end is the person's."""
    sent = world.event("gateway", "kill", 15)
    world.send(ev.ContainerActed(sent))
    world.succeed("gateway", times=20)
    past = [sent, world.event("gateway", "die")]
    world.see("gateway", RunState.EXITED, past=past, finished_at=world.utc, exit_code=0)
    world.fail("gateway", Reason.REFUSED, times=10)
    assert gate(world) is Gate.HUMAN_HOLD
    assert not world.started


def quit_signal(world: World) -> ContainerEvent:
    """`docker kill -s QUIT`, heard."""
    sent = world.event("gateway", "kill", 3)
    world.send(ev.ContainerActed(sent))
    assert held_now(world)
    return sent


@pytest.mark.parametrize("told", [True, False], ids=["in time", "late"])
def test_a_thread_dump_ended_nothing(world: World, told: bool) -> None:
    """The process lives on and answers, and crashes 12 s later by itself: also before the engine has woken for it."""
    sent = quit_signal(world)
    for _ in range(12):
        if told:
            world.wait(0.0)
        world.succeed("gateway", times=1)
    assert "gateway" in world.soon or not told
    assert held_now(world) is not told
    crashes(world, sent)
    assert len(world.started) == 1


def test_as_soon_as_an_answer_would_say_that_a_signal_was_outlived_it_is_looked_at(world: World) -> None:
    """The policy looks every ten seconds, and the next look is not waited for."""
    quit_signal(world)
    world.soon.clear()
    world.wait(9.0)
    assert not world.soon
    world.wait(1.5)
    assert world.soon == {"gateway"}
    world.soon.clear()
    world.wait(10.0)
    world.soon.clear()
    world.wait(600.0)
    assert not world.soon  # it does not answer: looks of the policy go on


def test_what_drains_after_a_quit_has_the_time_of_a_stop(world: World) -> None:
    """It has closed its port and finishes what it has: ten seconds of that are no life."""
    world.succeed("gateway")
    sent = quit_signal(world)
    world.succeed("gateway", times=2)  # it had not closed it yet
    world.fail("gateway", Reason.REFUSED, times=60)
    assert gate(world) is Gate.HUMAN_HOLD
    past = [sent, world.event("gateway", "die")]
    world.see("gateway", RunState.EXITED, past=past, finished_at=world.utc, exit_code=0)
    world.fail("gateway", Reason.REFUSED, times=5)
    assert not world.started


def test_what_never_answers_after_a_quit_is_held_no_longer_than_a_stop(world: World) -> None:
    """Nobody is stopping it for ever."""
    quit_signal(world)
    world.fail("gateway", Reason.TIMEOUT)
    world.wait(A_STOP)
    world.fail("gateway", Reason.TIMEOUT)
    assert len(world.started) == 1


def test_a_blind_look_is_no_answer(world: World) -> None:
    """Nobody knows whether it lives on."""
    quit_signal(world)
    world.wait(11.0)
    world.fail("gateway", Reason.PROBE_BUG, times=2)
    world.fail("gateway", Reason.REFUSED, times=5)
    assert gate(world) is Gate.HUMAN_HOLD


def test_one_of_two_that_look_at_it_cannot_say_that_it_lives_on() -> None:
    """Docker's word that it runs is no answer of its port."""
    a, b = dependency("a", container="c-a", grace=0.0), dependency("b", container="c-a", grace=0.0)
    world = World(policy(a, b))
    world.send(ev.ContainerActed(world.event("a", "kill", 3)))
    for _ in range(30):
        world.succeed("a", times=1)
        world.fail("b", Reason.REFUSED, times=1)
    assert gate(world, "b") is Gate.HUMAN_HOLD
    assert not world.started


def test_a_second_signal_is_not_outlived_with_the_first(world: World) -> None:
    """That the first was is written down late: a QUIT that ended it has come meanwhile."""
    first = quit_signal(world)
    for _ in range(20):
        world.succeed("gateway", times=1)
    second = world.event("gateway", "kill", 3)
    world.pass_time(0.2)
    crashes(world, first, second)
    world.fail("gateway", Reason.REFUSED, times=5)
    assert gate(world) is Gate.HUMAN_HOLD
    assert not world.started


@pytest.mark.parametrize("order", [(3, 15), (15, 3)])
def test_a_stop_beside_a_thread_dump_is_a_stop(world: World, order: tuple[int, int]) -> None:
    """It still answers, and so does what drains."""
    for number in order:
        world.send(ev.ContainerActed(world.event("gateway", "kill", number)))
    world.succeed("gateway", times=30)
    world.fail("gateway", Reason.REFUSED, times=5)
    assert gate(world) is Gate.HUMAN_HOLD
    assert not world.started


def test_a_quit_that_ends_it_is_a_persons(world: World) -> None:
    """Within seconds of the signal the end is its doing, also without a core."""
    sent = world.event("gateway", "kill", 3)
    world.send(ev.ContainerActed(sent))
    world.wait(2.0)
    past = [sent, world.event("gateway", "die")]
    world.see("gateway", RunState.EXITED, past=past, finished_at=world.utc, exit_code=131)
    world.fail("gateway", Reason.REFUSED, times=5)
    assert not world.started


def loops(world: World) -> list[ContainerEvent]:
    """Docker starts it again and again, and waits before the next start; what it told."""
    told = [world.event("gateway", "start"), world.event("gateway", "die")]
    world.see("gateway", RunState.RESTARTING, past=told, finished_at=world.utc, exit_code=1, restarts=6)
    world.fail("gateway", Reason.REFUSED, times=5)
    assert gate(world) is Gate.CATEGORY
    return told


@pytest.mark.parametrize("heard", [True, False], ids=["stop", "kill"])
def test_what_somebody_stops_while_docker_waits_to_start_it_is_held(world: World, heard: bool) -> None:
    """Of a `docker stop` Docker tells no `kill` then and no other end, of a `docker kill` nothing at all."""
    past = loops(world)
    ended = world.utc - timedelta(seconds=5)
    past += [world.event("gateway", "stop")] * heard
    world.see("gateway", RunState.EXITED, past=past, finished_at=ended, exit_code=1, restarts=6)
    world.fail("gateway", Reason.REFUSED, times=30)
    assert gate(world) is Gate.HUMAN_HOLD
    assert "somebody stopped the container through Docker; held" in world.told(NotificationKind.HELD)[0].body
    assert not world.started


@pytest.mark.parametrize("ahead", [0.0, 3.0])
def test_a_wait_that_somebody_ends_at_once_is_ended_by_them_though_dockers_clock_is_ahead(
    world: World, ahead: float
) -> None:
    """Of a `docker kill` Docker tells nothing then: it counts as sent no earlier than the end before it."""
    past, ended = loops(world), world.utc + timedelta(seconds=ahead)
    world.see("gateway", RunState.EXITED, past=past, finished_at=ended, exit_code=1, restarts=6)
    world.fail("gateway", Reason.REFUSED, times=30)
    assert gate(world) is Gate.HUMAN_HOLD
    assert not world.started


@pytest.mark.parametrize("dies_as_it_goes_down", [True, False])
def test_an_engine_that_was_away_ends_only_the_waits_of_before(world: World, dies_as_it_goes_down: bool) -> None:
    """It does not start again what looped as it went down; a later wait was ended by somebody."""
    away = (world.utc, world.utc + timedelta(seconds=20))
    world.pass_time(5.0 if dies_as_it_goes_down else 60.0)
    ended = world.utc
    past = loops(world)
    world.pass_time(60.0)
    world.see("gateway", RunState.EXITED, past=past, away=away, finished_at=ended, exit_code=1, restarts=6)
    world.fail("gateway", Reason.REFUSED, times=5)
    assert bool(world.started) is dies_as_it_goes_down


def test_a_stop_while_docker_waits_is_known_to_a_daemon_that_was_away(world: World) -> None:
    """Docker remembers it."""
    past = loops(world)
    ended = world.utc - timedelta(seconds=5)
    past.append(world.event("gateway", "stop"))
    world.kill_daemon()
    world.see("gateway", RunState.EXITED, past=past, finished_at=ended, exit_code=1, restarts=6)
    world.fail("gateway", Reason.REFUSED, times=5)
    assert not world.started


@pytest.mark.parametrize("why", ["it cannot be started", "the Engine was away"])
def test_what_docker_itself_gives_up_is_started(world: World, why: str) -> None:
    """Nobody stopped it: its start failed, or the Engine went down meanwhile."""
    past = loops(world)
    ended = world.utc - timedelta(seconds=5)
    detail, away = ("no such image", None) if why == "it cannot be started" else ("", (ended, world.utc))
    world.see(
        "gateway", RunState.EXITED, past=past, away=away, detail=detail, finished_at=ended, exit_code=1, restarts=6
    )
    assert len(world.started) == 1


@pytest.mark.parametrize(("ran", "restarts"), [(0.3, 6), (3600.0, 6), (0.3, 0)])
def test_what_docker_is_told_to_leave_down_stays_down(world: World, ran: float, restarts: int) -> None:
    """`docker update --restart no` while Docker starts it again and again; not years ago, and not of another run."""
    world.run("gateway", age=ran)
    count: dict[str, Any] = {"restarts": restarts, "restarted_by_docker": False}
    died = [world.event("gateway", "die")]
    world.see("gateway", RunState.EXITED, past=died, finished_at=world.utc, exit_code=1, **count)
    world.fail("gateway", Reason.REFUSED, times=5)
    held = ran < 60.0 and restarts > 0
    assert bool(world.started) is not held
    assert (gate(world) is Gate.HUMAN_HOLD) is held


def test_the_stop_of_an_older_end_explains_no_new_one(world: World) -> None:
    """A restart tells it before the start, and a program may end before the time of that."""
    past = [world.event("gateway", "stop")]
    world.pass_time(1.0)
    past.append(world.event("gateway", "die"))
    world.see("gateway", RunState.EXITED, past=past, finished_at=world.utc, exit_code=1)
    assert len(world.started) == 1


def test_a_stop_that_is_heard_of_what_runs_holds_nothing(world: World) -> None:
    """It has ended what it was meant for."""
    world.send(ev.ContainerActed(world.event("gateway", "stop")))
    assert not world.engine.durable.holds
