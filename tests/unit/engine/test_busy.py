"""Every busy has a bound: then a person is told, once, and nothing is restarted; what gets done moves the bound."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.model import BUSY_FOR, Category, Health, NotificationKind, Reason, RunState, Severity, failed
from nemo_watchdog.policy.policy import EscalateStep, SeveritySpec
from tests.unit.engine.world import World, dependency, policy, remedy

BUSY = [reason for reason in Reason if reason.category is Category.BUSY]
LOADING = BUSY_FOR[Reason.LOADING]


def world_with(**more: object) -> World:
    return World(policy(dependency("redis", grace=0.0, **more)))  # type: ignore[arg-type]


def stay(
    world: World, seconds: float, reason: Reason = Reason.LOADING, *, by: float = 0.0, start: float = 0.0
) -> float:
    """It is looked at every 10 s; its progress grows by `by` from look to look, and is what it came to at the end."""
    reach = start
    for _ in range(int(seconds / 10)):
        reach += by
        world.wait(10.0)
        world.look("redis", replace(failed(reason, "test"), progress=reach if by else None), every=0.0)
    return reach


def told(world: World) -> list[str]:
    return [each.body for each in world.told(NotificationKind.ESCALATED)]


@pytest.mark.parametrize("reason", BUSY)
def test_every_busy_has_a_bound(reason: Reason) -> None:
    """Not a look before it, and once; a container is not restarted for it, however long it goes on."""
    world = world_with()
    stay(world, BUSY_FOR[reason] - 20.0, reason)
    assert not told(world)
    stay(world, 60.0, reason)
    (body,) = told(world)
    assert "A person must look".lower() in body.lower()
    assert "does not restart what is busy" in body
    assert str(reason) in body
    stay(world, 2000.0, reason)
    assert len(told(world)) == 1
    assert not world.started


def test_who_is_told_is_who_an_escalation_tells() -> None:
    """The next contact of its remedy, or those of the severity."""
    world = world_with()
    stay(world, LOADING + 60.0)
    (note,) = world.told(NotificationKind.ESCALATED)
    assert note.contacts == ("lead",)
    assert [incident.escalated for incident in world.engine.durable.open()] == [["lead"]]
    alone = world_with(remedy=None)
    stay(alone, LOADING + 60.0)
    (note,) = alone.told(NotificationKind.ESCALATED)
    assert note.contacts == alone.engine.policy.severities[Severity.SEV1].notify


def test_the_clock_wakes_it() -> None:
    """Not only a look: Docker's own loop may be all that is ever seen."""
    world = world_with()
    world.see("redis", RunState.RESTARTING)
    world.wait(BUSY_FOR[Reason.RESTARTING] + 1.0)
    (body,) = told(world)
    assert "Busy for 5m" in body


def test_the_policy_may_say_how_long() -> None:
    """For all reasons of one dependency."""
    world = world_with(busy_for=60.0)
    stay(world, 50.0)
    assert not told(world)
    stay(world, 40.0)
    assert len(told(world)) == 1


def test_what_moves_on_is_given_time_and_the_gate_says_so() -> None:
    """An hour of loading with a number that grows; then it stops."""
    world = world_with()
    assert "told when it takes longer than 15m" in value(world, stay_first=30.0)
    reach = stay(world, 3600.0, by=0.001)
    assert not told(world)
    assert "it moves on: a person is told when it has not for 15m" in value(world)
    for _ in range(2):
        stay(world, LOADING / 2 + 30.0, by=1e-9, start=reach - 0.5)
    (body,) = told(world)
    assert "does not move on" in body
    assert "a person was told" in value(world)


def test_what_begins_again_and_again_does_not_move_on() -> None:
    """A redo that is killed begins at the same place: what counts is to come further than ever."""
    world = world_with()
    for _ in range(20):
        stay(world, 60.0, by=1.0)
    (body,) = told(world)
    assert "does not move on" in body


def test_a_new_spell_is_told_anew() -> None:
    """It was up in between."""
    world = world_with()
    for times in (1, 2):
        stay(world, LOADING + 60.0)
        assert len(told(world)) == times
        world.succeed("redis", times=5)
        assert world.health("redis") is Health.UP


def test_a_blind_look_ends_no_spell() -> None:
    """Nobody saw that it had become better."""
    world = world_with()
    stay(world, LOADING - 60.0)
    world.fail("redis", Reason.AUTH_FAILED, times=5)
    stay(world, 90.0)
    assert len(told(world)) == 1


def test_it_does_not_end_the_ladder() -> None:
    """When it turns out to be broken, its remedy goes on as usual, to the end of it."""
    world = world_with()
    stay(world, LOADING + 60.0)
    world.fail("redis", Reason.TIMEOUT, times=5)
    assert len(world.started) == 1
    world.finish()
    for _ in range(200):
        world.wait(10.0)
        world.fail("redis", Reason.TIMEOUT, times=3)
        while world.pending:
            world.finish()
    assert world.of(r.Escalated)


@pytest.mark.parametrize("at", [LOADING / 2, LOADING + 60.0])
def test_a_restart_of_the_daemon_neither_forgets_nor_repeats(at: float) -> None:
    """The time counts on, and what was told stays told."""
    world = world_with()
    stay(world, at)
    world.kill_daemon()
    world.run("redis", age=3600.0)
    stay(world, LOADING + 120.0 - at)
    assert len(told(world)) == 1


def test_what_people_have_in_hand_is_not_told() -> None:
    """They paused it, and can read that it takes too long; when they resume, it is told."""
    world = world_with()
    world.send(ev.PauseAsked("redis", "moving its data", "ops", None))
    stay(world, LOADING * 2)
    assert not told(world)
    assert value(world).endswith("; it takes longer than 15m")
    world.send(ev.ResumeAsked("redis", "ops"))
    assert len(told(world)) == 1


def test_a_ladder_that_has_ended_has_told_already() -> None:
    """A person was told in this incident."""
    plan = policy(dependency("redis", grace=0.0), fix=remedy(EscalateStep("lead")))
    world = World(replace(plan, severities={**plan.severities, Severity.SEV1: SeveritySpec("", 900.0, ())}))
    world.fail("redis", Reason.TIMEOUT, times=5)
    assert len(told(world)) == 1
    stay(world, LOADING * 2)
    assert len(told(world)) == 1


def value(world: World, stay_first: float = 0.0) -> str:
    """What the `category` gate says."""
    stay(world, stay_first)
    return next(each.value for each in world.engine.explanation("redis", world.now) if each.gate == "category")
