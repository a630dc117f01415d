"""What jobs said of themselves outlives the daemon."""

from __future__ import annotations

from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.heartbeat import Heartbeat
from tests.unit.engine.world import World, dependency, policy


def test_the_newest_heartbeat_of_a_job_is_known_to_the_next_daemon() -> None:
    """When it came and what it said; what nobody watches says nothing."""
    world = World(policy(dependency("backup", container=None, remedy=None)))
    world.send(ev.HeartbeatCame("backup", well=True, said=""))
    world.pass_time(60.0)
    world.send(ev.HeartbeatCame("backup", well=False, said="exit 1"))
    world.send(ev.HeartbeatCame("nobody", well=True, said=""))
    came = world.monotonic
    world.pass_time(30.0)
    world.kill_daemon()
    assert world.engine.durable.heartbeats == {"backup": Heartbeat(came, False, "exit 1")}
    assert "backup" in world.soon
