"""The calendar of a rota: what events say who has it, in which zone, and what is refused before it is followed."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from nemo_watchdog import oncall_calendar
from nemo_watchdog.engine.oncall import Shift
from nemo_watchdog.errors import CalendarError
from nemo_watchdog.oncall_calendar import calendars_advice, read_calendar
from nemo_watchdog.policy.people import Contact, Rota
from tests.unit.engine.world import policy

BERLIN = ZoneInfo("Europe/Berlin")
AT = datetime(2026, 10, 1, tzinfo=UTC)
WEEK = "DTSTART;TZID=Europe/Berlin:20261019T090000\nDTEND;TZID=Europe/Berlin:20261026T090000"


def event(lines: str, said: str = "alice", identity: str = "1") -> str:
    return f"BEGIN:VEVENT\nUID:{identity}\nDTSTAMP:20260101T000000Z\nSUMMARY:{said}\n{lines}\nEND:VEVENT\n"


def calendar(*events: str) -> str:
    return f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//here//EN\n{''.join(events)}END:VCALENDAR\n"


@pytest.fixture
def rota(tmp_path: Path) -> Rota:
    return Rota(("alice", "bob"), 0, 540, BERLIN, str(tmp_path / "oncall.ics"))


def read(rota: Rota, *events: str, at: datetime = AT) -> tuple[Shift, ...]:
    Path(rota.calendar).write_text(calendar(*events), encoding="utf-8")
    return read_calendar(rota, at)


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).astimezone(UTC)


def refused(rota: Rota, *events: str) -> str:
    with pytest.raises(CalendarError) as caught:
        read(rota, *events)
    return str(caught.value)


# -- what it says


def test_an_event_is_a_shift_in_its_own_zone(rota: Rota) -> None:
    """Over the night in which the clock changes, by the wall clock."""
    assert read(rota, event(WEEK)) == (Shift(berlin("2026-10-19 09:00"), berlin("2026-10-26 09:00"), "alice"),)


def test_what_repeats_keeps_the_wall_clock(rota: Rota) -> None:
    shifts = read(rota, event(f"{WEEK}\nRRULE:FREQ=WEEKLY;INTERVAL=2"))
    assert [shift.start for shift in shifts] == [
        berlin(f"2026-{day} 09:00") for day in ("10-19", "11-02", "11-16", "11-30")
    ]


def test_what_one_has_without_a_gap_is_one_shift(rota: Rota) -> None:
    """Also where another one has it beside, or events overlap."""
    daily = event("DTSTART:20261019T000000Z\nDTEND:20261020T060000Z\nRRULE:FREQ=DAILY;COUNT=3")
    beside = event("DTSTART:20261020T000000Z\nDTEND:20261021T000000Z", "bob", "2")
    assert read(rota, daily, beside) == (
        Shift(datetime(2026, 10, 19, tzinfo=UTC), datetime(2026, 10, 22, 6, tzinfo=UTC), "alice"),
        Shift(datetime(2026, 10, 20, tzinfo=UTC), datetime(2026, 10, 21, tzinfo=UTC), "bob"),
    )


def test_an_exception_of_what_repeats_counts(rota: Rota) -> None:
    """One left out, one that another has."""
    weekly = event(f"{WEEK}\nRRULE:FREQ=WEEKLY;COUNT=3\nEXDATE;TZID=Europe/Berlin:20261026T090000")
    moved = event(
        "RECURRENCE-ID;TZID=Europe/Berlin:20261102T090000\n"
        "DTSTART;TZID=Europe/Berlin:20261103T090000\nDTEND;TZID=Europe/Berlin:20261104T090000",
        "bob",
    )
    assert [(shift.said, shift.start) for shift in read(rota, weekly, moved)] == [
        ("alice", berlin("2026-10-19 09:00")),
        ("bob", berlin("2026-11-03 09:00")),
    ]


def test_a_whole_day_and_a_time_without_a_zone_are_those_of_the_rota(rota: Rota) -> None:
    day = event("DTSTART;VALUE=DATE:20261025", "bob")
    floating = event("DTSTART:20261026T000000\nDTEND:20261026T060000", "alice", "2")
    assert read(rota, day, floating) == (
        Shift(berlin("2026-10-25 00:00"), berlin("2026-10-26 00:00"), "bob"),
        Shift(berlin("2026-10-26 00:00"), berlin("2026-10-26 06:00"), "alice"),
    )
    assert (berlin("2026-10-26 00:00") - berlin("2026-10-25 00:00")) == timedelta(hours=25)


def test_what_began_long_ago_and_goes_on_is_there(rota: Rota) -> None:
    lasting = event("DTSTART:20260101T000000Z\nDTEND:20270101T000000Z")
    assert [shift.said for shift in read(rota, lasting)] == ["alice"]


def test_what_is_cancelled_or_takes_no_time_is_no_shift(rota: Rota) -> None:
    cancelled = event(f"{WEEK}\nSTATUS:CANCELLED")
    moment = event("DTSTART:20261019T090000Z\nDTEND:20261019T090000Z", "bob", "2")
    assert read(rota, cancelled, moment) == ()


def test_a_zone_that_the_file_defines_is_known(rota: Rota) -> None:
    """As Outlook writes it."""
    zone = (
        "BEGIN:VTIMEZONE\nTZID:Here\nBEGIN:STANDARD\nDTSTART:16010101T000000\nTZOFFSETFROM:+0300\n"
        "TZOFFSETTO:+0300\nEND:STANDARD\nEND:VTIMEZONE\n"
    )
    (shift,) = read(rota, zone, event("DTSTART;TZID=Here:20261019T090000\nDTEND;TZID=Here:20261019T100000"))
    assert shift.start == datetime(2026, 10, 19, 6, tzinfo=UTC)


def test_a_summary_is_one_line_without_what_a_terminal_obeys(rota: Rota) -> None:
    (shift,) = read(rota, event(WEEK, r"ali\n\x1b[2Jce \x1b[2J".replace(r"\x1b", "\x1b")))
    assert shift.said.isprintable()


def test_several_summaries_are_the_first(rota: Rota) -> None:
    (shift,) = read(rota, event(f"SUMMARY:bob\n{WEEK}"))
    assert shift.said == "alice"


# -- what is refused


def test_a_file_that_is_not_there(rota: Rota) -> None:
    with pytest.raises(CalendarError, match="there is no such file"):
        read_calendar(rota, AT)


def test_what_is_no_regular_file_is_not_waited_for(rota: Rota) -> None:
    os.mkfifo(rota.calendar)
    with pytest.raises(CalendarError, match="it is not a regular file"):
        read_calendar(rota, AT)


@pytest.mark.parametrize(
    "text",
    [b"", b"hello", b"\xff\xfe\x00", b"BEGIN:VCALENDAR\nBEGIN:VEVENT\n", calendar(event(WEEK)).encode()[:150]],
)
def test_what_is_no_calendar_is_refused_without_its_words(rota: Rota, text: bytes) -> None:
    """They may hold a secret."""
    Path(rota.calendar).write_bytes(text)
    with pytest.raises(CalendarError, match=r"^it is no iCalendar that can be read \(\w+\)$"):
        read_calendar(rota, AT)


def test_two_calendars_in_one_file_are_refused(rota: Rota) -> None:
    Path(rota.calendar).write_text(calendar() * 2)
    with pytest.raises(CalendarError, match="it is no iCalendar"):
        read_calendar(rota, AT)


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ("DTSTART:soon", "the event `alice` has a DTSTART that cannot be read"),
        ("DTEND:20261026T090000Z", "the event `alice` has no DTSTART"),
        (f"{WEEK}\nRRULE:FREQ=SOMETIMES", "the event `alice` has a RRULE that cannot be read"),
        (f"{WEEK}\nRRULE:FREQ=SECONDLY", "the event `alice` repeats SECONDLY: a shift repeats DAILY, "),
        (f"{WEEK}\nRRULE:FREQ=MINUTELY", "repeats MINUTELY"),
        (f"{WEEK}\nRRULE:FREQ=HOURLY", "repeats HOURLY"),
        (f"{WEEK}\nRRULE:INTERVAL=2", "repeats without FREQ"),
        (f"{WEEK}\nRRULE:FREQ=DAILY;INTERVAL=0", "repeats with an INTERVAL below 1"),
        (f"{WEEK}\nEXRULE:FREQ=DAILY;INTERVAL=0", "repeats with an INTERVAL below 1"),
        (f"{WEEK}\nRRULE:FREQ=DAILY;BYHOUR=1,2,3,4,5;BYMINUTE=0,1,2,3,4", "comes more than 24 times a day"),
        (
            f"{WEEK}\nRRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
            "the RRULE of the event `alice` does not come",
        ),
        (
            f"{WEEK}\nRRULE:FREQ=WEEKLY;COUNT=3;BYMONTH=4;BYMONTHDAY=31",
            "within 8 years: mend it, or leave the event out",
        ),
        (f"{WEEK}\nRRULE:FREQ=DAILY;INTERVAL=7;BYDAY=TU;UNTIL=20270101T000000Z", "does not come within 8 years"),
        ("DTSTART;VALUE=DATE:99951231\nRRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "does not come within 8 years"),
        (f"{WEEK}\nEXRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "the EXRULE of the event `alice` does not come"),
        (
            f"{WEEK}\nRRULE:FREQ=YEARLY;BYDAY=MO;BYSETPOS=9999",
            "the RRULE of the event `alice` cannot be followed",
        ),
        ("DTSTART;TZID=Mars/Olympus:20261019T090000", "is in the time zone Mars/Olympus, which is not known here"),
    ],
)
def test_an_event_that_cannot_be_followed_is_named(rota: Rota, lines: str, why: str) -> None:
    """And none of the calendar counts: that it counts in part would be seen by nobody."""
    assert why in refused(rota, event(WEEK, "bob", "2"), event(lines))


@pytest.mark.parametrize("often", ["YEARLY", "DAILY"])
def test_what_comes_seldom_is_followed(rota: Rota, often: str) -> None:
    """The 29th of February, which 2100 has not."""
    rule = f"RRULE:FREQ={often};BYMONTH=2;BYMONTHDAY=29"
    shifts = read(rota, event(f"DTSTART;VALUE=DATE:20960301\n{rule}"), at=datetime(2104, 2, 1, tzinfo=UTC))
    assert [shift.start for shift in shifts] == [berlin("2104-02-29 00:00")]


def test_what_is_too_much_is_refused(rota: Rota, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(oncall_calendar, "MOST_EVENTS", 1)
        assert refused(rota, event(WEEK), event(WEEK, "bob", "2")).startswith("it has 2 events, and 1 are read at most")
    monkeypatch.setattr(oncall_calendar, "MOST_SHIFTS", 10)
    assert "come 63 times in two months" in refused(rota, event("DTSTART:20260101T000000Z\nRRULE:FREQ=DAILY"))
    old = event("DTSTART:00010101T000000Z\nRRULE:FREQ=DAILY;BYHOUR=1,2,3", "bob")
    assert "days in all, the event `bob` for 2219" in refused(rota, event(f"{WEEK}\nRRULE:FREQ=WEEKLY"), old)
    over = event("DTSTART:00010101T000000Z\nRRULE:FREQ=DAILY;BYHOUR=1,2,3;UNTIL=00010301T000000Z", "bob")
    assert read(rota, event(WEEK), over)
    monkeypatch.setattr(oncall_calendar, "LARGEST", 32)
    assert refused(rota) == "it cannot be read: it is larger than 0 KiB"


# -- advice


def advice(contact: Contact) -> list[str]:
    made = replace(policy(), contacts={"on-call": contact, "alice": Contact()})
    return [str(each) for each in calendars_advice(made, AT)]


def test_a_calendar_that_names_nobody_is_advice(rota: Rota) -> None:
    read(rota, event(WEEK, "Alcie"))
    (said,) = advice(Contact(rota=rota))
    assert said == (
        f"contacts.on-call.calendar: the rota stands in for {rota.calendar}: "
        "no SUMMARY of its events is the name of a contact who could have it: it says `Alcie`"
    )
    read(rota, event(WEEK, "Alice"))
    assert advice(Contact(rota=rota)) == []


def test_a_calendar_that_is_not_there_is_advice(rota: Rota) -> None:
    assert advice(Contact(rota=rota)) == [
        f"contacts.on-call.calendar: the rota stands in for {rota.calendar}: there is no such file"
    ]
    assert advice(Contact(rota=Rota(("alice",), 0, 540, BERLIN))) == []
