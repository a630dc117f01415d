"""What an action has come to against a trouble is remembered, and what never helped is not tried for ever."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.explaining import explain_now
from nemo_watchdog.engine.memory import MOST_TIMES, Use, Uses
from nemo_watchdog.engine.replay import rebuild
from nemo_watchdog.model import ActionOutcome, NotificationKind, Reason, RunState
from nemo_watchdog.policy.condition import Bound, StepCondition
from nemo_watchdog.policy.policy import ActionStep, Backoff, Budget, EscalateStep, Policy
from tests.unit.engine.world import RESTART, World, dependency, policy, remedy

OLD, NEW = "sha256:old", "sha256:new"
QUICK = replace(RESTART, attempts=1, backoff=Backoff(1.0, 1.0, 1.0, 0.0), verify_within=20.0)
RECREATE = replace(QUICK, action="docker.recreate", key="docker.recreate")
LEAD = EscalateStep("lead")


def plan(*steps: ActionStep | EscalateStep) -> Policy:
    return policy(dependency("gateway", grace=0.0, flapping=None), fix=remedy(*steps, budget=Budget(90, 3600.0)))


def world_of(*steps: ActionStep | EscalateStep) -> World:
    world = World(plan(*steps), running=False)
    world.images["c-gateway"] = OLD
    world.run("gateway", age=3600.0)
    world.succeed("gateway", times=3)
    return world


def mend(world: World) -> None:
    """Whatever has gone wrong is over."""
    world.succeed("gateway", times=3)
    world.wait(400.0)  # nothing that comes now is the same trouble


def trouble(world: World, *, helps: str = "", reason: Reason = Reason.TIMEOUT) -> list[str]:
    """It fails until a person is told, or until that action was done; which actions were done against it."""
    done: list[str] = []
    for _ in range(200):
        world.fail("gateway", reason, times=1)
        while world.pending:
            done.append(world.finish().action)
            if done[-1] == helps:
                mend(world)
                return done
        incident = world.engine.durable.incident_of("gateway")
        if incident is not None and incident.ladder("gateway").ended:
            break
    mend(world)
    return done


def learned(world: World) -> list[tuple[str, str, int, int, int]]:
    return [
        (each.action, each.reason, each.used, each.helped, each.useless)
        for each in world.of(r.RemedyLearned)
        if isinstance(each, r.RemedyLearned)
    ]


def test_each_use_that_was_judged_is_counted_by_what_it_was_against() -> None:
    """Whether it helped, how long that took, and for which image."""
    world = world_of(QUICK, LEAD)
    trouble(world)
    trouble(world, helps="docker.restart")
    trouble(world, reason=Reason.REFUSED)
    assert learned(world) == [
        ("docker.restart", "timeout", 1, 0, 1),
        ("docker.restart", "timeout", 2, 1, 0),
        ("docker.restart", "refused", 1, 0, 1),
    ]
    _, second, third = (each for each in world.of(r.RemedyLearned) if isinstance(each, r.RemedyLearned))
    assert (second.image, second.took, third.took) == (OLD, [2.0], [])


@pytest.mark.parametrize(
    ("outcome", "counted"),
    [
        (ActionOutcome.FAILED, [("docker.restart", "timeout", 1, 0, 1)]),
        (ActionOutcome.REFUSED, []),
    ],
)
def test_what_went_wrong_has_not_helped_and_what_was_not_ordered_was_no_use(
    outcome: ActionOutcome, counted: list[tuple[str, str, int, int, int]]
) -> None:
    world = world_of(QUICK, LEAD)
    world.fail("gateway", Reason.TIMEOUT)
    world.finish(outcome)
    assert learned(world) == counted


@pytest.mark.parametrize("outcome", [ActionOutcome.UNKNOWN, ActionOutcome.TIMED_OUT])
def test_what_nobody_knows_the_end_of_is_judged_by_looking(outcome: ActionOutcome) -> None:
    """It is well again: that has helped."""
    world = world_of(QUICK, LEAD)
    world.fail("gateway", Reason.TIMEOUT)
    world.finish(outcome)
    world.run("gateway")
    assert not learned(world)
    world.succeed("gateway")
    assert learned(world) == [("docker.restart", "timeout", 1, 1, 0)]


def test_a_step_that_never_helped_is_skipped_after_so_many_uses() -> None:
    """And nothing but the next one is tried; the history says why."""
    world = world_of(replace(QUICK, skip_after_useless=2), RECREATE, LEAD)
    assert [trouble(world, helps="docker.recreate") for _ in range(4)] == [
        ["docker.restart", "docker.recreate"],
        ["docker.restart", "docker.recreate"],
        ["docker.recreate"],
        ["docker.recreate"],
    ]
    skipped = {each.why for each in world.of(r.StepSkipped) if isinstance(each, r.StepSkipped)}
    assert skipped == {"it helped in none of its last 2 uses for timeout"}


def test_one_that_was_useless_once_is_skipped_where_the_policy_wants_that() -> None:
    world = world_of(replace(QUICK, skip_after_useless=1), RECREATE, LEAD)
    trouble(world, helps="docker.recreate")
    assert trouble(world, helps="docker.recreate") == ["docker.recreate"]
    (skipped,) = world.of(r.StepSkipped)
    assert isinstance(skipped, r.StepSkipped)
    assert skipped.why == "it did not help when it was last used for timeout"


def test_unless_the_policy_says_so_nothing_is_skipped() -> None:
    world = world_of(QUICK, RECREATE, LEAD)
    both = ["docker.restart", "docker.recreate"]
    assert [trouble(world, helps="docker.recreate") for _ in range(5)] == [both] * 5


def test_one_use_that_helped_begins_the_count_anew() -> None:
    """Once in a while is not never."""
    world = world_of(replace(QUICK, skip_after_useless=2), LEAD)
    trouble(world)
    trouble(world, helps="docker.restart")
    trouble(world)
    assert trouble(world) == ["docker.restart"]
    assert trouble(world) == []


def test_a_new_image_starts_afresh() -> None:
    """Whatever was learned of the old one."""
    world = world_of(replace(QUICK, skip_after_useless=1), RECREATE, LEAD)
    trouble(world, helps="docker.recreate")
    assert trouble(world, helps="docker.recreate") == ["docker.recreate"]
    world.images["c-gateway"] = NEW
    world.run("gateway")
    world.succeed("gateway", times=3)
    assert trouble(world, helps="docker.recreate") == ["docker.restart", "docker.recreate"]


def test_another_reason_is_another_trouble() -> None:
    """What does nothing about a timeout may mend a refusal."""
    world = world_of(replace(QUICK, skip_after_useless=1), LEAD)
    trouble(world)
    assert trouble(world) == []
    assert trouble(world, reason=Reason.REFUSED, helps="docker.restart") == ["docker.restart"]


def test_the_same_action_with_other_options_is_another_remedy() -> None:
    """That the gentle one is useless says nothing of the other."""
    gentle = replace(QUICK, skip_after_useless=1, digest="gentle")
    hard = replace(QUICK, key="docker.restart#2", skip_after_useless=1, digest="hard")
    world = world_of(gentle, hard, LEAD)
    assert trouble(world) == ["docker.restart", "docker.restart"]
    assert trouble(world) == []
    assert [use.options for use in world.engine.durable.memory.uses] == ["gentle", "hard"]


def test_where_every_step_is_skipped_a_person_is_told_why() -> None:
    """And a `retry` changes nothing about that."""
    world = world_of(replace(QUICK, skip_after_useless=1), LEAD)
    trouble(world)
    world.fail("gateway", Reason.TIMEOUT)
    (_, told) = world.told(NotificationKind.ESCALATED)
    assert "docker.restart is skipped: it did not help when it was last used for timeout" in told.body
    world.send(ev.RetryAsked("gateway", "try again", "ops"))
    world.fail("gateway", Reason.TIMEOUT)
    assert not world.pending
    assert len(world.told(NotificationKind.ESCALATED)) == 3


def test_a_ladder_that_ended_past_it_goes_on_when_the_reason_is_another() -> None:
    """What a person was told of is mended after all."""
    world = world_of(replace(QUICK, skip_after_useless=1), LEAD)
    trouble(world)
    world.fail("gateway", Reason.TIMEOUT, times=5)
    assert not world.pending
    world.fail("gateway", Reason.REFUSED, times=5)
    assert [request.reason for request in world.pending] == ["refused"]


def test_a_step_may_be_taken_as_long_as_it_has_helped_less_often() -> None:
    """What comes back after a restart again and again is made anew."""
    first = replace(QUICK, when=StepCondition(helped=Bound("<", 2.0, "< 2")))
    world = world_of(first, RECREATE, LEAD)
    restart = ["docker.restart"]
    assert [trouble(world, helps="docker.restart") for _ in range(2)] == [restart, restart]
    assert trouble(world, helps="docker.recreate") == ["docker.recreate"]
    (skipped,) = world.of(r.StepSkipped)
    assert isinstance(skipped, r.StepSkipped)
    assert skipped.why == "it is for what it has helped < 2 times, and it has helped 2 for timeout"


def test_what_was_learned_survives_a_kill_of_the_daemon() -> None:
    """Also where it dies between the order and the verdict."""
    world = world_of(replace(QUICK, skip_after_useless=2), LEAD)
    trouble(world)
    world.fail("gateway", Reason.TIMEOUT)
    world.kill_daemon()
    world.run("gateway", age=60.0)
    for _ in range(60):
        world.fail("gateway", Reason.TIMEOUT, times=1)
    assert learned(world)[-1] == ("docker.restart", "timeout", 2, 0, 2)
    mend(world)
    world.kill_daemon()
    world.run("gateway", age=3600.0)
    world.succeed("gateway", times=3)
    assert trouble(world) == []


def test_an_order_of_an_older_version_teaches_nothing() -> None:
    """Its reason was not written down."""
    world = world_of(QUICK, LEAD)
    world.fail("gateway", Reason.TIMEOUT)
    new = ("reason", "image", "options")
    bodies = [(at, dict(record.body())) for at, record in world.records]
    for _, body in bodies:
        if body["type"] == "action_intended":
            assert [body.pop(key) for key in new] == ["timeout", OLD, ""]
    world.engine.durable = rebuild(bodies)
    world.finish()
    world.succeed("gateway", times=3)
    assert world.of(r.MemberRecovered)
    assert not learned(world)


def test_how_long_the_last_ones_took_is_remembered_and_no_more() -> None:
    memory = World(plan(QUICK)).engine.durable.memory
    use = Use("gateway", OLD, "timeout", "docker.restart", "")
    for seconds in range(30):
        memory.take(memory.lesson(use, float(seconds)))
    uses = memory.of(use)
    assert (uses.used, uses.helped, uses.took) == (30, 30, tuple(map(float, range(30 - MOST_TIMES, 30))))


@pytest.mark.parametrize(
    ("uses", "said"),
    [
        (Uses(4, 3, 0, (10.0, 12.0, 300.0)), "helped 3 of 4 times for timeout, in 12s at the median"),
        (Uses(3, 0, 3), "helped 0 of 3 times for timeout"),
    ],
)
def test_what_is_remembered_is_said(uses: Uses, said: str) -> None:
    assert uses.said("timeout") == said


def test_explain_says_what_the_next_step_has_come_to_before() -> None:
    """Nothing where it was never used for this."""
    world = world_of(QUICK, LEAD)
    trouble(world, helps="docker.restart")
    world.fail("gateway", Reason.TIMEOUT, times=2)
    world.look("gateway", world.engine.trackers["gateway"].last.finding)  # type: ignore[union-attr]
    world.finish()
    world.see("gateway", RunState.RUNNING)
    world.fail("gateway", Reason.TIMEOUT, times=2)
    said = explain_now(world.engine, "gateway", world.now).said
    assert not any("So far" in each for each in said)  # a person is next
    fresh = world_of(replace(QUICK, attempts=5), LEAD)
    trouble(fresh, helps="docker.restart")
    fresh.stays_as_it_is = False
    fresh.fail("gateway", Reason.TIMEOUT)
    said = explain_now(fresh.engine, "gateway", fresh.now).said
    line = "So far docker.restart has helped 1 of 1 times for timeout, in 2s at the median, with this image."
    assert line in said
