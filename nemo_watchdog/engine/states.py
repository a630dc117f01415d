"""How a dependency is, as the thresholds conclude it, and what speaks for itself. Data only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from nemo_watchdog.model import Category, Health, Observation, Reason, RunState

NOT_RUNNING = frozenset({RunState.EXITED, RunState.DEAD, RunState.CREATED})
NEEDS_NO_PROOF = frozenset({Reason.EXITED, Reason.STOPPED_ITSELF, Reason.OOM_KILLED, Reason.PAUSED, Reason.UNHEALTHY})
"""What Docker itself says of a container, whatever the policy expects of it."""

NO_ANSWER = frozenset(
    {
        Reason.REFUSED,
        Reason.TIMEOUT,
        Reason.CONNECTION_LOST,
        Reason.NETWORK_UNREACHABLE,
        Reason.NAME_UNRESOLVED,
        Reason.PERMISSION_DENIED,
        Reason.UNREACHABLE_FROM_HERE,
    }
)
"""What is seen when the way is broken; a status or a content that is not expected is an answer."""

NOT_ANSWERING = NOT_RUNNING | {RunState.PAUSED, RunState.RESTARTING}


@dataclass(frozen=True, slots=True)
class State:
    """What the thresholds conclude. `category` and `reason` are None while `health` is UP."""

    health: Health
    category: Category | None = None
    reason: Reason | None = None
    detail: str = ""

    @classmethod
    def of(cls, health: Health, look: Observation) -> Self:
        """That health, for what this look saw."""
        return cls(health, look.finding.category, look.finding.reason, look.finding.detail)

    def same_as(self, other: State) -> bool:
        """Equal but for the detail, which changes with every look."""
        return (self.health, self.category, self.reason) == (other.health, other.category, other.reason)


UNSEEN = State(Health.UNKNOWN, Category.BLIND, Reason.NOT_LOOKED, "not looked at yet")
UP = State(Health.UP)
