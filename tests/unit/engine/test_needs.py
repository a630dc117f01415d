"""What holds a child: all that it needs, and a group only when none of it is left."""

from __future__ import annotations

import pytest

from nemo_watchdog.engine.topology import held_by, upstreams
from nemo_watchdog.model import Gate, Health, Reason
from nemo_watchdog.policy.policy import Policy
from tests.unit.engine.world import World, dependency, policy

CACHES = ("a", "b")


def plan(**more: object) -> Policy:
    """A gateway that needs one of two caches, which need what they run on."""
    return policy(
        dependency("a", remedy=None),
        dependency("b", remedy=None),
        dependency("gateway", needs=[CACHES], grace=5.0, **more),
    )


def gate_of(world: World, name: str) -> tuple[Gate, str]:
    decision = world.engine.decision(name, world.now)
    assert decision is not None
    return decision.gate, decision.value


NESTED = policy(
    dependency("disk"),
    dependency("host-a"),
    dependency("a", needs=["host-a", "disk"]),
    dependency("b", needs=["disk"]),
    dependency("db", needs=["disk"]),
    dependency("gateway", needs=["db", CACHES]),
)


@pytest.mark.parametrize(
    ("failing", "held"),
    [
        ([], []),
        (["a"], []),
        (["host-a"], []),
        (["a", "b"], ["a", "b"]),
        (["host-a", "b"], ["b", "host-a"]),
        (["disk"], ["disk"]),
        (["db", "a"], ["db"]),
        (["db", "a", "b", "disk", "host-a"], ["db", "a", "b", "disk", "host-a"]),
    ],
)
def test_a_group_holds_only_when_none_of_it_is_left(failing: list[str], held: list[str]) -> None:
    """What is behind a group counts for as much; the nearest come first."""
    assert list(held_by(NESTED, "gateway", lambda name: name in failing)) == held
    assert sorted(upstreams(NESTED, "gateway")) == ["a", "b", "db", "disk", "host-a"]


def test_a_child_with_one_left_is_broken_by_itself() -> None:
    """It opens its own incident and is restarted, while one of the two is down."""
    world = World(plan())
    world.fail("a")
    world.fail("gateway", times=3)
    world.succeed("b", times=1)
    assert [incident.root for incident in world.engine.durable.open()] == ["a", "gateway"]
    assert [request.dependency for request in world.pending] == ["gateway"]


def test_a_child_of_none_joins_waits_and_is_given_grace() -> None:
    """Both are down, then one is back: it has its start-up grace, and then it is broken by itself."""
    world = World(plan())
    world.fail("a")
    world.fail("b")
    world.fail("gateway", times=4)
    assert [sorted(each.members) for each in world.engine.durable.open()] == [["a", "gateway"], ["b"]]
    value = "it needs a or b; a is down (wrong_status), b is down (wrong_status)"
    assert gate_of(world, "gateway") == (Gate.UPSTREAM, value)
    world.succeed("b", times=2)
    world.fail("gateway", times=1)
    assert gate_of(world, "gateway") == (Gate.GRACE, "what it needs has just recovered")
    world.wait(5.0)
    world.succeed("b", times=1)
    world.fail("gateway", times=1)
    assert [request.dependency for request in world.pending] == ["gateway"]


def test_one_good_look_at_one_of_them_is_enough() -> None:
    """Until then nothing is opened for it, and both are asked to be looked at."""
    world = World(plan())
    world.soon.clear()
    world.fail("gateway", times=4)
    assert not world.engine.durable.open()
    assert world.soon == set(CACHES)
    world.succeed("a", times=1)
    assert [incident.root for incident in world.engine.durable.open()] == ["gateway"]
    assert [request.dependency for request in world.pending] == ["gateway"]


def test_no_grace_for_one_that_came_back_while_another_served() -> None:
    """The child had what it needs all the time."""
    world = World(plan())
    world.fail("a")
    world.fail("gateway", times=2)
    world.succeed("a", times=2)
    world.succeed("b", times=1)
    world.fail("gateway", times=1)
    assert [request.dependency for request in world.pending] == ["gateway"]


def test_the_last_of_a_group_becomes_the_root_of_a_child_that_was_ill_before() -> None:
    """As a single need would; while one is left, the other one is no root."""
    world = World(plan(remedy=None))
    world.fail("gateway", times=3)
    world.succeed("b", times=1)
    world.fail("a")
    assert [incident.root for incident in world.engine.durable.open()] == ["gateway", "a"]
    world.fail("b")
    assert {incident.root: sorted(incident.members) for incident in world.engine.durable.open()} == {
        "b": ["b", "gateway"],
        "a": ["a"],
    }


def test_one_that_cannot_be_seen_does_not_serve() -> None:
    """With the other one down, the child is held, and nobody says which of the two it is."""
    world = World(plan())
    world.fail("b", Reason.AUTH_FAILED, times=4)
    world.fail("a")
    world.fail("gateway", times=4)
    assert world.health("b") is Health.UNKNOWN
    assert gate_of(world, "gateway") == (
        Gate.UPSTREAM,
        "it needs a or b; a is down (wrong_status), b is unknown (auth_failed)",
    )
    assert [sorted(each.members) for each in world.engine.durable.open()] == [["a", "gateway"]]
