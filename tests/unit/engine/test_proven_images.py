"""An image that has served for long enough is one to go back to, and only where the container has another one since."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.by_hand import why_not_acted
from nemo_watchdog.engine.explaining import explain_now
from nemo_watchdog.engine.proven import ProvenImage
from nemo_watchdog.engine.replay import apply
from nemo_watchdog.engine.step_fit import why_skipped
from nemo_watchdog.model import ActionOutcome, ActionResult, Autonomy, RunState
from nemo_watchdog.policy.policy import Budget, Dependency, EscalateStep
from tests.unit.engine.world import RESTART, World, dependency, policy, remedy

PROVEN_FOR = 600.0
GOOD, BAD = "sha256:good", "sha256:bad"
ROLLBACK = replace(
    RESTART, action="docker.rollback", key="docker.rollback", attempts=1, proves_after=PROVEN_FOR, settles=True
)
QUICK = replace(RESTART, attempts=1)
FIX = remedy(QUICK, ROLLBACK, EscalateStep("lead"), budget=Budget(9, 3600.0))


def world_of(*more: Dependency, **keys: object) -> World:
    """The container of `web` has just begun to serve from the good image."""
    watched = replace(dependency("web", grace=0.0, flapping=None), **keys)  # type: ignore[arg-type]
    world = World(policy(watched, *more, fix=FIX), running=False)
    world.images["c-web"] = GOOD
    world.run("web", age=60.0)
    for name in world.engine.trackers:
        world.succeed(name, times=3)
    return world


def proven(world: World) -> list[str]:
    return [record.image_id for record in world.of(r.ImageProven) if isinstance(record, r.ImageProven)]


def serve(world: World, seconds: float) -> None:
    """It is looked at only now and then, and the engine is woken when it asked for that."""
    world.wait(seconds)
    world.succeed("web", times=3)


def deploy(world: World, image: str) -> None:
    """Somebody starts a new run from another image."""
    world.images["c-web"] = image
    world.run("web")
    world.succeed("web", times=3)


def why(world: World) -> str:
    return why_skipped(ROLLBACK, world.engine.trackers["web"], world.engine.durable)


def test_an_image_that_has_served_for_long_enough_has_proven_itself() -> None:
    """At that moment, once, without another look."""
    world = world_of()
    world.wait(PROVEN_FOR - 10.0)
    assert proven(world) == []
    world.wait(10.0)
    assert proven(world) == [GOOD]
    serve(world, 3 * PROVEN_FOR)
    assert proven(world) == [GOOD]
    assert world.wake_at is None or world.wake_at > world.monotonic


def test_the_record_says_which_one() -> None:
    """By id and by name, of which container, and for how long it served."""
    world = world_of()
    world.see("web", RunState.RUNNING, image_name="app:1")
    world.wait(PROVEN_FOR)
    (record,) = world.of(r.ImageProven)
    assert record == r.ImageProven("web", "c-web", GOOD, "app:1", PROVEN_FOR)


def test_one_that_goes_down_in_between_begins_anew() -> None:
    """And again each time that it does."""
    world = world_of()
    for _ in range(4):
        world.wait(PROVEN_FOR - 60.0)
        world.fail("web")
        world.succeed("web", times=3)
    assert proven(world) == []
    world.wait(PROVEN_FOR)
    assert proven(world) == [GOOD]


def test_what_flaps_proves_nothing() -> None:
    """However long it was up, until it is over and the time has passed once more."""
    world = world_of()
    world.wait(PROVEN_FOR - 60.0)
    apply(r.FlappingBegan("i", "web", "lead", 8, 600.0), world.engine.durable, world.now)
    world.wait(2 * PROVEN_FOR)
    assert proven(world) == []
    apply(r.FlappingEnded("i", "web", 8, 600.0, "still", resolves=False), world.engine.durable, world.now)
    world.wait(2 * PROVEN_FOR)
    assert proven(world) == [GOOD]


def test_another_run_begins_anew() -> None:
    """Also from the same image: what was served before says nothing of this start."""
    world = world_of()
    world.wait(PROVEN_FOR - 60.0)
    world.run("web")
    world.succeed("web", times=3)
    world.wait(PROVEN_FOR - 60.0)
    assert proven(world) == []
    world.wait(60.0)
    assert proven(world) == [GOOD]


def test_a_new_image_is_not_proven_by_the_old_one() -> None:
    """It has to serve for as long, and then it takes the place of the other."""
    world = world_of()
    world.wait(PROVEN_FOR)
    deploy(world, BAD)
    world.wait(PROVEN_FOR - 60.0)
    assert proven(world) == [GOOD]
    world.wait(60.0)
    assert proven(world) == [GOOD, BAD]


def test_docker_out_of_sight_begins_anew() -> None:
    """Another image may have come and gone meanwhile."""
    world = world_of()
    world.wait(PROVEN_FOR - 60.0)
    world.see("web", RunState.UNREACHABLE)
    world.see("web", RunState.RUNNING)
    world.wait(PROVEN_FOR - 60.0)
    assert proven(world) == []
    world.wait(60.0)
    assert proven(world) == [GOOD]


def test_a_doubt_is_waited_out() -> None:
    """The last look failed when the time was over: the next one decides."""
    world = world_of()
    world.wait(PROVEN_FOR - 10.0)
    world.fail("web", times=1)
    world.wait(60.0)
    assert proven(world) == []
    world.succeed("web", times=3)
    assert proven(world) == [GOOD]


def test_all_that_look_at_the_container_must_be_up() -> None:
    """One page of it serves and another does not: nothing has proven itself."""
    world = world_of(dependency("page", grace=0.0, flapping=None, container="c-web"))
    world.fail("page")
    world.wait(2 * PROVEN_FOR)
    assert proven(world) == []
    world.succeed("page", times=3)
    world.wait(PROVEN_FOR)
    assert proven(world) == [GOOD]


def test_where_nothing_may_be_done_nothing_is_kept() -> None:
    """What is only observed has nothing tagged in Docker either; nor what has no such step."""
    observed = world_of(autonomy=Autonomy.OBSERVE)
    without = world_of(remedy=None)
    for world in (observed, without):
        world.wait(2 * PROVEN_FOR)
        assert proven(world) == []


def test_a_policy_that_gets_such_a_step_begins_to_count() -> None:
    """Of what is up already, without waiting for a change."""
    world = world_of(remedy=None)
    world.wait(2 * PROVEN_FOR)
    spec = replace(world.engine.policy.dependencies["web"], remedy="restart")
    world.send(ev.PolicyChanged(policy(spec, fix=FIX)))
    world.wait(PROVEN_FOR)
    assert proven(world) == [GOOD]


def test_what_has_proven_itself_is_known_to_the_next_process() -> None:
    """It is not written down again, and the time of another image begins anew."""
    world = world_of()
    world.wait(PROVEN_FOR)
    known = dict(world.engine.durable.proven_images)
    assert isinstance(known["c-web"], ProvenImage)
    world.kill_daemon()
    assert world.engine.durable.proven_images == known
    world.run("web", age=3600.0)
    world.succeed("web", times=3)
    world.wait(2 * PROVEN_FOR)
    assert proven(world) == [GOOD]


def test_a_longer_time_is_asked_of_the_same_image_too() -> None:
    """A policy that asks for more has to see more."""
    world = world_of()
    world.wait(PROVEN_FOR)
    longer = replace(ROLLBACK, proves_after=2 * PROVEN_FOR)
    world.send(ev.PolicyChanged(policy(world.engine.policy.dependencies["web"], fix=remedy(longer))))
    assert "has been seen to serve for 20m" in why_skipped(longer, world.engine.trackers["web"], world.engine.durable)
    world.wait(2 * PROVEN_FOR)
    assert proven(world) == [GOOD, GOOD]


def test_the_step_is_skipped_where_there_is_nothing_to_go_back_to() -> None:
    """With a sentence that says why."""
    world = world_of()
    assert why(world) == "no image of its container has been seen to serve for 10m yet"
    world.wait(PROVEN_FOR)
    assert why(world) == "the image has not changed since it was proven at 2026-01-05 12:10:02 UTC"
    deploy(world, BAD)
    assert why(world) == ""
    world.engine.trackers["web"].image = ""
    assert why(world) == "which image its container has now is not known"


def test_the_same_image_is_not_gone_back_to() -> None:
    """The ladder goes past the step to a person, and says why."""
    world = world_of()
    world.wait(PROVEN_FOR)
    world.fail("web")
    world.finish()
    world.fail("web", times=60)
    assert [request.action for _, request in world.started] == ["docker.restart"]
    skipped = [each for each in world.of(r.StepSkipped) if isinstance(each, r.StepSkipped)]
    assert [each.step_key for each in skipped] == ["docker.rollback"]
    assert skipped[0].why.startswith("the image has not changed since it was proven at")
    assert world.of(r.Escalated)


@pytest.mark.parametrize("keeps_data", [False, True])
def test_a_new_image_that_fails_is_gone_back_from(keeps_data: bool) -> None:
    """The order names the image that has proven itself, and whether there are data to lose."""
    world = world_of(keeps_data=keeps_data)
    world.see("web", RunState.RUNNING, image_name="app:1")
    world.wait(PROVEN_FOR)
    deploy(world, BAD)
    world.fail("web")
    world.finish()
    world.fail("web", times=40)
    request = world.pending[0]
    assert (request.action, request.image, request.image_name) == ("docker.rollback", GOOD, "app:1")
    assert request.keeps_data is keeps_data
    world.images["c-web"] = GOOD
    world.run("web")
    world.send(ev.ActionFinished(world.pending.pop(0), ActionResult(ActionOutcome.SUCCEEDED, made="id-made")))
    world.succeed("web", times=4)
    assert not world.engine.durable.open()


def test_data_of_another_dependency_of_the_container_count() -> None:
    """Whoever fails: what would be lost is in the container."""
    world = world_of(dependency("data", grace=0.0, flapping=None, container="c-web", keeps_data=True))
    world.wait(PROVEN_FOR)
    world.images["c-web"] = BAD
    world.run("web")
    for _ in range(60):
        world.fail("web", times=1)
        world.succeed("data", times=1)
        while world.pending and world.pending[0].action == "docker.restart":
            world.finish()
    assert [(each.action, each.keeps_data) for each in world.pending] == [("docker.rollback", True)]


def test_by_hand_there_must_be_another_image_too() -> None:
    """A person who names the step learns why it is not done."""
    world = world_of()
    world.wait(PROVEN_FOR)
    world.fail("web")
    engine, asked = world.engine, ev.ActAsked("web", "docker.rollback", (), "", "ada")
    said = why_not_acted(engine.volatile, engine.durable, asked, world.monotonic)
    assert said.startswith("the step docker.rollback is not for it: the image has not changed since it was proven at")


def test_explain_says_what_it_would_go_back_to() -> None:
    """Before it does, and of a name from outside on one line."""
    world = world_of()
    world.see("web", RunState.RUNNING, image_name="app\n:1")
    world.wait(PROVEN_FOR)
    deploy(world, BAD)
    assert not any(
        "goes back" in each for each in explain_now(world.engine, "web", world.now).said
    )  # a restart is next
    spec = world.engine.policy.dependencies["web"]
    world.send(ev.PolicyChanged(policy(spec, fix=remedy(ROLLBACK))))
    said = explain_now(world.engine, "web", world.now).said
    line = "docker.rollback goes back to the image app\\n:1, which served for 10m until 2026-01-05 12:10:02 UTC."
    assert line in said
