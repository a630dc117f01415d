"""What runs and may be being stopped, unheard: a restart would be a guess, and is the policy's to allow."""

from __future__ import annotations

from datetime import timedelta

import pytest

from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine import signals
from nemo_watchdog.model import ContainerEvent, Gate, NotificationKind, Reason, RunState, WhenUnsure
from tests.unit.engine.world import World, dependency, policy

A_STOP = signals.A_STOP_TAKES.total_seconds()


def world(when_unsure: WhenUnsure = WhenUnsure.HOLD) -> World:
    """The daemon has just been started, and the gateway has been up before."""
    plan = policy(dependency("gateway", grace=0.0, when_unsure=when_unsure))
    made = World(plan, running=False, proven=True)
    made.starts["c-gateway"] = made.utc - timedelta(hours=1)
    return made


def first_sight(world: World, known_for: float | None, *past: ContainerEvent) -> None:
    """Docker remembers so many seconds; None when it remembers nothing."""
    since = None if known_for is None else world.utc - timedelta(seconds=known_for)
    world.see("gateway", RunState.RUNNING, past=past, whole_since=since)


def gate(world: World) -> tuple[Gate, str]:
    decision = world.engine.decision("gateway", world.now)
    assert decision is not None
    return decision.gate, decision.value


@pytest.mark.parametrize("known_for", [None, 0.0, 60.0, A_STOP - 60.0])
def test_what_fails_from_the_first_look_may_be_being_stopped(known_for: float | None) -> None:
    """280 other events came after a person's signal, while the daemon was down: Docker has forgotten it."""
    unsure = world()
    first_sight(unsure, known_for)
    unsure.fail("gateway", Reason.TIMEOUT, times=20)
    assert not unsure.started
    assert gate(unsure)[0] is Gate.HUMAN_HOLD
    assert "nobody can tell whether somebody is stopping" in gate(unsure)[1]
    (told,) = unsure.told(NotificationKind.HELD)
    assert "until the container answers again, for 15m at most" in told.body
    unsure.wait(A_STOP - (known_for or 0.0))
    unsure.fail("gateway", Reason.TIMEOUT, times=1)
    assert len(unsure.started) == 1


@pytest.mark.parametrize("known_for", [A_STOP, 7200.0])
def test_a_history_as_long_as_a_stop_is_enough(known_for: float) -> None:
    known = world()
    first_sight(known, known_for)
    known.fail("gateway", Reason.TIMEOUT)
    assert len(known.started) == 1


def test_a_history_that_begins_with_the_run_is_enough() -> None:
    known = world()
    started = ContainerEvent("c-gateway", "start", at=known.utc - timedelta(hours=1))
    first_sight(known, None, started)
    known.fail("gateway", Reason.TIMEOUT)
    assert len(known.started) == 1


def test_a_look_that_succeeds_after_the_gap_shows_that_nobody_was_stopping_it() -> None:
    known = world()
    first_sight(known, 1.0)
    known.succeed("gateway", times=1)
    known.fail("gateway", Reason.TIMEOUT)
    assert len(known.started) == 1


def test_a_gap_after_the_last_success_is_one() -> None:
    """The stream was cut, and what came meanwhile is not all remembered."""
    unsure = world()
    first_sight(unsure, 7200.0)
    unsure.succeed("gateway", times=5)
    unsure.pass_time(10.0)
    first_sight(unsure, 1.0)
    unsure.fail("gateway", Reason.TIMEOUT, times=10)
    assert not unsure.started
    first_sight(unsure, 7200.0)
    unsure.fail("gateway", Reason.TIMEOUT, times=1)
    assert len(unsure.started) == 1


@pytest.mark.parametrize("known_for", [None, 0.0, 0.2])
def test_a_success_of_a_moment_before_the_gap_shows_nothing(known_for: float | None) -> None:
    """A signal may have been sent in that moment."""
    unsure = world()
    first_sight(unsure, 7200.0)
    unsure.succeed("gateway", times=5)
    unsure.pass_time(0.5)
    first_sight(unsure, known_for)
    unsure.fail("gateway", Reason.TIMEOUT, times=10)
    assert not unsure.started


def test_what_has_ended_is_judged_by_its_own_history() -> None:
    known = world()
    first_sight(known, 0.0)
    known.crash("gateway")
    assert len(known.started) == 1


def test_the_policy_may_take_the_risk() -> None:
    bold = world(when_unsure=WhenUnsure.RESTART)
    first_sight(bold, None)
    bold.send(ev.ContainerActed(ContainerEvent("", "lost")))
    bold.fail("gateway", Reason.TIMEOUT)
    assert len(bold.started) == 1


def test_whose_events_cannot_be_heard_is_not_restarted() -> None:
    """Whatever it has answered: a signal may have been sent since. It is told once, and over when they are."""
    deaf = world()
    first_sight(deaf, 7200.0)
    deaf.succeed("gateway", times=5)
    for _ in range(2):
        deaf.send(ev.ContainerActed(ContainerEvent("", "lost", at=deaf.utc)))
        deaf.fail("gateway", Reason.TIMEOUT, times=20)
    assert not deaf.started
    assert gate(deaf)[0] is Gate.HUMAN_HOLD
    assert "cannot be heard; held until they are" in gate(deaf)[1]
    (told,) = deaf.told(NotificationKind.HELD)
    assert "until the container can be watched through Docker's events again" in told.body
    deaf.send(ev.ContainerActed(ContainerEvent("", "reconnected", at=deaf.utc)))
    deaf.fail("gateway", Reason.TIMEOUT, times=1)
    assert len(deaf.started) == 1


def test_a_doubt_stands_before_nothing_that_is_not_done_anyway() -> None:
    """What is busy is called busy."""
    busy = world()
    first_sight(busy, 0.0)
    busy.fail("gateway", Reason.OVERLOADED, times=10)
    assert gate(busy)[0] is Gate.CATEGORY
