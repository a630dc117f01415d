"""What counts as a change of sides, and what follows for people and for remedies when there are too many."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.model import (
    Autonomy,
    ContainerStatus,
    Gate,
    Health,
    NotificationKind,
    Past,
    Reason,
    RunState,
    Severity,
    Told,
)
from nemo_watchdog.policy.condition import Condition
from nemo_watchdog.policy.policy import Backoff, Budget, Dependency, EscalateStep, Flapping, Rule
from tests.unit.engine.world import RESTART, World, dependency, policy, remedy

QUICK = replace(RESTART, attempts=5, backoff=Backoff(1.0, 2.0, 300.0, 0.0))
FIX = remedy(QUICK, EscalateStep("dba"), budget=Budget(20, 36000.0))
MARKS = Flapping()


def one(**more: Any) -> World:
    return World(policy(dependency("gateway", grace=5.0, **more), dependency("idle"), fix=FIX))


def changes(world: World, name: str = "gateway") -> int:
    flaps = world.engine.durable.flaps.get(name)
    return len(flaps.changes) if flaps is not None else 0


def flaps(world: World, name: str = "gateway") -> bool:
    return world.engine.durable.is_flapping(name)


def kinds(world: World) -> dict[str, int]:
    return dict(Counter(str(each.kind) for each in world.notifications))


def crashes_and_docker_restarts_it(world: World, n: int, *, seen: bool = True, name: str = "gateway") -> None:
    """It serves again after two looks; `seen` says whether anybody looks while Docker waits to start it."""
    if seen:
        world.see(name, RunState.RESTARTING, restarts=n, exit_code=1, finished_at=world.utc)
        world.wait(2.0)
    world.run(name, restarts=n)
    world.wait(1.0)
    world.succeed(name)


def restarted_by_us(world: World) -> None:
    world.crash("gateway")
    while not world.pending:
        world.wait(1.0)
    world.finish()
    world.succeed("gateway")


# -- what counts ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seen", [True, False])
def test_a_cycle_of_dockers_restarts_is_two_changes_whoever_saw_it(seen: bool) -> None:
    """As a side that changed twice, or as a new run that nobody ordered."""
    world = one()
    for n in range(1, 3):
        crashes_and_docker_restarts_it(world, n, seen=seen)
        assert changes(world) == 2 * n
        assert not flaps(world)
    crashes_and_docker_restarts_it(world, 3, seen=seen)
    assert flaps(world)


def test_a_run_that_never_served_counts_as_well() -> None:
    """Down is seen once; then it crashes in each new run before it serves: each is a cycle, and the return is one."""
    world = one()
    world.see("gateway", RunState.RESTARTING, restarts=1, exit_code=1)
    world.run("gateway", restarts=1)
    assert changes(world) == 1
    world.wait(1.0)
    world.see("gateway", RunState.RESTARTING, restarts=2, exit_code=1)
    world.run("gateway", restarts=2)
    assert changes(world) == 3
    world.wait(1.0)
    world.succeed("gateway")
    assert changes(world) == 4
    assert not flaps(world)


def test_an_outage_that_a_restart_heals_is_one_change_until_it_is_down_again() -> None:
    """Then the return counts as well: as when it had come back by itself."""
    world = one()
    restarted_by_us(world)
    assert changes(world) == 1
    world.wait(200.0)
    restarted_by_us(world)
    assert changes(world) == 3
    assert not flaps(world)
    world.wait(4000.0)
    world.send(ev.Tick())
    assert "gateway" not in world.engine.durable.flaps


def test_two_outages_in_an_hour_are_no_flapping() -> None:
    world = one()
    for _ in range(2):
        world.wait(1800.0)
        restarted_by_us(world)
    assert not world.of(r.FlappingBegan)
    assert kinds(world) == {"opened": 2, "action_started": 2, "action_finished": 2, "resolved": 2}


def test_what_a_person_orders_is_no_change() -> None:
    """Stopped and started, restarted, deployed anew, paused and let go on: ten times in ten minutes."""
    world = one()
    for n in range(10):
        world.stopped_by_hand("gateway")
        world.wait(20.0)
        world.run("gateway")
        world.wait(1.0)
        world.succeed("gateway", times=3)
        world.run("gateway")  # a restart that nobody saw between two looks
        world.succeed("gateway", times=3)
        container = world.container("gateway")
        world.see("gateway", RunState.MISSING)
        world.starts[container] = world.utc
        world.see("gateway", RunState.RUNNING)
        world.succeed("gateway", times=3)
        assert changes(world) == 0, n
    assert not world.of(r.SideChanged)
    assert not world.of(r.RunChanged)


def test_a_return_that_a_person_brought_is_none() -> None:
    """Somebody mends it by hand again and again: five outages, five changes."""
    world = one(remedy=None)
    for n in range(1, 5):
        world.crash("gateway")
        world.wait(30.0)
        world.run("gateway")
        world.wait(1.0)
        world.succeed("gateway")
        assert changes(world) == n
    assert not flaps(world)


def test_our_own_restart_of_what_shares_the_container_is_no_change() -> None:
    """The gateway fails and is restarted; its twin goes down with that, and is not to blame."""
    twin = dependency("twin", grace=5.0, container="c-gateway", remedy=None)
    world = World(policy(dependency("gateway", grace=5.0), twin, dependency("idle"), fix=FIX))
    for _ in range(2):
        world.fail("gateway")
        world.succeed("twin", times=1)
        assert world.pending
        world.see("gateway", RunState.EXITED, exit_code=143, finished_at=world.utc)
        world.finish()
        world.succeed("gateway")
        world.succeed("twin")
        world.wait(30.0)
    assert (changes(world), changes(world, "twin")) == (3, 0)


def test_who_goes_down_with_what_it_needs_does_not_flap() -> None:
    """The database flaps, and the gateway, which needs it, is its victim: one message."""
    base = dependency("db", grace=0.0, autonomy=Autonomy.OBSERVE)
    world = World(policy(base, dependency("gateway", needs=["db"], grace=10.0, autonomy=Autonomy.OBSERVE), fix=FIX))
    for _ in range(4):
        world.fail("gateway", Reason.REFUSED)
        world.fail("db", Reason.REFUSED)
        world.fail("gateway", Reason.REFUSED)
        world.succeed("db")
        world.succeed("gateway")
        world.wait(20.0)
    assert flaps(world, "db")
    assert changes(world, "gateway") == 0
    assert kinds(world)["flapping"] == 1


@pytest.mark.parametrize("reason", [Reason.AUTH_FAILED, Reason.NAME_UNRESOLVED])
def test_what_cannot_be_seen_is_on_no_side(reason: Reason) -> None:
    """Blind and seen again, twenty times: nobody knows that anything has changed."""
    world = one()
    for _ in range(20):
        world.fail("gateway", reason)
        assert world.health("gateway") is Health.UNKNOWN
        world.succeed("gateway", times=3)
    assert changes(world) == 0


def test_slow_and_well_again_is_the_same_side() -> None:
    world = one(remedy=None)
    for _ in range(10):
        world.slow("gateway")
        world.succeed("gateway", times=3)
    assert changes(world) == 0


def test_a_count_of_dockers_starts_that_nobody_saw_begin_says_nothing() -> None:
    """One of long ago is seen for the first time or after Docker's silence, or it is another one."""
    world = World(policy(dependency("gateway")), running=False)
    world.see("gateway", RunState.UNREACHABLE, detail="no answer")
    world.run("gateway", age=3600.0, restarts=7)
    world.succeed("gateway")
    world.see("gateway", RunState.UNREACHABLE, detail="no answer")
    world.see("gateway", RunState.RUNNING, restarts=7)
    another = ContainerStatus(RunState.RUNNING, "another", world.utc, restarts=1)
    world.send(ev.ContainerSeen("c-gateway", another, Past()))
    assert changes(world) == 0


# -- what follows ---------------------------------------------------------------------------------------------------


def test_a_crash_loop_of_ten_minutes_is_told_six_times_and_no_more() -> None:
    """`restart: always`, 40 crashes: two outages as ever, that it flaps, and that it is over. 80 messages before."""
    world = one()
    for n in range(1, 41):
        crashes_and_docker_restarts_it(world, n)
        world.wait(10.0)
        if n == 20:
            world.kill_daemon()
            assert flaps(world)
            world.run("gateway", restarts=n)
            world.succeed("gateway", times=3)
    assert kinds(world) == {"opened": 2, "resolved": 2, "flapping": 1}
    (told,) = world.told(NotificationKind.FLAPPING)
    assert told.title == "[SEV2] gateway is flapping"
    assert set(told.contacts) == {"on-call", "dba"}
    assert "5 changes in" in told.body
    assert "a person must look" in told.body
    assert "at most one action in 20m" in told.body
    (incident,) = world.engine.durable.open()
    assert incident.escalated == ["dba"]
    assert not world.started
    world.succeed("gateway")
    world.wait(1300.0)
    assert not flaps(world)
    assert kinds(world) == {"opened": 2, "resolved": 3, "flapping": 1}
    assert "gateway had flapped for" in world.notifications[-1].body
    assert ", with 80 changes." in world.notifications[-1].body
    assert not world.engine.durable.open()


def test_a_crash_loop_that_nobody_sees_between_two_looks_is_found_too() -> None:
    """No look ever failed and no incident was opened: that it flaps opens one."""
    world = one()
    for n in range(1, 11):
        crashes_and_docker_restarts_it(world, n, seen=False)
        world.wait(10.0)
    assert kinds(world) == {"flapping": 1}
    (incident,) = world.engine.durable.open()
    assert incident.root == "gateway"
    world.wait(1300.0)
    assert kinds(world) == {"flapping": 1, "resolved": 1}


def test_a_gateway_that_flaps_by_itself() -> None:
    """It answers 500 for three looks and is well for ten, for ten minutes; no remedy may act."""
    world = one(autonomy=Autonomy.OBSERVE)
    for _ in range(40):
        world.fail("gateway")
        world.succeed("gateway", times=10)
    assert kinds(world) == {"opened": 2, "resolved": 2, "flapping": 1}
    world.wait(1300.0)
    assert kinds(world) == {"opened": 2, "resolved": 3, "flapping": 1}


def every_four_minutes(world: World, hours: float) -> None:
    """It answers 500, is healed by a restart at once, or by somebody else after three minutes."""
    for _ in range(round(hours * 15)):
        world.fail("gateway")
        began = world.monotonic
        while world.monotonic < began + 180.0:
            world.wait(1.0)
            if world.pending:
                world.finish()
                world.succeed("gateway")
            elif world.health("gateway") is Health.DOWN:
                world.fail("gateway", times=1)
        world.succeed("gateway", times=3)
        world.wait(240.0 - (world.monotonic - began))


def test_a_failure_every_four_minutes_is_found_and_restarted_once_in_a_window() -> None:
    """Each restart heals, as ever; at the third failure a person is called, and then one restart in 20 minutes."""
    world = one()
    every_four_minutes(world, hours=0.5)
    world.kill_daemon()
    world.run("gateway")
    world.succeed("gateway", times=3)
    assert flaps(world)
    every_four_minutes(world, hours=1.5)
    usual = {"opened": 2, "action_started": 2, "action_finished": 2, "resolved": 2}
    assert kinds(world) == {**usual, "flapping": 1}
    (told,) = world.told(NotificationKind.FLAPPING)
    assert set(told.contacts) == {"on-call", "dba"}
    at = [started for started, _ in world.started]
    gaps = [after - before for before, after in pairwise(at)]
    assert gaps[0] < 300.0
    assert len(world.started) == 7
    assert all(gap >= MARKS.window for gap in gaps[1:])
    world.wait(1300.0)
    assert kinds(world) == {**usual, "flapping": 1, "resolved": 3}


def test_what_flaps_and_stays_down_is_restarted_when_its_window_is_over() -> None:
    """The gate says until when; that it was restarted then is not told, and that it flaps no more is."""
    world = one()
    for _ in range(2):
        restarted_by_us(world)
        world.wait(20.0)
    at = world.started[-1][0]
    world.crash("gateway")
    decision = world.engine.decision("gateway", world.now)
    assert decision is not None
    assert decision.gate is Gate.FLAPPING
    assert decision.until == at + MARKS.window
    told = len(world.notifications)
    world.wait(1000.0)
    assert len(world.notifications) == told
    assert len(world.started) == 2
    world.wait(300.0)
    assert len(world.started) == 3
    (over,) = world.notifications[told:]
    assert over.title == "[SEV2] gateway flaps no more"
    assert "Next: docker.restart is under way, and looks must confirm it" in over.body
    world.finish()
    world.succeed("gateway")
    assert world.notifications[-1].kind is NotificationKind.RESOLVED


def test_a_person_may_have_it_tried_at_once() -> None:
    """`nemo-watchdog retry` opens the gate for one more action."""
    world = one()
    for _ in range(3):
        world.crash("gateway")
        world.wait(5.0)
        if world.pending:
            world.finish()
            world.succeed("gateway")
    assert len(world.started) == 2
    world.send(ev.RetryAsked("gateway", "the disk has room again", "ops"))
    assert len(world.started) == 3
    world.finish()
    world.succeed("gateway")
    world.crash("gateway")
    world.wait(60.0)
    assert len(world.started) == 3


def test_what_flaps_in_the_same_container_holds_as_well() -> None:
    """An action on the one is an action on the other; the first is let through, the second waits for the window."""
    twin = dependency("twin", grace=5.0, container="c-gateway", remedy=None)
    world = World(policy(dependency("gateway", grace=5.0), twin, dependency("idle"), fix=FIX))
    for _ in range(3):
        world.fail("twin")
        world.succeed("twin")
        world.wait(5.0)
    assert flaps(world, "twin")
    for _ in range(2):
        world.fail("gateway")
        world.succeed("twin", times=1)
        world.wait(10.0)
        if world.pending:
            world.finish()
            world.succeed("gateway")
            world.succeed("twin")
    assert len(world.started) == 1
    decision = world.engine.decision("gateway", world.now)
    assert decision is not None
    assert decision.value == "twin, in the same container, flaps: one action in 20m"


def test_a_severity_that_rises_is_told_though_it_flaps() -> None:
    world = one(autonomy=Autonomy.OBSERVE)
    for _ in range(4):
        world.fail("gateway")
        world.succeed("gateway")
    assert not world.told(NotificationKind.SEVERITY_CHANGED)
    world.fail("idle")
    world.fail("gateway")
    (told,) = [each for each in world.told(NotificationKind.SEVERITY_CHANGED) if each.root == "gateway"]
    assert told.severity is Severity.SEV1


def test_what_is_not_told_is_counted_as_told_by_the_flapping() -> None:
    world = one(autonomy=Autonomy.OBSERVE)
    for _ in range(5):
        world.fail("gateway")
        world.succeed("gateway")
    muted = [kind for effects in world.effects for kind, told in effects.told if told is Told.FLAPPING]
    assert Counter(muted) == {NotificationKind.OPENED: 1, NotificationKind.WORSENED: 2}


def test_another_member_of_its_incident_is_told_as_ever() -> None:
    """What flaps is quiet; what needs it and is broken by itself is not."""
    world = World(
        policy(
            dependency("db", grace=0.0, autonomy=Autonomy.OBSERVE),
            dependency("gateway", needs=["db"], grace=10.0, autonomy=Autonomy.OBSERVE),
        )
    )
    for _ in range(3):
        world.fail("db")
        world.fail("gateway", Reason.REFUSED)
        world.succeed("db")
        world.succeed("gateway")
    assert flaps(world, "db")
    told = len(world.notifications)
    world.fail("gateway", times=1)
    world.succeed("db")
    world.fail("gateway", times=2)
    assert [each.kind for each in world.notifications[told:]] == [NotificationKind.WORSENED]


def test_a_remedy_that_only_calls_a_person_calls_once_for_all_of_it() -> None:
    """With the beginning he is told twice over; not again at each failure."""
    fix = remedy(EscalateStep("dba"))
    world = World(policy(dependency("gateway", grace=0.0), dependency("idle"), fix=fix))
    for _ in range(10):
        world.fail("gateway")
        world.succeed("gateway")
    assert kinds(world) == {"opened": 2, "escalated": 3, "resolved": 2, "flapping": 1}


def test_it_is_never_asked_where_the_policy_says_so() -> None:
    world = one(flapping=None, autonomy=Autonomy.OBSERVE)
    for _ in range(10):
        world.fail("gateway")
        world.succeed("gateway")
    assert kinds(world) == {"opened": 10, "resolved": 10}
    assert not world.of(r.SideChanged)


def flapping_world(**more: Any) -> World:
    world = one(autonomy=Autonomy.OBSERVE, **more)
    for _ in range(3):
        world.fail("gateway")
        world.succeed("gateway")
    assert flaps(world)
    return world


def reload(world: World, *dependencies: Dependency) -> None:
    world.send(ev.PolicyChanged(policy(*dependencies, fix=FIX)))


def test_a_policy_that_asks_no_more_ends_it() -> None:
    """With the next step, and one message for both."""
    world = flapping_world()
    reload(world, dependency("gateway", grace=5.0, flapping=None), dependency("idle"))
    assert not flaps(world)
    assert kinds(world) == {"opened": 2, "resolved": 3, "flapping": 1}
    world.pass_time(1300.0)
    world.send(ev.Tick())
    assert "gateway" not in world.engine.durable.flaps


def test_a_policy_that_names_it_no_more_ends_it() -> None:
    world = flapping_world()
    reload(world, dependency("idle"))
    assert not flaps(world)
    assert world.notifications[-1].kind is NotificationKind.UNWATCHED


def test_a_shorter_window_ends_it_sooner() -> None:
    """What runs follows the policy that is in force."""
    world = flapping_world()
    reload(world, dependency("gateway", grace=5.0, flapping=Flapping(60.0, 0.25, 0.05)), dependency("idle"))
    assert flaps(world)
    world.wait(61.0)
    assert not flaps(world)


def test_a_restart_of_the_daemon_keeps_changes_state_and_end() -> None:
    """Killed after the second failure, the third is the third; killed while it flaps, it ends when it would have."""
    world = one(autonomy=Autonomy.OBSERVE)
    for _ in range(2):
        world.fail("gateway")
        world.succeed("gateway")
        world.kill_daemon()
        world.run("gateway", age=3600.0)
        world.succeed("gateway")
    assert changes(world) == 4
    world.fail("gateway")
    last = world.monotonic
    assert flaps(world)
    world.kill_daemon()
    world.run("gateway", age=3600.0)
    assert flaps(world)
    world.succeed("gateway")
    world.kill_daemon()
    world.run("gateway", age=3600.0)
    world.succeed("gateway", times=3)
    world.wait(last + MARKS.window - world.monotonic - 5.0)
    assert flaps(world)
    world.wait(20.0)
    assert not flaps(world)
    assert kinds(world) == {"opened": 2, "resolved": 3, "flapping": 1}


def test_what_was_over_while_nobody_watched_is_told_once() -> None:
    """The daemon was away for longer than the window: it looks first, and tells the end and what is so in one."""
    world = flapping_world()
    world.pass_time(2 * MARKS.window)
    world.kill_daemon()
    assert flaps(world)
    world.run("gateway", age=3600.0)
    world.succeed("gateway", times=3)
    assert not flaps(world)
    assert kinds(world) == {"opened": 2, "resolved": 3, "flapping": 1}


def test_a_deployment_that_never_serves_flaps() -> None:
    """A person's new container crashes from its first second, and Docker starts it again and again."""
    world = one()
    world.run("gateway")
    for n in range(1, 6):
        world.wait(0.5)
        world.see("gateway", RunState.RESTARTING, restarts=n, exit_code=1, finished_at=world.utc)
        world.run("gateway", restarts=n)
    assert flaps(world)
    assert kinds(world) == {"opened": 1, "flapping": 1}


def test_a_database_that_a_person_stops_while_it_flaps_is_left_alone() -> None:
    """The hold is told, for it is news of another kind, and adds no change."""
    world = flapping_world()
    before = changes(world)
    world.stopped_by_hand("gateway")
    world.fail("gateway", Reason.REFUSED)
    assert changes(world) == before
    assert [each.kind for each in world.notifications[-1:]] == [NotificationKind.HELD]


def test_its_severity_is_that_of_the_rule_for_what_it_is() -> None:
    """A container that starts while nobody saw it down is in no rule but the last."""
    world = one()
    rules = (*world.engine.policy.classification, Rule("anything-else", Severity.SEV3, Condition()))
    world.send(ev.PolicyChanged(replace(world.engine.policy, classification=rules)))
    for n in range(1, 4):
        crashes_and_docker_restarts_it(world, n, seen=False)
    (incident,) = world.engine.durable.open()
    assert (incident.severity, incident.rule) == (Severity.SEV3, "anything-else")
