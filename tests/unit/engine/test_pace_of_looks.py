"""How soon it is looked at again: at the interval when all is decided, and sooner while a change is in the air."""

from __future__ import annotations

import pytest

from nemo_watchdog.model import Finding, Health, Reason, degraded, failed, ok
from tests.unit.engine.world import World, dependency, policy

INTERVAL, SOONER = 30.0, 1.0
LOOKS = {
    ".": ok(),
    "x": failed(Reason.REFUSED, "test"),
    "b": failed(Reason.AUTH_FAILED, "test"),
    "s": degraded(Reason.SLOW, "test"),
}


def platform(grace: float = 0.0, *, running: bool = True) -> World:
    spec = dependency("gateway", grace=grace, interval=INTERVAL, confirm_interval=SOONER, remedy=None)
    return World(policy(spec), running=running, proven=True)


def pace_after(world: World, looks: str) -> float:
    for look in looks:
        finding: Finding = LOOKS[look]
        world.look("gateway", finding)
    return world.engine.trackers["gateway"].next_look


@pytest.mark.parametrize(
    ("looks", "health", "pace"),
    [
        ("", Health.UP, INTERVAL),
        ("x", Health.UP, SOONER),
        ("x..", Health.UP, SOONER),
        ("x...", Health.UP, INTERVAL),
        ("xxx", Health.DOWN, INTERVAL),
        ("xxxx", Health.DOWN, INTERVAL),
        ("xxx.", Health.DOWN, SOONER),
        ("xxx..", Health.UP, SOONER),
        ("xxx...", Health.UP, INTERVAL),
        ("s", Health.UP, SOONER),
        ("sss", Health.DEGRADED, INTERVAL),
        ("b", Health.UP, SOONER),
        ("b...", Health.UP, INTERVAL),
        ("bbb", Health.UNKNOWN, INTERVAL),
        ("bbb.", Health.UNKNOWN, SOONER),
        ("xxxb", Health.DOWN, SOONER),
        ("xxxbbb", Health.UNKNOWN, INTERVAL),
    ],
)
def test_what_is_decided_is_looked_at_at_its_interval_and_what_is_not_sooner(
    looks: str, health: Health, pace: float
) -> None:
    """A change either way is confirmed soon, and nobody is asked more often than the policy says for long."""
    world = platform()
    assert (pace_after(world, looks), world.health("gateway")) == (pace, health)


@pytest.mark.parametrize("looks", ["", "x", ".", "b", "bb"])
def test_what_a_new_daemon_has_not_decided_is_looked_at_soon(looks: str) -> None:
    world = platform(running=False)
    assert pace_after(world, looks) == SOONER
    assert world.health("gateway") is Health.UNKNOWN


@pytest.mark.parametrize("looks", ["", "xxx", "xxxxx", "b", "bb"])
def test_what_starts_is_looked_at_soon(looks: str) -> None:
    """That it serves is seen when it does, and that it does not when its grace is over."""
    world = platform(grace=60.0)
    pace_after(world, "xxx")
    world.run("gateway")
    assert pace_after(world, looks) == SOONER
    assert world.health("gateway") is Health.STARTING
