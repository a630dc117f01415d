"""What others do while an action of ours is under way: before our order they go first, after it they are told."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine import overlap
from nemo_watchdog.model import (
    CONTAINER,
    ActionOutcome,
    ContainerEvent,
    ContainerStatus,
    Gate,
    NotificationKind,
    Reason,
    RunState,
    Target,
)
from tests.unit.engine.world import NOON, RESTART, World, dependency, policy, remedy

GATEWAY = Target(CONTAINER, "c-gateway")


@pytest.fixture
def world() -> World:
    """A restart that lets it stop for 120 s has been ordered."""
    made = World(policy(dependency("gateway", grace=0.0), fix=remedy(replace(RESTART, may_take=120.0))))
    made.fail("gateway")
    assert made.pending
    return made


def hear(world: World, action: str, signal: int | None = None, *, after: float = 0.1) -> ContainerEvent:
    world.pass_time(after)
    event = world.event("gateway", action, signal)
    world.send(ev.ContainerActed(event))
    return event


def undone(world: World) -> bool:
    hold = world.engine.durable.holds.get(GATEWAY)
    return hold is not None and hold.undone


def touched(world: World) -> str:
    return overlap.touched(world.engine.volatile, world.engine.durable, GATEWAY, world.now)


def events(*told: tuple[float, str, int | None]) -> list[ContainerEvent]:
    return [ContainerEvent("c", action, signal, NOON + timedelta(seconds=at)) for at, action, signal in told]


TERM, KILL = (0.0, "kill", 15), (120.0, "kill", 9)


@pytest.mark.parametrize(
    ("told", "theirs"),
    [
        ((TERM,), ""),
        ((TERM, KILL), ""),
        ((KILL,), ""),
        ((TERM, (119.5, "kill", 9)), ""),
        ((TERM, (3.0, "kill", 15)), "signal 15"),
        ((TERM, (3.0, "kill", 9)), "signal 9"),
        ((TERM, (3.0, "kill", 3)), "signal 3"),
        ((TERM, (3.0, "kill", 1)), ""),
        ((TERM, (2.0, "kill", 1), (3.0, "kill", 15)), "signal 15"),
        ((TERM, KILL, (121.0, "kill", 9)), "signal 9"),
        ((TERM, (3.0, "pause", None)), "paused"),
        ((TERM, (3.0, "pause", None), (4.0, "unpause", None)), ""),
        ((TERM, (3.0, "kill", 15), (4.0, "unpause", None)), "signal 15"),
        ((TERM, (3.0, "kill", 15), (4.0, "pause", None), (5.0, "unpause", None)), "signal 15"),
        ((TERM, (3.0, "pause", None), (4.0, "kill", 9)), "signal 9"),
        ((TERM, (3.0, "kill", 15), (4.0, "restart", None)), "signal 15"),
        ((TERM, (3.0, "kill", 15), (4.0, "restart", None), (4.1, "restart", None)), ""),
        ((TERM, (4.0, "start", None), (5.0, "kill", 15)), ""),
    ],
)
def test_a_restart_sends_one_stop_signal_and_one_kill(
    told: tuple[tuple[float, str, int | None], ...], theirs: str
) -> None:
    """What is more than that is somebody else's; of the run that it started, nothing is its own."""
    found = overlap.by_others(events(*told), ContainerStatus(RunState.RUNNING), 120.0)
    assert theirs in found
    assert bool(found) is bool(theirs)


@pytest.mark.parametrize(
    ("told", "theirs"),
    [
        ((TERM, (9.0, "kill", 15)), "signal 15"),
        ((TERM, (11.0, "kill", 15)), ""),
        ((TERM, (11.0, "kill", 15), (12.0, "kill", 15)), "signal 15"),
        ((TERM, (11.0, "kill", 15), KILL), ""),
        (((11.0, "kill", 15), KILL, (131.0, "kill", 9)), ""),
        ((TERM, (11.0, "kill", 15), KILL, (131.0, "kill", 9), (132.0, "kill", 9)), "signal 9"),
    ],
)
def test_an_order_that_is_given_anew_sends_signals_of_its_own(
    told: tuple[tuple[float, str, int | None], ...], theirs: str
) -> None:
    """From then on, and the one before it may still come to its KILL."""
    again = [NOON + timedelta(seconds=10)]
    found = overlap.by_others(events(*told), ContainerStatus(RunState.RUNNING), 120.0, again)
    assert theirs in found
    assert bool(found) is bool(theirs)


def test_before_an_order_every_signal_is_somebodys() -> None:
    assert overlap.by_others(events(TERM), ContainerStatus(RunState.RUNNING), None)
    assert not overlap.by_others(events((0.0, "kill", 1)), ContainerStatus(RunState.RUNNING), None)


def test_a_stop_that_our_restart_undoes_is_told_and_nothing_more_is_done(world: World) -> None:
    """`docker stop` returned, and it runs: whoever stopped it must know, and no second restart follows."""
    hear(world, "kill", 15)
    hear(world, "kill", 15, after=3.0)
    world.pass_time(1.0)
    world.finish()
    (ended,) = world.told(NotificationKind.ACTION_FINISHED)
    assert "it runs again because of that, and nothing more is done until somebody starts it anew" in ended.body
    world.fail("gateway", times=60)
    assert len(world.started) == 1
    decision = world.engine.decision("gateway", world.now)
    assert decision is not None
    assert decision.gate is Gate.HUMAN_HOLD
    (held,) = world.told(NotificationKind.HELD)
    assert "while the watchdog restarted it; held until it is started anew by somebody" in held.body
    assert "Nothing more was done" in held.body


def test_that_it_answers_again_does_not_mean_that_it_may_be_restarted(world: World) -> None:
    """It was to be stopped, and whoever wanted that may be at work on its data."""
    hear(world, "kill", 15)
    hear(world, "kill", 15)
    world.finish()
    world.succeed("gateway", times=5)
    assert not world.engine.durable.open()
    world.crash("gateway")
    world.wait(600.0)
    assert undone(world) or world.engine.durable.holds[GATEWAY].until is None
    assert len(world.started) == 1


def test_who_starts_it_anew_has_it_watched_as_before(world: World) -> None:
    hear(world, "kill", 15)
    hear(world, "kill", 15)
    world.finish()
    world.pass_time(30.0)
    world.run("gateway")
    assert GATEWAY not in world.engine.durable.holds
    world.wait(60.0)
    world.fail("gateway", times=30)
    assert len(world.started) == 2


def test_it_is_not_left_alone_for_ever(world: World) -> None:
    hear(world, "kill", 15)
    hear(world, "kill", 15)
    world.finish()
    world.wait(overlap.UNDONE_FOR)
    world.fail("gateway", times=60)
    assert len(world.started) == 2


def test_a_stop_that_is_undone_on_a_later_day_is_heard_of_as_well(world: World) -> None:
    """By a new daemon, which has read of the first."""
    hear(world, "kill", 15)
    hear(world, "kill", 15)
    world.finish()
    world.succeed("gateway", times=5)
    world.pass_time(overlap.UNDONE_FOR)
    world.kill_daemon()
    world.see("gateway", RunState.RUNNING)
    world.fail("gateway")
    assert world.pending
    hear(world, "kill", 15)
    hear(world, "kill", 15)
    world.finish()
    world.fail("gateway", times=60)
    assert len(world.started) == 2


def test_a_persons_own_restart_into_ours_is_no_stop(world: World) -> None:
    """Both wanted it to run. Docker tells the second order's end when ours is over."""
    hear(world, "kill", 15)
    hear(world, "kill", 15)
    assert undone(world)
    hear(world, "restart")
    world.finish()
    hear(world, "restart")
    assert GATEWAY not in world.engine.durable.holds


def test_our_own_signals_hold_nothing(world: World) -> None:
    hear(world, "kill", 15)
    hear(world, "kill", 9, after=120.0)
    world.finish()
    assert not world.engine.durable.holds
    world.fail("gateway", times=60)
    assert len(world.started) == 2


def test_a_pause_that_our_restart_undoes_is_told(world: World) -> None:
    hear(world, "kill", 15)
    hear(world, "pause")
    world.see("gateway", RunState.PAUSED)
    world.finish()
    world.fail("gateway", times=60)
    assert len(world.started) == 1
    assert "paused" in world.told(NotificationKind.HELD)[0].body


def test_what_was_undone_is_known_from_dockers_memory_too(world: World) -> None:
    """Nobody listened: the daemon was killed in its own restart, and started again after it."""
    sent = world.event("gateway", "kill", 15)
    world.pass_time(3.0)
    again = world.event("gateway", "kill", 15)
    world.pass_time(1.0)
    world.starts["c-gateway"] = world.utc
    world.kill_daemon()
    world.see("gateway", RunState.RUNNING, past=[sent, again])
    assert undone(world)
    world.wait(600.0)
    world.fail("gateway", Reason.TIMEOUT, times=60)
    assert len(world.started) == 1


def docker_remembers(
    world: World, *told: tuple[float, str, int | None], away: tuple[float, float] | None = None
) -> None:
    """A new daemon learns what came so many seconds after the order; the container started ten seconds after it."""
    ordered = world.utc
    past = [
        replace(each, container="c-gateway", at=ordered + timedelta(seconds=at))
        for each, (at, _, _) in zip(events(*told), told, strict=True)
    ]
    world.kill_daemon()
    world.starts["c-gateway"] = ordered + timedelta(seconds=10.0)
    world.pass_time(max(11.0, *(at for at, _, _ in told)))
    gone = None if away is None else (ordered + timedelta(seconds=away[0]), ordered + timedelta(seconds=away[1]))
    world.see("gateway", RunState.RUNNING, past=past, away=gone)


OURS, AGAIN = (1.0, "kill", 15), (4.0, "kill", 15)


@pytest.mark.parametrize(
    ("told", "is_undone"),
    [
        ((OURS,), False),
        ((OURS, AGAIN), True),
        (((-30.0, "kill", 15), OURS), False),
        ((OURS, AGAIN, (10.5, "restart", None), (10.6, "restart", None)), False),
        ((OURS, AGAIN, (10.5, "restart", None)), True),
        ((OURS, (10.5, "kill", 1)), False),
    ],
)
def test_of_dockers_memory_what_came_while_our_restart_went_on_counts(
    world: World, told: tuple[tuple[float, str, int | None], ...], is_undone: bool
) -> None:
    """Not what was sent before it was ordered; and whose restart came second is told after the start."""
    docker_remembers(world, *told)
    assert undone(world) is is_undone


@pytest.mark.parametrize("sent", [3.0, 4.0, 5.0])
def test_what_the_engine_sent_as_it_went_down_was_nobodys_stop(world: World, sent: float) -> None:
    """From its first moment to its last."""
    docker_remembers(world, OURS, (sent, "kill", 15), away=(3.0, 5.0))
    assert not undone(world)


def test_what_was_sent_to_the_run_that_we_started_is_no_part_of_our_restart(world: World) -> None:
    """It is a stop of that run like any other, which takes its time."""
    docker_remembers(world, OURS, (10.5, "kill", 15))
    assert not undone(world)
    hold = world.engine.durable.holds[GATEWAY]
    assert "is stopping" in hold.what


@pytest.mark.parametrize(("hours", "left"), [(1, 23 * 3600.0), (25, None)])
def test_what_is_learned_late_is_held_for_the_rest_of_the_day_alone(
    world: World, hours: int, left: float | None
) -> None:
    """That begins with our order, whenever the daemon is there again."""
    ordered, sent = world.utc, [world.event("gateway", "kill", 15)] * 2
    world.starts["c-gateway"] = ordered + timedelta(seconds=10.0)
    world.kill_daemon()
    world.pass_time(3600.0 * hours)
    world.see("gateway", RunState.RUNNING, past=sent)
    hold = world.engine.durable.holds.get(GATEWAY)
    assert undone(world) is (left is not None)
    if left is not None:
        assert hold is not None
        assert hold.until == pytest.approx(world.monotonic + left, abs=1.0)


def test_what_is_undone_is_held_once_whatever_more_is_sent(world: World) -> None:
    for _ in range(4):
        hear(world, "kill", 15)
    assert len(world.of(r.HoldPlaced)) == 1


def test_a_kill_that_comes_before_our_stop_timeout_is_over_is_somebodys(world: World) -> None:
    """Ours lets it stop for two minutes."""
    hear(world, "kill", 15)
    hear(world, "kill", 9, after=3.0)
    assert undone(world)


def test_what_the_policy_does_no_more_may_have_ended_in_a_kill_at_any_time(world: World) -> None:
    """How long our restart lets it stop is not known then: nobody is said to have stopped it."""
    world.send(ev.PolicyChanged(policy(dependency("gateway", grace=0.0, remedy=None))))
    hear(world, "kill", 15)
    hear(world, "kill", 9, after=0.5)
    assert not undone(world)


def test_what_was_certainly_not_ordered_has_undone_nothing(world: World) -> None:
    """Others stopped it and started it anew while we believed that we did: Docker told it late."""
    sent = [world.event("gateway", "kill", 15)] * 2
    world.pass_time(5.0)
    world.starts["c-gateway"] = world.utc
    world.see("gateway", RunState.RUNNING, past=sent)
    assert undone(world)
    world.finish(ActionOutcome.REFUSED)
    assert GATEWAY not in world.engine.durable.holds


def test_it_outlives_the_daemon(world: World) -> None:
    hear(world, "kill", 15)
    hear(world, "kill", 15)
    world.finish()
    world.pass_time(10.0)
    world.kill_daemon()
    world.see("gateway", RunState.RUNNING)
    assert undone(world)


def test_what_is_heard_after_a_kill_of_the_daemon_takes_nothing_back(world: World) -> None:
    """It has forgotten what it had heard: one signal alone looks like our own."""
    hear(world, "kill", 15)
    hear(world, "kill", 15)
    world.kill_daemon()
    world.run("gateway")
    hear(world, "kill", 15)
    assert undone(world)
    hear(world, "die")
    world.see("gateway", RunState.EXITED, past=[world.event("gateway", "die")], finished_at=world.utc, exit_code=143)
    world.wait(600.0)
    assert len(world.started) == 1


def test_who_sends_a_signal_before_our_order_goes_first(world: World) -> None:
    """It is not ordered, and then held as if nothing had been under way."""
    hear(world, "kill", 15)
    assert "somebody stopped the container through Docker (signal 15)" in touched(world)
    world.finish(ActionOutcome.REFUSED)
    hold = world.engine.durable.hold_on("gateway", "c-gateway", world.monotonic)
    assert hold is not None
    assert "is stopping" in hold.what
    world.fail("gateway", times=60)
    assert len(world.started) == 1
    assert world.of(r.ActionEnded)


def test_two_signals_before_our_order_are_one_stop_and_undo_nothing(world: World) -> None:
    hear(world, "kill", 15)
    hear(world, "kill", 15)
    world.finish(ActionOutcome.REFUSED)
    hold = world.engine.durable.hold_on("gateway", "c-gateway", world.monotonic)
    assert hold is not None
    assert not hold.undone
    world.fail("gateway", times=60)
    assert len(world.started) == 1


def test_a_signal_that_dockers_memory_told_meanwhile_refuses_the_order_too(world: World) -> None:
    """The stream was lost: what was sent before the decision is learned after it."""
    sent = replace(world.event("gateway", "kill", 15), at=world.utc - timedelta(seconds=5))
    world.see("gateway", RunState.RUNNING, past=[sent])
    assert "is stopping" in touched(world)


def test_what_a_person_had_stopped_before_our_order_is_held_as_stopped(world: World) -> None:
    """It has ended by the time the order is refused: nobody is still stopping it."""
    past = [hear(world, "kill", 15), hear(world, "die")]
    world.see("gateway", RunState.EXITED, past=past, finished_at=world.utc, exit_code=143)
    world.finish(ActionOutcome.REFUSED)
    assert [hold.what for hold in world.of(r.HoldPlaced) if isinstance(hold, r.HoldPlaced)] == [
        "somebody stopped the container through Docker (signal 15)"
    ]


def test_a_signal_to_the_run_before_that_is_told_late_is_not_counted_with_our_own(world: World) -> None:
    """The stream was opened again and tells what came between."""
    long_ago = replace(world.event("gateway", "kill", 15), at=world.utc - timedelta(hours=2))
    world.send(ev.ContainerActed(long_ago))
    hear(world, "kill", 15)
    world.finish()
    assert not world.engine.durable.holds


def test_a_thread_dump_that_was_outlived_and_is_told_again_is_not_undone_by_our_restart() -> None:
    """Nobody who asked for it wants it down."""
    world = World(policy(dependency("gateway", grace=0.0)))
    dump = world.event("gateway", "kill", 3)
    world.send(ev.ContainerActed(dump))
    world.succeed("gateway", times=12)
    world.wait(1.0)
    world.fail("gateway")
    assert world.pending
    world.send(ev.ContainerActed(dump))
    assert not world.engine.durable.holds


def test_what_nobody_touched_is_free(world: World) -> None:
    assert not touched(world)
    hear(world, "kill", 1)
    hear(world, "die")
    assert not touched(world)


def test_what_was_heard_of_an_earlier_action_says_nothing_of_the_next(world: World) -> None:
    hear(world, "kill", 15)
    world.finish()
    world.wait(60.0)
    world.fail("gateway", times=60)
    assert len(world.started) == 2
    assert not touched(world)
    hear(world, "kill", 15)
    hear(world, "kill", 9, after=120.0)
    assert not undone(world)
