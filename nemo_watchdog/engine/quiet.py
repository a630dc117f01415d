"""What people want quiet for a while, as it is remembered: silences, and maintenance with what went down in it.

Durable, changed by records alone. Ends are monotonic: a clock that is set ends nothing, and a restart forgets nothing.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from nemo_watchdog.engine.listing import listed
from nemo_watchdog.model import Health, Moment
from nemo_watchdog.policy.policy import Policy
from nemo_watchdog.records import HealthChanged, MaintenanceBegan, MaintenanceEnded, SilenceBegan, SilenceEnded

Fact = SilenceBegan | SilenceEnded | MaintenanceBegan | MaintenanceEnded
ENDS = SilenceEnded | MaintenanceEnded


@dataclass(frozen=True, slots=True)
class Scope:
    """Dependencies by name and by tag; everything where it names neither."""

    dependencies: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    @property
    def is_everything(self) -> bool:
        return not self.dependencies and not self.tags

    def has(self, name: str, policy: Policy) -> bool:
        spec = policy.dependencies.get(name)
        tagged = spec is not None and not spec.tags.isdisjoint(self.tags)
        return self.is_everything or name in self.dependencies or tagged

    def __str__(self) -> str:
        named = [*self.dependencies, *(f"what has the tag {tag}" for tag in self.tags)]
        return listed(named) if named else "everything"


@dataclass(slots=True)
class Quiet:
    """`until` in monotonic seconds."""

    identity: str
    scope: Scope
    began: Moment
    until: float
    reason: str
    by: str
    ended: Moment | None = None

    @property
    def end(self) -> float:
        """When it ends, or ended: one whose time was over while nobody was there to see it ended then."""
        return self.until if self.ended is None else min(self.until, self.ended.monotonic)

    def holds(self, at: float) -> bool:
        return self.began.monotonic <= at < self.end

    def said(self) -> str:
        """Who wants it, and why."""
        return f"{self.by}: {self.reason}"


@dataclass(slots=True)
class Silence(Quiet):
    """Mutes telling, and nothing else."""


@dataclass(slots=True)
class Down:
    """How often something went down in it, for how many seconds in all, and since when it is down."""

    times: int = 0
    seconds: float = 0.0
    since: Moment | None = None
    reason: str | None = None
    """Of the last time."""


@dataclass(slots=True)
class Maintenance(Quiet):
    """Holds remedies as well, and is told of at its end. A `window` of the policy ends when that says so."""

    window: str = ""
    public: str | None = None
    """What users are told of one that a person began; None: nothing."""
    downs: dict[str, Down] = field(default_factory=dict)
    """Whatever went down meanwhile, of its scope or not."""

    def notice(self, change: HealthChanged, at: Moment) -> None:
        """Being out of sight, or starting, ends no trouble and begins none."""
        down = self.downs.get(change.dependency)
        if change.health == Health.DOWN and (down is None or down.since is None):
            began = max(self.began.monotonic, at.monotonic - change.not_served_for)
            down = self.downs.setdefault(change.dependency, Down())
            down.times, down.reason = down.times + 1, change.reason
            down.since = at.before(at.monotonic - began)
        elif down is not None and down.since is not None and change.health in (Health.UP, Health.DEGRADED):
            down.seconds, down.since = down.seconds + at.monotonic - down.since.monotonic, None


@dataclass(slots=True)
class Quieted:
    """Those that hold, and those that are over for as long as what was in them may be told."""

    silences: dict[str, Silence] = field(default_factory=dict)
    maintenance: dict[str, Maintenance] = field(default_factory=dict)

    def take(self, fact: Fact, at: Moment) -> None:
        match fact:
            case SilenceBegan():
                scope, until = Scope(tuple(fact.dependencies), tuple(fact.tags)), at.monotonic + fact.duration
                self.silences[fact.silence] = Silence(fact.silence, scope, at, until, fact.reason, fact.by)
            case MaintenanceBegan():
                identity, scope = fact.maintenance, Scope(tuple(fact.dependencies), tuple(fact.tags))
                until = math.inf if fact.window else at.monotonic + fact.duration
                self.maintenance[identity] = Maintenance(
                    identity, scope, at, until, fact.reason, fact.by, window=fact.window, public=fact.public
                )
            case SilenceEnded() if fact.silence in self.silences:
                self.silences[fact.silence].ended = at
            case MaintenanceEnded() if fact.maintenance in self.maintenance:
                self.maintenance[fact.maintenance].ended = at

    def notice(self, change: HealthChanged, at: Moment) -> None:
        for each in self.maintenance.values():
            if each.ended is None:
                each.notice(change, at)

    def of(self, fact: ENDS) -> Quiet:
        """What it ended."""
        return self.silences[fact.silence] if isinstance(fact, SilenceEnded) else self.maintenance[fact.maintenance]

    def each(self) -> Iterator[Quiet]:
        yield from self.silences.values()
        yield from self.maintenance.values()

    def forget_old(self, now: float, keep: float, began: Collection[float]) -> None:
        """Those that have been over for so many seconds, and in which nothing began that is remembered.

        `began`: when that did, in monotonic seconds. Whether people heard of its beginning may still be asked.
        """
        for kept in (self.silences, self.maintenance):
            over = [(name, each) for name, each in kept.items() if each.ended and now - each.ended.monotonic >= keep]
            for name in [name for name, each in over if not any(map(each.holds, began))]:
                del kept[name]
