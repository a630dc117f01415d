"""What ended goes on when a person says so or the policy grants more; budgets and every other gate hold as before."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine import rearming
from nemo_watchdog.model import ActionOutcome, NotificationKind, RunState
from nemo_watchdog.policy.policy import Backoff, Budget, EscalateStep, Limits, Policy, Step
from tests.unit.engine.world import RESTART, World, dependency, policy, remedy

ONCE = replace(RESTART, attempts=1, backoff=Backoff(5.0, 2.0, 300.0, 0.0))
TO_LEAD = EscalateStep("lead")
TOUCH = replace(ONCE, action="touch.file", key="touch.file")
WIDE = Budget(20, 3600.0)


def plan(*steps: Step, budget: Budget = WIDE, total: Budget = WIDE) -> Policy:
    fix = remedy(*(steps or (ONCE, TO_LEAD)), budget=budget)
    return policy(dependency("gateway", grace=0.0), fix=fix, limits=Limits(total, 1))


def given_up(start: Policy) -> World:
    """The one attempt failed, and a person was told."""
    world = World(start)
    world.crash("gateway")
    world.finish(ActionOutcome.FAILED)
    world.see("gateway", RunState.EXITED, exit_code=1)
    world.wait(60.0)
    assert len(world.told(NotificationKind.ESCALATED)) == len(world.started) == 1
    return world


def retry(world: World) -> None:
    world.send(ev.RetryAsked("gateway", "the disk is free again", "ops"))


def test_a_person_can_have_it_tried_again() -> None:
    """At once, from the first step, with a new number; it is on record who wanted it and why."""
    world = given_up(plan())
    retry(world)
    assert len(world.started) == 2
    (record,) = world.of(r.LadderRearmed)
    assert record == r.LadderRearmed(record.incident, "gateway", "the disk is free again", "ops", anew=True)  # type: ignore[attr-defined]
    world.finish(ActionOutcome.FAILED)
    world.see("gateway", RunState.EXITED, exit_code=1)
    world.wait(60.0)
    assert len({told.key for told in world.told(NotificationKind.ESCALATED)}) == 2


def test_a_retry_does_not_wait_for_the_backoff() -> None:
    """Who mended something wants to see it now."""
    world = World(plan(replace(ONCE, attempts=3)))
    world.crash("gateway")
    world.finish(ActionOutcome.FAILED)
    world.see("gateway", RunState.EXITED, exit_code=1)
    retry(world)
    assert len(world.started) == 2


def test_a_retry_spends_from_the_same_budget() -> None:
    """A spent one says so again, to a person who then knows."""
    world = given_up(plan(budget=Budget(1, 3600.0)))
    retry(world)
    assert len(world.started) == 1
    assert "budget of gateway is spent" in world.told(NotificationKind.ESCALATED)[-1].body
    assert len({told.key for told in world.told(NotificationKind.ESCALATED)}) == 2


def test_a_retry_is_refused_while_something_is_done() -> None:
    """One action, one verification: nothing is cut short."""
    world = World(plan())
    durable = world.engine.durable
    assert "no open incident" in rearming.why_not(durable, world.engine.policy, "gateway")
    retry(world)
    world.fail("gateway")
    assert "is under way" in rearming.why_not(durable, world.engine.policy, "gateway")
    retry(world)
    world.finish()
    assert "is being verified" in rearming.why_not(durable, world.engine.policy, "gateway")
    retry(world)
    world.send(ev.RetryAsked("nobody", "x", "ops"))
    assert not world.of(r.LadderRearmed)


def test_a_retry_of_what_has_no_remedy_is_refused() -> None:
    """Who asks is told why nothing would come of it."""
    world = World(policy(dependency("gateway", grace=0.0, remedy=None)))
    world.crash("gateway")
    why = rearming.why_not(world.engine.durable, world.engine.policy, "gateway")
    assert why == "the policy names no remedy for gateway: there is nothing to retry"
    retry(world)
    assert not world.of(r.LadderRearmed)


def test_a_killed_daemon_remembers_a_retry() -> None:
    """The ladder does not end again by what was tried before it."""
    world = given_up(plan())
    world.send(ev.PauseAsked("gateway", "wait", "ops"))
    retry(world)
    world.kill_daemon()
    world.see("gateway", RunState.EXITED, past=[world.event("gateway", "die")], exit_code=1)
    world.send(ev.ResumeAsked("gateway", "ops"))
    assert len(world.started) == 2


TRIES = replace(ONCE, attempts=5)
MORE_ATTEMPTS = "the policy grants more attempts"


@pytest.mark.parametrize(
    ("before", "after", "granted"),
    [
        pytest.param(plan(), plan(replace(ONCE, attempts=2), TO_LEAD), MORE_ATTEMPTS, id="more attempts"),
        pytest.param(plan(), plan(ONCE, TOUCH, TO_LEAD), MORE_ATTEMPTS, id="a step added"),
        pytest.param(plan(TO_LEAD), plan(), MORE_ATTEMPTS, id="a step where only a person was"),
        pytest.param(
            plan(TRIES, budget=Budget(1, 3600.0)),
            plan(TRIES, budget=Budget(2, 3600.0)),
            "the policy grants a larger budget (2 per 1h)",
            id="a larger budget",
        ),
        pytest.param(
            plan(TRIES, budget=Budget(1, 3600.0)),
            plan(TRIES, budget=Budget(1, 30.0)),
            "the policy grants a larger budget (1 per 30s)",
            id="a budget that comes back sooner",
        ),
    ],
)
def test_a_policy_that_grants_more_lets_it_go_on(before: Policy, after: Policy, granted: str) -> None:
    """What was tried stays tried; the record says what was granted."""
    world = World(before)
    world.crash("gateway")
    while world.pending:
        world.finish(ActionOutcome.FAILED)
        world.see("gateway", RunState.EXITED, exit_code=1)
        world.wait(60.0)
    done = len(world.started)
    world.send(ev.PolicyChanged(after))
    assert len(world.started) == done + 1
    (record,) = world.of(r.LadderRearmed)
    assert isinstance(record, r.LadderRearmed)
    assert (record.by, record.anew, record.reason) == ("the policy", False, granted)


def out_of_budget() -> World:
    """Attempts are left, and by now there is room for one more; a person was told that the budget was spent."""
    world = given_up(plan(TRIES, TO_LEAD, budget=Budget(1, 600.0)))
    world.wait(600.0)
    assert len(world.started) == 1
    return world


def test_the_same_policy_grants_nothing_that_time_has_given_back() -> None:
    """Ended is ended, though one more attempt would fit by now: a person has it in hand."""
    world = out_of_budget()
    world.send(ev.PolicyChanged(plan(TRIES, TO_LEAD, budget=Budget(1, 600.0))))
    assert not world.of(r.LadderRearmed)
    assert len(world.started) == 1


def test_a_larger_budget_of_all_is_one_that_is_granted() -> None:
    """Where one's own budget has room by now."""
    world = out_of_budget()
    world.send(ev.PolicyChanged(plan(TRIES, TO_LEAD, budget=Budget(1, 600.0), total=Budget(30, 3600.0))))
    (record,) = world.of(r.LadderRearmed)
    assert isinstance(record, r.LadderRearmed)
    assert record.reason == "the policy grants a larger budget of all actions (30 per 1h)"
    assert len(world.started) == 2


def test_a_remedy_that_is_given_back_is_one_that_is_granted() -> None:
    world = out_of_budget()
    world.send(ev.PolicyChanged(policy(dependency("gateway", grace=0.0, remedy=None))))
    assert len(world.started) == 1
    world.send(ev.PolicyChanged(plan(TRIES, TO_LEAD, budget=Budget(1, 600.0))))
    (record,) = world.of(r.LadderRearmed)
    assert isinstance(record, r.LadderRearmed)
    assert record.reason == MORE_ATTEMPTS
    assert len(world.started) == 2


def test_what_is_watched_again_within_its_incident_goes_on() -> None:
    """Its incident is open still, for what it needs is down, too."""
    db, gateway = dependency("db", remedy=None), dependency("gateway", grace=0.0, needs=["db"])
    fix = remedy(TRIES, TO_LEAD, budget=Budget(1, 600.0))
    world = given_up(policy(db, gateway, fix=fix))
    world.crash("db")
    (incident,) = world.engine.durable.open()
    assert set(incident.members) == {"db", "gateway"}
    world.wait(600.0)
    world.send(ev.PolicyChanged(policy(db, fix=fix)))
    world.send(ev.PolicyChanged(policy(db, gateway, fix=fix)))
    (record,) = world.of(r.LadderRearmed)
    assert isinstance(record, r.LadderRearmed)
    assert (record.dependency, record.reason) == ("gateway", MORE_ATTEMPTS)


@pytest.mark.parametrize(
    "after",
    [
        pytest.param(plan(), id="the same"),
        pytest.param(plan(ONCE, TO_LEAD, TOUCH), id="a step behind the escalation"),
        pytest.param(plan(TO_LEAD), id="fewer attempts"),
        pytest.param(plan(budget=Budget(50, 3600.0)), id="a larger budget and no attempt left"),
        pytest.param(plan(replace(ONCE, key="hard"), TO_LEAD), id="another name"),
        pytest.param(policy(dependency("gateway", grace=0.0, remedy=None)), id="no remedy any more"),
        pytest.param(policy(dependency("other")), id="not watched any more"),
    ],
)
def test_a_policy_that_grants_nothing_changes_nothing(after: Policy) -> None:
    """Ended is ended."""
    world = given_up(plan())
    world.send(ev.PolicyChanged(after))
    assert not world.of(r.LadderRearmed)
    assert len(world.started) == 1
