"""Backoff and budgets as numbers: growth, jitter, windows, and their edges."""

from __future__ import annotations

import pytest

from nemo_watchdog.engine import budget
from nemo_watchdog.engine.backoff import delay_after
from nemo_watchdog.policy.policy import Backoff, Budget


def test_backoff_doubles_up_to_its_maximum() -> None:
    """5, 10, 20, ... and never more than max."""
    backoff = Backoff(initial=5.0, factor=2.0, max=60.0, jitter=0.0)
    assert [delay_after(backoff, attempt, "x") for attempt in range(1, 7)] == [5.0, 10.0, 20.0, 40.0, 60.0, 60.0]


def test_backoff_of_the_thousandth_attempt_is_a_number() -> None:
    """No overflow, whatever the policy allows."""
    assert delay_after(Backoff(initial=1.0, factor=10.0, max=300.0, jitter=0.0), 1000, "x") == 300.0


def test_a_backoff_that_grows_slowly_goes_on_growing() -> None:
    """By the formula that the policy states, to the last of a hundred attempts and beyond."""
    backoff = Backoff(initial=1.0, factor=1.05, max=300.0, jitter=0.0)
    assert delay_after(backoff, 100, "x") == pytest.approx(1.05**99)
    assert delay_after(backoff, 200, "x") == 300.0


def test_jitter_stays_in_its_range_and_depends_on_the_name_alone() -> None:
    """A replay agrees, and two dependencies differ."""
    backoff = Backoff(initial=100.0, factor=1.0, max=100.0, jitter=0.2)
    delays = [delay_after(backoff, 1, f"incident/dependency-{n}/1") for n in range(200)]
    assert all(80.0 <= delay <= 120.0 for delay in delays)
    assert min(delays) < 85.0
    assert max(delays) > 115.0
    assert delays == [delay_after(backoff, 1, f"incident/dependency-{n}/1") for n in range(200)]


@pytest.mark.parametrize(
    ("spends", "now", "left"),
    [
        ([], 1000.0, 2),
        ([1000.0], 1000.0, 1),
        ([940.0], 1000.0, 2),
        ([940.1], 1000.0, 1),
        ([950.0, 960.0], 1000.0, 0),
        ([100.0, 950.0, 960.0], 1000.0, 0),
        ([950.0, 960.0, 970.0], 1000.0, 0),
        ([1010.0], 1000.0, 1),
    ],
)
def test_a_budget_counts_what_lies_in_its_window(spends: list[float], now: float, left: int) -> None:
    """The window is open at its far end; what seems to lie in the future counts as spent."""
    assert budget.remaining(Budget(2, 60.0), spends, now) == left
