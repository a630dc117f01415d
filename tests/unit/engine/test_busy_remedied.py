"""What is busy is helped by a step that is for just that, such as one that scales up, and is never restarted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.phases import Phase
from nemo_watchdog.model import (
    BUSY_FOR,
    ActionOutcome,
    Autonomy,
    Category,
    Finding,
    Gate,
    Health,
    NotificationKind,
    Reason,
    RunState,
    Target,
    degraded,
    failed,
)
from nemo_watchdog.policy.condition import Condition, StepCondition
from nemo_watchdog.policy.policy import ActionStep, Backoff, Budget, EscalateStep, Step
from tests.unit.engine.world import RESTART, World, dependency, policy, remedy

BUSY, FAULT = frozenset({Category.BUSY}), frozenset({Category.FAULT})
SCALE = ActionStep(
    "compose.up",
    "compose.up",
    target_kind="service",
    helps=BUSY,
    attempts=2,
    backoff=Backoff(1.0, 1.0, 1.0, 0.0),
    verify_within=20.0,
    when=StepCondition(category=BUSY),
)
MEND = replace(RESTART, when=StepCondition(category=FAULT))
TO_LEAD = EscalateStep("lead")
SERVICE = Target("service", "shop/gateway")

QUEUED = degraded(Reason.OVERLOADED, "80 requests wait")
REFUSING = failed(Reason.OVERLOADED, "answered 429")
OVERLOADS = pytest.mark.parametrize("overload", [QUEUED, REFUSING], ids=["serves", "does not"])


def world_with(*steps: Step, when: Condition | None = None, **more: Any) -> World:
    """A gateway whose remedy has these steps; scaling up acts on its service, a restart on its container."""
    fix = replace(
        remedy(*(steps or (MEND, SCALE, TO_LEAD)), budget=Budget(20, 3600.0)),
        when=when or Condition(category=FAULT | BUSY),
    )
    base = policy(dependency("gateway", grace=0.0, **more), fix=fix)
    spec = base.dependencies["gateway"]
    targets = {**spec.targets, SCALE.key: SERVICE}
    return World(replace(base, dependencies={"gateway": replace(spec, targets=targets)}))


def acted(world: World) -> list[str]:
    return [request.action for _, request in world.started]


def stay(world: World, finding: Finding, seconds: float = 30.0) -> None:
    """It is looked at once a second, and whatever is ordered is done and starts nothing anew."""
    for _ in range(int(seconds)):
        while world.pending:
            world.finish(restarted=False)
        world.look("gateway", finding)


@OVERLOADS
def test_what_is_overloaded_is_scaled_up(overload: Finding) -> None:
    """Whether it serves, too busy to serve well, or turns everybody away."""
    world = world_with()
    world.look("gateway", overload, times=3)
    (request,) = world.pending
    assert (request.action, request.target, request.reason) == ("compose.up", SERVICE, "overloaded")


@OVERLOADS
@pytest.mark.parametrize("steps", [(RESTART, TO_LEAD), (MEND, TO_LEAD)], ids=["for all", "for faults"])
def test_a_restart_alone_is_never_done_for_it(overload: Finding, steps: tuple[Step, ...]) -> None:
    """However long it goes on; a person is told when it takes too long, and no sooner."""
    world = world_with(*steps, when=Condition(category=FAULT))
    stay(world, overload, BUSY_FOR[Reason.OVERLOADED] - 60.0)
    assert not world.told(NotificationKind.ESCALATED)
    stay(world, overload, 120.0)
    assert not acted(world)
    assert len(world.told(NotificationKind.ESCALATED)) == 1


@OVERLOADS
def test_a_remedy_with_both_restarts_only_what_is_broken(overload: Finding) -> None:
    """The ladder goes past the restart while it is overloaded, and past the scaling while it is broken."""
    world = world_with()
    stay(world, overload, 200.0)
    assert acted(world) == ["compose.up"] * 2
    broken = world_with()
    broken.fail("gateway", Reason.TIMEOUT)
    assert acted(broken) == ["docker.restart"]


@OVERLOADS
def test_one_busy_look_confirms_nothing(overload: Finding) -> None:
    """The threshold counts for it as it does for a fault."""
    world = world_with()
    world.look("gateway", overload, times=2)
    assert not acted(world)


@OVERLOADS
def test_an_attempt_fails_when_the_overload_outlives_its_verification(overload: Finding) -> None:
    """By looks that were made since; then the next attempt comes, and at the end of them a person is told."""
    world = world_with()
    world.look("gateway", overload, times=3)
    world.finish(restarted=False)
    world.look("gateway", overload, times=15)
    assert not world.of(r.AttemptFailed)
    world.look("gateway", overload, times=10)
    (lost,) = world.of(r.AttemptFailed)
    assert isinstance(lost, r.AttemptFailed)
    assert lost.why == "still overloaded after compose.up"
    stay(world, overload, 200.0)
    assert acted(world) == ["compose.up"] * 2
    assert len(world.of(r.AttemptFailed)) == 2
    (note,) = world.told(NotificationKind.ESCALATED)
    assert "2 attempts did not help" in note.body
    (incident,) = world.engine.durable.open()
    assert incident.ladders["gateway"].ended


@OVERLOADS
def test_an_attempt_has_helped_when_good_looks_follow(overload: Finding) -> None:
    """No attempt failed, and the incident is over."""
    world = world_with()
    world.look("gateway", overload, times=3)
    world.finish(restarted=False)
    world.succeed("gateway", times=4)
    assert world.health("gateway") is Health.UP
    assert not world.of(r.AttemptFailed)
    assert not world.engine.durable.open()
    (helped,) = world.of(r.MemberRecovered)
    assert isinstance(helped, r.MemberRecovered)
    assert helped.action_id == world.started[0][1].action_id


def test_bad_looks_from_before_the_action_do_not_fail_it() -> None:
    """What was seen while it was scaled says nothing of what comes after."""
    world = world_with()
    world.look("gateway", QUEUED, times=3)
    world.look("gateway", QUEUED, times=5)
    world.finish(restarted=False)
    world.wait(25.0)
    assert not world.of(r.AttemptFailed)


@OVERLOADS
def test_a_refusal_spends_nothing_and_its_backoff_grows(overload: Finding) -> None:
    """What serves badly is not taken for what has recovered since."""
    world = world_with()
    for _ in range(60):
        while world.pending:
            world.finish(ActionOutcome.REFUSED, restarted=False)
        world.look("gateway", overload)
    assert not world.of(r.MemberRecovered)
    assert not world.told(NotificationKind.ESCALATED)
    assert {request.action for _, request in world.started} == {"compose.up"}


@pytest.mark.parametrize("reason", [Reason.SLOW, Reason.LOADING])
def test_busy_for_another_reason_than_that_of_the_step_is_left_alone(reason: Reason) -> None:
    """It loads its model, say: nobody is told at once either, for nothing was tried against that."""
    only = replace(SCALE, when=StepCondition(frozenset({"overloaded"}), BUSY))
    world = world_with(MEND, only, TO_LEAD)
    finding = degraded(reason, "") if reason is Reason.SLOW else failed(reason, "")
    stay(world, finding, 100.0)
    assert not acted(world)
    assert not world.told(NotificationKind.ESCALATED)
    decision = world.engine.decision("gateway", world.now)
    assert decision is not None
    assert decision.gate is Gate.CATEGORY
    stay(world, finding, BUSY_FOR[reason])
    assert len(world.told(NotificationKind.ESCALATED)) == 1


def test_what_loads_after_a_restart_is_not_given_up() -> None:
    """The restart is spent, the scaling is for another reason: it gets the time that loading may take."""
    only = replace(SCALE, when=StepCondition(frozenset({"overloaded"}), BUSY))
    world = world_with(replace(MEND, attempts=1), only, TO_LEAD)
    world.fail("gateway", Reason.TIMEOUT)
    world.finish()
    stay(world, failed(Reason.LOADING, ""), 120.0)
    assert acted(world) == ["docker.restart"]
    assert not world.told(NotificationKind.ESCALATED)


def test_what_starts_is_not_scaled_up() -> None:
    """Its start-up grace is its own."""
    world = world_with(startup_grace=60.0)
    world.run("gateway")
    world.look("gateway", REFUSING, times=10)
    assert world.health("gateway") is Health.STARTING
    assert not acted(world)


def test_serving_badly_is_no_reason_to_restart() -> None:
    """Not even where the step before it is for faults and the look was bad: only the step that is for busy acts."""
    world = world_with(MEND, TO_LEAD, when=Condition(category=FAULT | BUSY))
    stay(world, QUEUED, 100.0)
    assert not acted(world)
    assert not world.told(NotificationKind.ESCALATED)


@OVERLOADS
@pytest.mark.parametrize(
    ("more", "when"),
    [
        ({"autonomy": Autonomy.OBSERVE}, None),
        ({}, Condition(category=FAULT | BUSY, tags=frozenset({"nothing has it"}))),
    ],
    ids=["only observes", "its condition does not hold"],
)
def test_where_it_may_not_be_done_a_person_is_told_when_it_takes_too_long(
    overload: Finding, more: dict[str, object], when: Condition | None
) -> None:
    """As where nothing could be done at all."""
    world = world_with(when=when, **more)
    stay(world, overload, BUSY_FOR[Reason.OVERLOADED] + 60.0)
    assert not acted(world)
    assert len(world.told(NotificationKind.ESCALATED)) == 1


@OVERLOADS
def test_what_people_hold_is_not_scaled_up(overload: Finding) -> None:
    """They paused it; when they resume, it is done."""
    world = world_with()
    world.send(ev.PauseAsked("gateway", "load test", "ops", None))
    stay(world, overload)
    assert not acted(world)
    world.send(ev.ResumeAsked("gateway", "ops"))
    assert acted(world) == ["compose.up"]


def test_it_is_overloaded_again_in_the_same_incident() -> None:
    """Another member holds the incident open: the second overload is judged by its own attempt."""
    fix = replace(remedy(SCALE, TO_LEAD), when=Condition(category=BUSY))
    base = policy(dependency("db", grace=0.0, remedy=None), dependency("gateway", grace=0.0, needs=["db"]), fix=fix)
    spec = replace(base.dependencies["gateway"], targets={SCALE.key: SERVICE})
    world = World(replace(base, dependencies={**base.dependencies, "gateway": spec}))
    world.look("gateway", QUEUED, times=3)
    world.finish(restarted=False)
    world.look("db", failed(Reason.TIMEOUT, ""), times=3)
    world.succeed("gateway", times=4)
    incident = world.engine.durable.incident_of("gateway")
    assert incident is not None
    assert incident.ladders["gateway"].phase is Phase.IDLE
    world.succeed("db", times=4)
    world.wait(60.0)
    world.look("gateway", QUEUED, times=3)
    assert not world.of(r.AttemptFailed)
    assert acted(world) == ["compose.up"] * 2


def test_a_daemon_that_was_killed_goes_on_where_it_stood() -> None:
    """The attempt is spent, and judged by looks that come now."""
    world = world_with()
    world.look("gateway", QUEUED, times=3)
    world.finish(restarted=False)
    world.kill_daemon()
    world.run("gateway", age=3600.0)
    stay(world, QUEUED, 40.0)
    assert len(world.of(r.AttemptFailed)) >= 1
    assert acted(world) == ["compose.up"] * 2


def test_a_container_that_compose_replaces_is_nobodys_stop_for_long() -> None:
    """Docker tells that its run was ended; the one that takes its place ends the hold."""
    up = replace(SCALE, helps=FAULT, when=StepCondition())
    world = world_with(up, TO_LEAD, when=Condition(category=FAULT))
    world.fail("gateway", Reason.TIMEOUT)
    assert acted(world) == ["compose.up"]
    world.pass_time(1.0)
    world.stopped_by_hand("gateway")
    world.run("gateway")
    world.finish(restarted=False)
    assert not world.engine.durable.holds
    world.succeed("gateway", times=4)
    assert not world.engine.durable.open()
    assert not world.of(r.AttemptFailed)


def test_what_compose_cannot_start_again_is_left_to_people() -> None:
    """Docker says that it was stopped, and nobody knows that it was for us: it is held, and people are told."""
    up = replace(SCALE, helps=FAULT, when=StepCondition())
    world = world_with(up, TO_LEAD, when=Condition(category=FAULT))
    world.fail("gateway", Reason.TIMEOUT)
    world.pass_time(1.0)
    world.stopped_by_hand("gateway")
    world.finish(ActionOutcome.FAILED, restarted=False)
    world.wait(60.0)
    world.see("gateway", RunState.EXITED, exit_code=143)
    decision = world.engine.decision("gateway", world.now)
    assert decision is not None
    assert decision.gate is Gate.HUMAN_HOLD
