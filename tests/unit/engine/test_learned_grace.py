"""Starts that are slower than the policy thinks are waited for, once enough of them were seen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.durations import duration
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.explaining import explain_now
from nemo_watchdog.engine.learned_grace import FEWEST, LONGEST, MOST, Starts
from nemo_watchdog.model import Autonomy, Gate, Health, Reason, RunState, failed
from nemo_watchdog.policy.policy import Dependency
from tests.unit.engine.world import RESTART, World, dependency, policy, remedy
from tests.unit.statuses import seen

OLD, NEW = "sha256:old", "sha256:new"
LATENCY = 0.01
"""Of each look here."""
GRACE = 2 * (25.0 - LATENCY)
SLOW = replace(RESTART, verify_within=600.0)


def world_of(*more: Dependency, **keys: object) -> World:
    watched = replace(dependency("model", grace=30.0, flapping=None), **keys)  # type: ignore[arg-type]
    world = World(policy(watched, *more, fix=remedy(SLOW)), running=False)
    world.images["c-model"] = OLD
    for name in world.engine.trackers:
        world.run(name, age=3600.0)
        world.succeed(name, times=3)
    return world


def start(world: World, seconds: int, *, age: float = 0.0) -> None:
    """Somebody restarts it, and it takes so long."""
    world.run("model", age=age)
    world.fail("model", Reason.REFUSED, times=seconds - 1)
    world.succeed("model", times=3)
    world.pass_time(400.0)
    world.succeed("model")


def taught(world: World) -> list[float]:
    """Seconds to the end of the first good look; what counts is its beginning, when it may have answered already."""
    lessons = world.of(r.StartLearned)
    last = lessons[-1] if lessons else None
    return [each + LATENCY for each in last.seconds] if isinstance(last, r.StartLearned) else []


def grace(world: World) -> float:
    return world.engine.trackers["model"].startup_grace


def test_a_slow_start_is_held_that_the_configured_grace_would_have_killed() -> None:
    """Twice as long as the slowest of five took."""
    world = world_of()
    for seconds in (20, 25, 20, 25, 22):
        start(world, seconds)
    assert taught(world) == [20.0, 25.0, 20.0, 25.0, 22.0]
    assert grace(world) == GRACE
    world.run("model")
    world.fail("model", Reason.REFUSED, times=45)
    assert (world.health("model"), world.pending) == (Health.STARTING, [])
    world.succeed("model")
    assert world.health("model") is Health.UP
    world.run("model")
    world.fail("model", Reason.REFUSED, times=91)
    assert (grace(world), world.pending) == (2 * (46.0 - LATENCY), [])
    world.fail("model", Reason.REFUSED, times=3)
    assert [request.dependency for request in world.pending] == ["model"]


def test_before_enough_was_seen_the_policy_says_how_long() -> None:
    world = world_of()
    for _ in range(FEWEST - 1):
        start(world, 25)
    assert (len(taught(world)), grace(world)) == (4, 30.0)
    world.run("model")
    world.fail("model", Reason.REFUSED, times=33)
    assert world.pending


def test_what_starts_faster_keeps_what_the_policy_gives() -> None:
    """It is the least."""
    world = world_of()
    for _ in range(6):
        start(world, 2)
    assert (len(taught(world)), grace(world)) == (6, 30.0)


def test_another_image_has_to_be_learned_anew() -> None:
    world = world_of()
    for _ in range(FEWEST):
        start(world, 25)
    assert grace(world) == GRACE
    world.images["c-model"] = NEW
    start(world, 25)
    assert (grace(world), taught(world)) == (30.0, [25.0])


def test_the_policy_may_want_none_of_it() -> None:
    """What was seen is kept all the same, for when it does."""
    world = world_of(learn_startup=False)
    for _ in range(FEWEST):
        start(world, 25)
    assert (grace(world), len(taught(world))) == (30.0, FEWEST)


def test_what_was_learned_survives_a_kill_of_the_daemon_and_counts_for_the_run_that_it_finds() -> None:
    world = world_of()
    for _ in range(FEWEST):
        start(world, 25)
    world.kill_daemon()
    world.run("model", age=10.0)
    world.fail("model", Reason.REFUSED, times=35)
    assert (world.health("model"), world.pending, grace(world)) == (Health.STARTING, [], GRACE)
    assert len(taught(world)) == FEWEST
    world.succeed("model")
    assert len(taught(world)) == FEWEST, "its start was before this daemon's"


def test_our_own_restart_is_a_start_too() -> None:
    """Whoever ordered it, it begins and is seen to come up."""
    world = world_of()
    world.fail("model", Reason.TIMEOUT)
    world.finish()
    world.fail("model", Reason.REFUSED, times=11)
    world.succeed("model")
    assert taught(world) == [12.0]


def test_a_start_that_comes_up_by_itself_after_its_grace_teaches() -> None:
    """Here nobody may act: that it takes longer than the policy thinks is just what is to be learned."""
    world = world_of(autonomy=Autonomy.OBSERVE)
    start(world, 70)
    assert taught(world) == [70.0]


def blind(world: World) -> None:
    world.look("model", failed(Reason.DOCKER_UNREACHABLE, "nobody answers"))


def act(world: World) -> None:
    world.fail("model", Reason.REFUSED, times=40)
    world.finish(restarted=False)


def pause(world: World) -> None:
    world.see("model", RunState.PAUSED)
    world.see("model", RunState.RUNNING)


@pytest.mark.parametrize("between", [blind, act, pause])
def test_a_start_with_something_else_in_between_teaches_nothing(between: object) -> None:
    """How long it took by itself, nobody knows."""
    world = world_of()
    world.run("model")
    world.fail("model", Reason.REFUSED, times=3)
    between(world)  # type: ignore[operator]
    world.fail("model", Reason.REFUSED, times=3)
    world.succeed("model", times=3)
    assert world.health("model") is Health.UP
    assert not taught(world)


def test_a_run_that_ends_before_it_is_up_teaches_nothing_and_the_next_one_only_of_itself() -> None:
    """What crashed a while is no slow start."""
    world = world_of()
    world.run("model")
    world.fail("model", Reason.REFUSED, times=20)
    world.crash("model")
    world.run("model", restarts=1)
    world.fail("model", Reason.REFUSED, times=4)
    world.succeed("model", times=3)
    assert taught(world) == [5.0]


def test_a_run_that_is_seen_late_teaches_nothing() -> None:
    """It may have been up long before anybody looked."""
    world = world_of()
    start(world, 5, age=60.0)
    assert not taught(world)


def test_what_waited_for_what_it_needs_teaches_nothing() -> None:
    """Of itself it may be fast."""
    world = world_of(dependency("postgres", flapping=None, remedy=None), needs=("postgres",))
    world.fail("postgres", Reason.REFUSED)
    world.run("model")
    world.fail("model", Reason.REFUSED, times=20)
    world.succeed("postgres", times=3)
    world.succeed("model", times=3)
    assert world.health("model") is Health.UP
    assert not taught(world)
    start(world, 5)
    assert taught(world) == [5.0]


def test_a_restart_that_was_never_seen_to_fail_is_measured_by_its_first_good_look() -> None:
    world = world_of()
    world.run("model")
    world.succeed("model", times=3)
    assert taught(world) == [1.0]


def test_without_any_grace_a_run_that_was_not_looked_at_is_not_measured() -> None:
    """Its health stays what it was: when it first answered, nobody has asked."""
    world = world_of()
    plan = world.engine.policy.dependencies["model"]
    world.send(ev.PolicyChanged(policy(replace(plan, startup_grace=0.0), fix=remedy(SLOW))))
    world.run("model")
    world.pass_time(500.0)
    world.fail("model", Reason.REFUSED, times=2)
    world.succeed("model", times=3)
    assert not taught(world)


def test_no_start_is_so_slow_that_nothing_is_ever_done() -> None:
    """What takes longer than an hour teaches nothing, and no learned grace is longer."""
    world = world_of(autonomy=Autonomy.OBSERVE)
    world.run("model")
    world.fail("model", Reason.REFUSED, times=3)
    world.pass_time(LONGEST)
    world.succeed("model")
    assert not taught(world)
    starts = Starts()
    for _ in range(FEWEST):
        starts.take(starts.lesson("model", OLD, LONGEST - 1.0))
    assert starts.grace(dependency("model", grace=30.0), OLD) == LONGEST
    assert starts.grace(dependency("model", grace=7200.0), OLD) == 7200.0


@pytest.mark.parametrize(("seconds", "expected"), [(range(1, 20), 38.0), (range(1, 21), 38.0), (range(1, 40), 76.0)])
def test_of_twenty_starts_the_slowest_one_does_not_count(seconds: range, expected: float) -> None:
    """By nearest rank; of fewer it does. Only the newest are remembered."""
    starts = Starts()
    for each in seconds:
        starts.take(starts.lesson("model", OLD, float(each)))
    learned = starts.learned(dependency("model"), OLD)
    assert learned is not None
    assert (learned.grace, learned.starts) == (expected, min(len(seconds), MOST))


def test_what_was_learned_is_told() -> None:
    """By `explain`, and in the status."""
    world = world_of()
    assert not any("to start" in each for each in explain_now(world.engine, "model", world.now).said)
    for _ in range(FEWEST):
        start(world, 25)
    learned = duration(GRACE)
    line = f"It may take {learned} to start: configured 30s, learned {learned} of 5 starts of this image."
    assert line in explain_now(world.engine, "model", world.now).said
    startup = seen(world).dependencies["model"].startup
    assert startup is not None
    assert (startup.grace, startup.configured, startup.learned, startup.starts) == (GRACE, 30.0, GRACE, 5)


def test_what_needs_what_has_just_recovered_has_the_same_grace() -> None:
    """It comes back no faster than it starts."""
    world = world_of(dependency("postgres", flapping=None, remedy=None), needs=("postgres",))
    for _ in range(FEWEST):
        start(world, 25)
    world.fail("postgres", Reason.REFUSED)
    world.fail("model", Reason.REFUSED)
    world.succeed("postgres", times=3)
    world.fail("model", Reason.REFUSED, times=1)
    answers = {answer.gate: answer for answer in world.engine.explanation("model", world.now)}
    recovered = world.engine.trackers["postgres"].recovered_at
    assert recovered is not None
    assert answers[Gate.GRACE].until == recovered + GRACE
