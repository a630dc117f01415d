"""What a gate says that holds something back: for whom, and after what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from nemo_watchdog.engine import events as ev
from nemo_watchdog.model import ActionOutcome, Autonomy, Decision, Gate, Reason, RunState, Target, Verdict
from nemo_watchdog.policy.policy import Backoff, Limits
from tests.unit.engine.world import RESTART, World, dependency, policy, remedy

STEP = replace(RESTART, attempts=3, backoff=Backoff(60.0, 2.0, 300.0, 0.0), verify_within=20.0)


def said(world: World, gate: Gate, name: str = "gateway") -> Decision:
    return next(each for each in world.engine.explanation(name, world.now) if each.gate is gate)


@pytest.mark.parametrize("order", [("*", "gateway"), ("gateway", "*")])
def test_of_two_pauses_that_of_everything_is_named(order: tuple[str, str]) -> None:
    """Whichever came first: whoever resumes the one would wonder why nothing happens."""
    world = World(policy(dependency("gateway")))
    for scope in order:
        world.send(ev.PauseAsked(scope, "deploying" if scope == "*" else "testing", "ops"))
    assert said(world, Gate.PAUSE).value == "ops paused everything: deploying"


@pytest.mark.parametrize(
    ("autonomy", "verdict", "own", "other"),
    [
        (
            Autonomy.OBSERVE,
            Verdict.REFUSE,
            "the policy lets the watchdog only observe",
            "the policy lets the watchdog only observe page, in the same container",
        ),
        (
            Autonomy.SUGGEST,
            Verdict.ASK,
            "the policy wants a person to do it",
            "the policy wants a person to do it (for page, in the same container)",
        ),
    ],
)
def test_for_whom_the_policy_wants_no_restart(autonomy: Autonomy, verdict: Verdict, own: str, other: str) -> None:
    """For itself, or for another in its container, which would be restarted with it."""
    page = dependency("page", container="c-web", autonomy=autonomy)
    world = World(policy(page, dependency("socket", container="c-web")))
    for name, value in (("page", own), ("socket", other)):
        assert (said(world, Gate.AUTONOMY, name).verdict, said(world, Gate.AUTONOMY, name).value) == (verdict, value)


def failed_once(world: World) -> None:
    world.finish()
    world.pass_time(20.0)
    world.fail("gateway")


def refused(world: World) -> None:
    world.finish(ActionOutcome.REFUSED)


def helped(world: World) -> None:
    world.finish()
    world.succeed("gateway")
    world.fail("gateway")


@pytest.mark.parametrize(
    ("came", "value"),
    [
        (failed_once, "1m after attempt 1"),
        (refused, "1m after docker.restart was refused"),
        (helped, "1m after docker.restart helped"),
    ],
)
def test_after_what_the_next_attempt_waits(came: Callable[[World], None], value: str) -> None:
    """An attempt that did not help, one that was not done, and one that helped for a while."""
    world = World(policy(dependency("gateway", grace=0.0), fix=remedy(STEP)))
    world.fail("gateway")
    came(world)
    assert said(world, Gate.BACKOFF).value == value
    assert len(world.started) == 1


def test_two_remedies_that_have_one_target_never_act_on_it_at_once() -> None:
    """Their ladders are two, as one of them may act on more than that."""
    plan = policy(
        dependency("page", container="c-web", grace=0.0),
        dependency("socket", container="c-web", grace=0.0),
        fix=remedy(STEP, replace(STEP, key="other", action="docker.restart")),
        limits=Limits(concurrent_actions=5),
    )
    web, other = Target("container", "c-web"), Target("container", "c-other")
    socket = replace(plan.dependencies["socket"], targets={STEP.key: web, "other": other})
    page = replace(plan.dependencies["page"], targets={STEP.key: web, "other": web})
    world = World(replace(plan, dependencies={"page": page, "socket": socket}))
    world.see("page", RunState.EXITED, finished_at=world.utc, exit_code=1, past=[world.event("page", "die")])
    world.fail("socket", Reason.REFUSED, times=4)
    assert len(world.started) == 1
    assert said(world, Gate.IN_FLIGHT, "socket").value == "an action on c-web is under way"
