"""Who ended a container: a person, whenever we look; nobody; or nobody can tell, and then it is held."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine import signals
from nemo_watchdog.engine.attribution import A_CLEAN_EXIT_IS_QUIET
from nemo_watchdog.engine.view import status
from nemo_watchdog.model import (
    CONTAINER,
    ActionOutcome,
    Category,
    ContainerEvent,
    ContainerStatus,
    Gate,
    Health,
    LogLine,
    NotificationKind,
    OnCleanExit,
    Past,
    Reason,
    RunState,
    Target,
    WhenUnsure,
    ok,
)
from nemo_watchdog.views import PolicyView
from tests.unit.engine.world import EVER, RESTART, World, dependency, policy, remedy

A_STOP = signals.A_STOP_TAKES.total_seconds()


@pytest.fixture
def world() -> World:
    return World(policy(dependency("gateway", grace=0.0)))


def gate(world: World, name: str = "gateway") -> Gate:
    decision = world.engine.decision(name, world.now)
    assert decision is not None
    return decision.gate


# -- somebody is stopping it ------------------------------------------------------------------------------------


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


def held_now(world: World) -> bool:
    return world.engine.durable.hold_on("gateway", "c-gateway", world.now.monotonic) is not None


def crashes(world: World, *before: ContainerEvent) -> None:
    past = [*before, world.event("gateway", "die")]
    world.see("gateway", RunState.EXITED, past=past, finished_at=world.utc, exit_code=134)


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


# -- somebody has frozen it ---------------------------------------------------------------------------------------


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


# -- a hold is of a run -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("older", [False, True])
def test_a_run_that_began_after_a_persons_stop_has_its_own_end(older: bool) -> None:
    """They started it again while nobody looked, it served, and it crashed: nobody stopped that."""
    world = World(policy(dependency("gateway", grace=0.0)))
    world.stopped_by_hand("gateway")
    assert world.engine.durable.holds
    if older:  # a record of before there was a run in it
        world.records = [
            (at, replace(record, run="", finished="") if isinstance(record, r.HoldPlaced) else record)
            for at, record in world.records
        ]
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


def test_a_hold_of_an_end_outlives_dockers_memory(world: World) -> None:
    """The same end is not judged anew with less of its history."""
    world.stopped_by_hand("gateway")
    at = world.utc
    world.kill_daemon()
    world.see("gateway", RunState.DEAD, past=[], finished_at=at, exit_code=143)
    assert len(world.of(r.HoldPlaced)) == 2
    assert not world.started


# -- nobody can tell --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [0, 1, 137, 143])
def test_without_the_whole_history_nobody_can_tell(world: World, code: int) -> None:
    """The `kill` was pushed out of Docker's memory and the `die` was not: whatever the code, it is held."""
    died = world.event("gateway", "die")
    too_late = world.utc - timedelta(seconds=30)
    world.see("gateway", RunState.EXITED, past=[died], whole_since=too_late, finished_at=world.utc, exit_code=code)
    world.fail("gateway", Reason.REFUSED, times=30)
    assert gate(world) is Gate.HUMAN_HOLD
    assert "nobody can tell who ended" in world.told(NotificationKind.OPENED)[0].body
    assert not world.started


def test_the_start_of_the_run_is_the_whole_history(world: World) -> None:
    """Docker forgets its oldest event first."""
    world.run("gateway")
    past = [world.event("gateway", "start")]
    world.pass_time(5.0)
    past.append(world.event("gateway", "die"))
    world.see("gateway", RunState.EXITED, past=past, whole_since=None, finished_at=world.utc, exit_code=1)
    assert len(world.started) == 1


def test_a_history_that_reaches_back_before_a_stop_could_begin_is_whole(world: World) -> None:
    """The run is an hour old, and of a signal of an hour ago this end is not the doing."""
    since = world.utc - signals.A_STOP_TAKES
    died = world.event("gateway", "die")
    world.see("gateway", RunState.EXITED, past=[died], whole_since=since, finished_at=world.utc, exit_code=1)
    assert len(world.started) == 1


def test_the_policy_may_restart_what_nobody_can_tell() -> None:
    """`when_unsure: restart`, for what keeps nothing."""
    world = World(policy(dependency("gateway", grace=0.0, when_unsure=WhenUnsure.RESTART)))
    world.see("gateway", RunState.EXITED, whole_since=None, finished_at=world.utc, exit_code=0)
    assert len(world.started) == 1


def test_of_two_dependencies_of_one_container_the_careful_one_decides() -> None:
    """Nobody is asked to be sure for the other."""
    bold = dependency("a", grace=0.0, when_unsure=WhenUnsure.RESTART)
    world = World(policy(bold, dependency("b", container="c-a", grace=0.0)), running=False)
    world.run("a", age=3600.0)
    world.see("a", RunState.EXITED, whole_since=None, finished_at=world.utc, exit_code=1)
    world.fail("a", Reason.REFUSED, times=5)
    assert not world.started


def test_what_was_seen_to_end_by_itself_is_known_when_docker_has_forgotten(world: World) -> None:
    """The daemon is killed in its backoff, and the machine is busy: the crash stays a crash."""
    world.crash("gateway")
    world.finish()
    world.crash("gateway")
    ended = world.utc
    world.kill_daemon()
    world.see("gateway", RunState.EXITED, whole_since=None, finished_at=ended, exit_code=1)
    assert not world.engine.durable.holds
    world.wait(30.0)
    assert len(world.started) == 2


def test_after_a_step_of_the_clock_what_came_since_is_of_this_run(world: World) -> None:
    """The clock was set back by an hour while it ran: its end lies before its start, and a stop is still a stop."""
    world.run("gateway")
    began = world.event("gateway", "start")
    world.utc -= timedelta(hours=1)
    past = [began, world.event("gateway", "kill", 15), world.event("gateway", "die")]
    world.see("gateway", RunState.EXITED, past=past, finished_at=world.utc, exit_code=0)
    world.fail("gateway", Reason.REFUSED, times=5)
    assert gate(world) is Gate.HUMAN_HOLD
    assert not world.started


def test_what_ends_before_docker_has_written_down_its_start_is_no_step_of_the_clock(world: World) -> None:
    """A person's `docker restart` of what cannot start: its signal ended the run before."""
    past = [world.event("gateway", "kill", 15), world.event("gateway", "die")]
    world.pass_time(1.0)
    world.run("gateway")
    began = world.utc
    past += [world.event("gateway", "start"), world.event("gateway", "restart"), world.event("gateway", "die")]
    ended = began - timedelta(milliseconds=15)
    world.see("gateway", RunState.EXITED, past=past, finished_at=ended, exit_code=1)
    assert not world.engine.durable.holds
    assert len(world.started) == 1


# -- what it died of --------------------------------------------------------------------------------------------


def test_dockers_flag_alone_is_no_oom_kill(world: World) -> None:
    """A child was killed for memory long ago; now a person stops the container."""
    child = world.event("gateway", "oom")
    world.pass_time(600.0)
    past = [child, world.event("gateway", "kill", 15), world.event("gateway", "die")]
    world.see("gateway", RunState.EXITED, past=past, finished_at=world.utc, exit_code=143, oom_killed=True)
    world.fail("gateway", Reason.REFUSED, times=5)
    assert gate(world) is Gate.HUMAN_HOLD
    assert world.engine.trackers["gateway"].state.reason is Reason.EXITED


@pytest.mark.parametrize(("code", "before"), [(1, 1.0), (137, 60.0)])
def test_an_oom_event_counts_for_its_own_end(world: World, code: int, before: float) -> None:
    """Another exit code, or long ago: it died of something else, and is started as what it is."""
    child = world.event("gateway", "oom")
    world.pass_time(before)
    past = [child, world.event("gateway", "die")]
    world.see("gateway", RunState.EXITED, past=past, finished_at=world.utc, exit_code=code, oom_killed=True)
    assert world.engine.trackers["gateway"].state.reason is Reason.EXITED
    assert len(world.started) == 1


def test_an_oom_kill_is_one(world: World) -> None:
    """Exit code 137 and the event of this end."""
    world.crash("gateway", oom=True)
    assert world.engine.trackers["gateway"].state.reason is Reason.OOM_KILLED
    assert len(world.started) == 1


# -- an orderly end from inside -----------------------------------------------------------------------------------


def test_what_keeps_data_and_ends_itself_is_held_and_told_after_a_while() -> None:
    """`pg_ctl stop` inside the container: somebody works on it; after five minutes somebody should know."""
    world = World(policy(dependency("pg", grace=0.0, on_clean_exit=OnCleanExit.HOLD)))
    world.crash("pg", 0)
    world.fail("pg", Reason.REFUSED, times=30)
    assert world.engine.trackers["pg"].state.reason is Reason.STOPPED_ITSELF
    assert not world.notifications
    world.wait(A_CLEAN_EXIT_IS_QUIET)
    (told,) = world.told(NotificationKind.OPENED)
    assert "ended by itself, in good order" in told.body
    world.wait(7200.0)
    assert gate(world, "pg") is Gate.HUMAN_HOLD
    assert not world.started


def test_what_runs_again_in_time_is_told_to_nobody() -> None:
    """They started it again themselves."""
    world = World(policy(dependency("pg", grace=0.0, on_clean_exit=OnCleanExit.HOLD)))
    world.crash("pg", 0)
    world.wait(60.0)
    world.run("pg")
    world.succeed("pg")
    world.wait(A_CLEAN_EXIT_IS_QUIET)
    assert not world.notifications
    assert not world.engine.durable.holds


def test_a_hold_after_a_clean_exit_outlives_the_daemon() -> None:
    """Also when Docker has forgotten the end."""
    world = World(policy(dependency("pg", grace=0.0, on_clean_exit=OnCleanExit.HOLD)))
    world.crash("pg", 0)
    ended = world.utc
    world.kill_daemon()
    world.see("pg", RunState.EXITED, whole_since=None, finished_at=ended, exit_code=0)
    world.fail("pg", Reason.REFUSED, times=30)
    assert not world.notifications
    assert not world.started
    assert world.engine.trackers["pg"].state.reason is Reason.STOPPED_ITSELF


def test_what_keeps_nothing_and_ends_itself_is_started(world: World) -> None:
    """A worker that ended in good order serves nobody."""
    world.crash("gateway", 0)
    assert world.engine.trackers["gateway"].state.reason is Reason.STOPPED_ITSELF
    assert len(world.started) == 1


# -- our own restart, whose end we did not see ----------------------------------------------------------------------


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
    assert "a restart of ours whose result is unknown" in world.told(NotificationKind.HELD)[0].body
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


# -- what it said as it ended -----------------------------------------------------------------------------------

FULL = '2026-01-05 12:00:00.000 UTC [1] PANIC:  could not write to file "pg_wal/x": No space left on device'


def test_what_said_that_its_disk_is_full_is_not_started(world: World) -> None:
    """At once, and told as data at risk, in its own words."""
    world.crash("gateway", said=FULL)
    state = world.engine.trackers["gateway"].state
    assert (state.health, state.category, state.reason) == (Health.DOWN, Category.INTEGRITY, Reason.DISK_FULL)
    assert gate(world) is Gate.CATEGORY
    world.wait(7200.0)
    assert not world.started
    (opened,) = world.told(NotificationKind.OPENED)
    assert "disk_full" in opened.body
    assert 'PANIC: could not write to file "pg_wal/x": No space left on device' in opened.body


def test_what_it_said_is_known_after_a_restart_of_the_daemon(world: World) -> None:
    """Whether or not its log can be had by then."""
    world.crash("gateway", said=FULL)
    at = world.utc
    for said in ("", FULL):
        world.pass_time(60.0)
        world.kill_daemon()
        world.see("gateway", RunState.EXITED, said=said, finished_at=at, exit_code=1, whole_since=None)
        assert world.engine.trackers["gateway"].state.reason is Reason.DISK_FULL
        assert gate(world) is Gate.CATEGORY
    assert not world.started


def test_what_ended_is_not_started_before_its_last_words_are_read(world: World) -> None:
    """Docker is slow to tell its log: down at once, and decided when it has answered."""
    world.crash("gateway", said=None)
    at = world.utc
    assert world.engine.trackers["gateway"].state.health is Health.DOWN
    world.wait(600.0)
    assert gate(world) is Gate.VERIFICATION
    assert not world.started
    world.see("gateway", RunState.EXITED, said=None, finished_at=at, exit_code=1)
    assert gate(world) is Gate.VERIFICATION
    world.utc = at
    world.see("gateway", RunState.EXITED, said=FULL, finished_at=at, exit_code=1)
    assert gate(world) is Gate.CATEGORY
    world.kill_daemon()
    world.see("gateway", RunState.EXITED, said=None, finished_at=at, exit_code=1)
    assert gate(world) is Gate.CATEGORY
    assert not world.started


def test_what_has_no_last_words_is_started_when_docker_says_so(world: World) -> None:
    """An answer without lines is an answer."""
    world.crash("gateway", said=None)
    assert not world.started
    world.see("gateway", RunState.EXITED, said="", finished_at=world.utc, exit_code=1)
    assert len(world.started) == 1


def test_unread_last_words_wait_for_nobody_who_says_restart() -> None:
    """`when_unsure: restart` is for what keeps nothing."""
    world = World(policy(dependency("gateway", grace=0.0, when_unsure=WhenUnsure.RESTART)))
    world.crash("gateway", said=None)
    assert len(world.started) == 1


def test_what_is_heard_late_holds_what_would_be_tried_next(world: World) -> None:
    """Its log could not be had at the first sight of the end."""
    world.send(ev.PauseAsked("*", "deploying", "ops"))
    world.crash("gateway")
    at = world.utc
    world.kill_daemon()
    world.see("gateway", RunState.EXITED, finished_at=at, exit_code=1)
    assert reason(world) is Reason.EXITED
    world.kill_daemon()
    world.send(ev.ContainerSeen("c-gateway", _status(world, at), Past(), (LogLine(at, FULL),)))
    assert reason(world) is Reason.DISK_FULL
    world.send(ev.ResumeAsked("*", "ops"))
    assert gate(world) is Gate.CATEGORY


def reason(world: World) -> Reason | None:
    return world.engine.trackers["gateway"].state.reason


def _status(world: World, ended: datetime) -> ContainerStatus:
    return ContainerStatus(RunState.EXITED, "id-gateway", world.utc - timedelta(hours=2), ended, exit_code=1)


@pytest.mark.parametrize("by_hand", [True, False], ids=["a person", "nobody can tell"])
def test_what_it_said_ends_no_hold(world: World, by_hand: bool) -> None:
    """A stop that found the disk full, or an end that Docker has forgotten: it is held, and told as what it is."""
    stop = [world.event("gateway", "kill", 15), world.event("gateway", "die")] if by_hand else []
    past = {"past": stop} if by_hand else {"whole_since": None}
    world.see("gateway", RunState.EXITED, said=FULL, finished_at=world.utc, exit_code=1, **past)
    world.fail("gateway", Reason.REFUSED, times=5)
    assert reason(world) is Reason.DISK_FULL
    assert gate(world) is Gate.HUMAN_HOLD
    assert not world.started


def test_what_the_engine_or_the_kernel_ended_needs_no_words(world: World) -> None:
    """It was written before, and is not why it ended."""
    away = (world.utc - timedelta(seconds=60), world.utc + timedelta(seconds=60))
    status = ContainerStatus(RunState.EXITED, "id-gateway", world.utc - timedelta(hours=2), world.utc, exit_code=1)
    past = Past((world.event("gateway", "die"),), whole_since=EVER, away=away)
    world.send(ev.ContainerSeen("c-gateway", status, past, (LogLine(world.utc, FULL),)))
    assert reason(world) is Reason.EXITED
    assert len(world.pending) == 1


def test_what_is_well_again_says_nothing_of_its_last_end(world: World) -> None:
    """Somebody made room and started it: the looks at it count, and the next end is another one."""
    world.crash("gateway", said=FULL)
    world.pass_time(60.0)
    world.run("gateway")
    assert world.health("gateway") is Health.UNKNOWN
    world.succeed("gateway")
    assert world.health("gateway") is Health.UP
    world.wait(3600.0)
    world.crash("gateway")
    assert world.engine.trackers["gateway"].state.reason is Reason.EXITED
    assert [request.action for request in world.pending] == ["docker.restart"]


def test_a_look_that_says_the_same_is_a_look(world: World) -> None:
    """It runs again and its probe finds the disk full: that stands while the looks change their mind."""
    world.crash("gateway", said=FULL)
    world.run("gateway")
    world.fail("gateway", Reason.DISK_FULL, times=3)
    world.look("gateway", ok())
    state = world.engine.trackers["gateway"].state
    assert (state.health, state.reason) == (Health.DOWN, Reason.DISK_FULL)


def test_what_docker_starts_again_and_again_has_said_why(world: World) -> None:
    """Docker's own restarts are waited for; that the data are at risk is told all the same."""
    world.see("gateway", RunState.RESTARTING, finished_at=world.utc, exit_code=1, said=FULL)
    state = world.engine.trackers["gateway"].state
    assert (state.category, state.reason) == (Category.INTEGRITY, Reason.DISK_FULL)
    assert "Docker is restarting the container; its last words: PANIC: could not write" in state.detail
    world.pass_time(1.0)
    world.run("gateway")
    world.see("gateway", RunState.RESTARTING, finished_at=world.utc, exit_code=1, restarts=1)
    assert reason(world) is Reason.RESTARTING
    assert not world.started
