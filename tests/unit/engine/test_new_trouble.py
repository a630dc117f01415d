"""An attempt that helped is no failed attempt, what served since is a new trouble, each change to worse is told."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.model import ActionOutcome, Autonomy, Health, NotificationKind, Reason, RunState
from nemo_watchdog.policy.policy import Backoff, Budget, EscalateStep
from tests.unit.engine.world import RESTART, World, dependency, policy, remedy

QUICK = replace(RESTART, backoff=Backoff(1.0, 2.0, 300.0, 0.0))


def one(attempts: int = 1, budget: Budget | None = None) -> World:
    """Nobody asks here whether it flaps: test_flapping does."""
    fix = remedy(replace(QUICK, attempts=attempts), EscalateStep("lead"), budget=budget or Budget(20, 36000.0))
    return World(policy(dependency("gateway", grace=0.0, flapping=None), fix=fix))


def mended_by_hand(world: World, *, slow: bool = False) -> None:
    """Somebody else starts it: a new run that serves, badly or well."""
    world.run("gateway")
    if slow:
        world.slow("gateway", times=3)
    else:
        world.succeed("gateway")


def given_up(world: World) -> None:
    world.crash("gateway")
    world.finish(ActionOutcome.FAILED)
    world.see("gateway", RunState.EXITED, exit_code=1)
    world.wait(60.0)
    assert len(world.told(NotificationKind.ESCALATED)) == 1


def test_restarts_that_helped_are_no_failed_attempts() -> None:
    """Five times dead and healed in one incident that stays open, for it is slow all the time."""
    world = one(attempts=3)
    for _ in range(5):
        world.crash("gateway")
        world.wait(600.0)
        world.finish()
        world.slow("gateway", times=3)
    assert len(world.started) == 5
    assert len(world.of(r.IncidentOpened)) == 1
    assert len(world.of(r.MemberRecovered)) == 5
    assert not world.of(r.AttemptFailed)
    assert not world.of(r.Escalated)
    assert [record.attempt for record in world.of(r.ActionIntended) if isinstance(record, r.ActionIntended)] == [1] * 5
    assert len({request.action_id for _, request in world.started}) == 5


def test_escalated_then_slow_then_dead_is_a_new_trouble() -> None:
    """It is told as such, and what the ladder has is tried again."""
    world = one()
    given_up(world)
    mended_by_hand(world, slow=True)
    assert world.health("gateway") is Health.DEGRADED
    world.crash("gateway")
    assert len(world.started) == 2
    (told,) = world.told(NotificationKind.WORSENED)
    assert told.title.endswith("gateway is down now")
    assert "It had served meanwhile: this is a new trouble" in told.body
    assert "Next: acting now" in told.body


def test_mended_and_broken_again_soon_is_tried_again() -> None:
    """The same incident, reopened: and the ladder is not the one that had ended."""
    world = one()
    given_up(world)
    mended_by_hand(world)
    assert world.of(r.IncidentResolved)
    world.wait(60.0)
    world.crash("gateway")
    assert len(world.of(r.IncidentReopened)) == 1
    assert len(world.started) == 2
    world.finish(ActionOutcome.FAILED)
    world.see("gateway", RunState.EXITED, exit_code=1)
    world.wait(60.0)
    assert len({told.key for told in world.told(NotificationKind.ESCALATED)}) == 2


def test_a_new_trouble_begins_at_the_first_step() -> None:
    """Not at the one that helped last."""
    steps = [replace(QUICK, attempts=1, action=action, key=action) for action in ("docker.restart", "docker.recreate")]
    world = World(policy(dependency("gateway", grace=0.0, flapping=None), fix=remedy(*steps, EscalateStep("lead"))))
    world.crash("gateway")
    world.finish(ActionOutcome.FAILED)
    world.wait(10.0)
    world.finish()
    world.slow("gateway", times=3)
    world.crash("gateway")
    world.wait(10.0)
    assert [request.action for _, request in world.started] == ["docker.restart", "docker.recreate", "docker.restart"]


def test_what_a_person_freezes_again_is_told_again() -> None:
    """It had served in between, in an incident that goes on for another."""
    world = World(policy(dependency("p", remedy=None), dependency("c", needs=["p"])))
    world.fail("p")
    for n in range(1, 3):
        world.send(ev.ContainerActed(world.event("c", "kill", 19)))
        world.fail("c", Reason.TIMEOUT)
        assert len({told.key for told in world.told(NotificationKind.HELD)}) == n
        world.succeed("c")
        world.fail("p")
    assert len(world.engine.durable.open()) == 1


def test_what_was_only_slow_has_recovered_from_nothing() -> None:
    """It never did worse: nobody reads of a recovery while it is as it was."""
    world = World(policy(dependency("gateway"), dependency("child", needs=["gateway"])))
    world.slow("gateway")
    world.slow("child")
    world.slow("gateway", times=5)
    assert not world.of(r.MemberRecovered)


@pytest.mark.parametrize("looks", [1, 2])
def test_one_good_look_grants_nothing(looks: int) -> None:
    """Confirmed is what the thresholds confirm: two in a row here."""
    world = one()
    given_up(world)
    world.run("gateway")
    world.succeed("gateway", times=looks)
    world.crash("gateway")
    assert len(world.started) == (2 if looks == 2 else 1)


def test_a_crash_loop_gets_slower_and_ends_with_the_budget() -> None:
    """Each restart helps for a moment: attempts without end are not granted, and the gaps grow."""
    world = one(attempts=3, budget=Budget(6, 36000.0))
    for _ in range(20):
        world.crash("gateway")
        world.wait(120.0)
        while world.pending:
            world.finish()
            world.succeed("gateway", times=2)
    assert len(world.started) == 6
    recovered = [record for record in world.of(r.MemberRecovered) if isinstance(record, r.MemberRecovered)]
    assert [record.backoff for record in recovered] == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0]
    (told,) = world.told(NotificationKind.ESCALATED)
    assert "budget of gateway is spent" in told.body


def test_a_crash_loop_waits_for_its_backoff_after_each_help() -> None:
    """It came back is not it is fixed: counted from the moment at which it was seen to serve."""
    world = one(attempts=3)
    at: list[float] = []
    for _ in range(5):
        world.crash("gateway")
        world.wait(60.0)
        at.append(world.started[-1][0])
        world.finish()
        world.succeed("gateway", times=2)
        world.pass_time(0.5)
    gaps = [round(after - before, 1) for before, after in pairwise(at)]
    assert len(set(at)) == 5
    assert gaps == sorted(gaps)


def test_its_own_budget_is_there_again_in_a_new_trouble() -> None:
    """After its window, and not while the old trouble lasts."""
    world = one(attempts=9, budget=Budget(1, 600.0))
    given_up(world)
    world.wait(1000.0)
    assert len(world.started) == 1
    mended_by_hand(world)
    world.crash("gateway")
    assert len(world.started) == 2


def test_who_is_only_watched_is_told_of_once_for_each_change() -> None:
    """No remedy may come, so nothing but this tells that it is dead again; looks do not tell it again."""
    world = World(
        policy(dependency("a", autonomy=Autonomy.OBSERVE, flapping=None), dependency("b", needs=["a"], remedy=None))
    )
    world.fail("a")
    world.fail("b", times=5)
    for n in range(1, 4):
        world.succeed("a")
        world.fail("a", times=3)
        assert len(world.told(NotificationKind.WORSENED)) == n
        world.fail("a", times=20)
        assert len(world.told(NotificationKind.WORSENED)) == n
    assert not world.started


def test_a_child_that_is_down_with_its_parent_again_is_not_told_of() -> None:
    """One trouble, one message; its own is told when the parent serves and it does not."""
    world = World(
        policy(dependency("p", grace=5.0), dependency("c", needs=["p"], grace=5.0, autonomy=Autonomy.OBSERVE))
    )
    world.fail("p", Reason.RECOVERING)
    world.fail("c", times=5)
    world.slow("p")
    world.slow("c")
    world.fail("p", Reason.RECOVERING)
    world.fail("c", times=5)
    assert [told.title for told in world.told(NotificationKind.WORSENED)] == ["[SEV1] p is down now"]
    world.succeed("p")
    for _ in range(10):
        world.fail("c", times=1)
        world.succeed("p", times=1)
    assert [told.title for told in world.told(NotificationKind.WORSENED)][1:] == ["[SEV1] c is down now"]


def test_what_a_person_stopped_is_held_and_no_new_trouble() -> None:
    """It is told as held, each time."""
    world = one()
    world.fail("gateway", Reason.RECOVERING)
    world.slow("gateway")
    for n in range(1, 3):
        world.stopped_by_hand("gateway")
        world.fail("gateway", Reason.REFUSED, times=5)
        world.run("gateway")
        world.slow("gateway")
        assert len({told.key for told in world.told(NotificationKind.HELD)}) == n
    assert not world.told(NotificationKind.WORSENED)
    assert not world.started


def test_an_end_needs_a_look_that_began_after_the_action() -> None:
    """It recovered by itself while it was being restarted: the old good looks say nothing about the new run."""
    world = one()
    world.fail("gateway")
    world.succeed("gateway", times=3)
    assert not world.of(r.IncidentResolved)
    world.finish()
    assert not world.of(r.IncidentResolved)
    world.succeed("gateway", times=1)
    assert world.of(r.IncidentResolved)


def test_a_killed_daemon_knows_who_served() -> None:
    """The new trouble is new for the next process as well."""
    world = one()
    given_up(world)
    mended_by_hand(world, slow=True)
    world.kill_daemon()
    world.see("gateway", RunState.EXITED, past=[world.event("gateway", "die")], exit_code=1)
    assert len(world.started) == 2
    assert len(world.told(NotificationKind.WORSENED)) == 1


def test_a_person_is_asked_again_in_a_new_trouble() -> None:
    """A suggestion of the last trouble is none for this one."""
    world = World(policy(dependency("gateway", autonomy=Autonomy.SUGGEST)))
    world.crash("gateway")
    mended_by_hand(world, slow=True)
    world.crash("gateway")
    assert len({told.key for told in world.told(NotificationKind.SUGGESTED)}) == 2


def test_the_end_of_the_action_alone_changes_nothing() -> None:
    """Docker's "done" is no look: a container that stays dead has its failed attempt."""
    world = one()
    world.crash("gateway")
    world.finish(restarted=False)
    world.see("gateway", RunState.EXITED, exit_code=1)
    world.send(ev.Tick())
    assert len(world.of(r.AttemptFailed)) == 1
    assert not world.of(r.MemberRecovered)
