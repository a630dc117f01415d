"""What the tests of pages share: a clock, and a day as `Recent` has it."""

from __future__ import annotations

from datetime import UTC, datetime

from nemo_watchdog.view_words import Clock
from nemo_watchdog.views import StatusView
from nemo_watchdog.web.recent import HALF_HOUR, HALVES, HalfHour, RecentView

NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
BEGINS = tuple(NOON - back * HALF_HOUR for back in range(HALVES - 1, -1, -1))


def clock_of(view: StatusView) -> Clock:
    return Clock(view.now, UTC)


def day(*newest: HalfHour, latency: float | None = 0.012, complete: bool = True) -> RecentView:
    """All well, but for the newest half hours; their `begin` is set right."""
    well = [HalfHour(begin, "ok", None, latency, 180) for begin in BEGINS[: HALVES - len(newest)]]
    others = [
        HalfHour(begin, each.word, each.reason, each.latency, each.looks, each.bad)
        for begin, each in zip(BEGINS[HALVES - len(newest) :], newest, strict=True)
    ]
    return RecentView((*well, *others), complete)


def half(word: str, reason: str | None = None, latency: float | None = None, looks: int = 0, bad: int = 0) -> HalfHour:
    return HalfHour(NOON, word, reason, latency, looks, bad)
