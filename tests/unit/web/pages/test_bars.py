"""A day as numbers for a drawing, and in words for who does not see it."""

from __future__ import annotations

from datetime import UTC, timedelta

import pytest

from nemo_watchdog.view_words import Clock
from nemo_watchdog.web.pages.bars import HEIGHTS, bars_of, sparkline_of
from nemo_watchdog.web.recent import HALVES, WORDS, RecentView
from tests.unit.web.pages.parts import NOON, day, half

CLOCK = Clock((NOON + timedelta(minutes=10)).isoformat(), UTC)


def test_each_half_hour_is_a_bar_that_says_what_it_stands_for() -> None:
    """With the day where it is another one."""
    recent = day(half("down", "refused", looks=180, bad=3), half("none"), half("degraded", "slow", looks=9, bad=9))
    drawn = bars_of(recent, CLOCK, titled=True)
    assert len(drawn.bars) == HALVES
    assert drawn.bars[0].title == "Jan 04 12:30 to 13:00: ok"
    assert [bar.title for bar in drawn.bars[-3:]] == [
        "11:00 to 11:30: down (refused), 3 of 180 looks",
        "11:30 to 12:00: not looked at",
        "12:00 to now: degraded (slow)",
    ]
    assert [bar.word for bar in drawn.bars[-4:]] == ["ok", "down", "none", "degraded"]


def test_bars_lie_within_their_box_and_side_by_side() -> None:
    drawn = bars_of(day(half("down")), CLOCK, titled=True)
    assert drawn.bars[-1].x + drawn.bars[-1].width == drawn.width
    for before, after in zip(drawn.bars, drawn.bars[1:], strict=False):
        assert before.x + before.width < after.x
    assert all(bar.y + bar.height == drawn.height for bar in drawn.bars)


def test_the_worse_a_bar_is_the_higher_it_stands() -> None:
    """Who sees no colours sees that."""
    heights = [HEIGHTS[word] for word in ("none", *WORDS)]
    assert heights == sorted(set(heights))


def test_where_many_are_drawn_what_follows_each_other_is_one_piece() -> None:
    """A page of many rows must stay small."""
    drawn = bars_of(day(half("down"), half("ok"), half("ok")), CLOCK)
    assert drawn.bars == ()
    assert drawn.paths == (("ok", "M0 14h224v10h-224zM230 14h9v10h-9z"), ("down", "M225 0h4v24h-4z"))


def test_all_of_it_is_said_in_a_sentence() -> None:
    assert bars_of(day(), CLOCK).said == "last 24 hours in half hours: 48 ok"
    said = bars_of(day(half("none"), half("down"), half("blind"), half("down")), CLOCK).said
    assert said == "last 24 hours in half hours: 2 down, 1 blind, 44 ok, 1 not looked at"


def test_a_line_of_latencies_goes_from_the_left_to_the_right() -> None:
    """Points between two of the same height are left out."""
    drawn = sparkline_of(day(half("ok", latency=0.024), half("ok", latency=0.0)))
    assert drawn.lines == ("0,12 90,12 92,3 94,21",)
    assert (drawn.width, drawn.height) == (94, 24)
    assert drawn.said == "median 12ms, longest 24ms"


def test_where_nothing_was_measured_the_line_has_a_gap() -> None:
    """What stands alone is seen all the same."""
    recent = day(half("none"), half("ok", latency=0.012), half("none"), half("ok", latency=0.012))
    assert sparkline_of(recent).lines == ("0,3 86,3", "89,3 91,3", "93,3 95,3")


def test_without_any_latency_there_is_no_line() -> None:
    drawn = sparkline_of(day(latency=None))
    assert (drawn.lines, drawn.said) == ((), "")


@pytest.mark.parametrize("latency", [0.0, 1e-9, 1e9])
def test_any_latency_can_be_drawn(latency: float) -> None:
    (line,) = sparkline_of(day(latency=latency)).lines
    assert line in ("0,3 94,3", "0,21 94,21")


def test_of_nothing_at_all_nothing_is_drawn() -> None:
    empty = RecentView((), complete=False)
    assert (bars_of(empty, CLOCK).paths, bars_of(empty, CLOCK).said, sparkline_of(empty).lines) == ((), "", ())
