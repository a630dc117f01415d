"""Which dependencies serve, and when the others served last: so that it is known who was the last. Kept by replay."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from nemo_watchdog import records as r
from nemo_watchdog.model import Health, Moment

SERVING = frozenset({Health.UP, Health.DEGRADED})


@dataclass(slots=True)
class LastServed:
    """Times are monotonic seconds."""

    serving: set[str] = field(default_factory=set)
    """As far as it was written down: what serves, and what is not known to serve no more."""
    until: dict[str, float] = field(default_factory=dict)
    """When each of the others was last seen to serve."""
    told: set[str] = field(default_factory=set)
    """Those of which a person was told that they are spared, since they served last."""

    def at(self, dependency: str) -> float:
        """Infinite while it serves, and before all time when it was never seen to."""
        return math.inf if dependency in self.serving else self.until.get(dependency, -math.inf)

    def change(self, record: r.HealthChanged, at: Moment) -> None:
        """What an older version wrote down does not say when: then it is when it was found."""
        name = record.dependency
        if record.health in SERVING:
            self.serving.add(name)
            self.told.discard(name)
        elif name in self.serving:
            self.serving.discard(name)
            self.until[name] = at.monotonic - record.not_served_for
