"""What comes next in an incident, and when, as `status` shows it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.plan_view import MOST
from nemo_watchdog.model import ActionOutcome, Autonomy, Reason
from nemo_watchdog.views import PlanView
from tests.unit.engine.paging.parts import GROUP_WAIT, in_line, plan
from tests.unit.engine.world import World, dependency, policy
from tests.unit.statuses import seen


def lines(world: World, kind: str = "") -> list[PlanView]:
    """Of the only incident; of that kind alone."""
    (incident,) = seen(world).incidents
    return [each for each in incident.plan if kind in ("", each.kind)]


def rest(world: World, at: str | None) -> float:
    """Seconds until then."""
    assert at is not None
    return (datetime.fromisoformat(at) - world.utc) / timedelta(seconds=1)


def test_an_action_under_way_is_said_with_what_comes_if_it_does_not_help() -> None:
    """No clock tells when it ends."""
    world = World(policy(dependency("gateway")))
    world.crash("gateway")
    (line,) = lines(world, "action")
    assert (line.dependency, line.at) == ("gateway", None)
    assert line.said == (
        "docker.restart is under way, and looks must confirm it; if that has not helped: "
        "docker.restart of c-gateway, attempt 2 of 3; after that lead is told"
    )


def test_a_verification_ends_at_a_time() -> None:
    world = World(policy(dependency("gateway", grace=0.0)))
    world.fail("gateway", Reason.REFUSED)
    world.finish()
    world.fail("gateway", Reason.REFUSED, times=1)
    (line,) = lines(world, "verification")
    assert rest(world, line.at) == pytest.approx(19.0)
    assert line.said.startswith("verifying docker.restart: looks must confirm that it helped; if that has not helped: ")


def test_the_next_attempt_is_said_with_its_step_and_time() -> None:
    """The time stands apart from the words, so that it can be counted down."""
    world = World(policy(dependency("gateway")))
    world.crash("gateway")
    world.finish(ActionOutcome.FAILED)
    (line,) = lines(world, "action")
    said = "the next attempt: docker.restart of c-gateway, attempt 2 of 3; after that lead is told"
    assert line.said == said
    assert 4.0 <= rest(world, line.at) <= 6.0


def test_where_nothing_is_tried_any_more_that_is_said() -> None:
    world = World(policy(dependency("gateway", remedy=None)))
    world.fail("gateway")
    (line,) = lines(world, "nothing")
    assert (line.said, line.at) == ("nothing is done: the policy names no remedy for it; a person must look", None)


def test_what_waits_for_a_person_is_a_proposal_until_a_time() -> None:
    """Said once: that nothing is done without him follows from it."""
    world = World(policy(dependency("gateway", autonomy=Autonomy.SUGGEST)))
    world.crash("gateway")
    (line,) = [each for each in lines(world) if each.dependency == "gateway"]
    (asked,) = seen(world).proposals
    assert (line.kind, line.at) == ("proposal", asked.until)
    assert line.said == f"a person must approve or reject it: {asked.what}"


def test_what_waits_for_the_root_has_no_plan_of_its_own() -> None:
    """The root's is that of all."""
    world = World(policy(dependency("postgres"), dependency("gateway", needs=["postgres"])))
    world.crash("postgres")
    world.fail("gateway", Reason.REFUSED)
    (incident,) = seen(world).incidents
    assert incident.members == ("postgres", "gateway")
    assert {each.dependency for each in incident.plan} == {"postgres", ""}


def test_what_has_recovered_has_no_plan() -> None:
    world = World(policy(dependency("postgres"), dependency("gateway", needs=["postgres"])))
    world.crash("postgres")
    world.fail("gateway", Reason.REFUSED)
    world.finish()
    world.succeed("postgres", times=3)
    (incident,) = seen(world).incidents
    assert "gateway" in {each.dependency for each in incident.plan}
    assert "postgres" not in {each.dependency for each in incident.plan}


def test_a_gate_that_a_clock_opens_is_asked_again_then() -> None:
    world = World(policy(dependency("gateway")))
    world.send(ev.PauseAsked("gateway", "deploying", "ops", 600.0))
    world.crash("gateway")
    (line,) = lines(world, "action")
    assert line.said == "nothing for now: ops paused gateway: deploying; that is asked again"
    assert rest(world, line.at) == pytest.approx(600.0)


def test_of_many_members_only_some_are_said() -> None:
    """Each has a plan of its own, for they fail one after the other; what is acted on comes first."""
    names = [f"d{number}" for number in range(2 * MOST)]
    world = World(policy(dependency("root"), *(dependency(name, needs=["root"]) for name in names)))
    world.crash("root")
    for name in names:
        world.fail(name, Reason.REFUSED)
    world.finish()
    world.succeed("root", times=3)
    (incident,) = seen(world).incidents
    planned = [each.dependency for each in incident.plan if each.dependency]
    assert len(planned) == MOST < len(incident.members)


def test_who_is_told_next_and_when() -> None:
    """Before the first message, that people are told; after an answer, nobody more."""
    world = World(in_line(plan("gateway", "idle", remedy=None)))
    world.fail("gateway")
    (first,) = lines(world, "escalation")
    assert first.said == "people are told, unless it is over by then"
    assert rest(world, first.at) > 0
    world.wait(GROUP_WAIT)
    (following,) = lines(world, "escalation")
    assert following.said == "lead is told, unless somebody takes it"
    assert following.at == "2026-01-05T12:15:09+00:00"
    (incident,) = seen(world).incidents
    world.send(ev.AcknowledgeAsked(incident.id, "anna", 600.0))
    (taken,) = [each for each in lines(world) if not each.dependency]
    assert taken.kind == "acknowledgement"
    assert rest(world, taken.at) == pytest.approx(600.0)
    assert taken.said == "anna has it until then, and afterwards it is nobody's again"


def test_of_an_answer_without_an_end_there_is_nothing_to_come() -> None:
    world = World(policy(dependency("gateway", remedy=None)))
    world.fail("gateway")
    world.wait(GROUP_WAIT)
    (incident,) = seen(world).incidents
    world.send(ev.AcknowledgeAsked(incident.id, "anna", None))
    assert [each for each in lines(world) if not each.dependency] == []


def test_what_is_busy_is_left_alone_until_a_person_is_told() -> None:
    """When that is, as long as it does not move on."""
    world = World(policy(dependency("gateway", busy_for=300.0)))
    world.fail("gateway", Reason.OVERLOADED)
    action, told = (each for each in lines(world) if each.dependency)
    assert action.said.startswith("it is left alone, it needs time: busy: ")
    assert told.kind == "escalation"
    assert told.said == "a person is told unless it has moved on: it is busy, and may be for 5m"
    assert 290.0 < rest(world, told.at) <= 300.0


def test_of_what_the_policy_does_not_name_any_more_there_is_no_plan() -> None:
    """And the status is told all the same."""
    world = World(policy(dependency("gateway"), dependency("redis")))
    world.crash("gateway")
    left = {"redis": world.engine.policy.dependencies["redis"]}
    world.send(ev.PolicyChanged(replace(world.engine.policy, dependencies=left)))
    (incident,) = seen(world).incidents
    assert incident.root == "gateway"
    assert [each for each in incident.plan if each.dependency] == []
