"""What an event changes follows from it at once: it is looked at, decided and written down without the next look."""

from __future__ import annotations

from dataclasses import replace

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.model import ActionOutcome, ActionResult, Gate, Health, Reason
from nemo_watchdog.policy.policy import Backoff
from tests.unit.engine.storm.parts import Platform, many
from tests.unit.engine.world import RESTART, World, dependency, policy, remedy


def written_down(world: World) -> str:
    """The gate of the last decision that is on disk."""
    decisions = [record for record in world.of(r.DecisionMade) if isinstance(record, r.DecisionMade)]
    return decisions[-1].gate


def waits_for_its_backoff() -> World:
    """A restart did not help, and the next may come in ten minutes."""
    slowly = replace(RESTART, backoff=Backoff(600.0, 2.0, 600.0, 0.0), verify_within=5.0)
    world = World(policy(dependency("gateway", grace=0.0), fix=remedy(slowly)))
    world.fail("gateway")
    world.finish()
    world.fail("gateway", times=10)
    assert written_down(world) == Gate.BACKOFF
    return world


def test_what_docker_says_of_a_container_has_all_that_it_serves_looked_at() -> None:
    world = World(policy(dependency("page", container="c-web"), dependency("socket", container="c-web")))
    world.soon.clear()
    world.run("page")
    assert world.soon == {"page", "socket"}


def test_after_an_action_all_that_it_was_done_to_is_looked_at() -> None:
    """Whether it helped is nobody's word but theirs; Docker has told nothing of a new run yet."""
    world = World(policy(dependency("page", container="c-web"), dependency("socket", container="c-web")))
    world.run("page", age=60.0)
    world.succeed("page")
    world.succeed("socket")
    world.fail("page")
    world.succeed("socket", times=1)
    effects = world.send(ev.ActionFinished(world.pending.pop(), ActionResult(ActionOutcome.SUCCEEDED)))
    assert effects.probe_soon == {"page", "socket"}


def test_a_pause_is_written_down_as_what_holds() -> None:
    world = waits_for_its_backoff()
    world.send(ev.PauseAsked("gateway", "I look myself", "ops"))
    assert written_down(world) == Gate.PAUSE


def test_a_good_look_that_decides_nothing_yet_is_written_down_as_what_holds() -> None:
    """One is too few for "up again", and enough to wait for more."""
    world = waits_for_its_backoff()
    world.succeed("gateway", times=1)
    assert world.health("gateway") is Health.DOWN
    assert written_down(world) == Gate.EVIDENCE


def test_what_another_way_tells_is_believed_and_told() -> None:
    """The firewall has cut the published ports: nobody waits for the next look at any of them."""
    names = [f"d{number}" for number in range(6)]
    world = Platform(*many(6), published=True)
    world.fail_together(names)
    assert not world.notifications
    world.witness(names)
    (told,) = world.notifications
    assert "cannot be reached from here" in told.body
    (incident,) = world.engine.durable.open()
    assert incident.rule == "cannot-be-reached"


def test_what_another_way_tells_nothing_of_changes_nothing() -> None:
    world = Platform(*many(6), published=True)
    world.fail_together([f"d{number}" for number in range(6)])
    world.asked()
    effects = world.send(ev.Witnessed("d0", ""))
    assert not effects.records
    assert not world.asked()


def test_what_fails_all_through_its_grace_is_down_when_that_is_over() -> None:
    """It was restarted, and starts for as long as it may."""
    world = World(policy(dependency("gateway", grace=60.0), fix=remedy(replace(RESTART, verify_within=30.0))))
    world.fail("gateway")
    world.finish()
    world.fail("gateway", Reason.REFUSED, times=20)
    assert world.health("gateway") is Health.STARTING
    world.wait(39.0)
    assert world.health("gateway") is Health.STARTING
    world.wait(2.0)
    assert world.health("gateway") is Health.DOWN
