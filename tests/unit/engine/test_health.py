"""Health of one dependency: thresholds, blindness, grace and what Docker says, as rows of looks."""

from __future__ import annotations

import pytest

from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.seen import NO_WORSE_AFTER_A_RESTART
from nemo_watchdog.model import Category, Finding, Gate, Health, Observation, Reason, RunState, degraded, failed, ok
from nemo_watchdog.policy.policy import Threshold
from tests.unit.engine.world import World, dependency, policy


def world_with(**more: object) -> World:
    return World(policy(dependency("gateway", grace=0.0, **more)))  # type: ignore[arg-type]


def row(world: World, looks: str) -> str:
    """Feeds a row (`.` good, `x` failed, `s` slow, `b` blind, `l` loading) and tells the health after each look.

    The answer is in one letter: U up, D down, G degraded, ? unknown, S starting.
    """
    after = ""
    for look in looks:
        match look:
            case ".":
                world.succeed("gateway", times=1)
            case "x":
                world.fail("gateway", Reason.REFUSED, times=1)
            case "l":
                world.fail("gateway", Reason.LOADING, times=1)
            case "s":
                world.slow("gateway", times=1)
            case "b":
                world.fail("gateway", Reason.AUTH_FAILED, times=1)
        after += {"up": "U", "down": "D", "degraded": "G", "unknown": "?", "starting": "S"}[world.health("gateway")]
    return after


@pytest.mark.parametrize(
    ("threshold", "looks", "healths"),
    [
        ((3, 3), "xxx", "UUD"),
        ((3, 3), "xx.xx.xxx", "UUUUUUUUD"),
        ((1, 1), "x", "D"),
        ((3, 5), "xx..x", "UUUUD"),
        ((3, 5), "x.x.x", "UUUUD"),
        ((3, 5), "x...x...x", "UUUUUUUUU"),
        ((3, 5), "xx...xx", "UUUUUUU"),
        ((2, 3), "x.x", "UUD"),
        ((2, 3), "x..x..x", "UUUUUUU"),
        ((3, 3), "xbxbx", "UUUUD"),
        ((3, 3), "xx.b.x", "UUUUUU"),
        ((3, 5), "xxx..x", "UUDDUD"),
    ],
)
def test_n_failures_of_the_last_m_looks_make_it_down(threshold: tuple[int, int], looks: str, healths: str) -> None:
    """A look that was blind neither counts nor breaks the row."""
    assert row(world_with(down_after=Threshold(*threshold)), looks) == healths


@pytest.mark.parametrize(
    ("up_after", "looks", "healths"),
    [
        (1, "xxx.", "UUDU"),
        (2, "xxx.x..", "UUDDDDU"),
        (3, "xxx..x...", "UUDDDDDDU"),
        (2, "xxx.s", "UUDDG"),
        (2, "xxx.b.", "UUDDDU"),
    ],
)
def test_it_is_up_after_so_many_good_looks_in_a_row(up_after: int, looks: str, healths: str) -> None:
    """One lucky look ends no incident."""
    assert row(world_with(up_after=up_after), looks) == healths


@pytest.mark.parametrize(
    ("looks", "healths"),
    [
        ("sss", "UUG"),
        ("ss.ss", "UUUUU"),
        ("sssxxx", "UUGGGD"),
        ("xxxsss", "UUDDGG"),
        ("sss..", "UUGGU"),
        ("xsx", "UUG"),
    ],
)
def test_degraded_lies_between(looks: str, healths: str) -> None:
    """Slow or failed three times is not up; only failures make it down."""
    assert row(world_with(), looks) == healths


@pytest.mark.parametrize(
    ("looks", "healths"),
    [("bbb", "UU?"), ("bb.bb.", "UUUUUU"), ("bbb..", "UU??U"), ("bbbxxx", "UU???D"), ("xxxbbb", "UUDDD?")],
)
def test_blindness_is_unknown_and_never_down(looks: str, healths: str) -> None:
    """As many blind looks in a row as failures would be needed."""
    assert row(world_with(), looks) == healths


def test_one_gentle_failure_makes_the_whole_row_gentle() -> None:
    """And faults must meet the threshold by themselves before it is a fault again."""
    world = world_with()
    row(world, "xxl")
    state = world.engine.trackers["gateway"].state
    assert (state.health, state.category, state.reason) == (Health.DOWN, Category.BUSY, Reason.LOADING)
    categories = []
    for _ in range(3):
        row(world, "x")
        categories.append(world.engine.trackers["gateway"].state.category)
    assert categories == [Category.BUSY, Category.BUSY, Category.FAULT]


@pytest.mark.parametrize(
    ("first", "then", "category"),
    [
        (Reason.REFUSED, Reason.LOADING, Category.BUSY),
        (Reason.REFUSED, Reason.DATA_CORRUPTED, Category.INTEGRITY),
        (Reason.LOADING, Reason.DATA_CORRUPTED, Category.INTEGRITY),
        (Reason.LOADING, Reason.REFUSED, Category.BUSY),
    ],
)
def test_after_a_new_start_one_look_makes_it_gentler_and_never_a_fault(
    first: Reason, then: Reason, category: Category
) -> None:
    """What was seen of the run before is forgotten, and it is down until it is seen to serve."""
    world = world_with()
    world.fail("gateway", first)
    world.run("gateway")
    world.fail("gateway", then, times=1)
    state = world.engine.trackers["gateway"].state
    assert (state.health, state.category) == (Health.DOWN, category)


@pytest.mark.parametrize(
    ("before", "last", "health"),
    [
        ("", [failed(Reason.REFUSED, "a"), failed(Reason.REFUSED, "b"), failed(Reason.TIMEOUT, "c")], Health.STARTING),
        (
            "..",
            [degraded(Reason.SLOW, "a"), degraded(Reason.SLOW, "b"), degraded(Reason.MEMORY_HIGH, "c")],
            Health.DEGRADED,
        ),
        ("..xxx", [ok(), degraded(Reason.MEMORY_HIGH, "c")], Health.DEGRADED),
    ],
)
def test_the_newest_look_gives_the_reason(before: str, last: list[Finding], health: Health) -> None:
    """People read why it is so now, not why it was."""
    world = World(policy(dependency("gateway", grace=60.0)))
    world.run("gateway")
    row(world, before)
    for finding in last:
        world.look("gateway", finding)
    state = world.engine.trackers["gateway"].state
    assert (state.health, state.reason, state.detail) == (health, last[-1].reason, "c")


def test_a_gentler_category_takes_effect_at_once() -> None:
    """A container that is down and says that it is loading is not restarted a second time."""
    world = world_with()
    row(world, "xxxl")
    assert world.engine.trackers["gateway"].state.category is Category.BUSY


@pytest.mark.parametrize(
    ("state", "health", "reason"),
    [
        (RunState.EXITED, Health.DOWN, Reason.EXITED),
        (RunState.DEAD, Health.DOWN, Reason.EXITED),
        (RunState.CREATED, Health.DOWN, Reason.EXITED),
        (RunState.PAUSED, Health.DOWN, Reason.PAUSED),
        (RunState.RESTARTING, Health.DOWN, Reason.RESTARTING),
        (RunState.RUNNING, Health.UP, None),
        (RunState.UNREACHABLE, Health.UP, None),
        (RunState.MISSING, Health.UP, None),
    ],
)
def test_docker_s_word_needs_no_confirmation(state: RunState, health: Health, reason: Reason | None) -> None:
    """Where it has one: what it cannot see says nothing."""
    world = world_with()
    world.see("gateway", state)
    seen = world.engine.trackers["gateway"].state
    assert (seen.health, seen.reason) == (health, reason)


@pytest.mark.parametrize("state", [RunState.MISSING, RunState.REMOVING, RunState.UNREACHABLE])
def test_what_docker_does_not_say_any_more_is_not_so_any_more(state: RunState) -> None:
    """It had ended; now that container is gone, or Docker is silent: two failed looks are no outage."""
    world = world_with()
    world.crash("gateway")
    row(world, "xx")
    world.see("gateway", state)
    after = world.engine.trackers["gateway"].state
    assert (after.health, after.reason) == (Health.UNKNOWN, Reason.NOT_LOOKED)
    assert after.detail == f"the container is {state}; not looked at yet"


def test_docker_s_silence_is_no_new_run() -> None:
    """What was seen before it counts on, and what it says when it answers again is compared with what it said."""
    world = world_with()
    row(world, "xx")
    world.see("gateway", RunState.UNREACHABLE, detail="no answer")
    world.see("gateway", RunState.RUNNING)
    assert row(world, "x") == "D"


def test_looks_come_faster_while_a_change_is_in_the_air() -> None:
    """And slower again when it is confirmed, either way."""
    world = world_with(interval=10.0, confirm_interval=1.0)
    engine = world.engine
    assert engine.trackers["gateway"].next_look == 10.0
    row(world, "x")
    assert engine.trackers["gateway"].next_look == 1.0
    row(world, "xx")
    assert engine.trackers["gateway"].next_look == 10.0
    world.finish()
    assert engine.trackers["gateway"].next_look == 1.0
    row(world, "..")
    row(world, ".")
    assert world.health("gateway") is Health.UP
    assert engine.trackers["gateway"].next_look == 10.0


@pytest.mark.parametrize(("looks", "healths"), [("xxx", "UUD"), ("bbb", "UU?")])
def test_a_new_run_starts_with_a_clean_record(looks: str, healths: str) -> None:
    """Two failures of the old run and one of the new are not three; nor are looks that saw nothing."""
    world = world_with()
    row(world, looks[:2])
    world.run("gateway")
    assert row(world, looks) == healths


def test_looks_that_come_sooner_confirm_nothing_sooner() -> None:
    """An event of Docker's makes it look at once: three failures within a moment are one, with the newest reason."""
    world = world_with(confirm_interval=1.0)
    world.look("gateway", failed(Reason.REFUSED, "test"), times=5, every=0.1)
    world.look("gateway", failed(Reason.TIMEOUT, "test"), times=1, every=0.1)
    assert world.health("gateway") is Health.UP
    world.fail("gateway", Reason.REFUSED, times=1)
    assert world.health("gateway") is Health.UP
    world.fail("gateway", Reason.REFUSED, times=1)
    assert world.health("gateway") is Health.DOWN


def test_looks_that_come_sooner_confirm_nothing_later_either() -> None:
    """They take the place of the last look, and of no other."""
    world = world_with(confirm_interval=1.0)
    row(world, "xx")
    world.look("gateway", failed(Reason.REFUSED, "test"), times=3, every=0.1)
    assert row(world, "x") == "D"


def test_what_was_at_risk_and_answers_no_more_is_at_risk() -> None:
    """Silence says nothing of its data. An answer that all is well does, and so does another run."""
    world = world_with()
    world.fail("gateway", Reason.PERSISTENCE_FAILED)
    world.fail("gateway", Reason.TIMEOUT, times=20)
    state = world.engine.trackers["gateway"].state
    assert (state.category, state.reason) == (Category.INTEGRITY, Reason.PERSISTENCE_FAILED)
    assert state.detail.startswith("test: persistence_failed; and then: test: timeout")
    world.wait(600.0)
    world.fail("gateway", Reason.TIMEOUT, times=3)
    assert state.detail.count("and then") == 1
    assert not world.started
    world.kill_daemon()
    world.see("gateway", RunState.RUNNING)
    world.fail("gateway", Reason.TIMEOUT, times=10)
    decision = world.engine.decision("gateway", world.now)
    assert decision is not None
    assert decision.gate is Gate.CATEGORY
    assert not world.started
    world.succeed("gateway")
    world.fail("gateway", Reason.TIMEOUT)
    assert len(world.started) == 1


@pytest.mark.parametrize("reason", sorted(NO_WORSE_AFTER_A_RESTART))
def test_what_a_restart_makes_no_worse_hides_no_hang(reason: Reason) -> None:
    """It is at risk all the same, and told; then it hangs."""
    world = world_with()
    world.fail("gateway", reason)
    world.fail("gateway", Reason.TIMEOUT)
    assert len(world.started) == 1


def test_what_is_degraded_for_its_data_and_answers_no_more_is_at_risk() -> None:
    """Redis serves, and its last save has failed; then it hangs."""
    world = world_with()
    world.look("gateway", degraded(Reason.PERSISTENCE_FAILED, "the last save failed"), times=3)
    assert world.health("gateway") is Health.DEGRADED
    world.fail("gateway", Reason.TIMEOUT, times=10)
    assert not world.started
    world.run("gateway")
    world.fail("gateway", Reason.TIMEOUT)
    assert len(world.started) == 1


def test_what_is_not_a_fault_takes_effect_however_soon() -> None:
    """It only makes the watchdog more careful."""
    world = world_with(confirm_interval=1.0)
    world.fail("gateway", Reason.REFUSED)
    world.look("gateway", failed(Reason.LOADING, "test"), times=1, every=0.01)
    assert world.engine.trackers["gateway"].state.reason is Reason.LOADING


def test_a_look_that_began_before_the_present_run_is_no_look_at_it() -> None:
    """It asked what was there before, and its answer came late."""
    world = world_with()
    world.pass_time(10.0)
    world.run("gateway")
    for _ in range(3):
        world.pass_time(1.0)
        world.send(ev.Observed("gateway", Observation(failed(Reason.TIMEOUT, "test"), 9.0, world.now)))
    assert world.health("gateway") is Health.UP
    world.fail("gateway", Reason.TIMEOUT)
    assert world.health("gateway") is Health.DOWN


def test_the_grace_ends_with_the_first_confirmed_success() -> None:
    """What has served and fails again is down, grace or not."""
    world = World(policy(dependency("gateway", grace=3600.0)))
    world.run("gateway")
    assert row(world, "xxx") == "SSS"
    assert row(world, "..") == "SU"
    assert row(world, "xxx") == "UUD"


def test_a_container_that_was_started_long_ago_has_no_grace() -> None:
    """The grace counts from Docker's StartedAt, not from when we first saw it."""
    world = World(policy(dependency("gateway", grace=60.0)), running=False, proven=True)
    world.run("gateway", age=3600.0)
    assert row(world, "xxx")[-1] == "D"
