"""What it said as it ended: evidence that no new start helps."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from nemo_watchdog.engine import events as ev
from nemo_watchdog.model import (
    Category,
    ContainerStatus,
    Gate,
    Health,
    LogLine,
    NotificationKind,
    Past,
    Reason,
    RunState,
    WhenUnsure,
    ok,
)
from tests.unit.engine.attribution.parts import gate, reason
from tests.unit.engine.world import EVER, World, dependency, policy

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


def test_nothing_is_said_of_an_end_by_the_words_of_the_one_before(world: World) -> None:
    """Those of this end have not been read yet."""
    world.crash("gateway", said=FULL)
    world.pass_time(60.0)
    world.run("gateway")
    world.succeed("gateway")
    world.crash("gateway", said=None)
    state = world.engine.trackers["gateway"].state
    assert state.reason is Reason.EXITED
    assert "PANIC" not in state.detail


def test_what_the_run_before_has_said_a_moment_ago_is_no_word_of_this_end(world: World) -> None:
    """Somebody made room and started it, and it ended within seconds, of something else: the log has both runs."""
    world.crash("gateway", said=FULL)
    full = LogLine(world.utc, FULL)
    past = [world.event("gateway", "die")]
    world.pass_time(2.0)
    world.run("gateway")
    began = world.utc
    world.pass_time(1.0)
    past.append(world.event("gateway", "die"))
    status = ContainerStatus(RunState.EXITED, "id-c-gateway", began, world.utc, exit_code=1)
    world.send(ev.ContainerSeen("c-gateway", status, Past(tuple(past), EVER), (full,)))
    assert reason(world) is Reason.EXITED
    assert len(world.started) == 1


def test_a_dependency_that_is_new_in_the_policy_knows_what_its_container_said() -> None:
    """It had ended long before: the newcomer must not have started what the other one knows to be in vain."""
    one, other = dependency("a", grace=0.0), dependency("b", container="c-a", grace=0.0)
    world = World(policy(one))
    world.crash("a", said=FULL)
    at = world.utc
    world.wait(60.0)
    world.send(ev.PolicyChanged(policy(one, other)))
    world.utc = at
    world.see("a", RunState.EXITED, past=[world.event("a", "die")], said=FULL, finished_at=at, exit_code=1)
    assert world.engine.trackers["b"].state.reason is Reason.DISK_FULL
    world.wait(7200.0)
    assert not world.started


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
