"""What flaps where others share its container, its parent or its incident, and where people have it in hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.model import Autonomy, NotificationKind, Reason, RunState
from nemo_watchdog.policy.policy import Flapping
from tests.unit.engine.world import World, dependency, policy

WINDOW = Flapping().window


def changes(world: World, name: str = "gateway") -> int:
    flaps = world.engine.durable.flaps.get(name)
    return len(flaps.changes) if flaps is not None else 0


def flaps(world: World, name: str = "gateway") -> bool:
    return world.engine.durable.is_flapping(name)


# -- Docker starts it again -----------------------------------------------------------------------------------------


def test_what_flaps_soon_after_its_incident_has_that_one_again() -> None:
    """Docker starts it again so fast that nobody ever sees it down."""
    world = World(policy(dependency("gateway", grace=0.0), dependency("idle")))
    world.crash("gateway")
    world.finish()
    world.succeed("gateway")
    (incident,) = world.engine.durable.incidents
    assert not world.engine.durable.open()
    for n in range(1, 4):
        world.run("gateway", restarts=n)
        world.succeed("gateway")
    assert flaps(world)
    assert [each.incident for each in world.engine.durable.open()] == [incident]
    (flapping,) = world.told(NotificationKind.FLAPPING)
    assert flapping.incident == incident


def test_what_docker_starts_again_and_again_for_want_of_its_database_does_not_flap() -> None:
    """The database is down, and what needs it crashes in each new run."""
    db = dependency("db", grace=0.0, remedy=None)
    world = World(policy(db, dependency("gateway", needs=["db"], grace=0.0), dependency("idle")))
    world.fail("db", Reason.REFUSED)
    for n in range(1, 6):
        world.wait(1.0)
        world.run("gateway", restarts=n)
    assert changes(world) == 0


def test_what_docker_starts_again_while_somebody_is_stopping_it_is_no_change() -> None:
    """`docker kill -s TERM`, and its restart policy brings it back: somebody ordered the end."""
    world = World(policy(dependency("gateway", grace=0.0)))
    for n in range(1, 6):
        world.send(ev.ContainerActed(world.event("gateway", "kill", 15)))
        world.wait(1.0)
        world.run("gateway", restarts=n)
        world.succeed("gateway")
    assert changes(world) == 0


def test_a_neighbour_that_is_never_asked_whether_it_flaps_hides_none() -> None:
    """Docker's restarts of their container are counted for who is."""
    metrics = dependency("metrics", container="c-gateway", flapping=None, remedy=None)
    world = World(policy(metrics, dependency("gateway"), dependency("idle")))
    for n in range(1, 4):
        world.wait(1.0)
        world.run("gateway", restarts=n)
        world.succeed("gateway")
    assert changes(world) == 6
    assert flaps(world)


# -- our own restart ------------------------------------------------------------------------------------------------


def test_our_restart_brings_back_all_that_share_the_container() -> None:
    """Also who names no remedy: that it serves again counts when it is down anew, as for who was restarted."""
    metrics = dependency("metrics", grace=0.0, container="c-gateway", remedy=None)
    world = World(policy(dependency("gateway", grace=0.0), metrics, dependency("idle")))
    world.fail("metrics")
    world.fail("gateway")
    world.look("metrics", world.engine.trackers["metrics"].last.finding)  # type: ignore[union-attr]
    assert world.pending
    world.wait(1.0)
    world.finish()
    world.succeed("gateway")
    world.succeed("metrics")
    assert changes(world, "metrics") == 1
    world.wait(30.0)
    world.fail("metrics")
    assert changes(world, "metrics") == 3


def test_a_return_that_we_brought_counts_once() -> None:
    """With the next failure, and not again with each that follows."""
    world = World(policy(dependency("gateway", grace=5.0), dependency("idle")))
    world.crash("gateway")
    world.wait(5.0)
    world.finish()
    world.succeed("gateway")
    counted = [changes(world)]
    for n in range(1, 4):
        world.see("gateway", RunState.RESTARTING, restarts=n, exit_code=1, finished_at=world.utc)
        world.wait(2.0)
        world.run("gateway", restarts=n)
        world.succeed("gateway")
        counted.append(changes(world))
    assert counted == [1, 4, 6, 8]


# -- more than one in an incident -----------------------------------------------------------------------------------


def one_incident() -> World:
    """`db` was down and `gateway` with it; `db` answers slowly since, so that the incident goes on, and both flap."""
    watched = {"grace": 0.0, "autonomy": Autonomy.OBSERVE}
    world = World(policy(dependency("db", **watched), dependency("gateway", needs=["db"], **watched)))  # type: ignore[arg-type]
    world.fail("db", Reason.REFUSED)
    world.fail("gateway", Reason.REFUSED)
    world.slow("db")
    world.succeed("gateway")
    for _ in range(3):
        gateway_fails(world)
    (incident,) = world.engine.durable.open()
    assert list(incident.members) == ["db", "gateway"]
    assert flaps(world)
    return world


def gateway_fails(world: World) -> None:
    world.fail("gateway")
    world.slow("db", times=1)  # that it serves is known since
    world.fail("gateway", times=1)
    world.succeed("gateway")


def db_fails(world: World) -> None:
    world.fail("db")
    world.slow("db")


def the_other_never_flapped(world: World) -> None:
    world.wait(WINDOW)


def the_other_flaps_on(world: World) -> None:
    until = world.monotonic + WINDOW
    while world.monotonic < until:
        db_fails(world)
        world.wait(60.0)
    assert flaps(world, "db")


def the_other_is_not_looked_at_yet(world: World) -> None:
    """It kept still for longer; but the daemon was killed, and is slow to reach it."""
    for _ in range(3):
        db_fails(world)
    gateway_fails(world)
    world.kill_daemon()
    world.run("gateway", age=3600.0)
    world.succeed("gateway", times=3)
    world.wait(WINDOW)
    assert flaps(world, "db")


@pytest.mark.parametrize("meanwhile", [the_other_never_flapped, the_other_flaps_on, the_other_is_not_looked_at_yet])
def test_one_that_keeps_still_flaps_no_more_whatever_another_of_its_incident_does(
    meanwhile: Callable[[World], None],
) -> None:
    world = one_incident()
    assert not world.of(r.FlappingEnded)
    meanwhile(world)
    assert not flaps(world)
    assert world.engine.durable.open()
    assert [n.title for n in world.notifications if "flaps no more" in n.title] == ["[SEV1] gateway flaps no more"]
    assert not world.told(NotificationKind.RESOLVED)
