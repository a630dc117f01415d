"""Every gate: what it answers, and that nothing else would have held the action back in its place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.gates import order
from nemo_watchdog.engine.topology import upstreams
from nemo_watchdog.model import ActionOutcome, Autonomy, Decision, Gate, Reason, RunState, Verdict, failed
from nemo_watchdog.policy.condition import Condition
from nemo_watchdog.policy.cron import Cron
from nemo_watchdog.policy.policy import Backoff, Budget, EscalateStep, Limits, Storm
from nemo_watchdog.policy.windows import MaintenanceWindow
from tests.unit.engine.world import NOON, RESTART, World, dependency, policy, remedy

NO_BACKOFF = replace(RESTART, attempts=10, backoff=Backoff(0.01, 1.0, 0.01, 0.0))
MANY = Limits(concurrent_actions=5)


def under_way() -> World:
    world = World(policy(dependency("gateway"), limits=MANY))
    world.crash("gateway")
    world.see("gateway", RunState.EXITED, exit_code=2)
    return world


def without_remedy() -> World:
    world = World(policy(dependency("gateway", remedy=None)))
    world.crash("gateway")
    return world


def without_journal() -> World:
    world = World(policy(dependency("gateway")))
    world.send(ev.JournalChanged("disk full"))
    world.crash("gateway")
    return world


def at_its_own_end() -> World:
    world = World(policy(dependency("gateway")))
    world.send(ev.Stopping())
    world.crash("gateway")
    return world


def paused() -> World:
    world = World(policy(dependency("gateway")))
    world.send(ev.PauseAsked("*", "deploying", "ops"))
    world.crash("gateway")
    return world


def stopped_by_hand() -> World:
    world = World(policy(dependency("gateway")))
    world.stopped_by_hand("gateway")
    world.fail("gateway", Reason.REFUSED, times=4)
    return world


def off_its_network() -> World:
    world = World(policy(dependency("gateway")))
    world.see("gateway", RunState.RUNNING, off_network="app")
    world.fail("gateway", Reason.REFUSED, times=4)
    return world


def without_docker() -> World:
    world = World(policy(dependency("gateway")))
    world.see("gateway", RunState.UNREACHABLE, detail="no answer")
    world.fail("gateway", times=4)
    return world


def just_restarted() -> World:
    step = replace(NO_BACKOFF, verify_within=60.0)
    world = World(policy(dependency("gateway", grace=0.0), fix=remedy(step)))
    world.fail("gateway", times=3)
    world.finish()
    world.fail("gateway", times=10)
    return world


def below_something_unseen() -> World:
    world = World(policy(dependency("postgres"), dependency("gateway", needs=["postgres"])))
    world.fail("postgres", Reason.AUTH_FAILED, times=4)
    world.fail("gateway", times=4)
    return world


def starting() -> World:
    step = replace(NO_BACKOFF, verify_within=1.0)
    world = World(policy(dependency("gateway", grace=60.0), fix=remedy(step)))
    world.crash("gateway")
    world.finish()
    world.fail("gateway", times=5)
    return world


def recovering() -> World:
    world = World(policy(dependency("gateway")))
    world.fail("gateway", Reason.RECOVERING, times=4)
    return world


def worked_on() -> World:
    """It began to fail before the window, which is open now."""
    window = MaintenanceWindow("backup", Cron("1 12 * * *"), 1800.0, frozenset({"gateway"}))
    world = World(replace(policy(dependency("gateway"), limits=MANY), maintenance=(window,)))
    world.pass_time((NOON.replace(second=58) - world.utc).total_seconds())
    world.fail("gateway", times=4)
    return world


def at_the_end_of_the_ladder() -> World:
    world = World(policy(dependency("gateway"), fix=remedy(replace(NO_BACKOFF, attempts=1), EscalateStep("lead"))))
    world.crash("gateway")
    world.finish(ActionOutcome.FAILED)
    world.wait(1.0)
    world.see("gateway", RunState.EXITED, exit_code=2)
    return world


def failed_just_now() -> World:
    world = World(policy(dependency("gateway")))
    world.crash("gateway")
    world.finish(ActionOutcome.FAILED)
    return world


def spent() -> World:
    world = World(policy(dependency("gateway"), fix=remedy(NO_BACKOFF, budget=Budget(1, 3600.0))))
    world.crash("gateway")
    world.finish(ActionOutcome.FAILED)
    world.wait(1.0)
    return world


def spent_by_all() -> World:
    world = World(policy(dependency("a"), dependency("b"), limits=Limits(Budget(1, 3600.0), 5)))
    world.crash("a")
    world.crash("b")
    return world


def only_observed() -> World:
    world = World(policy(dependency("gateway", autonomy=Autonomy.OBSERVE)))
    world.crash("gateway")
    return world


def only_suggested() -> World:
    world = World(policy(dependency("gateway", autonomy=Autonomy.SUGGEST)))
    world.crash("gateway")
    return world


def two_at_once() -> World:
    world = World(policy(dependency("a"), dependency("b")))
    world.crash("a")
    world.crash("b")
    return world


def without_fresh_looks() -> World:
    world = World(policy(dependency("gateway"), fix=remedy(NO_BACKOFF)))
    world.fail("gateway", times=3)
    world.finish(ActionOutcome.FAILED)
    return world


def at_work() -> World:
    world = World(policy(dependency("gateway", grace=0.0)))
    world.look("gateway", replace(failed(Reason.WRONG_ANSWER, "test"), work="VACUUM FULL in shop"), times=3)
    return world


def outside_its_condition() -> World:
    fix = replace(remedy(), when=Condition(reason=frozenset({"exited"})))
    world = World(policy(dependency("gateway"), fix=fix))
    world.fail("gateway", times=3)
    return world


def the_last_that_served() -> World:
    world = World(
        policy(dependency("a", grace=0.0), dependency("b", grace=0.0), dependency("c", needs=[("a", "b")]), limits=MANY)
    )
    world.fail("a")
    world.succeed("b", times=1)
    world.finish(ActionOutcome.FAILED)
    world.fail("b")
    return world


def in_a_state_that_cannot_be() -> World:
    world = World(policy(dependency("gateway")))
    world.engine.volatile.bug = "test"
    world.crash("gateway")
    return world


def among_many_that_fail() -> World:
    world = World(policy(*(dependency(f"d{number}") for number in range(3)), limits=Limits(storm=Storm())))
    for name in ("d0", "d1", "d2"):
        world.fail(name, Reason.REFUSED, times=3)
    return world


@dataclass(frozen=True)
class Case:
    scenario: Callable[[], World]
    verdict: Verdict
    gate: Gate
    value: str


def flapping() -> World:
    world = World(policy(dependency("gateway", grace=0.0), fix=remedy(NO_BACKOFF, EscalateStep("lead"))))
    for _ in range(2):
        world.crash("gateway")
        world.wait(1.0)
        world.finish()
        world.succeed("gateway")
    world.crash("gateway")
    return world


def seen_long_ago() -> World:
    world = World(policy(dependency("gateway", grace=0.0)))
    world.send(ev.PauseAsked("*", "deploying", "ops"))
    world.fail("gateway")
    world.pass_time(60.0)
    world.stays_as_it_is = False
    world.send(ev.ResumeAsked("*", "ops"))
    return world


CASES = [
    Case(in_a_state_that_cannot_be, Verdict.REFUSE, Gate.BUG, "a bug in the watchdog: test"),
    Case(at_its_own_end, Verdict.WAIT, Gate.STOPPING, "the watchdog is stopping; it decides anew when it has started"),
    Case(under_way, Verdict.WAIT, Gate.IN_FLIGHT, "docker.restart is under way"),
    Case(without_remedy, Verdict.REFUSE, Gate.REMEDY, "the policy names no remedy for it"),
    Case(without_journal, Verdict.REFUSE, Gate.JOURNAL, "the journal cannot be written: disk full"),
    Case(paused, Verdict.WAIT, Gate.PAUSE, "ops paused everything: deploying"),
    Case(stopped_by_hand, Verdict.WAIT, Gate.HUMAN_HOLD, "somebody stopped the container"),
    Case(
        off_its_network, Verdict.WAIT, Gate.HUMAN_HOLD, "somebody took the container off its network app; held until it"
    ),
    Case(without_docker, Verdict.WAIT, Gate.BLIND, "cannot see the container: no answer"),
    Case(just_restarted, Verdict.WAIT, Gate.VERIFICATION, "verifying docker.restart"),
    Case(among_many_that_fail, Verdict.WAIT, Gate.STORM, "3 of 3 fail together: what they share is suspected"),
    Case(below_something_unseen, Verdict.WAIT, Gate.UPSTREAM, "it needs postgres, which is unknown"),
    Case(starting, Verdict.WAIT, Gate.GRACE, "it is in its start-up grace"),
    Case(recovering, Verdict.WAIT, Gate.CATEGORY, "busy: acting does not help"),
    Case(without_fresh_looks, Verdict.WAIT, Gate.EVIDENCE, "waiting for fresh looks"),
    Case(outside_its_condition, Verdict.REFUSE, Gate.CONDITION, "the condition of restart does not hold"),
    Case(worked_on, Verdict.WAIT, Gate.MAINTENANCE, "planned maintenance: backup, until 2026-01-05 12:31 UTC"),
    Case(flapping, Verdict.WAIT, Gate.FLAPPING, "it flaps: one action in 20m"),
    Case(the_last_that_served, Verdict.WAIT, Gate.REDUNDANCY, "it is the last of a or b that served"),
    Case(at_the_end_of_the_ladder, Verdict.ESCALATE, Gate.LADDER_END, "1 attempt did not help"),
    Case(failed_just_now, Verdict.WAIT, Gate.BACKOFF, "5."),
    Case(at_work, Verdict.WAIT, Gate.WORK, "in progress: VACUUM FULL in shop, for 2s"),
    Case(spent, Verdict.ESCALATE, Gate.BUDGET, f"the budget of gateway is spent ({Budget(1, 3600.0)})"),
    Case(spent_by_all, Verdict.WAIT, Gate.BUDGET, f"the budget of all actions is spent ({Budget(1, 3600.0)})"),
    Case(only_observed, Verdict.REFUSE, Gate.AUTONOMY, "the policy lets the watchdog only observe"),
    Case(only_suggested, Verdict.ASK, Gate.AUTONOMY, "the policy wants a person to do it"),
    Case(two_at_once, Verdict.WAIT, Gate.CONCURRENCY, "1 of 1 actions under way elsewhere"),
    Case(seen_long_ago, Verdict.WAIT, Gate.LAST_LOOK, "looking at it once more"),
]
by_case = pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.gate}-{case.scenario.__name__}")


def answered(case: Case) -> bool:
    """Whether the gate of this case is on record with its answer."""
    decisions = [record for _, record in case.scenario().records if isinstance(record, r.DecisionMade)]
    return any(
        (made.verdict, made.gate) == (case.verdict, case.gate) and made.value.startswith(case.value)
        for made in decisions
    )


@by_case
def test_a_gate_answers_with_its_name_and_value(case: Case) -> None:
    """Who asks why nothing is done reads the gate and the value that holds it shut."""
    assert answered(case)


@by_case
def test_no_gate_stands_for_another(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the gate away, and its answer is gone: so each is really among those that are asked."""
    monkeypatch.setattr(order, "GATES", tuple(gate for gate in order.GATES if gate.__name__ != case.gate))
    try:
        missed = not answered(case)
    except AssertionError:
        missed = True  # the engine refuses to act on what has no target
    assert missed


def test_every_gate_has_a_case() -> None:
    """A new gate needs a scenario that only it holds back."""
    assert {gate.__name__ for gate in order.GATES} == {case.gate for case in CASES}


@by_case
def test_the_explanation_has_every_gate_in_order_and_the_decision_is_the_first_that_holds(case: Case) -> None:
    """Also what stands behind the first: who lifts a pause sees what holds next."""
    world = case.scenario()
    for name in world.engine.trackers:
        answers = world.engine.explanation(name, world.now)
        assert [answer.gate for answer in answers] == [Gate(gate.__name__) for gate in order.GATES]
        shut = [answer for answer in answers if answer.verdict is not Verdict.OPEN]
        decision = world.engine.decision(name, world.now)
        if decision is not None:
            assert decision == (shut[0] if shut else Decision(Verdict.ACT, Gate.NONE, "every gate is open"))


def test_what_is_in_no_incident_is_explained_too() -> None:
    """Nothing happens to what is well, and it can say why."""
    world = World(policy(dependency("gateway")))
    shut = [answer for answer in world.engine.explanation("gateway", world.now) if answer.verdict is not Verdict.OPEN]
    assert [(answer.gate, answer.value) for answer in shut] == [(Gate.CATEGORY, "it is up, not down")]


def test_a_member_that_is_up_again_is_said_to_be_up() -> None:
    """While another member still fails, the status shows a decision about each."""
    world = World(policy(dependency("postgres"), dependency("gateway", needs=["postgres"])))
    world.fail("postgres", Reason.RECOVERING, times=4)
    world.fail("gateway", times=4)
    world.succeed("postgres", times=3)
    decision = world.engine.decision("postgres", world.now)
    assert decision is not None
    assert (decision.verdict, decision.gate, decision.value) == (Verdict.WAIT, Gate.CATEGORY, "it is up, not down")


def test_a_second_restart_waits_for_the_verification_of_the_first() -> None:
    """Backoff alone would have let it through; the symptom must outlive the window first."""
    world = just_restarted()
    assert len(world.started) == 1
    restarted = world.started[0][0]
    world.fail("gateway", times=60)
    assert len(world.started) == 2
    assert world.started[1][0] - restarted >= 60.0


def test_an_exit_ends_the_verification_at_once() -> None:
    """A container that died in it has shown that the attempt failed."""
    world = just_restarted()
    world.crash("gateway")
    world.wait(0.1)
    assert len(world.started) == 2


def test_a_decision_that_a_clock_will_change_says_when() -> None:
    """And the engine asks to be woken then."""
    world = failed_just_now()
    decision = world.engine.decision("gateway", world.now)
    assert decision is not None
    assert decision.until is not None
    assert 4.0 <= decision.until - world.monotonic <= 6.0
    world.wait(6.5)
    assert len(world.started) == 2


def test_the_same_answer_again_is_not_written_again() -> None:
    """Only changes of mind are facts."""
    world = recovering()
    before = len(world.records)
    world.fail("gateway", Reason.RECOVERING, times=50)
    assert len(world.records) == before + len(world.messages)


def test_a_pause_holds_its_own_dependency_only() -> None:
    """The others are helped as before."""
    world = World(policy(dependency("a"), dependency("b"), limits=MANY))
    world.send(ev.PauseAsked("a", "deploying", "ops"))
    world.crash("a")
    world.crash("b")
    assert [request.dependency for _, request in world.started] == ["b"]
    decision = world.engine.decision("a", world.now)
    assert decision is not None
    assert (decision.gate, decision.value) == (Gate.PAUSE, "ops paused a: deploying")
    world.send(ev.ResumeAsked("*", "ops"))
    assert len(world.started) == 1
    world.send(ev.ResumeAsked("a", "ops"))
    assert [request.dependency for _, request in world.started] == ["b", "a"]


def test_resuming_one_dependency_does_not_lift_the_pause_of_all() -> None:
    """Each scope is its own switch."""
    world = World(policy(dependency("a")))
    world.send(ev.PauseAsked("*", "freeze", "ops"))
    world.send(ev.PauseAsked("a", "deploying", "ops"))
    world.crash("a")
    world.send(ev.ResumeAsked("a", "ops"))
    assert not world.started
    world.send(ev.ResumeAsked("*", "ops"))
    assert len(world.started) == 1


def test_a_later_pause_of_the_same_scope_replaces_the_earlier() -> None:
    """Extending a pause needs no resume."""
    world = World(policy(dependency("a")))
    world.send(ev.PauseAsked("a", "deploying", "ops", 10.0))
    world.send(ev.PauseAsked("a", "still deploying", "ops", 100.0))
    world.crash("a")
    world.wait(50.0)
    assert not world.started
    world.wait(60.0)
    assert len(world.started) == 1


def test_upstreams_are_all_that_it_needs_each_once() -> None:
    """Directly or not, in a diamond as well."""
    plan = policy(
        dependency("disk"),
        dependency("postgres", needs=["disk"]),
        dependency("redis", needs=["disk"]),
        dependency("gateway", needs=["postgres", "redis"]),
    )
    assert sorted(upstreams(plan, "gateway")) == ["disk", "postgres", "redis"]
    assert list(upstreams(plan, "disk")) == []
