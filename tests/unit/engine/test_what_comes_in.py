"""What the engine is told: of a job that reports itself, of what nobody watches any more, and what is no event."""

from __future__ import annotations

import pytest

from nemo_watchdog.engine import events as ev
from nemo_watchdog.model import Observation, Reason, failed, ok
from tests.unit.engine.world import World, dependency, policy


def test_a_heartbeat_is_looked_at_at_once_and_outlives_the_daemon() -> None:
    """The look reads it: that a job has failed is known when it says so."""
    world = World(policy(dependency("backup", container=None, remedy=None)))
    world.soon.clear()
    world.send(ev.HeartbeatCame("backup", well=False, said="exit status 1"))
    assert world.soon == {"backup"}
    world.kill_daemon()
    heard = world.engine.durable.heartbeats["backup"]
    assert (heard.at, heard.well, heard.said) == (world.monotonic, False, "exit status 1")


def test_a_heartbeat_of_what_nobody_watches_is_none() -> None:
    """The policy has dropped the job while its last run went on."""
    world = World(policy(dependency("gateway")))
    effects = world.send(ev.HeartbeatCame("backup", well=True, said=""))
    assert not effects.records
    assert not effects.probe_soon


def test_a_look_at_what_nobody_watches_any_more_says_nothing() -> None:
    """It was under way when the policy was reloaded."""
    world = World(policy(dependency("gateway"), dependency("old")))
    world.send(ev.PolicyChanged(policy(dependency("gateway"))))
    effects = world.send(ev.Observed("old", Observation(failed(Reason.TIMEOUT, "no answer"), 0.01, world.now)))
    assert not effects.records
    assert "old" not in world.engine.trackers


def test_what_is_no_event_is_refused() -> None:
    world = World(policy(dependency("gateway")))
    with pytest.raises(TypeError, match="not an event"):
        world.engine.step(ok(), world.now)  # type: ignore[arg-type]
