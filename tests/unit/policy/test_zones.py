"""Time zones: by name, with what was probably meant, and on a machine that has none of its own."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterator
from datetime import UTC
from zoneinfo import ZoneInfo

import pytest
from pydantic_core import PydanticCustomError

from nemo_watchdog.policy.times import parse_span
from nemo_watchdog.policy.zones import parse_zone


@pytest.fixture
def no_zones() -> Iterator[None]:
    """A machine without time zones of its own."""
    zoneinfo.reset_tzpath(to=[])
    ZoneInfo.clear_cache()
    yield
    zoneinfo.reset_tzpath()


def test_a_zone_by_its_name() -> None:
    """UTC needs no data."""
    assert parse_zone("Europe/Berlin") == ZoneInfo("Europe/Berlin")
    assert parse_zone("UTC") is UTC


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("Europe/Berln", "did you mean `Europe/Berlin`?"),
        ("Europe", "there is no time zone of that name"),
        ("../../etc/passwd", "there is no time zone of that name"),
        ("", "expected a time zone such as `Europe/Berlin` or `UTC`"),
        (None, "expected a time zone such as"),
        ("a\0b", "there is no time zone of that name"),
    ],
)
def test_what_is_no_zone(value: object, said: str) -> None:
    """A mistake of the policy, whatever stands there."""
    with pytest.raises(PydanticCustomError) as caught:
        parse_zone(value)
    assert said in caught.value.message()


@pytest.mark.usefixtures("no_zones")
def test_a_machine_without_zones_has_those_of_the_program() -> None:
    """As a slim image is."""
    assert str(parse_zone("Europe/Berlin")) == "Europe/Berlin"


@pytest.mark.parametrize(
    ("written", "days", "start", "end"),
    [
        ("09:00-18:00", "0123456", 540, 1080),
        ("mon 00:00-24:00", "0", 0, 1440),
        ("mon-fri 09:00-18:00", "01234", 540, 1080),
        ("sat-mon 22:00-06:00", "560", 1320, 360),
        ("mon,wed-thu 09:00-10:00", "023", 540, 600),
        ("08:30-17:59", "0123456", 510, 1079),
    ],
)
def test_times_of_the_week(written: str, days: str, start: int, end: int) -> None:
    """A range of days may go over the end of the week, one of hours over midnight."""
    span = parse_span(written)
    assert (span.days, span.start, span.end) == (frozenset(map(int, days)), start, end)


@pytest.mark.parametrize(
    "written",
    ["", "9:00-18:00", "mon", "mon-fri", "mon - fri 09:00-18:00", "monday 09:00-18:00", "25:00-26:00", "09:60-11:00",
     "24:00-06:00", "09:00-09:00", "09:00-24:01", "fri, sat 09:00-10:00", 5, None],
)  # fmt: skip
def test_what_is_no_time_of_the_week(written: object) -> None:
    """Each says what one looks like."""
    with pytest.raises(PydanticCustomError) as caught:
        parse_span(written)
    assert "`mon-fri 09:00-18:00`" in caught.value.message()
