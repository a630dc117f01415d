"""One answer takes all of a page that is open, by whichever of its ids; a link is used once, for good."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.answering import is_known, open_with, why_not_answered
from nemo_watchdog.engine.pages import LINKS_ARE_KNOWN_FOR
from nemo_watchdog.model import NotificationKind, Reason, Severity, Told
from nemo_watchdog.policy.people import Apprise, Contact, PagerDuty, Rota
from nemo_watchdog.policy.policy import Policy
from nemo_watchdog.policy.secret_value import Secret
from tests.unit.engine.paging.parts import GROUP_WAIT, TELLING, in_line, kinds, plan, to
from tests.unit.engine.world import World, dependency, policy

LINK = "a-digest"
RESPOND = 900.0


def two_down(made: Policy | None = None) -> World:
    """One page that tells of two incidents."""
    world = World(in_line(made or plan("postgres", "redis", "idle", remedy=None)))
    world.fail("postgres", Reason.REFUSED)
    world.fail("redis", Reason.REFUSED)
    world.wait(GROUP_WAIT)
    assert kinds(world) == ["opened"]
    return world


def by_link(world: World, incident: str, contact: str = "on-call", link: str = LINK) -> None:
    world.send(ev.AcknowledgeAsked(incident, contact, contact=contact, link=link))


def owners(world: World) -> list[str]:
    return [one.acknowledged.by if one.acknowledged else "" for one in world.engine.durable.open()]


@pytest.mark.parametrize("which", [0, 1])
def test_one_answer_takes_all_of_the_page_and_is_told_once(which: int) -> None:
    world = two_down()
    incident = world.messages[0].incidents[which]
    world.send(ev.AcknowledgeAsked(incident, "anna"))
    assert owners(world) == ["anna", "anna"]
    assert kinds(world) == ["opened", "acknowledged"]
    message = world.messages[-1]
    assert message.title.endswith(": anna has taken all of it")
    assert {"postgres", "redis"} <= set(message.title.replace(":", "").split())
    world.wait(86400)
    assert kinds(world) == ["opened", "acknowledged"]


def test_the_page_is_taken_by_its_id_also_when_what_it_began_with_is_over() -> None:
    """The message names the page, whatever is left of it."""
    world = two_down()
    page, other = world.messages[0].incidents
    world.succeed(world.engine.durable.incidents[page].root, times=3)
    world.send(ev.AcknowledgeAsked(page, "anna"))
    assert owners(world) == ["anna"]
    assert [one.incident for one in open_with(world.engine.durable, page)] == [other]


def test_each_answer_is_told() -> None:
    """Also one of the same person, later."""
    world = two_down()
    page = world.messages[0].incident
    for by in ("anna", "bob", "anna"):
        world.send(ev.AcknowledgeAsked(page, by))
        world.wait(1)
    assert kinds(world)[1:] == ["acknowledged"] * 3


def test_who_answers_by_a_link_is_not_told_so() -> None:
    """The others are, and he hears of the end."""
    world = two_down()
    world.wait(RESPOND)
    by_link(world, world.messages[0].incident, "lead")
    assert owners(world) == ["lead", "lead"]
    assert (str(world.messages[-1].kind), to(world.messages[-1])) == ("acknowledged", "on-call")
    for name in ("postgres", "redis"):
        world.succeed(name, times=3)
    assert (str(world.messages[-1].kind), to(world.messages[-1])) == ("resolved", "on-call, lead")


def test_where_nobody_else_was_told_nobody_is() -> None:
    """It is counted."""
    world = two_down()
    by_link(world, world.messages[0].incident)
    assert kinds(world) == ["opened"]
    assert (NotificationKind.ACKNOWLEDGED, Told.NO_CONTACT) in world.effects[-1].told


def test_a_service_that_keeps_incidents_hears_of_every_answer() -> None:
    """PagerDuty would go on calling."""
    made = plan("postgres", "redis", "idle", remedy=None)
    on_call = Contact((Apprise(Secret("json://x")), PagerDuty(Secret("key"), "https://events.pagerduty.com")))
    world = two_down(replace(made, contacts={"on-call": on_call, "lead": Contact()}))
    by_link(world, world.messages[0].incident)
    assert (str(world.messages[-1].kind), to(world.messages[-1])) == ("acknowledged", "on-call")


@pytest.mark.parametrize(("people", "hears"), [(("anna", "bob"), True), (("bob",), False)])
def test_a_rota_hears_of_it_where_one_of_its_people_has_such_a_service(people: tuple[str, ...], hears: bool) -> None:
    """A rota has no address of its own, and who was called may have it no more."""
    anna = Contact((PagerDuty(Secret("key"), "https://events.pagerduty.com"),))
    rota = Contact(rota=Rota(people, None, 540, UTC))
    contacts = {"on-call": rota, "anna": anna, "bob": Contact(), "lead": Contact()}
    world = two_down(replace(plan("postgres", "redis", "idle", remedy=None), contacts=contacts))
    by_link(world, world.messages[0].incident)
    assert kinds(world) == ["opened", *["acknowledged"] * hears]


def test_a_link_takes_one_answer() -> None:
    """Also after the answer has ended, and in a new process."""
    world = two_down()
    page = world.messages[0].incident
    by_link(world, page)
    world.send(ev.AcknowledgeAsked(page, "bob"))
    by_link(world, page)
    assert owners(world) == ["bob", "bob"]
    world.kill_daemon()
    by_link(world, page)
    assert owners(world) == ["bob", "bob"]
    assert why_not_answered(world.engine.durable, page, LINK) == "this link has been used"
    assert why_not_answered(world.engine.durable, page, "another") == ""


def test_used_links_are_forgotten_when_they_have_long_expired() -> None:
    world = two_down()
    by_link(world, world.messages[0].incident)
    durable = world.engine.durable
    durable.forget_old(world.monotonic + LINKS_ARE_KNOWN_FOR - 1, 3600.0)
    assert list(durable.pages.answered) == [LINK]
    durable.forget_old(world.monotonic + LINKS_ARE_KNOWN_FOR, 3600.0)
    assert durable.pages.answered == {}


def test_what_is_over_nobody_takes() -> None:
    world = two_down()
    page = world.messages[0].incident
    for name in ("postgres", "redis"):
        world.succeed(name, times=3)
    assert why_not_answered(world.engine.durable, page) == f"{page} is not open any more"
    by_link(world, page)
    assert world.of(r.IncidentAcknowledged) == []
    assert is_known(world.engine.durable, page)
    assert not is_known(world.engine.durable, "20260101-000000-nothing")


def test_a_rise_within_what_was_told_asks_anew() -> None:
    """The lesser of two becomes as grave as the other: that is told, and the line begins again from then."""
    world = World(in_line(plan("postgres", "redis", "idle", remedy=None)))
    world.fail("postgres", Reason.REFUSED)
    world.slow("redis")
    world.wait(GROUP_WAIT)
    (opened,) = world.messages
    assert (len(opened.incidents), opened.severity) == (2, Severity.SEV2)
    world.send(ev.AcknowledgeAsked(opened.incident, "anna"))
    world.wait(3600)
    world.fail("redis", Reason.REFUSED)
    assert owners(world) == ["anna", ""]
    assert "severity_changed" in kinds(world)
    told = len(world.messages)
    world.wait(RESPOND - 1)
    assert len(world.messages) == told
    world.wait(1)
    assert kinds(world)[told:] == ["unanswered"]


def test_what_became_part_of_another_outage_is_answered_there() -> None:
    """By the ids and the links of the messages that people have."""
    watched = [dependency(name, needs=["postgres"], remedy=None) for name in ("a", "b")]
    made = policy(dependency("postgres", remedy=None), dependency("other"), *watched)
    world = World(in_line(replace(made, telling=TELLING)))
    for name in ("a", "b"):
        for _ in range(4):
            world.succeed("postgres", times=1)
            world.fail(name, times=1)
        world.wait(GROUP_WAIT)
    world.fail("postgres", Reason.REFUSED)
    (joined,) = world.of(r.IncidentMerged)
    assert isinstance(joined, r.IncidentMerged)
    assert {joined.incident, joined.into} == {each.incident for each in world.messages if each.kind == "opened"}
    assert [one.incident for one in open_with(world.engine.durable, joined.incident)] == [joined.into]
    by_link(world, joined.incident)
    assert owners(world) == ["on-call"]
    assert why_not_answered(world.engine.durable, joined.incident, LINK) == "this link has been used"
