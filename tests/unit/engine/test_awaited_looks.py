"""A look that decides what to do is asked for at once, and once: who was looked at goes on at its own pace."""

from __future__ import annotations

from nemo_watchdog.engine import events as ev
from nemo_watchdog.model import Gate, Health, Observation, Reason, failed, ok
from tests.unit.engine.world import World, dependency, policy


def child_of_two() -> World:
    """A gateway that fails with one of the two that it needs, which stays busy."""
    world = World(
        policy(
            dependency("postgres", grace=0.0),
            dependency("redis", grace=0.0),
            dependency("gateway", needs=["postgres", "redis"], grace=30.0),
        )
    )
    world.fail("redis", Reason.LOADING)
    world.soon.clear()
    world.fail("gateway")
    return world


def look(world: World, name: str, *, well: bool) -> set[str]:
    """A look at it that begins and ends now; at whom it lets look at once."""
    world.soon.clear()
    world.pass_time(0.001)
    finding = ok() if well else failed(Reason.LOADING, "it loads")
    world.send(ev.Observed(name, Observation(finding, 0.0005, world.now)))
    return set(world.soon)


def test_what_a_child_needs_is_looked_at_at_once() -> None:
    world = child_of_two()
    assert {"postgres", "redis"} <= world.soon


def test_two_that_a_child_needs_are_not_looked_at_for_one_another_without_a_pause() -> None:
    """Each look at either asked for one at the other, as fast as they answered, for as long as one was down."""
    world = child_of_two()
    look(world, "postgres", well=True)
    look(world, "redis", well=False)
    asked = [look(world, name, well=name == "postgres") for name in ("postgres", "redis") * 5]
    assert asked == [set()] * 10
    world.fail("gateway", times=1)
    assert world.soon == set()


def test_a_child_that_fails_anew_has_them_looked_at_anew() -> None:
    world = child_of_two()
    look(world, "postgres", well=True)
    world.succeed("redis")
    world.succeed("gateway")
    world.wait(60.0)
    world.soon.clear()
    world.fail("gateway")
    assert {"postgres", "redis"} <= world.soon


def test_a_child_is_looked_at_after_what_it_needs_has_recovered() -> None:
    """It may have recovered with that: what was seen before is no reason to restart it, however long its interval."""
    world = child_of_two()
    look(world, "postgres", well=True)
    world.succeed("redis")
    world.soon.clear()
    world.wait(31.0)
    decision = world.engine.decision("gateway", world.now)
    assert decision is not None
    assert (decision.gate, decision.value) == (Gate.EVIDENCE, "what it needs has recovered since the last look at it")
    assert "gateway" in world.soon
    assert not world.started
    world.fail("gateway", times=1)
    assert [request.dependency for _, request in world.started] == ["gateway"]


def test_a_child_that_has_recovered_with_what_it_needs_is_left_alone() -> None:
    world = child_of_two()
    look(world, "postgres", well=True)
    world.succeed("redis")
    world.wait(31.0)
    world.succeed("gateway")
    world.wait(600.0)
    assert world.health("gateway") is Health.UP
    assert not world.started


def test_a_look_that_was_waited_for_is_one_of_many_after_that() -> None:
    """Good looks at what nobody waits for are most of what a daemon sees, and cost next to nothing."""
    world = child_of_two()
    assert world.engine.volatile.concerns("postgres")
    look(world, "postgres", well=True)
    world.succeed("redis")
    world.succeed("gateway")
    look(world, "postgres", well=True)
    assert not world.engine.volatile.concerns("postgres")


def test_nobody_waits_for_a_look_any_more_when_the_child_has_recovered_before_it() -> None:
    world = child_of_two()
    world.succeed("gateway")
    assert world.engine.volatile.concerns("postgres")
    world.send(ev.Tick())
    assert not world.engine.volatile.concerns("postgres")
