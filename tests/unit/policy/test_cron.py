"""When planned times begin, also on the days on which a zone changes its hours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim, CronSimError
from hypothesis import given
from hypothesis import strategies as st

from nemo_watchdog.policy.cron import Cron, mistake
from nemo_watchdog.policy.windows import MaintenanceWindow, never_ends

BERLIN, NEW_YORK, KOLKATA = "Europe/Berlin", "America/New_York", "Asia/Kolkata"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def starts(text: str, zone: str, first: str, end: str) -> list[str]:
    """Those after `first` and before `end`, asked forwards; asked backwards they must be the same."""
    cron, found = Cron(text, zone), list[datetime]()
    at = utc(first)
    while (following := Cron(text, zone).next(at)) is not None and following < utc(end):
        found.append(following)
        at = following
    back, at = list[datetime](), utc(end) - timedelta(seconds=1)
    while (last := cron.last(at)) is not None and last > utc(first):
        back.append(last)
        at = last - timedelta(seconds=1)
    assert back[::-1] == found
    return [f"{each:%d %H:%M}" for each in found]


@pytest.mark.parametrize(
    ("text", "zone", "first", "end", "expected"),
    [
        # Half past two in Berlin: winter, the day without that hour (then it is three), summer
        ("30 2 * * *", BERLIN, "2026-03-28", "2026-03-31", ["28 01:30", "29 01:00", "30 00:30"]),
        # the day with two of that hour: the first of them, once
        ("30 2 * * *", BERLIN, "2026-10-24", "2026-10-27", ["24 00:30", "25 00:30", "26 01:30"]),
        ("30 2 * * *", NEW_YORK, "2026-03-07", "2026-03-10", ["07 07:30", "08 07:00", "09 06:30"]),
        ("30 1 * * *", NEW_YORK, "2026-10-31", "2026-11-03", ["31 05:30", "01 05:30", "02 06:30"]),
        ("30 2 * * *", KOLKATA, "2026-03-27", "2026-03-30", ["27 21:00", "28 21:00", "29 21:00"]),
        ("30 2 * * *", "UTC", "2026-03-28", "2026-03-31", ["28 02:30", "29 02:30", "30 02:30"]),
        # two times that do not exist are one moment
        ("15,45 2 * * *", BERLIN, "2026-03-29", "2026-03-30", ["29 01:00"]),
        ("30 2,3 * * *", BERLIN, "2026-03-29", "2026-03-30", ["29 01:00", "29 01:30"]),
        # every hour by real time: 23 of them, 25 of them
        ("0 * * * *", BERLIN, "2026-03-28 23:30", "2026-03-29 03:30", ["29 00:00", "29 01:00", "29 02:00", "29 03:00"]),
        ("0 * * * *", BERLIN, "2026-10-24 23:30", "2026-10-25 02:30", ["25 00:00", "25 01:00", "25 02:00"]),
        # over the date line: a Friday that did not exist
        (
            "0 3 * * *",
            "Pacific/Apia",
            "2011-12-28 00:00",
            "2011-12-31 23:00",
            ["28 13:00", "29 13:00", "30 10:00", "30 13:00", "31 13:00"],
        ),
        ("0 3 29 2 *", "UTC", "2023-01-01", "2029-01-01", ["29 03:00", "29 03:00"]),
        ("0 3 L * *", "UTC", "2026-01-01", "2026-03-01", ["31 03:00", "28 03:00"]),
        ("0 3 * * MON#1", "UTC", "2026-01-01", "2026-03-01", ["05 03:00", "02 03:00"]),
    ],
)
def test_the_days_on_which_a_zone_changes_its_hours(
    text: str, zone: str, first: str, end: str, expected: list[str]
) -> None:
    """As Debian's cron does it; a zone without changes, and UTC, have no such days."""
    assert starts(text, zone, first, end) == expected


@pytest.mark.parametrize("at", ["2026-10-25 00:30", "2026-10-25 00:59", "2026-10-25 01:00", "2026-10-25 01:40"])
def test_an_hour_that_comes_again_is_after_the_one_before(at: str) -> None:
    """The wall clock shows 02:10 twice; half past two was once, in the first of the two hours."""
    assert Cron("30 2 * * *", BERLIN).last(utc(at)) == utc("2026-10-25 00:30")
    assert Cron("30 2 * * *", BERLIN).next(utc(at)) == utc("2026-10-26 01:30")


zones = st.sampled_from(["UTC", BERLIN, NEW_YORK, KOLKATA, "Australia/Lord_Howe", "America/St_Johns"])
moments = st.integers(0, 6 * 365 * 86400).map(lambda after: utc("2024-01-01") + timedelta(seconds=after))
changes = st.sampled_from(
    [utc("2026-03-29 01:00"), utc("2026-10-25 01:00"), utc("2026-03-08 07:00"), utc("2026-11-01 06:00")]
)
near_changes = st.builds(lambda at, by: at + timedelta(seconds=by), changes, st.integers(-10_000, 10_000))


@given(zone=zones, minute=st.integers(0, 59), step=st.sampled_from(["*", "*/2", "*/3"]), at=moments | near_changes)
def test_what_goes_by_real_time_is_what_the_clock_of_the_zone_shows(
    zone: str, minute: int, step: str, at: datetime
) -> None:
    """Each minute of three days is looked at, one after the other."""
    cron, tz = Cron(f"{minute} {step} * * *", zone), ZoneInfo(zone)
    every = 1 if step == "*" else int(step[2:])

    def fits(each: datetime) -> bool:
        local = each.astimezone(tz)
        return local.minute == minute and local.hour % every == 0

    floor = at.replace(second=0, microsecond=0)
    before = (floor - timedelta(minutes=n) for n in range(24 * 60))
    after = (floor + timedelta(minutes=n) for n in range(1, 24 * 60))
    assert cron.last(at) == next(each for each in before if fits(each))
    assert cron.next(at) == next(each for each in after if fits(each))


@given(zone=zones, minute=st.integers(0, 59), hour=st.integers(0, 3) | st.integers(0, 23), at=moments | near_changes)
def test_last_and_next_are_neighbours(zone: str, minute: int, hour: int, at: datetime) -> None:
    """Whatever is asked first: nothing begins between the two, and each day has one start, 22 to 26 hours apart."""
    text = f"{minute} {hour} * * *"
    last, following = Cron(text, zone).last(at), Cron(text, zone).next(at)
    assert last is not None
    assert following is not None
    assert last <= at < following
    assert timedelta(hours=22) <= following - last <= timedelta(hours=26)
    assert Cron(text, zone).next(last) == following
    assert Cron(text, zone).last(following - timedelta(seconds=1)) == last


def test_it_is_asked_in_any_order() -> None:
    """The last answer is kept; another moment has another."""
    cron = Cron("0 3 * * *", BERLIN)
    days = [utc(f"2026-01-{day:02} 12:00") for day in (5, 9, 5, 1, 1)]
    assert [cron.last(day) for day in days] == [day.replace(hour=2) for day in days]


def test_two_of_the_same_text_and_zone_are_equal() -> None:
    """A reload that changes nothing changes nothing, whatever has been asked."""
    cron = Cron("0 3 * * *", BERLIN)
    cron.last(utc("2026-01-05"))
    assert cron == Cron("0 3 * * *", BERLIN)
    assert cron != Cron("0 3 * * *")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0 3 * * *", ""),
        ("*/5 0-6,22 * JAN-MAR MON-FRI", ""),
        ("0 3 * *", "it has five fields"),
        ("0 0 3 * * *", "it has five fields"),
        ("@daily", "it has five fields"),
        ("", "it has five fields"),
        ("60 3 * * *", "its minute is wrong: expected 0 to 59"),
        ("0 24 * * *", "its hour is wrong"),
        ("0 3 0 * *", "its day-of-month is wrong"),
        ("0 3 32 2 *", "its day-of-month is wrong"),
        ("0 3 * 13 *", "its month is wrong"),
        ("0 3 * * 8", "its day-of-week is wrong"),
        ("0 3 30 2 *", "it never comes"),
        ("0 3 31 4,6,9,11 *", "it never comes"),
        ("0 3 31 * *", ""),
    ],
)
def test_a_mistake_is_told_in_words(text: str, said: str) -> None:
    assert mistake(text).startswith(said)
    assert bool(mistake(text)) is bool(said)


@given(st.lists(st.text("0123456789*/,-#LWMON ", max_size=6), min_size=5, max_size=5).map(" ".join))
def test_any_text_is_good_or_told(text: str) -> None:
    """What is good comes; what is not is told, and nothing else happens."""
    if not mistake(text):
        assert Cron(text).next(utc("2026-01-05")) is not None
    elif len(text.split()) == 5:
        with pytest.raises((CronSimError, StopIteration)):
            next(CronSim(text, utc("2024-01-01")))


@pytest.mark.parametrize(
    ("text", "seconds", "never"),
    [
        ("* * * * *", 60.0, True),
        ("0 * * * *", 3600.0, True),
        ("0 0 * * *", 86400.0, True),
        ("0 0 * * *", 86399.0, False),
        ("0 0 * * 1-6", 86400.0, False),
        ("0 0 * * MON", 7 * 86400.0, True),
        ("0 0 1 * *", 7 * 86400.0, False),
        ("0 0 * 2-5 *", 86400.0, True),
        ("0 0 * 7,8 *", 86400.0, False),
    ],
)
def test_a_window_that_never_ends_is_found(text: str, seconds: float, *, never: bool) -> None:
    """Each time begins before the one before is over, for more than two months, or there is a gap before that."""
    assert never_ends(MaintenanceWindow("w", Cron(text), seconds, frozenset({"redis"}))) is never


def test_the_end_is_not_in_the_window() -> None:
    """Half open, so that what follows without a gap overlaps in no moment."""
    window = MaintenanceWindow("w", Cron("0 3 * * *"), 1800.0, frozenset({"redis"}))
    assert window.end(utc("2026-01-05 03:00")) == utc("2026-01-05 03:30")
    assert window.end(utc("2026-01-05 03:29:59")) == utc("2026-01-05 03:30")
    assert window.end(utc("2026-01-05 03:30")) is None
    assert window.border(utc("2026-01-05 03:10")) == utc("2026-01-05 03:30")
    assert window.border(utc("2026-01-05 03:30")) == utc("2026-01-06 03:00")
