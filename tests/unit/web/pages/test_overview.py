"""The operators' page in words: one sentence for everything, what holds the watchdog back, and all that is below."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nemo_watchdog.engine import events as ev
from nemo_watchdog.incident_views import DeliveryView
from nemo_watchdog.journal.reader import Outbox
from nemo_watchdog.model import Reason, Severity
from nemo_watchdog.people_views import QuietView, RotaView
from nemo_watchdog.views import (
    BudgetView,
    GroupView,
    MaintenanceView,
    StatusView,
    StormView,
    TroubleView,
    UnderWayView,
)
from nemo_watchdog.web.pages.alarms import AlarmLine, alarms
from nemo_watchdog.web.pages.headline import headline_of
from nemo_watchdog.web.pages.overview import MOST_CARDS, BudgetLine, Overview, overview, shown
from tests.unit.engine.world import World, dependency, policy
from tests.unit.statuses import seen
from tests.unit.web.pages.parts import clock_of, day

NAMES = ("postgres", "redis", "gateway", "mail", "site")


def platform() -> World:
    return World(policy(*(dependency(name, remedy=None) for name in NAMES)))


def page(view: StatusView, outbox: Outbox | None = None, *maintenance: QuietView) -> Overview:
    recent = {name: day() for name in view.dependencies}
    return overview(view, recent, outbox, clock_of(view), maintenance)


def of(view: StatusView, **healths: str) -> StatusView:
    """With these healths, and no incident for them yet."""
    dependencies = {
        name: replace(each, health=healths.get(name, each.health)) for name, each in view.dependencies.items()
    }
    return replace(view, dependencies=dependencies)


# -- the headline


def headline(view: StatusView) -> tuple[str, str]:
    return headline_of(view, clock_of(view))


def test_all_well_is_a_sentence() -> None:
    assert headline(seen(platform())) == ("Everything is up", "ok")


def test_the_gravest_incident_is_the_headline() -> None:
    """Since when, for how long, and how many others there are."""
    world = World(policy(dependency("postgres"), dependency("gateway", needs=["postgres"]), dependency("redis")))
    world.crash("postgres")
    world.fail("gateway", Reason.REFUSED)
    world.pass_time(240.0)
    said = "SEV2 Major degradation: postgres and 1 more since 12:00 (4m03s)"
    assert headline(seen(world)) == (said, "bad")
    world.send(ev.DeclareAsked("nobody can pay", Severity.SEV1, "", "ada"))
    said = "SEV1 Complete outage: nobody can pay since 12:04 (0s), and 1 more incident"
    assert headline(seen(world)) == (said, "bad")


def test_an_incident_of_little_weight_is_a_warning() -> None:
    world = platform()
    world.slow("mail")
    said, tone = headline(seen(world))
    assert said.startswith("SEV3 Minor issue: mail since 12:00")
    assert tone == "warn"


@pytest.mark.parametrize(
    ("healths", "expected"),
    [
        ({"redis": "down", "mail": "degraded"}, ("redis is down", "bad")),
        ({"redis": "unknown", "mail": "unknown"}, ("redis, mail are unknown", "blind")),
        ({"redis": "starting"}, ("redis is starting", "warn")),
        (dict.fromkeys(NAMES, "degraded"), ("postgres, redis, gateway and 2 more are degraded", "warn")),
    ],
)
def test_without_an_incident_the_worst_is_said(healths: dict[str, str], expected: tuple[str, str]) -> None:
    """As before the first incident is opened."""
    assert headline(of(seen(platform()), **healths)) == expected


def test_where_nothing_is_watched_nobody_sees_anything() -> None:
    assert headline(seen(World(policy()))) == ("Nothing is watched", "blind")


def test_all_up_is_not_all_well_while_the_watchdog_does_nothing() -> None:
    """Who reads the one line must not sleep on it."""
    world = platform()
    view = seen(world)
    trouble = TroubleView("Docker does not answer", "no such file", view.now)
    assert headline(replace(view, troubles=(trouble,))) == (
        "Everything is up, but the watchdog has trouble of its own",
        "warn",
    )
    world.send(ev.PauseAsked("*", "the network is changed", "ada"))
    assert headline(seen(world)) == ("Everything is up, but nothing would be done: everything is paused", "warn")
    assert headline(replace(seen(world), journal="disk full")) == (
        "Everything is up, but nothing would be done: the journal cannot be trusted or written",
        "warn",
    )


# -- alarms


def test_what_holds_the_watchdog_back_is_said_above_all() -> None:
    """The gravest first; of many alike some."""
    view = seen(platform(), *(f"policy.yaml:{line}: no" for line in range(5)))
    planned = MaintenanceView("backup", "2026-01-05T13:00:00+00:00")
    told = replace(
        of(view),
        storm=StormView(4, 5, view.now, "i"),
        journal="disk full",
        troubles=(TroubleView("Docker does not answer", "no such file", view.now),),
        policy=replace(view.policy, unused_labels=("c-x: no such probe",)),
        dependencies={**view.dependencies, "mail": replace(view.dependencies["mail"], maintenance=planned)},
    )
    lines = alarms(told, clock_of(told))
    assert [line.tone for line in lines] == ["bad"] * 7 + ["warn", "info"]
    assert [line.text.partition(":")[0] for line in lines[:3]] == [
        "storm",
        "nothing is done, for the journal cannot be trusted or written",
        "Docker does not answer, since 12",
    ]
    assert lines[5:7] == (
        AlarmLine("policy not reloaded: policy.yaml:2: no", "bad"),
        AlarmLine("and 2 more like that", "bad"),
    )
    assert lines[-1].text == "planned maintenance: backup until 13:00:00, of mail"


def test_without_trouble_there_is_no_alarm() -> None:
    view = seen(platform())
    assert alarms(view, clock_of(view)) == ()


# -- the page


def test_incidents_come_gravest_first_and_what_people_declared_beside() -> None:
    world = platform()
    world.slow("mail")
    world.fail("redis")
    world.send(ev.DeclareAsked("nobody can pay", Severity.SEV1, "", "ada"))
    made = page(seen(world))
    assert [(each.severity, each.root) for each in made.incidents] == [("SEV2", "redis"), ("SEV3", "mail")]
    assert [each.text for each in made.declared] == ["nobody can pay"]
    assert made.counts == "5 dependencies: 1 down, 1 degraded, 3 up"
    assert (made.now.said, made.autonomy) == (clock_of(seen(world)).now, "act")


def test_of_very_many_incidents_the_gravest_have_a_card() -> None:
    """And the others are counted."""
    world = platform()
    world.slow("mail")
    world.fail("redis")
    view = seen(world)
    grave, minor = sorted(view.incidents, key=lambda each: each.severity)
    many = tuple(replace(minor, id=f"m{n}") for n in range(2 * MOST_CARDS))
    made = page(replace(view, incidents=(*many, grave)))
    assert (len(made.incidents), made.incidents[0].root, made.more_incidents) == (MOST_CARDS, "redis", MOST_CARDS + 1)
    assert page(view).more_incidents == 0


def test_bars_are_complete_when_all_that_are_shown_are() -> None:
    """What is only named needs none."""
    view = seen(platform())
    assert list(shown(view)) == list(NAMES)
    assert page(view).complete
    some = {name: day(complete=name != "mail") for name in NAMES}
    assert not overview(view, some, None, clock_of(view)).complete
    del some["mail"]
    assert not overview(view, some, None, clock_of(view)).complete


def test_pauses_and_silences_are_there_to_be_ended() -> None:
    """What the policy plans is not: nobody can end it here."""
    world = platform()
    world.send(ev.PauseAsked("redis", "deploying", "ops", 600.0))
    until = "2026-01-05T13:00:00+00:00"
    silence = QuietView("s1", ("mail",), (), seen(world).now, until, "moving", "ada")
    by_hand = replace(silence, id="m1", dependencies=(), tags=("core",))
    announced = replace(by_hand, id="m2", public="Search may be slow")
    planned = replace(by_hand, id="m3", window="backup", by="")
    made = page(replace(seen(world), silences=(silence,)), None, by_hand, announced, planned)
    assert [(each.scope, each.said) for each in made.pauses] == [
        ("redis", "paused: redis until 12:10:15, by ops: deploying")
    ]
    worked_on = "maintenance: what has the tag core until 13:00:00, by ada: moving"
    assert [(each.id, each.said, each.ends) for each in made.quiets] == [
        ("s1", "silenced: mail until 13:00:00, by ada: moving", "end-silence"),
        ("m1", worked_on, "end-maintenance"),
        ("m2", f"{worked_on}; users read: Search may be slow", "end-maintenance"),
    ]


def test_budgets_say_what_is_left_where_something_was_spent() -> None:
    view = seen(platform())
    budgets = {"total": BudgetView(9, 10, 3600.0), "a": BudgetView(5, 5, 3600.0), "b": BudgetView(0, 3, 3600.0)}
    assert page(replace(view, budgets=budgets)).budgets == (
        BudgetLine("total", "9 of 10 in 1h", "ok"),
        BudgetLine("b", "0 of 3 in 1h", "warn"),
    )


def test_rotas_and_groups_that_lack_one_are_said() -> None:
    view = seen(platform())
    rota = RotaView(("alice",), "turn", "2026-01-05T18:00:00+00:00", ("bob",), ("alice", "bob"), "UTC")
    whole = GroupView("a or b", ("a", "b"), 2, 2, 1)
    made = page(replace(view, oncall={"on-call": rota}, groups=(whole, replace(whole, said="c or d", serving=1))))
    assert made.oncall == ("on-call: alice until 18:00:00, then bob",)
    assert made.redundancy == ("redundancy: c or d: 1 of 2 serve, at least 1 must",)


def test_the_policy_says_since_when_it_holds_and_what_is_wrong_with_the_file() -> None:
    view = seen(platform(), "policy.yaml:3: no", changed=["mail is new"])
    lines = page(replace(view, policy=replace(view.policy, unchanged=(UnderWayView("redis", "docker.restart", None),))))
    assert lines.policy.problems == ("policy.yaml:3: no",)
    assert lines.policy.changed == ("mail is new",)
    assert lines.policy.unchanged == ("not yet for redis: docker.restart is carried out as it was ordered",)
    assert lines.policy.loaded.iso == "1970-01-01T00:00:00+00:00"


def test_messages_say_whether_they_came_through() -> None:
    """What waits, since when it does."""
    queued, changed = "2026-01-05T11:00:00+00:00", "2026-01-05T11:30:00+00:00"
    one = DeliveryView("on-call", "opened", "[SEV2] redis is down", queued, "delivered", changed, 1)
    outbox = Outbox(
        (
            ("i1", one),
            ("", replace(one, state="pending", attempts=2, detail="timed out")),
            ("i2", replace(one, state="given_up", detail="401")),
        ),
        7,
    )
    made = page(seen(platform()), outbox).outbox
    assert [(each.incident, each.state, each.tone, each.when.said, each.detail) for each in made.rows] == [
        ("i1", "delivered", "ok", "11:30:00", ""),
        ("", "waiting since", "warn", "11:00:00", "timed out"),
        ("i2", "given up", "bad", "11:30:00", "401"),
    ]
    assert (made.waiting, made.known) == (7, True)


def test_a_journal_that_cannot_be_read_leaves_the_rest_of_the_page() -> None:
    made = page(seen(platform()), None).outbox
    assert (made.rows, made.waiting, made.known) == ((), 0, False)


def test_the_page_of_a_thousand_is_small() -> None:
    """Whatever fails: so many rows and boxes, and the others are named."""
    view = seen(platform())
    one = replace(view.dependencies["mail"], health="down", reason="refused")
    many = {f"d{number:04}": replace(one, needs=("d0000",) if number else ()) for number in range(1000)}
    made = page(replace(view, dependencies=many))
    (group,) = made.groups
    assert (len(group.rows), len(group.more), group.of) == (60, 940, 1000)
    assert (len(made.graph.boxes), made.graph.left_out) == (60, 940)
