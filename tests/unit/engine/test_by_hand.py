"""A person may have a step done by hand, through all gates but a few that he may open, and only where it is down."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.by_hand import why_not_acted
from nemo_watchdog.engine.proposing import APPROVAL_HOLDS
from nemo_watchdog.model import ActionOutcome, Autonomy, Reason, RunState
from nemo_watchdog.policy.condition import StepCondition
from nemo_watchdog.policy.policy import Backoff, Budget, EscalateStep, Limits, Policy
from tests.unit.engine.world import RESTART, World, dependency, policy, remedy

STEP = replace(RESTART, attempts=2, backoff=Backoff(100.0, 2.0, 300.0, 0.0))
HARD = replace(STEP, key="hard")


def plan(*, budget: Budget | None = None, **more: object) -> Policy:
    fix = remedy(STEP, HARD, EscalateStep("lead"), budget=budget or Budget(9, 3600.0))
    return policy(dependency("shop", **{"grace": 0.0, **more}), fix=fix)  # type: ignore[arg-type]


def asked(step: str = "", *overrides: str, reason: str = "I see why", name: str = "shop") -> ev.ActAsked:
    return ev.ActAsked(name, step, overrides, reason, "ada")


def why_not(world: World, order: ev.ActAsked) -> str:
    return why_not_acted(world.engine.volatile, world.engine.durable, order, world.monotonic)


def backing_off() -> World:
    """One attempt has failed, and the next is a while off."""
    world = World(plan())
    world.fail("shop")
    world.finish(ActionOutcome.FAILED)
    world.fail("shop", times=3)
    assert len(world.started) == 1
    return world


def test_the_gate_that_refuses_is_named_with_its_value() -> None:
    """And how a person opens it; nothing is done, and nothing written."""
    world = backing_off()
    said = why_not(world, asked())
    assert said.startswith("the gate backoff holds it back: 1m40s after attempt 1, until 2026-01-05 12:01:")
    assert said.endswith("; `--override backoff --reason …` has it done all the same")
    world.send(asked())
    assert len(world.started) == 1
    assert not world.of(r.ActedByHand)


def test_what_is_overridden_is_on_record_before_the_intent() -> None:
    """With who and why; evidence is not awaited, for he stands before it."""
    world = backing_off()
    assert why_not(world, asked("", "backoff")) == ""
    world.send(asked("", "backoff"))
    assert len(world.started) == 2
    assert world.started[-1][1].by == "ada"
    (hand,) = world.of(r.ActedByHand)
    assert isinstance(hand, r.ActedByHand)
    assert (hand.by, hand.reason, hand.overrides, hand.step) == ("ada", "I see why", ["backoff"], "")
    records = [record for _, record in world.records]
    intended = [record for record in records if isinstance(record, r.ActionIntended)][-1]
    assert records.index(hand) < records.index(intended)
    assert intended.by == "ada"
    over = world.of(r.ProposalOver)[-1]
    assert isinstance(over, r.ProposalOver)
    assert over.why == "done"


def test_one_order_is_one_action() -> None:
    """What comes after it waits for its gates as ever."""
    world = backing_off()
    world.send(asked("", "backoff"))
    world.finish(ActionOutcome.FAILED)
    world.fail("shop", times=20)
    assert len(world.started) == 2


@pytest.mark.parametrize("gate", ["category", "journal", "in_flight", "human_hold", "pause", "nonsense"])
def test_other_gates_are_no_person_s_to_open(gate: str) -> None:
    """The answer says which are."""
    world = backing_off()
    said = why_not(world, asked("", "backoff", gate))
    assert said == f"the gate {gate} cannot be overridden; these can: backoff, budget, grace and upstream"
    world.send(asked("", "backoff", gate))
    assert len(world.started) == 1


def test_an_override_has_a_reason() -> None:
    world = backing_off()
    said = why_not(world, asked("", "backoff", reason=""))
    assert said == "to override backoff a reason must be given: it is written down"
    world.send(asked("", "backoff", reason=""))
    assert len(world.started) == 1


def test_data_at_risk_is_nobody_s_to_restart() -> None:
    """Whatever he overrides."""
    world = World(plan())
    world.fail("shop", Reason.READ_ONLY)
    said = why_not(world, asked("", "backoff", "budget", "grace", "upstream"))
    assert said.startswith("the gate category holds it back: integrity: acting does not help")
    assert said.endswith("; a person can override only backoff, budget, grace and upstream")


def test_what_is_up_is_not_acted_on() -> None:
    """The watchdog acts on failures."""
    world = World(plan())
    assert why_not(world, asked()) == "shop is up: nothing to act on"
    world.send(asked())
    assert not world.started


def test_what_fails_and_is_in_no_incident_yet_is_not_acted_on() -> None:
    world = World(plan(), running=False)
    assert why_not(world, asked()) == "shop is unknown, and in no open incident: nothing to act on"


def test_what_is_under_way_goes_first() -> None:
    """One action at a time, whoever asks."""
    world = World(plan())
    world.fail("shop")
    assert why_not(world, asked()).startswith("the gate in_flight holds it back: docker.restart is under way")


def test_without_a_remedy_there_is_nothing_to_do() -> None:
    world = World(plan(remedy=None))
    world.fail("shop")
    assert why_not(world, asked()) == "the policy names no remedy for shop: nothing to do"


def test_a_step_can_be_named() -> None:
    """By its key; the ladder goes on from there."""
    world = backing_off()
    world.send(asked("hard", "backoff"))
    intended = world.of(r.ActionIntended)[-1]
    assert isinstance(intended, r.ActionIntended)
    assert (intended.step_key, intended.attempt) == ("hard", 1)


def test_a_step_that_is_not_there_is_said() -> None:
    world = backing_off()
    said = why_not(world, asked("soft"))
    assert said == "the remedy restart has no step soft that acts; there are: docker.restart, hard"


def test_a_step_that_is_not_for_this_trouble_is_not_done() -> None:
    """It would help nobody."""
    only = replace(HARD, when=StepCondition(reason=frozenset({Reason.TIMEOUT})))
    world = World(policy(dependency("shop", grace=0.0, autonomy=Autonomy.SUGGEST), fix=remedy(STEP, only)))
    world.fail("shop")
    assert why_not(world, asked("hard")).startswith("the step hard is not for it: it is for timeout")


def test_a_spent_budget_can_be_overridden() -> None:
    """Though the remedy has ended by it; what was spent is counted."""
    world = World(plan(budget=Budget(1, 3600.0)))
    world.fail("shop")
    world.finish(ActionOutcome.FAILED)
    world.fail("shop", times=150)
    assert len(world.of(r.Escalated)) == 1
    said = why_not(world, asked())
    assert said.startswith("the gate remedy holds it back: the budget of shop is spent (1 per 1h)")
    assert said.endswith("`--override budget --reason …` has it done all the same")
    world.send(asked("", "budget"))
    assert len(world.started) == 2
    assert len(world.engine.durable.spends) == 2


def test_a_spent_budget_does_not_hide_work_in_progress() -> None:
    """Whoever overrides the budget is held by work as ever."""
    world = World(replace(plan(), limits=Limits(Budget(1, 3600.0), 1)))
    world.fail("shop")
    world.finish(ActionOutcome.FAILED)
    world.fail("shop", times=150)
    assert why_not(world, asked()).startswith("the gate budget holds it back: the budget of all actions is spent")
    world.send(asked("", "budget"))
    assert len(world.started) == 2


def test_what_it_needs_can_be_overridden() -> None:
    """Who knows that its own trouble is another one."""
    below = dependency("shop", grace=0.0, needs=["db"])
    world = World(policy(dependency("db", remedy=None), below, fix=remedy(STEP)))
    world.fail("db")
    world.fail("shop")
    assert not world.started
    assert why_not(world, asked()).startswith("the gate upstream holds it back: it needs db, which is down")
    world.send(asked("", "upstream"))
    assert [request.dependency for _, request in world.started] == ["shop"]


def test_the_grace_of_a_start_can_be_overridden() -> None:
    """Who sees that it will not come up need not wait for the end of it."""
    world = World(plan(grace=300.0))
    world.fail("shop")
    world.finish()
    world.fail("shop", times=30)
    assert len(world.started) == 1
    assert why_not(world, asked("", "backoff")).startswith("the gate grace holds it back: it is in its start-up grace")
    world.send(asked("", "backoff", "grace"))
    assert len(world.started) == 2


def test_autonomy_suggest_asks_a_person_and_he_has_come() -> None:
    """What was proposed is over, and is not done once more."""
    world = World(plan(autonomy=Autonomy.SUGGEST))
    world.fail("shop")
    (proposed,) = world.of(r.Proposed)
    world.send(asked(reason=""))
    assert len(world.started) == 1
    assert isinstance(proposed, r.Proposed)
    world.send(ev.ApproveAsked(proposed.proposal, "bob"))
    assert len(world.started) == 1


def test_autonomy_observe_is_the_policy_s_word() -> None:
    """Whoever wants it done by the watchdog changes that."""
    world = World(plan(autonomy=Autonomy.OBSERVE))
    world.fail("shop")
    assert why_not(world, asked()).startswith("the gate autonomy holds it back: the policy lets the watchdog only obs")


def test_an_order_that_cannot_be_done_in_time_is_over() -> None:
    """It says so, and is not done later."""
    world = World(plan(autonomy=Autonomy.SUGGEST))
    world.fail("shop")
    world.stays_as_it_is = False
    world.pass_time(60.0)
    world.send(asked())
    world.send(ev.PauseAsked("shop", "a deploy", "bob"))
    world.wait(APPROVAL_HOLDS + 1.0)
    world.send(ev.ResumeAsked("shop", "bob"))
    world.fail("shop", times=5)
    assert not world.started
    over = world.of(r.ProposalOver)[-1]
    assert isinstance(over, r.ProposalOver)
    assert over.detail == "ada had it done, and it could not be within 5m, held back by the gate pause"


def test_a_killed_daemon_does_what_was_ordered_by_hand_once() -> None:
    world = World(plan(autonomy=Autonomy.SUGGEST))
    world.fail("shop")
    world.stays_as_it_is = False
    world.pass_time(60.0)
    world.send(asked("hard"))
    world.kill_daemon()
    world.see("shop", RunState.RUNNING)
    world.fail("shop", times=5)
    ((_, request),) = world.started
    assert request.by == "ada"
    assert [each.step_key for each in world.of(r.ActionIntended) if isinstance(each, r.ActionIntended)] == ["hard"]
