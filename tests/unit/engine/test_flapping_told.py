"""The numbers that people read when it begins to flap and when that is over."""

from __future__ import annotations

from nemo_watchdog.durations import duration
from nemo_watchdog.engine import events as ev
from nemo_watchdog.model import Autonomy, NotificationKind
from tests.unit.engine.world import World, dependency, policy


def test_how_often_and_in_what_time_is_told_at_both_ends() -> None:
    """First since its first change that counts, then since it flaps."""
    world = World(policy(dependency("gateway", grace=0.0, autonomy=Autonomy.OBSERVE), dependency("idle")))
    world.fail("gateway")
    first = world.monotonic
    for _ in range(2):
        world.succeed("gateway")
        world.wait(50.0)
        world.fail("gateway")
    began = world.monotonic
    (told,) = world.told(NotificationKind.FLAPPING)
    assert f"comes back again and again: 5 changes in {duration(began - first)}." in told.body
    assert "by the rule down. Respond within 30m.\n" in told.body
    world.succeed("gateway")
    world.wait(30.0)
    world.fail("gateway")
    world.succeed("gateway")
    while world.engine.durable.is_flapping("gateway"):
        world.wait(1.0)
    over = world.told(NotificationKind.RESOLVED)[-1]
    assert f"gateway had flapped for {duration(world.monotonic - began)}, with 8 changes." in over.body


def test_that_one_of_two_flaps_no_more_is_told_once() -> None:
    """By itself, while the other fails on; what ends their incident is no news of it."""
    postgres = dependency("postgres", grace=0.0, remedy=None)
    world = World(policy(postgres, dependency("gateway", needs=["postgres"], grace=0.0, remedy=None)))
    for _ in range(3):
        world.fail("postgres")
        world.fail("gateway", times=4)
        world.succeed("postgres")
    world.fail("gateway", times=30)
    while world.engine.durable.is_flapping("postgres"):
        world.wait(10.0)
    world.fail("gateway")
    begins, ends = world.told(NotificationKind.FLAPPING)
    assert "It goes down and comes back again and again" in begins.body
    world.succeed("gateway")
    (over,) = world.told(NotificationKind.RESOLVED)
    assert "flapped" not in over.body
    assert "changed too seldom" in ends.body
    assert ends.body.endswith("\nNext: nothing to do for it; its incident goes on.")


def test_a_return_that_we_brought_is_told_with_the_changes_of_its_flapping() -> None:
    """A person had it tried once more: it served for a minute, and was down again."""
    world = World(policy(dependency("gateway", grace=0.0), dependency("idle")))
    for _ in range(3):
        world.crash("gateway")
        world.wait(10.0)
        if world.pending:
            world.finish()
            world.succeed("gateway")
    assert world.told(NotificationKind.FLAPPING)
    world.send(ev.RetryAsked("gateway", "the disk has room again", "ops"))
    world.finish()
    world.succeed("gateway")
    world.wait(60.0)
    world.crash("gateway")
    world.run("gateway")  # by a person: that counts for nothing
    world.succeed("gateway")
    world.wait(1300.0)
    assert "gateway had flapped for" in world.notifications[-1].body
    assert ", with 7 changes." in world.notifications[-1].body
