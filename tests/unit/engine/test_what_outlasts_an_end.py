"""What is remembered of a member when its trouble, its attempt or its incident is over, and what is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.model import Autonomy, NotificationKind, Observation, Reason, failed, ok
from nemo_watchdog.policy.policy import Backoff
from tests.unit.engine.world import RESTART, World, dependency, policy, remedy

STEP = replace(RESTART, attempts=3, backoff=Backoff(10.0, 2.0, 300.0, 0.0), verify_within=60.0)
BASE = policy(dependency("shop", grace=0.0), dependency("page", needs=["shop"], grace=0.0), fix=remedy(STEP))
WITHOUT_SHOP = policy(dependency("page", grace=0.0), fix=remedy(STEP))
BUSY_LOOK = replace(failed(Reason.WRONG_ANSWER, "test"), work="VACUUM FULL in shop")


def fails_at_work(world: World, times: int = 5) -> None:
    for _ in range(times):
        world.wait(1.0)
        world.send(ev.Observed("shop", Observation(BUSY_LOOK, 0.01, world.now), signs=ev.Signs("VACUUM", "")))


def drop(world: World) -> None:
    """Nobody watches it any more, and then it is watched again."""
    world.send(ev.PolicyChanged(WITHOUT_SHOP))
    assert "shop" not in world.engine.trackers
    world.send(ev.PolicyChanged(BASE))
    world.run("shop", age=3600.0)
    world.succeed("shop", times=3)


def recover_while_the_incident_goes_on(world: World) -> None:
    """What is in progress goes on as well."""
    world.fail("page", times=5)
    world.look("shop", replace(ok(), work="VACUUM FULL in shop"), times=3)
    assert world.engine.durable.incident_of("shop") is not None


def recover(world: World) -> None:
    world.succeed("shop", times=3)
    assert not world.engine.durable.open()


@pytest.mark.parametrize("end", [recover_while_the_incident_goes_on, recover, drop])
def test_a_leave_to_restart_over_work_is_for_one_trouble(end: Callable[[World], None]) -> None:
    """A person gave it and it was not needed: what is in progress in the next trouble is finished first."""
    world = World(BASE)
    fails_at_work(world)
    world.send(ev.PauseAsked("*", "deploying", "ops"))
    world.send(ev.RetryAsked("shop", "it hangs", "ops"))
    end(world)
    world.send(ev.ResumeAsked("*", "ops"))
    fails_at_work(world)
    assert not [request for _, request in world.started if request.dependency == "shop"]


def test_an_attempt_on_what_was_dropped_in_its_verification_is_judged_by_nobody() -> None:
    """Whoever watches it again finds another trouble: nobody has seen whether that attempt helped."""
    world = World(BASE)
    world.fail("shop")
    world.finish()
    drop(world)
    world.fail("shop", times=5)
    assert len(world.started) == 2
    assert not world.of(r.AttemptFailed)


def test_what_was_dropped_in_its_trouble_is_not_said_to_recover_with_the_next() -> None:
    """It serves when it is watched again, and another member of the same incident has failed anew."""
    world = World(BASE)
    world.send(ev.PauseAsked("*", "deploying", "ops"))
    world.fail("shop")
    world.fail("page", times=4)
    world.send(ev.PolicyChanged(WITHOUT_SHOP))
    world.succeed("page", times=3)
    assert not world.engine.durable.open()
    world.send(ev.PolicyChanged(BASE))
    world.run("shop", age=3600.0)
    world.succeed("shop", times=3)
    world.fail("page", times=2)
    world.succeed("shop", times=1)
    world.fail("page", times=2)
    world.succeed("page", times=3)
    assert len(world.of(r.IncidentReopened)) == 1
    assert not world.engine.durable.open()
    assert {record.dependency for record in world.of(r.MemberRecovered)} == {"page"}  # type: ignore[attr-defined]


def test_what_holds_it_is_told_again_when_the_incident_comes_again() -> None:
    """As news, though it is the answer of the last time."""
    world = World(BASE)
    for times in (1, 2):
        world.slow("shop")
        assert len(world.of(r.DecisionMade)) == times
        world.succeed("shop", times=3)
    assert len(world.of(r.IncidentReopened)) == 1


def test_a_person_who_wants_it_tried_again_is_asked_again_where_only_people_may() -> None:
    """What was suggested before is suggested now."""
    world = World(policy(dependency("shop", grace=0.0, autonomy=Autonomy.SUGGEST), fix=remedy(STEP)))
    world.fail("shop")
    assert len(world.told(NotificationKind.SUGGESTED)) == 1
    world.send(ev.RetryAsked("shop", "the disk is free again", "ops"))
    assert len(world.of(r.Proposed)) == 2


# -- what was seen of it last, where nobody watches it any more


def grew_worse(world: World) -> None:
    world.slow("shop")
    world.fail("shop")


def came_again(world: World) -> None:
    world.slow("shop")
    world.succeed("shop", times=3)
    world.fail("shop")


def joined(world: World) -> None:
    """It is not the root, and page, which it has taken with it, goes on."""
    world.fail("shop")


@pytest.mark.parametrize("how", [grew_worse, came_again, joined])
def test_the_last_that_was_seen_of_it_is_told_when_it_is_dropped(how: Callable[[World], None]) -> None:
    plan = BASE
    if how is joined:
        plan = policy(dependency("page", grace=0.0), dependency("shop", needs=["page"], grace=0.0), fix=remedy(STEP))
    world = World(plan)
    world.send(ev.PauseAsked("*", "deploying", "ops"))
    if how is joined:
        world.fail("page")
    how(world)
    world.send(ev.PolicyChanged(WITHOUT_SHOP))
    world.succeed("page", times=3)
    (told,) = world.told(NotificationKind.UNWATCHED)
    assert "It was down: wrong_status (test: wrong_status) when it was last seen." in told.body


# -- how far the gaps have grown


def test_a_step_that_takes_the_place_of_another_begins_with_its_own_first_gap() -> None:
    """The gap grows with how often that step has acted, wherever it stands."""
    world = World(BASE)
    for _ in range(2):
        world.fail("shop")
        while not world.pending:
            world.fail("shop", times=1)
        world.finish()
        world.pass_time(60.0)
        world.fail("shop", times=3)
    other = replace(STEP, action="touch.file", key="touch.file")
    world.send(ev.PolicyChanged(policy(*BASE.dependencies.values(), fix=remedy(other))))
    while len(world.started) < 3:
        world.fail("shop", times=1)
    world.finish()
    world.pass_time(60.0)
    world.fail("shop", times=3)
    gaps = [record.backoff for record in world.of(r.AttemptFailed)]  # type: ignore[attr-defined]
    assert gaps == [10.0, 20.0, 10.0]
