"""What was never up as the policy names it speaks about the policy: it is told, and not acted on by what looks see."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.replay import rebuild
from nemo_watchdog.model import Category, Health, NotificationKind, Reason, RunState, Verdict
from tests.unit.engine.world import World, dependency, policy

FIRST, OTHER = "of the first address", "of another"


def new() -> World:
    """A container that has run for an hour; nobody has looked at it yet."""
    world = World(policy(dependency("gateway", digest=FIRST)), running=False)
    world.run("gateway", age=3600.0)
    return world


def reload(world: World, digest: str, options: object = None) -> None:
    """The policy has another address, or only another password: both are other options."""
    world.send(ev.PolicyChanged(policy(dependency("gateway", digest=digest, options=options))))
    world.run("gateway", age=3600.0)


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason.category is Category.FAULT])
def test_a_fault_of_what_was_never_up_is_a_question_about_the_policy(reason: Reason) -> None:
    """Whatever a look sees, but for what only Docker can say."""
    world = new()
    world.fail("gateway", reason, times=20)
    state = world.engine.trackers["gateway"].state
    if reason in (Reason.EXITED, Reason.STOPPED_ITSELF, Reason.OOM_KILLED, Reason.PAUSED, Reason.UNHEALTHY):
        assert (state.health, state.category, state.reason) == (Health.DOWN, Category.FAULT, reason)
        return
    assert (state.health, state.category, state.reason) == (Health.UNKNOWN, Category.BLIND, Reason.WRONG_TARGET)
    assert state.detail == f"never seen up since the policy named it: test: {reason}"
    assert not world.started


def test_it_is_told_with_what_was_seen_and_what_to_do() -> None:
    """Once, and the gate says the same for as long as it is so."""
    world = new()
    world.fail("gateway", Reason.WRONG_STATUS, times=10)
    (told,) = world.told(NotificationKind.OPENED)
    for words in ("test: wrong_status", "check its address and what is expected", "`docker restart c-gateway`"):
        assert words in told.body
    decision = world.engine.decision("gateway", world.now)
    assert decision is not None
    assert (decision.verdict, decision.gate) == (Verdict.WAIT, "blind")
    assert "never seen up since the policy named it" in decision.value
    (explained,) = [each for each in world.engine.explanation("gateway", world.now) if each.gate == "blind"]
    assert explained == decision


@pytest.mark.parametrize("reason", [Reason.LOADING, Reason.DISK_FULL, Reason.AUTH_FAILED])
def test_what_is_no_fault_is_seen_as_before(reason: Reason) -> None:
    """Nothing is acted on there anyway, and its own reason says more."""
    world = new()
    world.fail("gateway", reason, times=5)
    assert world.engine.trackers["gateway"].state.reason is reason


def test_docker_needs_no_proof() -> None:
    """A container that has ended has ended, whatever the policy expects; how it answers then is another matter."""
    world = new()
    world.fail("gateway")
    world.crash("gateway")
    assert [request.dependency for _, request in world.started] == ["gateway"]
    world.finish()
    world.pass_time(60.0)
    world.fail("gateway", times=60)
    assert world.engine.trackers["gateway"].state.reason is Reason.WRONG_TARGET
    assert len(world.started) == 1


def test_what_has_just_started_is_starting() -> None:
    """Never up is said after its grace."""
    world = World(policy(dependency("gateway", grace=30.0)), running=False)
    world.see("gateway", RunState.RUNNING)
    world.run("gateway")
    world.fail("gateway", times=10)
    assert world.health("gateway") is Health.STARTING
    world.fail("gateway", times=40)
    assert world.engine.trackers["gateway"].state.reason is Reason.WRONG_TARGET
    assert not world.started


def test_a_first_success_is_proof_from_then_on() -> None:
    """Also after a restart of the daemon, at which it is down."""
    world = new()
    world.fail("gateway", times=5)
    world.succeed("gateway")
    assert len(world.told(NotificationKind.RESOLVED)) == 1
    world.kill_daemon()
    world.run("gateway", age=3600.0)
    world.fail("gateway", times=5)
    assert [request.dependency for _, request in world.started] == ["gateway"]


def test_one_good_look_is_not_up() -> None:
    """A server that answers well now and then is no proof of anything."""
    world = new()
    for _ in range(10):
        world.fail("gateway", times=3)
        world.succeed("gateway", times=1)
    world.fail("gateway", times=5)
    assert not world.of(r.SeenUp)
    assert not world.started


def test_it_is_written_down_once_for_each_spec() -> None:
    """Not for every look, every recovery or every start."""
    world = new()
    for _ in range(3):
        world.succeed("gateway", times=5)
        world.fail("gateway", times=5)
        world.kill_daemon()
        world.run("gateway", age=3600.0)
    assert world.of(r.SeenUp) == [r.SeenUp("gateway", FIRST)]
    reload(world, OTHER, "other")
    world.succeed("gateway", times=5)
    assert world.of(r.SeenUp) == [r.SeenUp("gateway", FIRST), r.SeenUp("gateway", OTHER)]


@pytest.mark.parametrize("killed", [False, True])
def test_another_address_must_be_seen_up_first(killed: bool) -> None:
    """What was good at the old one says nothing about the new one, now or after a restart of the daemon."""
    world = new()
    world.succeed("gateway", times=5)
    reload(world, OTHER, "other")
    if killed:
        world.kill_daemon()
        world.run("gateway", age=3600.0)
    world.fail("gateway", times=30)
    assert world.engine.trackers["gateway"].state.reason is Reason.WRONG_TARGET
    assert not world.started
    world.succeed("gateway")
    world.fail("gateway", times=5)
    assert len(world.started) == 1


def test_another_password_is_the_same_address() -> None:
    """It is rotated while the service is down: what may be done about it stays."""
    world = new()
    world.succeed("gateway", times=5)
    reload(world, FIRST, "another password")
    world.fail("gateway", times=5)
    assert len(world.started) == 1


def test_what_an_older_version_saw_up_counts_for_the_address_of_now() -> None:
    """Its journal says only that it was up. The first start after it settles for which address that counts."""
    world = new()
    world.succeed("gateway")
    old = [(at, record) for at, record in world.records if not isinstance(record, r.SeenUp)]
    world.records = old[:]
    world.kill_daemon()
    assert world.records[len(old) :] == [(world.now, r.SeenUp("gateway", FIRST))]
    world.run("gateway", age=3600.0)
    world.fail("gateway", times=5)
    assert len(world.started) == 1
    world.finish(restarted=False)
    reload(world, OTHER, "other")
    world.fail("gateway", times=60)
    assert world.engine.trackers["gateway"].state.reason is Reason.WRONG_TARGET
    assert len(world.started) == 1


def test_only_what_was_up_counts() -> None:
    """Of what an older version wrote down about its health."""
    world = new()
    change = r.HealthChanged("gateway", "up", None, None, "")
    history = [
        (world.now, replace(change, health=health).body()) for health in ("down", "degraded", "starting", "unknown")
    ]
    assert not rebuild(history).seen.was_up("gateway", FIRST)
    assert rebuild([*history, (world.now, change.body())]).seen.was_up("gateway", FIRST)
