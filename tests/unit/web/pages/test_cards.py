"""What is open, a card for each: what is wrong, what was done, what comes next, who has it, and what may be ordered."""

from __future__ import annotations

from dataclasses import replace

from nemo_watchdog.engine import events as ev
from nemo_watchdog.model import ActionOutcome, Autonomy, Reason, Severity
from nemo_watchdog.views import LadderView
from nemo_watchdog.web.pages.cards import Card, Orders, card, declared_card, proposal_cards
from tests.unit.engine.paging.parts import GROUP_WAIT, in_line, plan
from tests.unit.engine.world import World, dependency, policy
from tests.unit.statuses import seen
from tests.unit.web.pages.parts import clock_of


def only(world: World) -> Card:
    view = seen(world)
    return card(view, view.incidents[0], clock_of(view))


def platform() -> World:
    return World(policy(dependency("postgres"), dependency("gateway", needs=["postgres"])))


def test_a_card_says_all_that_whoever_was_woken_asks() -> None:
    world = platform()
    world.crash("postgres")
    world.fail("gateway", Reason.REFUSED)
    one = only(world)
    assert (one.severity, one.title, one.root) == ("SEV1", "Complete outage", "postgres")
    assert one.members == ("postgres", "gateway")
    assert (one.since.said, one.since.iso, one.lasted) == ("12:00:06", "2026-01-05T12:00:06+00:00", "3s")
    assert one.wrong == (
        "postgres is down (exited)",
        "Docker says that the container is not running.",
        "container exited with code 1",
    )
    assert one.done == "1 action, rule outage"
    assert one.impact == "postgres and gateway (2 of 2 core)"
    assert (one.taken, one.told) == ("", "")
    assert one.orders.take


def test_what_comes_next_has_its_time_apart() -> None:
    """For a countdown."""
    world = World(policy(dependency("gateway")))
    world.crash("gateway")
    world.finish(ActionOutcome.FAILED)
    line = only(world).plan[0]
    assert line.said.startswith("the next attempt: docker.restart of c-gateway, attempt 2 of 3")
    assert line.at is not None
    assert line.at.iso.endswith("+00:00")
    assert line.at.said.startswith("12:00:")


def test_the_plan_of_another_than_the_root_says_of_whom_it_is() -> None:
    world = platform()
    world.crash("postgres")
    world.fail("gateway", Reason.REFUSED)
    world.finish()
    world.succeed("postgres", times=3)
    assert any(line.said.startswith("gateway: ") for line in only(world).plan)


def test_where_the_root_serves_again_the_card_speaks_of_what_does_not() -> None:
    world = platform()
    world.crash("postgres")
    world.fail("gateway", Reason.REFUSED)
    world.finish()
    world.succeed("postgres", times=3)
    one = only(world)
    assert one.wrong[0] == "gateway is down (refused)"
    assert one.orders.act == "gateway"


def test_where_nothing_fails_any_more_the_card_says_what_is_waited_for() -> None:
    """Between the last good look and the end of the incident."""
    world = platform()
    world.crash("postgres")
    view = seen(world)
    well = {name: replace(each, health="up") for name, each in view.dependencies.items()}
    one = card(replace(view, dependencies=well), view.incidents[0], clock_of(view))
    assert one.wrong == (
        "it was opened for postgres: exited",
        "it is over when all of it has been seen to serve",
    )
    assert (one.orders.act, one.orders.retry) == ("", "")


def test_who_has_it_and_who_was_told() -> None:
    world = World(in_line(plan("gateway", "idle", remedy=None)))
    world.fail("gateway")
    world.wait(GROUP_WAIT)
    assert only(world).told == "told: on-call, next lead at 12:15:09"
    world.send(ev.AcknowledgeAsked(only(world).id, "anna", 600.0))
    one = only(world)
    assert one.taken.startswith("taken by anna until 12:1")
    assert not one.orders.take
    view = seen(world)
    told = card(view, replace(view.incidents[0], escalated=("lead",)), clock_of(view)).told
    assert told == "told: on-call; told to look: lead"


def test_only_what_makes_sense_can_be_ordered() -> None:
    """Without a remedy there is nothing to do, and before an attempt nothing to begin anew."""
    world = World(policy(dependency("gateway"), dependency("idle", remedy=None)))
    world.crash("gateway")
    assert only(world).orders == Orders(True, "gateway", "", "gateway", "", "gateway")
    world.finish(ActionOutcome.FAILED)
    assert only(world).orders.retry == "gateway"
    world = World(policy(dependency("idle", remedy=None), dependency("redis")))
    world.fail("idle")
    assert only(world).orders == Orders(True, "", "", "idle", "", "idle")


def test_what_has_ended_can_begin_anew() -> None:
    world = World(policy(dependency("gateway")))
    world.crash("gateway")
    view = seen(world)
    ladders = {"gateway": LadderView("idle", 0, 0.0, "3 attempts did not help")}
    ended = card(view, replace(view.incidents[0], ladders=ladders), clock_of(view))
    assert ended.orders.retry == "gateway"


def test_what_is_paused_can_be_resumed_instead() -> None:
    """By the scope of the pause that holds it."""
    world = World(policy(dependency("gateway"), dependency("redis")))
    world.crash("gateway")
    world.send(ev.PauseAsked("*", "the network is changed", "ada"))
    assert (only(world).orders.pause, only(world).orders.resume) == ("", "*")
    world.send(ev.PauseAsked("gateway", "deploying", "ops"))
    assert (only(world).orders.pause, only(world).orders.resume) == ("", "gateway")


def test_a_root_that_the_policy_does_not_name_any_more_fails_nothing() -> None:
    world = World(policy(dependency("gateway"), dependency("redis")))
    world.crash("gateway")
    left = {"redis": world.engine.policy.dependencies["redis"]}
    world.send(ev.PolicyChanged(replace(world.engine.policy, dependencies=left)))
    one = only(world)
    assert one.root == "gateway"
    assert one.orders == Orders(True, "", "", "", "", "")


def test_what_a_person_declared_has_a_card() -> None:
    world = World(policy(dependency("gateway")))
    world.send(ev.DeclareAsked("the payment provider answers 500", Severity.SEV2, "gateway", "ada"))
    world.pass_time(90.0)
    view = seen(world)
    one = declared_card(view.declared[0], clock_of(view))
    assert (one.severity, one.title, one.text) == ("SEV2", "Major degradation", "the payment provider answers 500")
    assert (one.dependency, one.by, one.since.said, one.lasted) == ("gateway", "ada", "12:00:03", "1m30s")
    assert one.may_take
    world.send(ev.AcknowledgeAsked(one.id, "bob", None))
    view = seen(world)
    taken = declared_card(view.declared[0], clock_of(view))
    assert (taken.taken, taken.may_take) == ("taken by bob", False)


def test_what_waits_for_a_person_has_a_card_until_he_answers() -> None:
    world = World(policy(dependency("gateway", autonomy=Autonomy.SUGGEST)))
    world.crash("gateway")
    view = seen(world)
    (one,) = proposal_cards(view, clock_of(view))
    assert one.dependency == "gateway"
    assert one.what.startswith("docker.restart of c-gateway")
    assert one.until.iso == view.proposals[0].until
    world.send(ev.ApproveAsked(one.id, "ada"))
    view = seen(world)
    assert proposal_cards(view, clock_of(view)) == ()
