"""What it died of where nobody ended it, or where nobody can tell, and then it is held."""

from __future__ import annotations

from datetime import timedelta

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.engine import signals
from nemo_watchdog.engine.attribution import A_CLEAN_EXIT_IS_QUIET
from nemo_watchdog.model import (
    Gate,
    NotificationKind,
    OnCleanExit,
    Reason,
    RunState,
    WhenUnsure,
)
from tests.unit.engine.attribution.parts import gate
from tests.unit.engine.world import World, dependency, policy

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


def test_the_end_that_a_person_gave_it_is_not_kept_as_its_own(world: World) -> None:
    """A daemon that is started later, when Docker has forgotten the signal, must not find it among such."""
    world.stopped_by_hand("gateway")
    assert not world.of(r.EndedByItself)


def test_an_end_of_its_own_is_kept_once(world: World) -> None:
    """Also when it is seen by the next daemon."""
    world.crash("gateway")
    at = world.utc
    world.kill_daemon()
    world.see("gateway", RunState.EXITED, past=[world.event("gateway", "die")], finished_at=at, exit_code=1)
    assert len(world.of(r.EndedByItself)) == 1


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


def test_of_two_dependencies_of_one_container_the_one_that_keeps_data_decides() -> None:
    """The other one would have it started again at once."""
    keeps = dependency("b", container="c-a", grace=0.0, on_clean_exit=OnCleanExit.HOLD)
    world = World(policy(dependency("a", grace=0.0), keeps), running=False)
    world.run("a", age=3600.0)
    world.crash("a", 0)
    world.wait(7200.0)
    assert gate(world, "a") is gate(world, "b") is Gate.HUMAN_HOLD
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
