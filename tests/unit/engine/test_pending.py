"""An order of which nobody knows whether it was done is pending: no second one, and its late signals are no stop."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.touches import PENDING_FOR
from nemo_watchdog.model import CONTAINER, ActionOutcome, Gate, Target
from nemo_watchdog.policy.policy import Backoff, Budget, Limits
from tests.unit.engine.world import RESTART, World, dependency, policy, remedy

VERIFY = 20.0
GATEWAY = Target(CONTAINER, "c-gateway")


@pytest.fixture
def world() -> World:
    """The order was given, and the Engine has not answered it in time."""
    made = World(policy(dependency("gateway", grace=0.0), fix=remedy(replace(RESTART, verify_within=VERIFY))))
    made.fail("gateway")
    made.pass_time(5.0)
    made.finish(ActionOutcome.TIMED_OUT)
    return made


def gate(world: World) -> Gate:
    decision = world.engine.decision("gateway", world.now)
    assert decision is not None
    return decision.gate


def done_late(world: World) -> None:
    world.send(ev.ContainerActed(world.event("gateway", "kill", 15)))
    world.pass_time(1.0)
    world.run("gateway")


def test_no_second_order_while_the_first_may_still_be_done(world: World) -> None:
    """It stood before the Engine for longer than a verification takes."""
    world.fail("gateway", times=100)
    assert gate(world) is Gate.VERIFICATION
    assert not world.of(r.AttemptFailed)
    assert len(world.started) == 1


def test_done_late_it_heals_once(world: World) -> None:
    world.fail("gateway", times=60)
    done_late(world)
    world.succeed("gateway", times=3)
    assert not world.engine.durable.open()
    assert not world.engine.durable.holds
    assert len(world.started) == 1


def test_done_late_it_has_its_whole_verification(world: World) -> None:
    """From the start of the run that it made."""
    world.fail("gateway", times=60)
    done_late(world)
    world.fail("gateway", times=int(VERIFY) - 2)
    assert not world.of(r.AttemptFailed)
    world.fail("gateway", times=60)
    assert len(world.of(r.AttemptFailed)) == 1
    assert len(world.started) == 2


def test_done_in_time_it_is_judged_when_its_verification_is_over() -> None:
    """Docker had restarted it, and only its answer came too late."""
    world = World(policy(dependency("gateway", grace=0.0), fix=remedy(replace(RESTART, verify_within=VERIFY))))
    world.fail("gateway")
    world.pass_time(2.0)
    world.run("gateway")
    world.pass_time(3.0)
    world.finish(ActionOutcome.TIMED_OUT)
    world.fail("gateway", times=int(VERIFY) - 1)
    assert not world.of(r.AttemptFailed)
    world.fail("gateway", times=1)
    assert len(world.of(r.AttemptFailed)) == 1


def test_after_a_while_it_counts_as_lost(world: World) -> None:
    world.wait(PENDING_FOR)
    world.fail("gateway", times=60)
    assert len(world.of(r.AttemptFailed)) == 1
    assert len(world.started) == 2


def test_it_is_pending_over_a_restart_of_the_daemon(world: World) -> None:
    world.kill_daemon()
    world.run("gateway", age=7200.0)
    world.fail("gateway", times=100)
    assert len(world.started) == 1


def test_of_two_that_may_still_be_done_the_later_says_until_when() -> None:
    """A file that two share: one waits for its own restart, and for what the other may still do to the file."""
    once = replace(RESTART, attempts=1, backoff=Backoff(0.01, 1.0, 0.01, 0.0), verify_within=1.0)
    touch = replace(once, action="touch.file", key="touch.file", target_kind="file")
    names = (dependency("a", grace=0.0), dependency("b", grace=0.0))
    base = policy(*names, fix=remedy(once, touch), limits=Limits(Budget(20, 3600.0), 5))
    flag = {touch.key: Target("file", "/flag")}
    plan = {name: replace(spec, targets={**spec.targets, **flag}) for name, spec in base.dependencies.items()}
    world = World(replace(base, dependencies=plan))
    world.fail("a", times=3)
    world.finish(ActionOutcome.TIMED_OUT)
    world.fail("b", times=3)
    world.finish()
    world.fail("b", times=10)
    touched = world.finish(ActionOutcome.TIMED_OUT, restarted=False)
    assert touched.target == flag[touch.key]
    over = world.monotonic + PENDING_FOR
    world.wait(2.0)
    decision = world.engine.decision("a", world.now)
    assert decision is not None
    assert (decision.gate, decision.until) == (Gate.VERIFICATION, over)


def test_a_signal_in_that_time_is_anybodys_and_nothing_comes_between(world: World) -> None:
    """It may be a person's `docker stop -t 600`: its time does not end with that of our order."""
    world.wait(PENDING_FOR - 10.0)
    world.send(ev.ContainerActed(world.event("gateway", "kill", 15)))
    hold = world.engine.durable.holds[GATEWAY]
    assert "somebody, or an order of ours whose result is unknown, is stopping" in hold.what
    world.wait(300.0)
    world.fail("gateway", times=10)
    assert len(world.started) == 1


def test_a_run_that_it_has_started_is_judged_as_any_other(world: World) -> None:
    """Its answer was lost, and nothing else: a crash after it is a crash."""
    done_late(world)
    world.crash("gateway")
    world.wait(60.0)
    assert len(world.started) == 2
