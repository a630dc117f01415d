"""What stands at `when:`, as the engine reads it: parts that must all hold, and conditions of conditions.

A new kind of part is a field here, a key in `when`, and its answer and its words in `engine.conditions`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta, tzinfo
from types import MappingProxyType

from nemo_watchdog.model import Category, Health

QUERY_VALUE = "prometheus_query_value"
"""What the probe `prometheus` calls the value of its query: that is meant where only the dependency is named."""

COMPARISONS: Mapping[str, Callable[[float, float], bool]] = MappingProxyType(
    {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt, "=": operator.eq}
)

MINUTES_OF_A_DAY = 24 * 60
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class TagQuantifier:
    """`{down: {all: core}}`: `quantifier` is "all" or "any", of the dependencies that carry `tag`."""

    quantifier: str
    tag: str


@dataclass(frozen=True, slots=True)
class Affected:
    """`{affected: {share: 50%, of: core}}`: at least this part, or this many, of those with the tag, or of all."""

    share: float | None = None
    count: int | None = None
    of: str | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """From minute to minute of a local day. One that ends before it begins goes on into the day after `days`."""

    days: frozenset[int]
    """0 is Monday."""
    start: int
    end: int

    def holds(self, weekday: int, minute: int) -> bool:
        if self.start < self.end:
            return weekday in self.days and self.start <= minute < self.end
        yesterday = (weekday - 1) % 7
        return (weekday in self.days and minute >= self.start) or (yesterday in self.days and minute < self.end)


@dataclass(frozen=True, slots=True)
class Times:
    """`{time: mon-fri 09:00-18:00, zone: Europe/Berlin}`: wall clock time there, whatever its clocks are set to."""

    spans: tuple[Span, ...]
    zone: tzinfo
    written: str

    def holds(self, utc: datetime) -> bool:
        local = utc.astimezone(self.zone)
        return any(span.holds(local.weekday(), local.hour * 60 + local.minute) for span in self.spans)

    def next_border(self, utc: datetime) -> datetime:
        """When to ask again: at the next border, and no later than at the full hour, where clocks are changed."""
        local = utc.astimezone(self.zone)
        minute = local.hour * 60 + local.minute
        borders = {border for span in self.spans for border in (span.start, span.end)}
        ahead = min((border - minute) % MINUTES_OF_A_DAY or MINUTES_OF_A_DAY for border in borders)
        this_minute = utc.replace(second=0, microsecond=0)
        next_hour = this_minute.replace(minute=0) + timedelta(hours=1)
        return min(this_minute + timedelta(minutes=ahead), next_hour)


@dataclass(frozen=True, slots=True)
class Bound:
    """`> 100`: a comparison with a number."""

    comparison: str
    value: float
    written: str

    def holds(self, value: float) -> bool:
        return COMPARISONS[self.comparison](value, self.value)


@dataclass(frozen=True, slots=True)
class Measure:
    """A number that a look measured, and what it must be. `dependency` is None for the one that is classified."""

    dependency: str | None
    name: str
    bound: Bound
    written: str
    """The key, as the policy has it."""


@dataclass(frozen=True, slots=True)
class StepCondition:
    """`when:` of one step: the troubles that it is for. Every part that is given must hold."""

    reason: frozenset[str] = frozenset()
    category: frozenset[Category] = frozenset()
    helped: Bound | None = None
    """How often the same step has helped before, for this reason and this image."""


@dataclass(frozen=True, slots=True)
class Condition:
    """`when:`. Every part that is given must hold; an empty condition always holds.

    `health`, `category`, `reason` and `dependencies` hold when the dependency's own is among them; `tags` holds when
    the dependency carries every one; `down` and `affected` look at all dependencies with a tag. `lasting` is seconds
    since its trouble began.
    """

    health: frozenset[Health] = frozenset()
    category: frozenset[Category] = frozenset()
    reason: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    dependencies: frozenset[str] = frozenset()
    down: TagQuantifier | None = None
    affected: Affected | None = None
    lasting: float | None = None
    flapping: bool | None = None
    time: Times | None = None
    measure: tuple[Measure, ...] = ()
    any: tuple[Condition, ...] = ()
    all: tuple[Condition, ...] = ()
    not_: Condition | None = None
    given: tuple[str, ...] = field(init=False, repr=False, compare=False)
    """The names of the parts that are given."""

    def __post_init__(self) -> None:
        parts = [each.name for each in fields(self) if each.init]
        given = tuple(name for name in parts if getattr(self, name) not in (None, frozenset(), ()))
        object.__setattr__(self, "given", given)

    def nested(self) -> Iterator[Condition]:
        """This one and every condition within it."""
        yield self
        for below in (*self.any, *self.all, *((self.not_,) if self.not_ is not None else ())):
            yield from below.nested()
