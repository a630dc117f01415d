"""Who has a rota: by turns on the wall clock of its zone, by its calendar, and by what people swapped."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.oncall import Because, Oncall, Shift, Swap
from nemo_watchdog.engine.replay import rebuild
from nemo_watchdog.engine.swapping import oncall_of
from nemo_watchdog.errors import JournalError
from nemo_watchdog.people_views import RotaView, SwapView
from nemo_watchdog.policy.people import Contact, Rota
from tests.unit.engine.world import NOON, World, dependency, policy
from tests.unit.statuses import seen

BERLIN = ZoneInfo("Europe/Berlin")
WEEKLY = Rota(("alice", "bob", "carol"), 0, 9 * 60, BERLIN)
"""Monday, 09:00."""


def oncall(rota: Rota, *swaps: Swap, shifts: tuple[Shift, ...] = ()) -> Oncall:
    people = {name: Contact() for name in ("alice", "bob", "carol", "dave")}
    return Oncall({**people, "on-call": Contact(rota=rota)}, {"on-call": swaps}, {"on-call": shifts})


def berlin(text: str, *, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN, fold=fold)


def who(rota: Rota, at: datetime) -> str:
    (person,) = oncall(rota).people_of("on-call", at)
    return person


def test_whoever_may_have_it() -> None:
    """Its people, whom a swap names, whom its calendar names; what is no rota is itself."""
    at = berlin("2026-01-05 12:00")
    swap, shift = Swap("dave", at, "ill", "alice"), Shift(at, at + timedelta(hours=1), "Carol")
    people = replace(WEEKLY, people=("alice",), calendar="/oncall.ics")
    made = oncall(people, swap, Swap("gone", at, "left", "alice"), shifts=(shift, replace(shift, said="nobody")))
    assert made.may_be("on-call") == {"alice", "carol", "dave"}
    assert made.may_be("bob") == {"bob"}


# -- turns


def test_the_first_of_its_people_begins_with_2024() -> None:
    begins = berlin("2024-01-01 09:00")
    assert [who(WEEKLY, begins + timedelta(weeks=week)) for week in range(4)] == ["alice", "bob", "carol", "alice"]
    assert who(WEEKLY, begins - timedelta(seconds=1)) == "carol"


@pytest.mark.parametrize(("weekday", "first"), [(1, "2024-01-02"), (6, "2024-01-07")])
def test_another_day_of_the_week_begins_in_the_same_week(weekday: int, first: str) -> None:
    rota = replace(WEEKLY, weekday=weekday)
    begins = berlin(f"{first} 09:00")
    assert [who(rota, begins + timedelta(seconds=late)) for late in (-1, 0)] == ["carol", "alice"]


def test_a_daily_rota_changes_every_day() -> None:
    rota = replace(WEEKLY, weekday=None)
    at = berlin("2024-01-01 09:00")
    assert [who(rota, at + timedelta(days=day)) for day in range(4)] == ["alice", "bob", "carol", "alice"]
    assert oncall(rota).until("on-call", at) == at + timedelta(days=1)


@pytest.mark.parametrize(("change", "hours"), [("2026-03-29", 167), ("2026-10-25", 169)])
def test_a_week_in_which_the_clock_changes_ends_by_the_wall_clock(change: str, hours: int) -> None:
    """At nine o'clock of people, whatever UTC says."""
    ends = berlin(f"{change} 09:00") + timedelta(days=1)
    begins = ends - timedelta(days=7)  # by the wall clock
    it = oncall(WEEKLY)
    assert it.until("on-call", begins) == ends.astimezone(UTC)
    assert ends.astimezone(UTC) - begins.astimezone(UTC) == timedelta(hours=hours)
    before = ends.astimezone(UTC) - timedelta(seconds=1)
    assert who(WEEKLY, before) == who(WEEKLY, begins) != who(WEEKLY, ends)


def test_a_time_that_does_not_exist_is_when_the_clock_goes_on() -> None:
    """02:30 of the night in which the clock goes from two to three."""
    rota = replace(WEEKLY, weekday=6, minute=2 * 60 + 30)
    goes_on = datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
    before = who(rota, goes_on - timedelta(seconds=1))
    assert who(rota, goes_on) != before
    assert oncall(rota).until("on-call", goes_on - timedelta(hours=3)) == goes_on
    assert oncall(rota).until("on-call", goes_on) == berlin("2026-04-05 02:30").astimezone(UTC)


def test_of_a_time_that_exists_twice_it_is_the_first() -> None:
    """And nobody has it twice."""
    rota = replace(WEEKLY, weekday=6, minute=2 * 60 + 30)
    first, second = (berlin("2026-10-25 02:30", fold=fold).astimezone(UTC) for fold in (0, 1))
    assert second - first == timedelta(hours=1)
    assert oncall(rota).until("on-call", first - timedelta(hours=3)) == first
    after = who(rota, first)
    assert [who(rota, first + timedelta(minutes=late)) for late in (-1, 20, 59, 61)][1:] == [after] * 3
    assert who(rota, first - timedelta(minutes=1)) != after


@pytest.mark.parametrize("zone", ["America/Havana", "Asia/Beirut", "America/Asuncion", "Australia/Lord_Howe", "UTC"])
def test_in_every_zone_and_every_hour_of_two_years_turns_follow_each_other(zone: str) -> None:
    """Also where the day itself begins in the hour that is missing."""
    rota = replace(WEEKLY, weekday=None, minute=0, zone=ZoneInfo(zone))
    it, at = oncall(rota), datetime(2024, 1, 2, 12, tzinfo=UTC)
    for _ in range(700):
        until = it.until("on-call", at)
        assert until is not None
        assert timedelta(0) < until - at <= timedelta(hours=26)
        order = rota.people.index(who(rota, at))
        assert who(rota, until) == rota.people[(order + 1) % 3]
        assert who(rota, until - timedelta(seconds=1)) == who(rota, at)
        at = until


def test_a_rota_of_one_is_never_handed_over() -> None:
    alone = oncall(Rota(("alice",), 0, 540, BERLIN))
    assert (alone.people_of("on-call", NOON), alone.until("on-call", NOON)) == (["alice"], None)


def test_who_has_two_turns_in_a_row_has_it_until_another_has() -> None:
    rota = Rota(("alice", "alice", "bob"), 0, 540, BERLIN)
    at = berlin("2024-01-01 09:00")
    assert oncall(rota).until("on-call", at) == (at + timedelta(weeks=2)).astimezone(UTC)


def test_a_contact_that_is_no_rota_is_itself() -> None:
    """One that the policy does not name is for whoever sends to say."""
    assert oncall(WEEKLY).people_of("alice", NOON) == ["alice"]
    assert oncall(WEEKLY).people_of("nobody", NOON) == ["nobody"]


# -- swaps


def swap(person: str, until: float) -> Swap:
    """For hours from noon on."""
    return Swap(person, NOON + timedelta(hours=until), "ill", "alice")


def test_a_swap_holds_until_its_end_and_then_it_goes_on() -> None:
    planned = who(WEEKLY, NOON)
    it = oncall(WEEKLY, swap("dave", 8))
    assert it.people_of("on-call", NOON) == ["dave"]
    assert it.until("on-call", NOON) == NOON + timedelta(hours=8)
    assert it.people_of("on-call", NOON + timedelta(hours=8)) == [planned]


def test_the_newest_swap_counts_and_the_one_before_goes_on_after_it() -> None:
    it = oncall(WEEKLY, swap("dave", 8), swap("bob", 2))
    assert [it.people_of("on-call", NOON + timedelta(hours=hour)) for hour in (1, 2)] == [["bob"], ["dave"]]


def test_a_swap_to_somebody_whom_the_policy_names_no_more_does_not_count() -> None:
    """A message to nobody would reach nobody."""
    planned = who(WEEKLY, NOON)
    assert oncall(WEEKLY, swap("erin", 8)).people_of("on-call", NOON) == [planned]
    assert oncall(WEEKLY, swap("on-call", 8)).people_of("on-call", NOON) == [planned]


# -- the calendar

PLANNED = replace(WEEKLY, calendar="/etc/oncall.ics")


def shift(said: str, since: float, until: float) -> Shift:
    return Shift(NOON + timedelta(hours=since), NOON + timedelta(hours=until), said)


def test_whom_the_calendar_names_has_it_and_the_rota_stands_in_for_other_times() -> None:
    """However its author writes a name."""
    it = oncall(PLANNED, shifts=(shift(" Dave ", 1, 2), shift("holiday", 2, 3)))
    planned = who(WEEKLY, NOON)
    has = [it.has("on-call", NOON + timedelta(hours=hour)) for hour in range(3)]
    assert [(each.people, each.because) for each in has] == [
        ((planned,), Because.TURN),
        (("dave",), Because.CALENDAR),
        ((planned,), Because.TURN),
    ]
    assert it.until("on-call", NOON) == NOON + timedelta(hours=1)
    assert it.names_nobody(it.calendars["on-call"]) == ""


def test_a_calendar_that_names_nobody_says_what_it_names() -> None:
    """A name that is spelled wrong, and the rota itself, are nobody."""
    it = oncall(PLANNED)
    assert it.names_nobody(()) == "it has no event in the weeks ahead"
    assert it.names_nobody((shift("Alcie", 0, 1), shift("on-call", 1, 2))) == (
        "no SUMMARY of its events is the name of a contact who could have it: it says `Alcie` and `on-call`"
    )


def test_events_that_overlap_name_several() -> None:
    it = oncall(PLANNED, shifts=(shift("dave", 0, 2), shift("bob", 1, 3)))
    assert it.people_of("on-call", NOON + timedelta(hours=1)) == ["bob", "dave"]


def test_a_swap_is_above_the_calendar() -> None:
    it = oncall(PLANNED, swap("carol", 1), shifts=(shift("dave", 0, 2),))
    assert [it.people_of("on-call", NOON + timedelta(hours=hour)) for hour in (0, 1)] == [["carol"], ["dave"]]


def test_events_that_follow_each_other_are_one_time() -> None:
    """The next handover is the next to another person."""
    it = oncall(PLANNED, shifts=tuple(shift("dave", hour, hour + 1) for hour in range(5)))
    assert it.until("on-call", NOON) == NOON + timedelta(hours=5)


def test_a_calendar_that_the_policy_names_no_more_does_not_count() -> None:
    it = oncall(WEEKLY, shifts=(shift("dave", 0, 2),))
    assert it.has("on-call", NOON).because is Because.TURN


# -- as the engine has it


@pytest.fixture
def world() -> World:
    made = World(policy(dependency("gateway")))
    contacts = {**oncall(PLANNED).contacts}
    made.send(ev.PolicyChanged(replace(made.engine.policy, contacts=contacts)))
    return made


def people(world: World) -> list[str]:
    return oncall_of(world.engine.volatile, world.engine.durable).people_of("on-call", world.utc)


def test_a_swap_is_written_down_and_replayed(world: World) -> None:
    planned = people(world)
    world.send(ev.SwapAsked("on-call", "dave", world.utc + timedelta(hours=8), "ill", "alice"))
    assert people(world) == ["dave"]
    world.kill_daemon()
    assert people(world) == ["dave"]
    world.send(ev.UnswapAsked("on-call", "alice"))
    assert people(world) == planned
    world.kill_daemon()
    assert people(world) == planned


def test_what_no_swap_holds_is_not_ended(world: World) -> None:
    world.send(ev.UnswapAsked("on-call", "alice"))
    assert not [record for record in world.records if isinstance(record, r.OncallSwapEnded)]


def test_swaps_that_are_over_are_forgotten_with_the_next(world: World) -> None:
    for _ in range(3):
        world.send(ev.SwapAsked("on-call", "dave", world.utc + timedelta(hours=1), "ill", "alice"))
        world.wait(3600.0)
    assert len(world.engine.durable.swaps["on-call"]) == 1


def test_a_swap_until_no_time_is_a_record_that_cannot_be_read() -> None:
    body = r.OncallSwapped("on-call", "dave", "soon", "ill", "alice").body()
    world = World(policy(dependency("gateway")))
    with pytest.raises(JournalError, match="oncall_swapped"):
        rebuild([(world.now, body)])


def test_what_the_calendar_says_is_no_record(world: World) -> None:
    """It is read again after every start."""
    before = len(world.records)
    shifts = (Shift(world.utc, world.utc + timedelta(hours=1), "dave"),)
    world.send(ev.CalendarRead("on-call", shifts))
    assert (people(world), len(world.records)) == (["dave"], before)
    world.send(ev.CalendarRead("on-call", ()))
    assert people(world) != ["dave"]


def test_the_status_says_who_has_it_until_when_and_who_comes_next(world: World) -> None:
    until = world.utc + timedelta(hours=8)
    (planned,) = people(world)
    world.send(ev.SwapAsked("on-call", "dave", until, "ill", "alice"))
    assert seen(world).oncall == {
        "on-call": RotaView(
            ("dave",),
            "swap",
            until.isoformat(),
            (planned,),
            ("alice", "bob", "carol"),
            "Europe/Berlin",
            SwapView("dave", until.isoformat(), "ill", "alice"),
        )
    }
