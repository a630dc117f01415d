"""What is seen and is no reason to act: whom it holds, and in which words people read that."""

from __future__ import annotations

import pytest

from nemo_watchdog.model import Decision, Gate, Health, Reason, RunState, Verdict, degraded, failed
from tests.unit.engine.world import World, dependency, policy


def said(world: World, gate: Gate, name: str = "gateway") -> Decision:
    """What that gate says of it, whatever holds it before."""
    (decision,) = [each for each in world.engine.explanation(name, world.now) if each.gate is gate]
    return decision


def alone() -> World:
    return World(policy(dependency("gateway", grace=0.0)))


def below_postgres() -> World:
    return World(policy(dependency("postgres", grace=0.0), dependency("gateway", needs=["postgres"], grace=0.0)))


def two_looks_at_one() -> World:
    shared = {"container": "c-web", "grace": 0.0}
    return World(policy(dependency("gateway", **shared), dependency("socket", **shared)))  # type: ignore[arg-type]


# -- what is not down


@pytest.mark.parametrize("reason", [Reason.SLOW, Reason.PROTOCOL_ERROR, Reason.NOT_RUNNING])
def test_what_serves_badly_is_not_restarted(reason: Reason) -> None:
    """Not for a fault either: a restart would take from its users what it still gives them."""
    world = alone()
    world.look("gateway", degraded(reason, "one process of three is missing"), times=60)
    assert world.health("gateway") is Health.DEGRADED
    assert not world.started


def test_why_it_is_left_alone_while_it_serves_badly_is_said() -> None:
    world = alone()
    world.look("gateway", degraded(Reason.NOT_RUNNING, "one process of three is missing"), times=3)
    assert said(world, Gate.CATEGORY).value == "it is degraded, not down"


# -- what a look said, or its reason where that is all that it said


@pytest.mark.parametrize(("detail", "shown"), [("login as app", "login as app"), ("", "auth_failed")])
def test_what_hides_it_is_said(detail: str, shown: str) -> None:
    world = alone()
    world.look("gateway", failed(Reason.AUTH_FAILED, detail), times=3)
    assert said(world, Gate.BLIND).value == f"cannot judge it: {shown}"


@pytest.mark.parametrize(("detail", "shown"), [("reads 3 GB", "reads 3 GB"), ("", "loading")])
def test_what_it_is_busy_with_is_said(detail: str, shown: str) -> None:
    world = alone()
    world.look("gateway", failed(Reason.LOADING, detail), times=3)
    assert said(world, Gate.CATEGORY).value.startswith(f"busy: acting does not help ({shown});")


@pytest.mark.parametrize(("detail", "shown"), [("reads 3 GB", "reads 3 GB"), ("", "loading")])
def test_what_its_neighbour_in_the_container_is_busy_with_is_said(detail: str, shown: str) -> None:
    world = two_looks_at_one()
    world.fail("gateway", Reason.TIMEOUT)
    world.look("socket", failed(Reason.LOADING, detail), times=3)
    value = f"socket, in the same container, is busy ({shown}): acting does not help"
    assert said(world, Gate.CATEGORY).value == value
    assert not world.started


@pytest.mark.parametrize(
    ("proven", "reason", "times", "shown"),
    [
        (False, Reason.TIMEOUT, 1, "not looked at yet"),
        (False, Reason.AUTH_FAILED, 3, "test: auth_failed"),
        (True, Reason.AUTH_FAILED, 3, "test: auth_failed"),
    ],
)
def test_a_person_is_sent_to_the_policy_only_for_what_was_never_up_and_fails(
    proven: bool, reason: Reason, times: int, shown: str
) -> None:
    """What was up with that address, or is not known to fail, is no question of the address."""
    world = World(policy(dependency("gateway", grace=0.0)), running=False, proven=proven)
    world.run("gateway", age=3600.0)
    world.fail("gateway", reason, times=times)
    assert said(world, Gate.BLIND).value == f"cannot judge it: {shown}"


# -- an end of which more must be known


def test_why_an_end_is_not_judged_yet_is_said() -> None:
    """Docker has not told its last words; or while we act, what ended it may be our doing."""
    world = alone()
    world.crash("gateway", said=None)
    assert said(world, Gate.VERIFICATION).value.startswith("why it ended is not known yet: Docker has not told")
    world = alone()
    world.fail("gateway", Reason.TIMEOUT)
    assert len(world.started) == 1
    world.see("gateway", RunState.EXITED, past=[world.event("gateway", "die")], finished_at=world.utc, exit_code=143)
    assert said(world, Gate.VERIFICATION).value == "who ended the container cannot be said yet"


# -- what it needs


def test_what_it_needs_and_may_be_failing_too_is_said() -> None:
    """It failed, or was not seen, at its last look: a child is no more to blame than that."""
    for reason in (Reason.TIMEOUT, Reason.CLOCK_JUMPED):
        world = below_postgres()
        world.fail("gateway", times=1)
        world.succeed("postgres", times=1)
        world.fail("postgres", reason, times=1)
        world.fail("gateway", times=5)
        assert said(world, Gate.UPSTREAM).value == "it needs postgres, which may be failing too"
        assert not world.started
        world.succeed("postgres", times=1)
        world.fail("gateway", times=1)
        assert [request.dependency for _, request in world.started] == ["gateway"]


def test_what_it_needs_and_nobody_has_looked_at_since_is_said() -> None:
    world = below_postgres()
    world.fail("gateway", times=5)
    assert said(world, Gate.UPSTREAM).value == "it needs postgres: looking at that first"
    world.succeed("postgres", times=1)
    assert said(world, Gate.UPSTREAM).verdict is Verdict.OPEN


def test_of_a_group_each_is_said() -> None:
    caches = (dependency("a", remedy=None), dependency("b", remedy=None))
    world = World(policy(*caches, dependency("gateway", needs=[("a", "b")], grace=0.0)))
    world.fail("a", times=1)
    world.fail("gateway", times=5)
    assert said(world, Gate.UPSTREAM).value == "it needs a or b; a may be failing too, b: looking at that first"


def test_a_child_has_its_grace_when_what_all_of_a_group_stand_on_has_recovered() -> None:
    """All between answered all the time, and could do nothing without the disk."""
    between = (("store", ["disk"]), ("a", ["store"]), ("b", ["store"]))
    gateway = dependency("gateway", needs=[("a", "b")], grace=60.0)
    platform = (dependency(name, needs=needs, remedy=None) for name, needs in (("disk", []), *between))
    world = World(policy(*platform, gateway))
    world.fail("disk")
    world.fail("gateway")
    for name in ("disk", "store", "a", "b"):
        world.succeed(name)
    world.fail("gateway")
    grace = said(world, Gate.GRACE)
    assert grace.value == "what it needs has just recovered"
    assert grace.until is not None
    world.wait(grace.until - world.monotonic - 2.0)
    world.fail("gateway", times=1)
    assert not world.started
    world.wait(1.0)
    world.fail("gateway", times=1)
    assert [request.dependency for _, request in world.started] == ["gateway"]
