"""What is remembered of how dependencies were, also when the daemon that saw it has ended."""

from __future__ import annotations

from dataclasses import dataclass, field

from nemo_watchdog import records as r
from nemo_watchdog.model import Category, Health, Moment


@dataclass(slots=True)
class Busy:
    """Since when (monotonic seconds) a dependency is busy without a break, and whether a person was told."""

    since: float
    told: bool = False


@dataclass(slots=True)
class Seen:
    up: dict[str, str] = field(default_factory=dict)
    """The digest with which each dependency was up last; empty where an older version wrote down only that it was."""
    busy: dict[str, Busy] = field(default_factory=dict)

    def was_up(self, dependency: str, digest: str) -> bool:
        """Whether it was up once since the policy names it so."""
        return self.up.get(dependency) in ("", digest)

    def change(self, record: r.HealthChanged, at: Moment) -> None:
        """A look that was blind ends no spell of being busy."""
        if record.health == Health.UP:
            self.up.setdefault(record.dependency, "")
        if record.category == Category.BUSY:
            self.busy.setdefault(record.dependency, Busy(at.monotonic))
        elif record.category != Category.BLIND:
            self.busy.pop(record.dependency, None)

    def told(self, dependency: str, at: Moment) -> None:
        """That it is busy for too long."""
        self.busy.setdefault(dependency, Busy(at.monotonic)).told = True
