"""What our own start, kill and unpause leave in Docker's events is ours; everything else is somebody's."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.actions.catalog import ACTIONS
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine import overlap
from nemo_watchdog.engine.touches import Act
from nemo_watchdog.model import (
    CONTAINER,
    ActionOutcome,
    ContainerStatus,
    Footprint,
    Gate,
    NotificationKind,
    OnCleanExit,
    Reason,
    RunState,
    Target,
)
from nemo_watchdog.policy.policy import ActionStep
from tests.unit.engine.attribution.parts import gate, held_now
from tests.unit.engine.world import NOON, RESTART, World, dependency, policy, remedy

GATEWAY = Target(CONTAINER, "c-gateway")
HUP, TERM, USR1 = 1, 15, 10


def step(name: str, **options: object) -> ActionStep:
    kind = ACTIONS[name]
    checked = kind.options.model_validate(options)
    return replace(
        RESTART,
        action=name,
        key=name,
        options=checked,
        states=kind.states,
        destroys=kind.destroys,
        footprint=kind.footprint(checked),
        unpauses_after=kind.unpauses_after(checked),
    )


def world_with(*steps: ActionStep, **more: Any) -> World:
    return World(policy(dependency("gateway", grace=0.0, **more), fix=remedy(*steps)))


def sent(world: World, signal: int, *, after: float = 0.1) -> None:
    world.pass_time(after)
    world.send(ev.ContainerActed(world.event("gateway", "kill", signal)))


def ordered(world: World) -> list[str]:
    return [request.action for _, request in world.started]


# -- a start


def test_what_crashed_is_started_and_its_new_run_is_ours() -> None:
    """Nobody is taken to have done it, and when it serves the incident is over."""
    world = world_with(step("docker.start"))
    world.crash("gateway")
    assert ordered(world) == ["docker.start"]
    world.finish()
    world.succeed("gateway", times=3)
    assert not world.engine.durable.open()
    assert not world.of(r.HoldPlaced)
    assert not world.of(r.HoldReleased)


def test_what_a_person_stopped_is_not_started() -> None:
    """As it is not restarted."""
    world = world_with(step("docker.start"))
    world.stopped_by_hand("gateway")
    world.wait(7200.0)
    assert held_now(world)
    assert not world.started


def test_what_a_person_created_is_not_started_before_they_do() -> None:
    world = world_with(step("docker.start"))
    world.see("gateway", RunState.CREATED)
    world.wait(7200.0)
    assert held_now(world)
    assert not world.started


@pytest.mark.parametrize(("on_clean_exit", "starts"), [(OnCleanExit.HOLD, 0), (OnCleanExit.START, 1)])
def test_what_ended_in_good_order_is_started_where_the_policy_says_so(on_clean_exit: OnCleanExit, starts: int) -> None:
    world = world_with(step("docker.start"), on_clean_exit=on_clean_exit)
    world.crash("gateway", code=0)
    world.wait(600.0)
    assert len(world.started) == starts


def test_what_a_person_stops_while_our_start_goes_on_is_theirs() -> None:
    """A start sends no signal."""
    world = world_with(step("docker.start"))
    world.crash("gateway")
    world.pass_time(0.5)
    world.run("gateway")
    world.pass_time(0.5)
    world.stopped_by_hand("gateway")
    world.finish(restarted=False)
    assert held_now(world)
    world.wait(7200.0)
    assert len(world.started) == 1


def test_a_start_whose_answer_was_lost_makes_nobodys_stop_ours() -> None:
    """Of a daemon that was killed in it, too."""
    world = world_with(step("docker.start"))
    world.crash("gateway")
    world.pass_time(0.5)
    world.kill_daemon()
    world.run("gateway")
    world.pass_time(0.5)
    world.stopped_by_hand("gateway")
    world.wait(600.0)
    assert gate(world) is Gate.HUMAN_HOLD
    assert len(world.started) == 1


def test_no_second_start_while_the_first_may_still_be_done() -> None:
    world = world_with(step("docker.start"))
    world.crash("gateway")
    world.finish(ActionOutcome.TIMED_OUT)
    world.wait(290.0)
    assert gate(world) is Gate.VERIFICATION
    assert len(world.started) == 1


@pytest.mark.parametrize(
    ("leaves", "started"),
    [
        (Footprint(), True),
        (Footprint(stops=False), True),
        (Footprint(stops=False, starts=False, signal=TERM), False),
        (Footprint(stops=False, starts=False, unpauses=True), False),
    ],
)
def test_only_what_starts_explains_a_new_run(leaves: Footprint, started: bool) -> None:
    """So that a person's start after a kill of ours is a person's."""
    act = Act("a", NOON, leaves, ended=NOON + timedelta(seconds=5))
    assert act.started(ContainerStatus(RunState.RUNNING, "id", NOON + timedelta(seconds=1))) is started


# -- a kill


def killed(signal: int, *more: ActionStep) -> World:
    """The order of that signal is under way."""
    world = world_with(step("docker.kill", signal=signal), *more)
    world.fail("gateway")
    assert ordered(world) == ["docker.kill"]
    return world


@pytest.mark.parametrize("heard_late", [False, True])
@pytest.mark.parametrize("signal", [HUP, TERM])
def test_our_own_signal_is_nobodys_stop(signal: int, heard_late: bool) -> None:
    """Heard before Docker's answer or after it."""
    world = killed(signal)
    world.pass_time(0.1)
    event = world.event("gateway", "kill", signal)
    if not heard_late:
        world.send(ev.ContainerActed(event))
    world.pass_time(0.1)
    world.finish(restarted=False)
    if heard_late:
        world.send(ev.ContainerActed(event))
    assert not world.of(r.HoldPlaced)
    assert gate(world) is Gate.VERIFICATION


def test_what_our_signal_ends_may_be_started_by_the_next_step() -> None:
    """Docker leaves it down; it was not a person."""
    world = killed(TERM, step("docker.start"))
    kill = world.event("gateway", "kill", TERM)
    world.send(ev.ContainerActed(kill))
    world.pass_time(0.1)
    world.finish(restarted=False)
    world.pass_time(3.0)
    past = [kill, world.event("gateway", "die")]
    world.see("gateway", RunState.EXITED, past=past, finished_at=world.utc, exit_code=143)
    world.wait(3600.0)
    assert not world.of(r.HoldPlaced)
    assert ordered(world)[-1] == "docker.start"


@pytest.mark.parametrize("theirs", [TERM, 9])
def test_another_signal_while_ours_is_under_way_is_somebodys(theirs: int) -> None:
    """`docker stop` during our HUP holds it at once, and for as long as a stop may take."""
    world = killed(HUP)
    sent(world, HUP)
    sent(world, theirs)
    assert held_now(world)
    world.finish(restarted=False)
    world.fail("gateway", times=60)
    assert gate(world) is Gate.HUMAN_HOLD
    assert len(world.started) == 1


def test_of_two_like_it_one_is_somebodys() -> None:
    """We send one: with a second TERM somebody is stopping it."""
    world = killed(TERM)
    sent(world, TERM)
    assert not held_now(world)
    sent(world, TERM)
    assert held_now(world)


def test_of_two_like_it_that_nobody_heard_one_is_somebodys() -> None:
    """Docker's memory tells at the end of the run."""
    world = killed(TERM)
    world.pass_time(0.1)
    past = [world.event("gateway", "kill", TERM)]
    world.pass_time(0.1)
    past.append(world.event("gateway", "kill", TERM))
    world.pass_time(0.1)
    world.finish(restarted=False)
    world.pass_time(2.0)
    past.append(world.event("gateway", "die"))
    world.see("gateway", RunState.EXITED, past=past, finished_at=world.utc, exit_code=143)
    assert held_now(world)


def test_the_same_signal_after_ours_is_somebodys() -> None:
    world = killed(TERM)
    sent(world, TERM)
    world.pass_time(0.1)
    world.finish(restarted=False)
    sent(world, TERM, after=5.0)
    assert held_now(world)


def test_what_a_kill_does_not_end_is_judged_by_looks_alone() -> None:
    """No new run begins: what was seen before the signal says nothing, and its verification ends by time."""
    world = killed(HUP)
    sent(world, HUP)
    world.finish(restarted=False)
    assert not world.engine.trackers["gateway"].failure_threshold_met
    world.fail("gateway", times=10)
    assert gate(world) is Gate.VERIFICATION
    assert not world.of(r.AttemptFailed)
    world.fail("gateway", times=15)
    assert len(world.of(r.AttemptFailed)) == 1
    world.fail("gateway", times=15)
    assert ordered(world) == ["docker.kill", "docker.kill"]
    world.finish(restarted=False)
    world.succeed("gateway", times=5)
    assert not world.engine.durable.open()


def test_a_kill_whose_answer_was_lost_is_looked_at_first() -> None:
    """No second one meanwhile, though no new run would ever show that it was done."""
    world = killed(HUP)
    world.finish(ActionOutcome.UNKNOWN, restarted=False)
    world.fail("gateway", times=15)
    assert gate(world) is Gate.VERIFICATION
    assert not world.of(r.AttemptFailed)
    world.fail("gateway", times=15)
    assert len(world.of(r.AttemptFailed)) == 1


def test_a_signal_that_comes_when_nobody_waits_for_ours_any_more_is_anybodys() -> None:
    """It is left alone for as long as a stop takes."""
    world = killed(TERM)
    world.finish(ActionOutcome.TIMED_OUT, restarted=False)
    sent(world, TERM, after=5.0)
    assert held_now(world)


def test_what_ends_by_a_signal_that_may_not_be_ours_is_held() -> None:
    """The daemon was killed in its order, and nobody knows whose signal it was: nothing is done against a person."""
    world = killed(TERM, step("docker.start"))
    world.pass_time(0.2)
    past = [world.event("gateway", "kill", TERM), world.event("gateway", "die")]
    world.kill_daemon()
    world.see("gateway", RunState.EXITED, past=past, finished_at=world.utc, exit_code=143)
    world.wait(3600.0)
    assert gate(world) is Gate.HUMAN_HOLD
    assert "an order of ours whose result is unknown" in world.told(NotificationKind.HELD)[0].body
    assert len(world.started) == 1


def test_another_signal_after_a_lost_kill_is_a_persons() -> None:
    """The journal knows which signal ours was."""
    world = killed(HUP)
    world.pass_time(0.2)
    world.kill_daemon()
    world.see("gateway", RunState.RUNNING)
    sent(world, TERM)
    assert held_now(world)


def test_what_was_refused_sent_nothing() -> None:
    """A stop that was heard meanwhile is a person's."""
    world = killed(TERM)
    sent(world, TERM)
    world.finish(ActionOutcome.REFUSED, restarted=False)
    assert held_now(world)


# -- an unpause

AFTER = 600.0


def paused(*more: ActionStep) -> World:
    """Somebody has paused it, and looks at it have no answer."""
    world = world_with(step("docker.unpause", after="10m"), *more)
    world.see("gateway", RunState.PAUSED)
    world.fail("gateway", Reason.TIMEOUT, times=5)
    return world


def touched(world: World) -> str:
    return overlap.touched(world.engine.volatile, world.engine.durable, GATEWAY, world.now)


def still_paused(world: World, seconds: float) -> None:
    """Nothing of it answers for so long."""
    world.wait(seconds)
    world.fail("gateway", Reason.TIMEOUT, times=3)


def test_a_pause_is_left_alone_for_its_time_and_then_let_go_on() -> None:
    """Who paused it has so long; what holds it says until when."""
    world = paused()
    decision = world.engine.decision("gateway", world.now)
    assert decision is not None
    assert decision.gate is Gate.HUMAN_HOLD
    assert "somebody paused the container through Docker" in decision.value
    assert "let go on after 10m" in decision.value
    still_paused(world, AFTER - 30.0)
    assert not world.started
    still_paused(world, 30.0)
    assert ordered(world) == ["docker.unpause"]
    assert touched(world) == ""
    world.send(ev.ContainerActed(world.event("gateway", "unpause")))
    world.see("gateway", RunState.RUNNING)
    world.finish(restarted=False)
    assert not held_now(world)
    world.succeed("gateway", times=3)
    assert not world.engine.durable.open()
    assert len(world.of(r.HoldPlaced)) == 1


def test_a_restart_undoes_no_pause_however_long() -> None:
    """A policy without such a step says nothing of pauses, and neither does what comes after it."""
    for world in (world_with(RESTART), world_with(RESTART, step("docker.unpause", after="10m"))):
        world.see("gateway", RunState.PAUSED)
        world.fail("gateway", Reason.TIMEOUT, times=5)
        still_paused(world, 86400.0)
        assert gate(world) is Gate.HUMAN_HOLD
        assert not world.started


def test_what_stays_paused_after_all_attempts_is_held_for_the_next_step() -> None:
    """A restart after it would undo the pause otherwise."""
    world = paused(RESTART)
    for _ in range(8):
        still_paused(world, AFTER)
        while world.pending:
            world.finish(ActionOutcome.FAILED, restarted=False)
    assert ordered(world) == ["docker.unpause"] * 3
    assert gate(world) is Gate.HUMAN_HOLD


def test_who_pauses_it_again_has_the_time_anew() -> None:
    """Also where nobody looked between the two."""
    world = paused()
    still_paused(world, AFTER - 60.0)
    world.send(ev.ContainerActed(world.event("gateway", "unpause")))
    world.send(ev.ContainerActed(world.event("gateway", "pause")))
    world.see("gateway", RunState.PAUSED)
    still_paused(world, AFTER - 60.0)
    assert not world.started
    still_paused(world, 60.0)
    assert len(world.started) == 1


def test_the_time_begins_anew_with_the_daemon() -> None:
    """It may have gone on and been paused again while nobody was there."""
    world = paused()
    still_paused(world, AFTER - 60.0)
    world.kill_daemon()
    world.see("gateway", RunState.PAUSED)
    still_paused(world, AFTER - 60.0)
    assert not world.started
    still_paused(world, 60.0)
    assert len(world.started) == 1


@pytest.mark.parametrize("gap", [True, False])
def test_the_time_begins_anew_after_a_gap_in_dockers_events(gap: bool) -> None:
    """While they cannot be heard nothing is let go on; where none was missed the time goes on."""
    world = paused()
    still_paused(world, AFTER - 60.0)
    lost = world.event("gateway", "lost")
    world.send(ev.ContainerActed(replace(lost, container="")))
    still_paused(world, 120.0)
    assert not world.started
    since = world.utc if gap else world.utc - timedelta(days=1)
    world.send(ev.ContainerActed(replace(lost, container="", action="reconnected", at=since)))
    still_paused(world, 10.0)
    assert len(world.started) == (0 if gap else 1)
    still_paused(world, AFTER)
    assert len(world.started) == 1


def test_while_docker_does_not_answer_nobody_knows_of_a_pause() -> None:
    world = paused()
    still_paused(world, AFTER - 60.0)
    world.see("gateway", RunState.UNREACHABLE)
    world.see("gateway", RunState.PAUSED)
    still_paused(world, 300.0)
    assert not world.started


def test_a_pause_of_another_run_is_another_one() -> None:
    world = paused()
    still_paused(world, AFTER - 60.0)
    world.starts["c-gateway"] = world.utc
    world.see("gateway", RunState.PAUSED)
    still_paused(world, 300.0)
    assert not world.started


def test_who_pauses_it_again_after_the_decision_is_heard_before_the_order() -> None:
    world = paused()
    still_paused(world, AFTER)
    assert world.pending
    world.send(ev.ContainerActed(world.event("gateway", "unpause")))
    world.send(ev.ContainerActed(world.event("gateway", "pause")))
    assert "paused" in touched(world)


def test_what_was_being_stopped_when_it_was_paused_is_not_let_go_on() -> None:
    """The pause ends; what comes then is the end that somebody wants."""
    world = world_with(step("docker.unpause", after="10m"))
    sent(world, TERM)
    world.see("gateway", RunState.PAUSED)
    world.fail("gateway", Reason.TIMEOUT, times=5)
    still_paused(world, 3600.0)
    assert gate(world) is Gate.HUMAN_HOLD
    assert not world.started


def test_a_stop_while_our_unpause_goes_on_is_a_persons() -> None:
    world = paused()
    still_paused(world, AFTER)
    world.see("gateway", RunState.RUNNING)
    sent(world, TERM)
    assert held_now(world)
