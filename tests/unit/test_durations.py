"""How people read a duration."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemo_watchdog.durations import duration, in_words, shift
from nemo_watchdog.policy.units import parse_duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0s"), (0.000001, "0s"), (0.00042, "0.42ms"), (0.0123, "12.3ms"), (0.25, "250ms"), (0.9994, "999ms"),
        (0.9996, "1s"), (3.0, "3s"), (4.2, "4.2s"), (4.2371, "4.24s"), (9.996, "10s"), (12.5, "12.5s"),
        (59.94, "59.9s"), (59.96, "1m"), (60.0, "1m"), (90.0, "1m30s"), (200.0, "3m20s"),
        (3599.4, "59m59s"), (3599.6, "1h"),
        (3600.0, "1h"), (5400.0, "1h30m"), (7500.0, "2h05m"), (86399.0, "1d"), (90000.0, "1d01h"),
        (366 * 86400.0, "366d"),
        (-90.0, "-1m30s"), (math.inf, "infs"), (math.nan, "nans"),
    ],
)  # fmt: skip
def test_a_duration_reads_as_people_say_it(seconds: float, text: str) -> None:
    """Never 60 seconds, 60 minutes or 24 hours; whatever a server tells us, there is a text."""
    assert duration(seconds) == text


def test_a_shift_has_its_sign() -> None:
    """Forward as well as back."""
    assert [shift(seconds) for seconds in (3.2, -90.0)] == ["+3.2s", "-1m30s"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3.0, "0 seconds"), (0.4, "0 seconds"), (1.0, "1 second"), (59.4, "59 seconds"), (59.6, "1 minute"),
        (61.0, "1 minute 1 second"), (1680.0, "28 minutes"), (3599.6, "1 hour"), (4320.0, "1 hour 12 minutes"),
        (86399.0, "1 day"), (3 * 86400.0, "3 days"), (90000.0, "1 day 1 hour"),
    ],
)  # fmt: skip
def test_a_duration_in_words_is_one_that_can_be_read_aloud(seconds: float, text: str) -> None:
    """Never 60 of anything, and one of each has no plural."""
    assert in_words(seconds) == text


@given(st.floats(min_value=0.001, max_value=366 * 86400.0))
def test_what_is_said_is_near_and_a_policy_can_say_it(seconds: float) -> None:
    """To half a percent below a minute; above, to half of the smaller unit."""
    said = parse_duration(duration(seconds))
    size = 60.0 if 3570 <= seconds < 86370 else 3600.0 if seconds >= 86370 else 1.0
    assert abs(said - seconds) <= (seconds * 0.005001 if seconds < 59.95 else size / 2)
