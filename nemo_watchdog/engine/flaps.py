"""How often something changed sides lately, and the marks between which it flaps. Arithmetic and memory; knows no turn.

Nagios and Icinga flap so (source: their manuals, "Detection and Handling of State Flapping"): of the last 20 slots the
share that were changes, the newest weighing 1.2 and the oldest 0.8; it begins at the high mark and ends below the low
one. They count checks; here the slots are time, for looks come sooner when something is in the air.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from nemo_watchdog.policy.policy import Flapping

SLOTS = 20
NEWEST, OLDEST = 1.2, 0.8
"""What a change weighs now, and as the window is about to leave it behind; between them its weight falls evenly."""

MOST = 100
"""Changes that are remembered of each: five times what makes the share 100%, and none older matters beside them."""


def share(changes: Sequence[float], flapping: Flapping, now: float) -> float:
    """The weighted share of changes at monotonic `now`; above 1 for more than one in each slot."""
    ages = (now - at for at in changes)
    falls = (NEWEST - OLDEST) / flapping.window
    return sum(NEWEST - falls * age for age in ages if age < flapping.window) / SLOTS


def ends_at(changes: Sequence[float], flapping: Flapping) -> float:
    """Monotonic seconds at which the share is below the low mark if nothing changes any more; `changes` oldest first.

    It does not depend on when it is asked, so that what woke up for the end finds that it has come.
    """
    falls, wanted = (NEWEST - OLDEST) / flapping.window, flapping.low * SLOTS
    begins = float("-inf")
    for index, oldest in enumerate(changes):
        left = changes[index:]
        # while exactly these are in the window: n * NEWEST - falls * (n * t - sum) == wanted
        below = sum(left) / len(left) + (len(left) * NEWEST - wanted) / (falls * len(left))
        at, leaves = max(begins, below), oldest + flapping.window
        if at <= leaves:
            return at
        begins = leaves
    return begins


@dataclass(frozen=True, slots=True)
class Spell:
    """One time of flapping, when it was over: how many changes in how many seconds."""

    changes: int
    seconds: float


@dataclass(slots=True)
class Flaps:
    """What is remembered of one dependency. All times are monotonic seconds."""

    serves: bool = True
    """The side that it was seen on last; until it was seen on one, it is taken to serve."""
    turned: float = 0.0
    """When it changed sides last."""
    changes: list[float] = field(default_factory=list)
    """Those that count, oldest first."""
    owed: bool = False
    """It is down by nobody's order, and when it serves again by nobody's order, that is a change as well."""
    returned: float | None = None
    """When an action of ours brought it back: a change as soon as it is down again by nobody's order."""
    end_counted: bool = False
    """That its present run ended is counted already, for it was seen to be down."""
    since: float | None = None
    """Since when it flaps; None while it does not."""
    count: int = 0
    """How many changes made it flap and came since; says nothing while it does not."""
    escalations: int = 0
    """How often its remedy ended with a person since it flaps."""
    window: float = 0.0
    """Seconds: the policy's when its last change was written down."""
    retried: float | None = None
    """When a person last asked for its remedy to be tried again."""

    def take_side(self, at: float, changes: int, within: float, *, serves: bool, returned: bool) -> None:
        self._count(at, changes, within)
        self.serves, self.turned = serves, at
        self.owed = self.end_counted = not serves
        if returned:
            self.returned = at

    def take_run(self, at: float, changes: int, within: float, *, ordered: bool) -> None:
        self._count(at, changes, within)
        self.end_counted = False
        if ordered:
            self.owed = False

    def begin(self, at: float) -> None:
        self.since, self.count, self.escalations = at, len(self.changes), 0

    def end(self) -> None:
        self.since = None

    def forget_old(self, now: float) -> None:
        """What has left the window."""
        since = now - self.window
        self.changes = [at for at in self.changes if at > since][-MOST:]
        if self.returned is not None and self.returned <= since:
            self.returned = None

    @property
    def says_nothing(self) -> bool:
        """As if nothing had ever been seen of it."""
        return self.serves and not self.changes and self.returned is None and self.since is None

    def _count(self, at: float, changes: int, within: float) -> None:
        if changes and self.returned is not None:
            self.changes.append(self.returned)
            self.count += 1
            self.returned = None
        self.changes += [at] * changes
        self.count += changes
        self.window = within
        self.forget_old(at)


def is_due(flaps: Flaps, flapping: Flapping, now: float) -> bool:
    """Whether its changes reach the high mark at monotonic `now`."""
    return bool(flaps.changes) and share(flaps.changes, flapping, now) >= flapping.high


def is_flapping(flaps: Mapping[str, Flaps], name: str) -> bool:
    """Whether that dependency flaps, by what was written down."""
    return name in flaps and flaps[name].since is not None
