"""What was certainly not ordered costs nothing but a backoff; what may have been ordered costs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine import view
from nemo_watchdog.model import ActionOutcome, ActionResult, Gate, NotificationKind, RunState
from nemo_watchdog.policy.policy import Backoff, Budget, EscalateStep
from nemo_watchdog.views import PolicyView
from tests.unit.engine.world import RESTART, World, dependency, policy, remedy

ONCE = replace(RESTART, attempts=1, backoff=Backoff(5.0, 2.0, 40.0, 0.0))


def database() -> World:
    """One attempt in all, as is shipped for databases."""
    fix = remedy(ONCE, EscalateStep("lead"), budget=Budget(1, 3600.0))
    return World(policy(dependency("postgres", grace=0.0), fix=fix))


def refuse(world: World, why: str = "Docker does not answer") -> None:
    world.send(ev.ActionFinished(world.pending.pop(0), ActionResult(ActionOutcome.REFUSED, why)))


def refused_for_long(world: World, times: int) -> None:
    for _ in range(times):
        refuse(world)
        world.wait(40.0)


def test_what_was_refused_is_no_attempt_and_no_spent_budget() -> None:
    """The one restart of a database is still there when Docker is back, and it is told as one."""
    world = database()
    world.crash("postgres")
    refuse(world)
    assert not world.engine.durable.spends
    assert not world.engine.durable.acts
    world.wait(6.0)
    assert [request.action_id[-2:] for _, request in world.started] == ["/1", "/2"]
    world.finish()
    world.succeed("postgres")
    (resolved,) = world.told(NotificationKind.RESOLVED)
    assert "1 action taken" in resolved.body
    assert len(world.engine.durable.spends) == 1
    assert not world.of(r.Escalated)


@pytest.mark.parametrize("outcome", [each for each in ActionOutcome if each is not ActionOutcome.REFUSED])
def test_what_may_have_been_ordered_costs(outcome: ActionOutcome) -> None:
    """Also when nobody knows what came of it."""
    world = database()
    world.crash("postgres")
    world.finish(outcome, restarted=False)
    world.wait(600.0)
    assert len(world.engine.durable.spends) == len(world.started) == 1
    assert len(world.told(NotificationKind.ESCALATED)) == 1


def test_what_is_refused_again_and_again_waits_longer_and_longer() -> None:
    """Up to the longest backoff; then the first that goes through is the first attempt."""
    world = database()
    world.crash("postgres")
    refused_for_long(world, 6)
    backoffs = [record.backoff for record in world.of(r.ActionEnded) if isinstance(record, r.ActionEnded)]
    assert backoffs == [5.0, 10.0, 20.0, 40.0, 40.0, 40.0]
    intents = [record.attempt for record in world.of(r.ActionIntended) if isinstance(record, r.ActionIntended)]
    assert intents == [1] * 7
    assert len({request.action_id for _, request in world.started}) == 7


def test_a_refusal_is_told_once_and_a_new_reason_again() -> None:
    """Neither silence nor a message every few seconds."""
    world = database()
    world.crash("postgres")
    refused_for_long(world, 5)
    (told,) = world.told(NotificationKind.ACTION_FINISHED)
    assert "refused (Docker does not answer): nothing was ordered, and no attempt is spent" in told.body
    assert "Next: tried again in 5s" in told.body
    assert len(world.told(NotificationKind.ACTION_STARTED)) == 1
    refuse(world, "the container was replaced since it was judged")
    assert len(world.told(NotificationKind.ACTION_FINISHED)) == 2
    world.wait(40.0)
    world.finish()
    assert len(world.told(NotificationKind.ACTION_FINISHED)) == 3
    assert len({each.key for each in world.notifications}) == len(world.notifications)


def test_a_refusal_after_an_order_that_went_through_is_told_again() -> None:
    """Of the next attempt, also where the reason is the same."""
    fix = remedy(replace(ONCE, attempts=3), budget=Budget(9, 3600.0))
    world = World(policy(dependency("postgres", grace=0.0), fix=fix))
    world.crash("postgres")
    refuse(world)
    world.wait(40.0)
    world.finish(ActionOutcome.FAILED)
    world.wait(40.0)
    refuse(world)
    told = [each.title.rpartition(" ")[2] for each in world.told(NotificationKind.ACTION_FINISHED)]
    assert told == ["refused", "failed", "refused"]


def test_what_was_refused_in_the_last_trouble_is_told_anew_in_the_next() -> None:
    """Somebody had started it meanwhile; that it is tried, and refused again for the same reason, is news."""
    world = database()
    world.crash("postgres")
    refuse(world)
    world.run("postgres")
    world.succeed("postgres")
    assert not world.engine.durable.open()
    world.wait(40.0)
    world.crash("postgres")
    world.wait(40.0)
    refuse(world)
    for kind in (NotificationKind.ACTION_STARTED, NotificationKind.ACTION_FINISHED):
        assert len({told.key for told in world.told(kind)}) == 2


def test_a_refusal_takes_back_nothing_of_how_far_the_backoff_has_grown() -> None:
    """After two restarts that helped for a moment, the third has the third gap, refused before or not."""
    fix = remedy(ONCE, budget=Budget(9, 3600.0))
    world = World(policy(dependency("postgres", grace=0.0, flapping=None), fix=fix))
    for refused in (0, 0, 1):
        world.crash("postgres")
        world.wait(60.0)
        refused_for_long(world, refused)
        world.finish()
        world.succeed("postgres")
    recovered = [record.backoff for record in world.of(r.MemberRecovered) if isinstance(record, r.MemberRecovered)]
    assert recovered == [5.0, 10.0, 20.0]


def test_a_reload_that_changes_no_backoff_leaves_that_of_a_refusal() -> None:
    fix = remedy(ONCE, budget=Budget(9, 3600.0))
    plan = policy(dependency("postgres", grace=0.0), fix=fix)
    world = World(plan)
    world.crash("postgres")
    refused_for_long(world, 2)
    refuse(world)
    world.send(ev.PolicyChanged(plan))
    assert not world.of(r.BackoffChanged)


def test_the_gate_says_that_it_was_refused() -> None:
    """And the status counts no attempt."""
    world = database()
    world.crash("postgres")
    refuse(world)
    decision = world.engine.decision("postgres", world.now)
    assert decision is not None
    assert (decision.gate, decision.value) == (Gate.BACKOFF, "5s after docker.restart was refused")
    status = view.status(world.engine, world.now, PolicyView(0.0, ()), "test")
    assert [incident.ladders["postgres"].attempts for incident in status.incidents] == [0]
    assert status.budgets["postgres"].remaining == 1


def test_a_daemon_that_is_killed_between_the_intent_and_its_end_has_spent() -> None:
    """The intent is on disk first, and nobody knows what came of it; what was refused before it stays refused."""
    world = database()
    world.crash("postgres")
    refuse(world)
    world.wait(6.0)
    world.kill_daemon()
    assert [spend.action_id[-2:] for spend in world.engine.durable.spends] == ["/2"]
    world.see("postgres", RunState.EXITED, past=[world.event("postgres", "die")], exit_code=1)
    world.wait(600.0)
    assert len(world.started) == 2
    (told,) = world.told(NotificationKind.ESCALATED)
    assert "1 attempt did not help" in told.body
