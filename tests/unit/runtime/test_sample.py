"""What a look is worth: the thresholds, and the sum of what the event loop lost."""

from __future__ import annotations

import pytest

from nemo_watchdog.engine.events import Sample
from nemo_watchdog.model import Category, Reason, degraded, failed
from nemo_watchdog.runtime.sample import CLOCK_JUMP, HELD_UP, LoopLag, clock_jump, discount
from nemo_watchdog.testing import ManualClock

TIMEOUT = failed(Reason.TIMEOUT, "no answer", {"a_seconds": 1.0})


def test_what_is_lost_adds_up() -> None:
    """Over ticks, and with the tick that should be here already; nothing is counted twice."""
    clock = ManualClock()
    lag = LoopLag(clock)
    lag.expect(0.1)
    clock.advance(1.1)
    assert lag.lost(clock.now().monotonic) == pytest.approx(1.0)
    assert lag.came() == pytest.approx(1.0)
    assert lag.lost(clock.now().monotonic) == pytest.approx(1.0)
    lag.expect(0.1)
    clock.advance(0.05)
    assert lag.lost(clock.now().monotonic) == pytest.approx(1.0)
    clock.advance(0.55)
    assert lag.lost(clock.now().monotonic) == pytest.approx(1.5)
    assert lag.came() == pytest.approx(0.5)


def test_a_clock_that_is_set_costs_the_loop_nothing() -> None:
    """Lag is measured on the monotonic clock, and a jump on the difference of both."""
    clock = ManualClock()
    lag = LoopLag(clock)
    lag.expect(0.1)
    before = clock.now()
    clock.jump(-90.0)
    clock.advance(0.1)
    assert lag.came() == pytest.approx(0.0)
    assert clock_jump(before, clock.now()) == pytest.approx(-90.0)


@pytest.mark.parametrize(
    ("sample", "timeout", "reason"),
    [
        (Sample(), 1.0, Reason.TIMEOUT),
        (Sample(lag=HELD_UP), 0.1, Reason.TIMEOUT),
        (Sample(lag=HELD_UP + 0.01), 0.1, Reason.WATCHDOG_OVERLOADED),
        (Sample(lag=4.9), 10.0, Reason.TIMEOUT),
        (Sample(lag=5.1), 10.0, Reason.WATCHDOG_OVERLOADED),
        (Sample(lateness=100.0), 1.0, Reason.TIMEOUT),
        (Sample(clock_jump=CLOCK_JUMP), 1.0, Reason.TIMEOUT),
        (Sample(clock_jump=CLOCK_JUMP + 0.1), 1.0, Reason.CLOCK_JUMPED),
        (Sample(clock_jump=-CLOCK_JUMP - 0.1), 1.0, Reason.CLOCK_JUMPED),
        (Sample(lag=100.0, clock_jump=100.0), 1.0, Reason.CLOCK_JUMPED),
    ],
)
def test_the_thresholds(sample: Sample, timeout: float, reason: Reason) -> None:
    """Half of the timeout and never less than half a second; five seconds of the clock, either way."""
    finding = discount(TIMEOUT, sample, timeout)
    assert finding.reason is reason
    assert finding.measurements == TIMEOUT.measurements
    assert "no answer" in finding.detail


def test_slowness_of_our_own_is_not_the_targets() -> None:
    """A degraded look is judged like a failed one."""
    finding = discount(degraded(Reason.SLOW, "2s"), Sample(lag=2.0), 1.0)
    assert finding.reason is not None
    assert finding.reason.category is Category.BLIND


def test_a_look_that_was_blind_already_keeps_its_reason() -> None:
    """A wrong password is worth knowing, however late."""
    finding = failed(Reason.AUTH_FAILED, "the password is not accepted")
    assert discount(finding, Sample(lag=100.0, clock_jump=100.0), 1.0) is finding
