"""Is a look evidence about its target, or about us? A look that went badly while we were held up says nothing.

Our event loop may stand still (a busy machine, a stopped process, a plugin that blocks), and the machine may sleep.
Deadlines pass then without anybody's fault. Nothing here costs a look a timer: one tick for all looks adds up what
the loop loses, and a look asks for the sum before and after itself.
"""

from __future__ import annotations

from math import inf

from nemo_watchdog.durations import duration, shift
from nemo_watchdog.engine.events import Sample
from nemo_watchdog.model import Category, Finding, Moment, Reason, failed
from nemo_watchdog.ports import Clock

HELD_UP = 0.5
"""Seconds of lag in one look that are always accepted: shorter stalls are usual on a busy machine."""

HELD_UP_SHARE = 0.5
"""Of the look's timeout. Where the loop lost more than this and more than `HELD_UP`, the target had too little time."""

CLOCK_JUMP = 5.0
"""Seconds by which the wall clock may move against the monotonic one during a look: more than any time daemon slews.
CLOCK_MONOTONIC stands still while the machine sleeps and the wall clock does not (Linux: clock_gettime(2))."""


class LoopLag:
    """Adds up the time that the event loop lost. `expect` and `came` stand around the sleep of one periodic tick."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lost = 0.0
        self._planned = inf

    def expect(self, seconds: float) -> None:
        """The next tick must come in so many seconds."""
        self._planned = self._clock.now().monotonic + seconds

    def came(self) -> float:
        """The tick is here: by how many seconds it was late."""
        late = max(0.0, self._clock.now().monotonic - self._planned)
        self._lost += late
        self._planned = inf
        return late

    def lost(self, now: float) -> float:
        """Seconds lost until `now` (monotonic), those of a tick that should be here already among them."""
        return self._lost + max(0.0, now - self._planned)


def clock_jump(began: Moment, ended: Moment) -> float:
    """Seconds by which the wall clock went further than the monotonic one; negative when it was set back."""
    return (ended.utc - began.utc).total_seconds() - (ended.monotonic - began.monotonic)


def discount(finding: Finding, sample: Sample, timeout: float) -> Finding:
    """The finding, or what it is worth when it is not good and its sample is bad: a blind one that keeps its reason."""
    if finding.reason is None:
        return finding  # an answer that came is an answer
    if abs(sample.clock_jump) > CLOCK_JUMP:
        reason, said = Reason.CLOCK_JUMPED, f"the clock jumped by {shift(sample.clock_jump)} during the look"
    elif sample.lag > max(HELD_UP, HELD_UP_SHARE * timeout):
        reason, said = Reason.WATCHDOG_OVERLOADED, f"the watchdog itself was held up for {duration(sample.lag)}"
    else:
        return finding
    if finding.reason.category is Category.BLIND:
        return finding
    return failed(reason, f"{said}; the look said {finding.reason}: {finding.detail}", finding.measurements)
