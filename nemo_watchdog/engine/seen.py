"""What is remembered of how dependencies were, also when the daemon that saw it has ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from nemo_watchdog import records as r
from nemo_watchdog.engine.last_served import LastServed
from nemo_watchdog.engine.learned_grace import Starts
from nemo_watchdog.model import Category, Health, Moment, Reason

REASONS = {reason.value: reason for reason in Reason}


@dataclass(slots=True)
class Busy:
    """Since when (monotonic seconds) a dependency is busy without a break, and whether a person was told."""

    since: float
    told: bool = False


@dataclass(slots=True)
class Wait:
    """A restart that is due waits for `work`: since when, and since when that was seen (monotonic seconds)."""

    work: str
    since: float
    working_since: float
    run: str = ""
    """Docker's time at which the run began that does the work; empty when only `busy_while` names it."""
    told: bool = False
    waived: bool = False
    """A person wants it done, whatever is in progress."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Since when (monotonic seconds) a dependency has not been up. Going from bad service to none begins anew."""

    since: float
    serves: bool
    """It is degraded."""


NO_WORSE_AFTER_A_RESTART = frozenset({Reason.CERTIFICATE_EXPIRED, Reason.WRAPAROUND_NEAR})
"""Of what is at risk: a hang beside it is a hang."""


@dataclass(frozen=True, slots=True)
class AtRisk:
    """What something said of its data, and when (UTC)."""

    reason: Reason
    detail: str
    at: datetime


@dataclass(slots=True)
class Seen:
    up: dict[str, str] = field(default_factory=dict)
    """The digest with which each dependency was up last; empty where an older version wrote down only that it was."""
    busy: dict[str, Busy] = field(default_factory=dict)
    at_risk: dict[str, AtRisk] = field(default_factory=dict)
    served: LastServed = field(default_factory=LastServed)
    waits: dict[str, Wait] = field(default_factory=dict)
    troubles: dict[str, Trouble] = field(default_factory=dict)
    starts: Starts = field(default_factory=Starts)

    def was_up(self, dependency: str, digest: str) -> bool:
        """Whether it was up once since the policy names it so."""
        return self.up.get(dependency) in ("", digest)

    def change(self, record: r.HealthChanged, at: Moment) -> None:
        """A look that was blind ends no spell of being busy."""
        self.served.change(record, at)
        if record.health == Health.UP:
            self.up.setdefault(record.dependency, "")
        reason = REASONS.get(record.reason or "")
        if record.category == Category.INTEGRITY and reason is not None and reason not in NO_WORSE_AFTER_A_RESTART:
            self.at_risk[record.dependency] = AtRisk(reason, record.detail, at.utc)
        elif record.category != Category.BLIND:
            self.at_risk.pop(record.dependency, None)
        if record.category == Category.BUSY:
            self.busy.setdefault(record.dependency, Busy(at.monotonic))
        elif record.category != Category.BLIND:
            self.busy.pop(record.dependency, None)
        self._trouble(record.dependency, record.health, at.monotonic)

    def _trouble(self, dependency: str, health: str, now: float) -> None:
        """Being out of sight, or starting, ends no trouble and begins one where there was none."""
        if health == Health.UP:
            self.troubles.pop(dependency, None)
            return
        before, serves = self.troubles.get(dependency), health == Health.DEGRADED
        decided = serves or health == Health.DOWN
        if before is None or (decided and before.serves is not serves):
            self.troubles[dependency] = Trouble(now, serves)

    def told(self, dependency: str, at: Moment) -> None:
        """That it is busy for too long."""
        self.busy.setdefault(dependency, Busy(at.monotonic)).told = True
