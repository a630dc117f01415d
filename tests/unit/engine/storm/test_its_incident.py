"""The incident of a storm stays one, whatever becomes of others meanwhile."""

from __future__ import annotations

from dataclasses import replace

from nemo_watchdog import records as r
from nemo_watchdog.model import Reason, failed, ok
from nemo_watchdog.policy.policy import Dependency
from tests.unit.engine.storm.parts import LIMITS, STORM, Platform, many
from tests.unit.engine.world import World, dependency
from tests.unit.statuses import seen

CORE = [f"d{number}" for number in range(7)]
OF_CORE = replace(LIMITS, storm=replace(STORM, of="core"))


def apart(name: str, *needs: str) -> Dependency:
    """It does not count for a storm."""
    return dependency(name, needs=needs, tags=frozenset(), grace=0.0, remedy=None)


def incident_of_the_storm(world: World) -> str:
    storm = seen(world).storm
    assert storm is not None
    return storm.incident


def test_an_incident_that_comes_again_meanwhile_is_not_its() -> None:
    """Who fails later joins those who fail together."""
    world = Platform(*many(7, remedy=None), apart("mail"), limits=OF_CORE)
    world.fail("mail")
    world.succeed("mail", times=3)
    world.fail_together(CORE[:6])
    before = incident_of_the_storm(world)
    world.fail("mail")
    assert len(world.of(r.IncidentReopened)) == 1
    assert incident_of_the_storm(world) == before
    world.fail_together(CORE)
    last = world.engine.durable.incident_of("d6")
    assert last is not None
    assert last.incident == before


def test_it_may_be_one_that_comes_again() -> None:
    """One of them had failed a minute before, and all are in its incident."""
    world = Platform(*many(7, remedy=None))
    world.fail("d5")
    world.looks([name for name in CORE if name != "d5"], ok())
    world.succeed("d5", times=3)
    (before,) = world.engine.durable.incidents
    world.wait(60.0)
    world.fail_together(CORE[:6], times=5)
    assert len(world.of(r.IncidentReopened)) == 1
    assert incident_of_the_storm(world) == before
    (incident,) = world.engine.durable.open()
    assert (incident.incident, set(incident.members)) == (before, set(CORE[:6]))


def test_it_goes_on_as_the_one_with_which_it_is_merged() -> None:
    """What the root of both needs turns out to be down: who fails later joins that."""
    *others, last = many(6, remedy=None)
    child = replace(last, needs=("db",))
    world = Platform(apart("db"), apart("mail", "db"), *others, child, *many(7)[6:], limits=OF_CORE)
    world.looks(["db"], ok())
    for _ in range(4):
        world.fail("mail", times=1)
        world.looks(["db"], ok())
    (first,) = world.engine.durable.open()
    for _ in range(4):
        world.fail_together(CORE[:6], times=1)
        world.looks(["db"], ok())
    assert incident_of_the_storm(world) != first.incident
    for _ in range(4):
        world.pass_time(1.0)
        world.looks(["db"], failed(Reason.REFUSED, "test"))
    assert len(world.of(r.IncidentMerged)) == 1
    assert incident_of_the_storm(world) == first.incident
    world.fail_together(CORE)
    (left,) = world.engine.durable.open()
    assert set(left.members) == {"db", "mail", *CORE}
