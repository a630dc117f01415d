"""Where a ladder stands when the policy changes under it: no escalation is skipped, and no attempt is granted anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.attempts import Ladder
from nemo_watchdog.engine.ladder import current_step, next_step
from nemo_watchdog.model import ActionOutcome, Gate, NotificationKind, Reason, RunState, Verdict
from nemo_watchdog.policy.condition import StepCondition
from nemo_watchdog.policy.policy import ActionStep, Backoff, Budget, EscalateStep, Remedy, Step
from tests.unit.engine.world import World, dependency, policy, remedy

QUICK = Backoff(0.01, 1.0, 0.01, 0.0)
TO_LEAD = EscalateStep("lead", "escalate lead")
TO_DBA = EscalateStep("dba", "escalate dba")


def act(action: str, attempts: int = 1, key: str = "") -> ActionStep:
    return ActionStep(action, key or action, attempts=attempts, backoff=QUICK, verify_within=1.0)


RESTART_TWICE = act("docker.restart", 2)
RECREATE = act("docker.recreate")
BUDGET = Budget(50, 3600.0)


def stood(remedy_name: str, *done: tuple[str, str], key: str, attempts: int) -> Ladder:
    """A ladder after these actions; each is (action, step key)."""
    ladder = Ladder(remedy=remedy_name, step_key=key, attempts=attempts, total=len(done))
    for action, _ in done:
        ladder.tried[action] += 1
        ladder.action = action
    return ladder


ONCE = stood("restart", ("docker.restart", "docker.restart"), key="docker.restart", attempts=1)
BOTH = stood("restart", *[("docker.restart", "docker.restart")] * 2, key="docker.restart", attempts=2)
SECOND = stood("restart", *[("docker.restart", "")] * 2, key="docker.restart#2", attempts=1)  # one of each step
OLD = stood("restart", *[("docker.restart", "")] * 2, key="", attempts=1)  # as an older version wrote it


@pytest.mark.parametrize(
    ("ladder", "name", "steps", "expected", "moved"),
    [
        pytest.param(Ladder(), "restart", [RESTART_TWICE, TO_LEAD], ("docker.restart", 1), False, id="a new ladder"),
        pytest.param(ONCE, "restart", [RESTART_TWICE, TO_LEAD], ("docker.restart", 2), False, id="nothing changed"),
        pytest.param(BOTH, "restart", [RESTART_TWICE, TO_LEAD], ("escalate lead", 1), False, id="spent"),
        pytest.param(BOTH, "restart", [RESTART_TWICE], (None, 1), False, id="spent, and nobody is named"),
        pytest.param(
            ONCE, "restart", [RECREATE, RESTART_TWICE, TO_LEAD], ("docker.restart", 2), False, id="inserted before"
        ),
        pytest.param(
            BOTH, "restart", [RESTART_TWICE, RECREATE, TO_LEAD], ("docker.recreate", 1), False, id="inserted behind"
        ),
        pytest.param(BOTH, "restart", [TO_DBA], ("escalate dba", 1), True, id="only a person is left"),
        pytest.param(
            ONCE, "restart", [TO_DBA, RESTART_TWICE, TO_LEAD], ("escalate dba", 1), True, id="a person comes first now"
        ),
        pytest.param(ONCE, "restart", [RECREATE, TO_LEAD], ("docker.recreate", 1), True, id="replaced by another act"),
        pytest.param(
            BOTH,
            "restart",
            [act("docker.restart", 2, "hard"), TO_LEAD],
            ("escalate lead", 1),
            True,
            id="renamed, spent",
        ),
        pytest.param(
            ONCE, "restart", [act("docker.restart", 2, "hard"), TO_LEAD], ("hard", 2), True, id="renamed, one is left"
        ),
        pytest.param(
            BOTH, "restart", [act("docker.restart", 2, "hard")], (None, 1), True, id="renamed, spent, nobody is named"
        ),
        pytest.param(
            stood("restart", *[("docker.restart", "")] * 2, ("touch.file", ""), key="touch.file", attempts=1),
            "restart",
            [act("touch.file"), RESTART_TWICE, TO_LEAD],
            ("escalate lead", 1),
            False,
            id="spent under another name, before the step that acted last",
        ),
        pytest.param(BOTH, "other", [RESTART_TWICE, TO_LEAD], ("escalate lead", 1), True, id="another remedy"),
        pytest.param(BOTH, "restart", [act("docker.restart", 3), TO_LEAD], ("docker.restart", 3), False, id="one more"),
        pytest.param(BOTH, "restart", [act("docker.restart", 1), TO_LEAD], ("escalate lead", 1), False, id="fewer"),
        pytest.param(
            SECOND,
            "restart",
            [act("docker.restart", 3), act("docker.restart", 2, "docker.restart#2"), TO_LEAD],
            ("docker.restart#2", 2),
            False,
            id="more are granted to a step before",
        ),
        pytest.param(
            OLD,
            "restart",
            [act("docker.restart"), act("docker.restart", 2, "docker.restart#2"), TO_LEAD],
            ("docker.restart#2", 2),
            True,
            id="written without keys",
        ),
    ],
)
def test_what_comes_next(
    ladder: Ladder, name: str, steps: list[Step], expected: tuple[str | None, int], *, moved: bool
) -> None:
    """The key finds the step; what was done finds it where the key is gone; an escalation before it is due."""
    ahead = next_step(Remedy(name, tuple(steps), BUDGET), ladder)
    assert (ahead.step.key if ahead.step else None, ahead.attempt) == expected
    assert bool(ahead.moved) is moved


def test_the_step_that_acted_is_found_for_its_backoff() -> None:
    """By its key, or by what was done; a policy that does nothing of the kind has none."""
    second = act("docker.restart", 2, "docker.restart#2")
    assert current_step(Remedy("restart", (RESTART_TWICE, TO_LEAD), BUDGET), ONCE) is RESTART_TWICE
    assert current_step(Remedy("restart", (act("docker.restart"), second, TO_LEAD), BUDGET), OLD) is second
    assert current_step(Remedy("other", (RECREATE, RESTART_TWICE), BUDGET), ONCE) is RESTART_TWICE
    assert current_step(Remedy("restart", (RECREATE, TO_LEAD), BUDGET), ONCE) is None


def test_a_step_is_known_by_its_key_in_its_own_remedy_alone() -> None:
    """More attempts were granted to the step before it; in another remedy the same name is another's."""
    first, second = act("docker.restart", 3), act("docker.restart", 2, "docker.restart#2")
    assert current_step(Remedy("restart", (first, second, TO_LEAD), BUDGET), SECOND) is second
    assert current_step(Remedy("other", (first, second, TO_LEAD), BUDGET), SECOND) is first


def test_the_attempt_that_is_judged_is_not_spent_before_it() -> None:
    """It was the last of its step: its backoff is that step's, and not the next one's of the same kind."""
    first, second = act("docker.restart", 2, "soft"), act("docker.restart", 2, "hard")
    assert current_step(Remedy("restart", (first, second, TO_LEAD), BUDGET), OLD) is first


# -- steps that are for some troubles only

FOR_GPU = replace(RECREATE, when=StepCondition(reason=frozenset({"gpu_unavailable"})))
FOR_ENDED = replace(act("docker.start"), states=frozenset({RunState.EXITED}))


def not_for(*keys: str) -> Callable[[ActionStep], str]:
    return lambda step: "it is for another trouble" if step.key in keys else ""


def test_what_is_for_another_trouble_is_passed() -> None:
    steps = Remedy("restart", (FOR_GPU, RESTART_TWICE, TO_LEAD), BUDGET)
    ahead = next_step(steps, Ladder(), not_for("docker.recreate"))
    assert ahead.step is RESTART_TWICE
    assert ahead.skipped == (("docker.recreate", "it is for another trouble"),)
    assert next_step(steps, Ladder()).step is FOR_GPU
    both = next_step(steps, Ladder(), not_for("docker.recreate", "docker.restart"))
    assert (both.step, len(both.skipped)) == (TO_LEAD, 2)


def test_a_step_that_was_passed_is_taken_when_the_trouble_is_another_one() -> None:
    """One that is for every trouble is not: the ladder has gone past it by what the policy granted."""
    assert next_step(Remedy("restart", (FOR_GPU, RESTART_TWICE, TO_LEAD), BUDGET), ONCE).step is FOR_GPU
    assert next_step(Remedy("restart", (RECREATE, RESTART_TWICE, TO_LEAD), BUDGET), ONCE).step is RESTART_TWICE


# -- in the engine


def after_one_attempt(*steps: Step) -> World:
    """One attempt was made and did not help; the container is down."""
    world = World(policy(dependency("gateway", grace=0.0), fix=remedy(*steps, budget=BUDGET)))
    world.crash("gateway")
    world.finish(ActionOutcome.FAILED)
    return world


def reload(world: World, *steps: Step) -> None:
    world.send(ev.PolicyChanged(policy(dependency("gateway", grace=0.0), fix=remedy(*steps, budget=BUDGET))))
    world.see("gateway", RunState.EXITED, exit_code=1)
    world.wait(1.0)


def fail_everything(world: World) -> list[str]:
    """Whatever is ordered fails; the actions in their order."""
    while world.pending:
        world.finish(ActionOutcome.FAILED)
        world.see("gateway", RunState.EXITED, exit_code=1)
        world.wait(1.0)
    return [request.action for _, request in world.started]


def test_a_step_that_is_inserted_before_grants_no_attempt_anew() -> None:
    """With a bare index, the inserted step would have made the restart the second rung, untried."""
    world = after_one_attempt(act("docker.restart"), TO_LEAD)
    reload(world, RECREATE, act("docker.restart"), TO_LEAD)
    assert fail_everything(world) == ["docker.restart"]
    (told,) = world.told(NotificationKind.ESCALATED)
    assert told.contacts == ("lead",)


def test_what_was_refused_leaves_the_ladder_where_it_stood() -> None:
    """In the step of the attempt before: what is inserted before that is not tried."""
    world = after_one_attempt(act("docker.restart", 2), TO_LEAD)
    world.wait(1.0)
    world.finish(ActionOutcome.REFUSED)
    reload(world, RECREATE, act("docker.restart", 2), TO_LEAD)
    assert fail_everything(world) == ["docker.restart"] * 3
    last = world.of(r.ActionIntended)[-1]
    assert isinstance(last, r.ActionIntended)
    assert (last.attempt, last.moved) == (2, "")


def test_a_step_that_is_removed_before_skips_no_escalation() -> None:
    """With a bare index, the second rung would have been past the end, and nobody would have been told."""
    world = after_one_attempt(act("docker.restart"), RECREATE, TO_LEAD)
    world.wait(1.0)
    assert [request.action for _, request in world.started] == ["docker.restart", "docker.recreate"]
    world.finish(ActionOutcome.FAILED)
    reload(world, RECREATE, TO_LEAD)
    assert fail_everything(world) == ["docker.restart", "docker.recreate"]
    (told,) = world.told(NotificationKind.ESCALATED)
    assert told.contacts == ("lead",)


def test_after_a_reload_to_an_escalation_alone_the_one_who_is_named_is_told() -> None:
    """And hears why nothing more was tried."""
    world = after_one_attempt(act("docker.restart", 3), TO_LEAD)
    reload(world, TO_DBA)
    assert fail_everything(world) == ["docker.restart"]
    (told,) = world.told(NotificationKind.ESCALATED)
    assert told.contacts == ("dba",)
    assert "1 attempt did not help; the policy has no step docker.restart of restart any more" in told.body.lower()


def test_each_step_that_is_spent_is_written_down_when_the_next_one_acts() -> None:
    """The post-mortem reads what was given up, and when."""
    world = after_one_attempt(act("docker.restart"), RECREATE, TO_LEAD)
    world.wait(1.0)
    assert world.of(r.StepExhausted) == [r.StepExhausted(world.started[0][1].incident, "gateway", 0, "docker.restart")]
    assert [request.action for _, request in world.started] == ["docker.restart", "docker.recreate"]


def test_what_could_not_be_matched_is_said_in_the_record() -> None:
    """The post-mortem reads why the ladder went on where it did."""
    world = after_one_attempt(act("docker.restart", 2), TO_LEAD)
    reload(world, act("docker.restart", 2, "hard"), TO_LEAD)
    first, second = (record for record in world.of(r.ActionIntended) if isinstance(record, r.ActionIntended))
    assert (first.step_key, first.attempt, first.moved) == ("docker.restart", 1, "")
    assert (second.step_key, second.attempt) == ("hard", 2)
    assert second.moved == "the policy has no step docker.restart of restart any more: going on by what was tried"
    assert fail_everything(world) == ["docker.restart"] * 2


def test_a_ladder_survives_a_kill_of_the_daemon_and_a_new_policy_at_once() -> None:
    """The key is on disk."""
    world = after_one_attempt(act("docker.restart"), TO_LEAD)
    world.kill_daemon()
    reload(world, RECREATE, act("docker.restart"), TO_LEAD)
    assert fail_everything(world) == ["docker.restart"]
    assert len(world.told(NotificationKind.ESCALATED)) == 1


def skipped(world: World) -> list[tuple[str, str]]:
    return [(each.step_key, each.why) for each in world.of(r.StepSkipped) if isinstance(each, r.StepSkipped)]


def test_a_lost_gpu_goes_straight_to_the_step_for_it_whatever_was_tried_before() -> None:
    """What was skipped is written down once, and its attempts are not spent."""
    world = World(policy(dependency("gateway", grace=0.0), fix=remedy(FOR_GPU, RESTART_TWICE, TO_LEAD, budget=BUDGET)))
    world.fail("gateway", Reason.TIMEOUT)
    world.finish()
    world.fail("gateway", Reason.TIMEOUT)
    world.wait(2.0)
    world.finish()
    assert [request.action for _, request in world.started] == ["docker.restart"] * 2
    assert skipped(world) == [("docker.recreate", "it is for gpu_unavailable, and this is timeout")]
    world.wait(2.0)
    world.fail("gateway", Reason.GPU_UNAVAILABLE)
    world.wait(2.0)
    assert [request.action for _, request in world.started][2:] == ["docker.recreate"]
    assert not world.told(NotificationKind.ESCALATED)


def test_what_is_skipped_comes_when_it_can_help_though_a_person_was_told() -> None:
    """A container that hangs cannot be started; when it ends, it can."""
    world = World(policy(dependency("gateway", grace=0.0), fix=remedy(FOR_ENDED, TO_LEAD, budget=BUDGET)))
    world.fail("gateway", Reason.TIMEOUT)
    (told,) = world.told(NotificationKind.ESCALATED)
    assert "docker.start is skipped: it acts on a container that is exited, and this one is running" in told.body
    assert not world.started
    world.crash("gateway")
    assert [request.action for _, request in world.started] == ["docker.start"]
    assert [each.anew for each in world.of(r.LadderRearmed) if isinstance(each, r.LadderRearmed)] == [False]


def test_what_is_skipped_for_ever_is_told_once() -> None:
    """Also over a restart of the daemon."""
    world = World(policy(dependency("gateway", grace=0.0), fix=remedy(FOR_GPU, TO_LEAD, budget=BUDGET)))
    world.fail("gateway", Reason.TIMEOUT)
    world.kill_daemon()
    for _ in range(20):
        world.fail("gateway", Reason.TIMEOUT, times=1)
        world.wait(5.0)
    assert len(world.told(NotificationKind.ESCALATED)) == 1
    assert len(skipped(world)) == 1


@pytest.mark.parametrize("container", [None, "c-gateway"])
def test_a_remedy_that_only_escalates_needs_no_container(container: str | None) -> None:
    """To tell a person, nobody needs Docker: neither a container, nor an Engine that answers."""
    world = World(
        policy(dependency("gateway", container=container), fix=remedy(EscalateStep("lead"), budget=BUDGET)),
        running=False,
        proven=True,
    )
    world.fail("gateway", Reason.REFUSED, times=5)
    (told,) = world.told(NotificationKind.ESCALATED)
    assert told.contacts == ("lead",)
    assert "The policy asks for a person." in told.body
    assert not world.started


def test_a_remedy_that_only_escalates_waits_for_the_reasons_that_hold_it() -> None:
    """A child of something that is down is not what the person should look at."""
    world = World(
        policy(
            dependency("postgres", remedy=None),
            dependency("gateway", needs=["postgres"], container=None),
            fix=remedy(EscalateStep("lead"), budget=BUDGET),
        )
    )
    world.fail("postgres", Reason.REFUSED)
    world.fail("gateway", Reason.REFUSED, times=5)
    assert not world.told(NotificationKind.ESCALATED)
    decision = world.engine.decision("gateway", world.now)
    assert decision is not None
    assert (decision.verdict, decision.gate) == (Verdict.WAIT, Gate.UPSTREAM)


def test_two_names_of_one_target_are_one_hold_and_one_budget() -> None:
    """What is counted by target is the same under every name."""
    a, b = dependency("a", container="c-a", grace=0.0), dependency("b", container="c-a", grace=0.0)
    world = World(policy(a, b, fix=remedy(act("docker.restart"), TO_LEAD, budget=BUDGET)), running=False)
    world.run("a", age=60.0)
    world.stopped_by_hand("a")
    for name in ("a", "b"):
        world.fail(name, Reason.REFUSED)
        decision = world.engine.decision(name, world.now)
        assert decision is not None
        assert decision.gate is Gate.HUMAN_HOLD
    assert ["lasts=None" in repr(record) for record in world.of(r.HoldPlaced)] == [False, True]
    renamed = replace(a, name="c")
    world.send(ev.PolicyChanged(policy(renamed, fix=remedy(act("docker.restart"), TO_LEAD, budget=BUDGET))))
    world.see("a", RunState.EXITED, exit_code=143)
    world.fail("c", Reason.REFUSED)
    assert not world.started  # a new name for it is no permission
    world.run("a")
    assert len(world.of(r.HoldReleased)) == 1
