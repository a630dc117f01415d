"""What is ordered, of what, and how long it is looked at whether that has helped."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.phases import Phase
from nemo_watchdog.model import Category, Gate, NotificationKind, Reason, Target
from nemo_watchdog.policy.condition import Condition
from nemo_watchdog.policy.policy import Backoff, EscalateStep
from tests.unit.engine.world import RESTART, World, dependency, policy, remedy

QUICK = replace(RESTART, attempts=2, backoff=Backoff(1.0, 1.0, 1.0, 0.0), verify_within=20.0)


def intents(world: World) -> list[r.ActionIntended]:
    return [record for record in world.of(r.ActionIntended) if isinstance(record, r.ActionIntended)]


def test_an_order_for_a_container_is_for_the_run_that_was_judged() -> None:
    """Whoever carries it out can tell that another one is there by now."""
    world = World(policy(dependency("gateway", grace=0.0)))
    world.run("gateway", age=60.0)
    world.fail("gateway")
    (request,) = world.pending
    assert request.expected_run is not None
    assert request.expected_run.run == ("id-c-gateway", world.starts["c-gateway"])
    assert [record.container for record in intents(world)] == ["c-gateway"]


def test_an_order_for_a_file_is_for_no_run() -> None:
    """Whatever became of the container meanwhile, it is carried out; and what was intended names no container."""
    touch = replace(QUICK, action="touch.file", key="touch.file", target_kind="file")
    base = policy(dependency("gateway", grace=0.0), fix=remedy(touch))
    flag = Target("file", "/flag")
    spec = replace(base.dependencies["gateway"], targets={touch.key: flag})
    world = World(replace(base, dependencies={"gateway": spec}))
    world.fail("gateway")
    (request,) = world.pending
    assert (request.target, request.expected_run) == (flag, None)
    assert [record.container for record in intents(world)] == [""]


@pytest.mark.parametrize("reason", [Reason.PERSISTENCE_FAILED, Reason.WRONG_STATUS])
def test_an_attempt_on_what_an_action_helps_with_fails_when_that_stays(reason: Reason) -> None:
    """Not only faults: each is judged, the last one too; and who mends it then is not the watchdog."""
    both = frozenset({Category.FAULT, Category.INTEGRITY})
    fix = replace(remedy(replace(QUICK, helps=both), EscalateStep("lead")), when=Condition(category=both))
    world = World(policy(dependency("redis", grace=0.0), fix=fix))
    for _ in range(100):
        while world.pending:
            world.finish()
        world.fail("redis", reason, times=1)
    assert len(world.started) == len(world.of(r.AttemptFailed)) == 2
    assert len(world.told(NotificationKind.ESCALATED)) == 1
    (incident,) = world.engine.durable.open()
    assert incident.ladder("redis").phase is Phase.IDLE


@pytest.mark.parametrize(
    ("first", "then"), [(Reason.LOADING, Reason.WRONG_STATUS), (Reason.WRONG_STATUS, Reason.LOADING)]
)
def test_an_attempt_is_judged_by_what_its_step_or_the_next_helps_with(first: Reason, then: Reason) -> None:
    """What the one mends turned into what the other does: nothing more is done before the attempt was judged."""
    mends = [(f"mend.{each}", frozenset({each.category, Category.INTEGRITY})) for each in (first, then)]
    steps = [replace(QUICK, action=name, key=name, attempts=1, helps=helps) for name, helps in mends]
    world = World(policy(dependency("redis", grace=0.0), fix=remedy(*steps, EscalateStep("lead"))))
    world.fail("redis", first)
    world.finish()
    world.fail("redis", then, times=40)
    assert [request.action for _, request in world.started] == [name for name, _ in mends]
    assert len(world.of(r.AttemptFailed)) == 1


def test_what_the_policy_does_no_more_when_it_has_been_done_is_verified_for_a_minute() -> None:
    """The remedy was taken off while the restart was under way: nothing says how long it takes."""
    world = World(policy(dependency("gateway", grace=0.0)))
    world.fail("gateway")
    world.send(ev.PolicyChanged(policy(dependency("gateway", grace=0.0, remedy=None))))
    world.finish()
    world.fail("gateway", times=59)
    answers = {answer.gate: answer for answer in world.engine.explanation("gateway", world.now)}
    assert answers[Gate.VERIFICATION].value == "verifying docker.restart"
    assert not world.of(r.AttemptFailed)
    world.fail("gateway", times=1)
    assert len(world.of(r.AttemptFailed)) == 1


def test_two_that_share_all_targets_have_one_ladder_whichever_was_acted_on() -> None:
    """The first step is on a file, and nothing was done to their container yet: it is not done once more."""
    touch = replace(QUICK, action="touch.file", key="touch.file", target_kind="file", attempts=1)
    names = (dependency(name, container="c-web", grace=0.0) for name in ("page", "socket"))
    base = policy(*names, fix=remedy(touch, QUICK, EscalateStep("lead")))
    flag = {touch.key: Target("file", "/flag")}
    plan = {name: replace(spec, targets={**spec.targets, **flag}) for name, spec in base.dependencies.items()}
    world = World(replace(base, dependencies=plan))
    for _ in range(60):
        while world.pending:
            world.finish(restarted=world.pending[0].target.kind == "container")
        for name in ("page", "socket"):
            world.fail(name, Reason.TIMEOUT, times=1)
    assert [request.action for _, request in world.started] == ["touch.file", "docker.restart", "docker.restart"]
