"""What users are told of incidents: components, how bad, when, and what a person wrote for them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from nemo_watchdog import records as r
from nemo_watchdog.engine.announced import Announced
from nemo_watchdog.engine.published import Published, Shown
from nemo_watchdog.model import Moment, Reason, degraded
from nemo_watchdog.policy.policy import Public
from nemo_watchdog.public_views import (
    PublicDayView,
    PublicIncidentView,
    PublicMaintenanceView,
    PublicUpdateView,
    PublicView,
)
from nemo_watchdog.timeline.public_page import Told, joined, page_of, told_of
from tests.unit.engine.world import NOON, World, dependency, policy
from tests.unit.pasts import at, incident_of, short, written

CHAT = Public("Chat", "Talk to a model")
PLAN = policy(dependency("db"), dependency("gateway", needs=["db"], public=CHAT))
PUBLISHED = Published.of(PLAN)
WORKS = {"Chat": Shown.OPERATIONAL}
NOW = at(86400.0).utc


def told(*records: tuple[Moment, r.Record]) -> Told:
    """Of the incident that they are of."""
    incident = str(records[0][1].body()["incident"])
    return told_of(incident, [(moment, record.body()) for moment, record in records], PUBLISHED)


def note(incident: str, text: str, about: str = "public") -> r.NoteAdded:
    return r.NoteAdded(incident, about, text, "anna")


def page(*every: Told, states: dict[str, Shown] | None = None, complete: bool = True) -> PublicView:
    return page_of(PUBLISHED, states or WORKS, every, {}, NOW, lambda each: f"<{each}>", complete=complete)


def only(incidents: Iterable[PublicIncidentView]) -> PublicIncidentView:
    (one,) = incidents
    return one


def test_an_outage_from_its_beginning_to_its_end() -> None:
    """The gateway's looks fail: users know when, what, and nothing else."""
    records = short("gateway", 100.0)
    shown = only(page(told(*records)).history)
    incident = str(records[0][1].body()["incident"])
    assert shown == PublicIncidentView(
        f"<{incident}>", ("Chat",), "outage", at(100.0).utc.isoformat(), at(160.0).utc.isoformat(), ()
    )


def test_what_it_needs_is_down_and_it_is_degraded_though_nobody_publishes_that() -> None:
    """When it fails itself, that is an outage, and stays one in what is told of it."""
    opened, resolved = short("db", 100.0)
    incident = str(opened[1].body()["incident"])
    joins = (at(110.0), r.MemberJoined(incident, "gateway", "refused", "x", "down"))
    back = (at(120.0), r.HealthChanged("gateway", "up", None, None, "", incident))
    assert only(page(told(opened)).incidents).state == "degraded"
    assert only(page(told(opened, joins, back, resolved)).history).state == "outage"


def test_what_concerns_no_component_is_not_told() -> None:
    """And neither is what users do not notice, or what the watchdog could not see."""
    plan = policy(dependency("gateway", public=CHAT), dependency("redis"))
    published = Published.of(plan)
    opened, resolved = short("redis", 100.0)
    incident = str(opened[1].body()["incident"])
    elsewhere = told_of(incident, [(moment, each.body()) for moment, each in (opened, resolved)], published)
    blind = [(at(100.0), r.IncidentOpened("i", "gateway", "SEV3", "x", "unknown", "blind", "not_looked", ""))]
    ageing = [(at(1.0), r.IncidentOpened("j", "gateway", "SEV3", "x", "degraded", "busy", "certificate_expiring", ""))]
    view = page_of(published, WORKS, (elsewhere, told(*blind), told(*ageing)), {}, NOW, str)
    assert (view.incidents, view.history, view.state) == ((), (), "operational")


def test_what_a_person_writes_for_users_is_told_the_newest_first() -> None:
    """Other notes are not, nor is who wrote it."""
    opened, resolved = short("gateway", 100.0)
    incident = str(opened[1].body()["incident"])
    said = [
        (at(110.0), note(incident, "We are restoring Chat.")),
        (at(120.0), note(incident, "the disk of box 7", "note")),
        (at(130.0), note(incident, "a lock", "root_cause")),
        (at(300.0), note(incident, "It is back.\nThank you.")),
    ]
    shown = only(page(told(opened, *said[:3], resolved, said[3])).history)
    assert shown.updates == (
        PublicUpdateView(at(300.0).utc.isoformat(), "It is back.\nThank you."),
        PublicUpdateView(at(110.0).utc.isoformat(), "We are restoring Chat."),
    )


def test_what_a_person_declared_is_told_when_he_tells_users_of_it() -> None:
    """Its own text never is. While it is open, the component that it is about is no better than degraded."""
    declared = (at(100.0), r.IncidentDeclared("i", "somebody is in our network", "SEV1", "anna", "gateway"))
    assert page(told(declared)).incidents == ()
    view = page(told(declared, (at(110.0), note("i", "Some answers are late."))))
    shown = only(view.incidents)
    assert (shown.components, shown.state) == (("Chat",), "degraded")
    assert (view.state, view.components[0].state) == ("degraded", "degraded")
    over = page(told(declared, (at(110.0), note("i", "x")), (at(120.0), r.IncidentResolved("i", "", 20.0, "by anna"))))
    assert (over.state, only(over.history).ended) == ("operational", at(120.0).utc.isoformat())


def test_a_person_may_tell_of_what_no_component_stands_for() -> None:
    """It is about none then, and makes none worse."""
    declared = (at(100.0), r.IncidentDeclared("i", "x", "SEV3", "anna"))
    view = page(told(declared, (at(110.0), note("i", "Bills will be late."))))
    assert (only(view.incidents).components, view.state) == ((), "operational")


def test_what_is_reopened_is_open_with_the_beginning_that_it_had() -> None:
    opened, resolved = short("gateway", 100.0)
    again = (at(200.0), r.IncidentReopened(str(opened[1].body()["incident"]), "gateway", "refused", "x"))
    shown = only(page(told(opened, resolved, again)).incidents)
    assert (shown.began, shown.ended) == (at(100.0).utc.isoformat(), None)


def test_what_goes_on_in_another_is_one_with_it() -> None:
    """From the first beginning, with the worst and all updates of both; over several, and in a circle of nonsense."""
    gone, target = short("gateway", 100.0, lasted=None)[0], short("db", 200.0, lasted=None)[0]
    one, other = str(gone[1].body()["incident"]), str(target[1].body()["incident"])
    first = told(gone, (at(110.0), note(one, "We look.")), (at(210.0), r.IncidentMerged(one, "middle")))
    middle = replace(first, incident="middle", updates=(), into=other)
    second = told(target, (at(220.0), note(other, "We know.")))
    assert [each.incident for each in joined([middle, first, second])] == [other]
    shown = only(page(first, middle, second).incidents)
    assert (shown.id, shown.state, shown.began) == (f"<{other}>", "outage", at(100.0).utc.isoformat())
    assert [each.text for each in shown.updates] == ["We know.", "We look."]
    assert joined([replace(first, into="middle"), replace(middle, into=one)]) == []
    alone = joined([first])
    assert [(each.incident, each.ended) for each in alone] == [(one, at(210.0).utc)]


def test_history_is_of_ninety_days_and_the_newest_is_first() -> None:
    """By when they ended."""
    old, new, newest = (
        replace(told(*short("gateway", 60.0)), incident=name, ended=NOW - timedelta(days=days))
        for name, days in (("a", 91), ("b", 89), ("c", 1))
    )
    view = page(old, replace(new, began=NOON - timedelta(days=1)), newest)
    assert [each.id for each in view.history] == ["<c>", "<b>"]


def test_a_record_of_another_version_is_left_out_and_the_rest_is_told() -> None:
    (_, opened), (_, resolved) = short("gateway", 100.0)
    bodies = [opened.body(), {"type": "a_record_of_tomorrow", "incident": "i"}, resolved.body()]
    shown = told_of("i", [(at(100.0 + place), body) for place, body in enumerate(bodies)], PUBLISHED)
    assert (shown.components, shown.ended) == ({"Chat": Shown.OUTAGE}, at(102.0).utc)


def test_what_each_was_at_once_counts_and_not_one_after_the_other() -> None:
    """Two that stand in for each other fail in turn: users never had none."""
    plan = policy(dependency("a", public=CHAT), dependency("b", public=CHAT), dependency("gateway", needs=[["a", "b"]]))
    world = World(plan)
    world.fail("a")
    world.succeed("a")
    world.fail("b")
    world.succeed("b")
    published = Published.of(plan)
    ids = dict.fromkeys(str(record.body()["incident"]) for record in world.of(r.IncidentOpened))
    every = [told_of(incident, written(world, incident), published) for incident in ids]
    assert {each.components["Chat"] for each in every} == {Shown.DEGRADED}


def test_what_a_whole_run_writes_down_is_enough() -> None:
    """From slow to down to slow to well: it was an outage, and it is over."""
    world = World(PLAN)
    world.slow("gateway")
    world.fail("gateway")
    world.look("gateway", degraded(Reason.SLOW, "x"), times=3)
    world.succeed("gateway", times=3)
    world.wait(60.0)
    incident = incident_of(world)
    shown = told_of(incident, written(world, incident), PUBLISHED)
    assert (shown.components, shown.about) == ({"Chat": Shown.OUTAGE}, ("Chat",))
    assert shown.ended is not None


def test_the_page_is_as_bad_as_its_worst_component() -> None:
    """With the days of each, and how complete it is."""
    days = {"Chat": (PublicDayView("2026-01-04", 1.0), PublicDayView("2026-01-05", 0.5), PublicDayView("x", None))}
    view = page_of(PUBLISHED, {"Chat": Shown.MAINTENANCE}, (), days, NOW, str, complete=False)
    assert (view.published, view.state, view.complete, view.at) == (True, "maintenance", False, NOW.isoformat())
    (chat,) = view.components
    assert (chat.name, chat.description, chat.state) == ("Chat", "Talk to a model", "maintenance")
    assert (chat.uptime, chat.days) == (0.75, days["Chat"])
    assert page().components[0].uptime is None


def test_announced_work_is_told_with_another_id() -> None:
    """As it was announced, in that order."""
    work = Announced("backup 2026", ("Chat",), "Chat may be slow", NOW, NOW + timedelta(hours=1))
    view = page_of(PUBLISHED, WORKS, (), {}, NOW, lambda each: f"<{each}>", announced=(work,))
    begins, ends = NOW.isoformat(), (NOW + timedelta(hours=1)).isoformat()
    assert view.maintenance == (PublicMaintenanceView("<backup 2026>", ("Chat",), "Chat may be slow", begins, ends),)


def test_a_policy_that_publishes_nothing_tells_nothing() -> None:
    """Also of what somebody wrote for users."""
    declared = (at(100.0), r.IncidentDeclared("i", "x", "SEV3", "anna"))
    every = [told(declared, (at(110.0), note("i", "Bills will be late.")))]
    view = page_of(Published.of(policy(dependency("gateway"))), {}, every, {}, NOW, str)
    assert view == PublicView(published=False, at=NOW.isoformat(), state="unknown")


def test_what_stood_in_for_it_and_failed_after_it_makes_an_outage() -> None:
    """Though nobody publishes that."""
    plan = policy(dependency("a", public=CHAT), dependency("b"), dependency("gateway", needs=[["a", "b"]]))
    world = World(plan)
    world.fail("a")
    published, incident = Published.of(plan), incident_of(world)
    assert told_of(incident, written(world, incident), published).components == {"Chat": Shown.DEGRADED}
    both = (*written(world, incident), (at(300.0), r.MemberJoined(incident, "b", "refused", "x").body()))
    assert told_of(incident, both, published).components == {"Chat": Shown.OUTAGE}
