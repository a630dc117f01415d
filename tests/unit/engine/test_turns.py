"""What failed with the same root is acted on one at a time, each looked at before the next one's turn."""

from __future__ import annotations

from nemo_watchdog.model import Gate
from nemo_watchdog.policy.policy import Limits
from tests.unit.engine.world import World, dependency, policy

NAMES = ("a", "b", "c")


def after_the_root() -> World:
    """A database is back; three that need it still fail, and their grace is over."""
    children = (dependency(name, needs=["db"], grace=0.0) for name in NAMES)
    world = World(policy(dependency("db", remedy=None), *children, limits=Limits(concurrent_actions=3)))
    world.fail("db")
    for name in NAMES:
        world.fail(name)
    world.succeed("db")
    return world


def acted(world: World) -> list[str]:
    return [request.dependency for _, request in world.started]


def test_the_next_waits_until_the_one_before_is_verified() -> None:
    """Though the policy lets three actions be under way at once: they failed together."""
    world = after_the_root()
    for name in NAMES:
        world.fail(name, times=1)
    assert acted(world) == ["a"]
    decision = world.engine.decision("b", world.now)
    assert decision is not None
    assert (decision.gate, decision.value) == (Gate.CONCURRENCY, "a, which failed with the same root, has its turn")
    world.finish()
    world.fail("b", times=1)
    decision = world.engine.decision("b", world.now)
    assert decision is not None
    assert decision.value == "a, which failed with the same root, is looked at first: docker.restart was done"
    world.succeed("a")
    world.wait(2.0)
    world.fail("b", times=1)
    assert len(acted(world)) == 2  # which of them is drawn


def test_one_that_is_not_healed_holds_up_the_next_no_longer_than_its_verification() -> None:
    """Then its backoff is its own."""
    world = after_the_root()
    world.fail("a", times=1)
    world.finish()
    assert acted(world) == ["a"]
    world.wait(20.0)
    world.succeed("db", times=1)
    world.fail("b", times=1)
    assert acted(world) == ["a", "b"]


def test_what_failed_by_itself_waits_for_nobody() -> None:
    """Two that have no root in common are acted on at the same time."""
    world = World(policy(dependency("a"), dependency("b"), limits=Limits(concurrent_actions=2)))
    world.wait(30.0)
    world.fail("a")
    world.fail("b")
    assert sorted(acted(world)) == ["a", "b"]
