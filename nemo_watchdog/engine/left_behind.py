"""What an action has left behind for its verdict, as it is remembered. Durable, changed by records alone."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from nemo_watchdog.model import Target


class Helped(StrEnum):
    """The verdict on an action that has left something behind."""

    AWAITED = ""
    YES = "helped"
    NO = "did_not_help"
    UNKNOWN = "unknown"
    """How it ended, or whether it helped."""
    NOTHING_LEFT = "nothing_left"
    """It was refused, or has failed and has taken back what it did."""

    @property
    def is_to_be_settled(self) -> bool:
        return self not in (Helped.AWAITED, Helped.NOTHING_LEFT)

    @property
    def told(self) -> bool | None:
        """As `SettlingAction.settle` takes it."""
        return {Helped.YES: True, Helped.NO: False}.get(self)


@dataclass(slots=True)
class Settling:
    action_id: str
    incident: str
    dependency: str
    action: str
    target: Target
    judged: str
    """The id of the container as it was before the action."""
    timeout: float
    """Seconds, of each order that ends it."""
    helped: Helped = Helped.AWAITED
    made: str = ""
    """What the action has put there, as far as it said."""
    tries: int = 0
    under_way: str = ""
    """The order that ends it now; empty while there is none."""
    not_before: float | None = None
    """Monotonic seconds, of the next order."""

    @property
    def holds(self) -> bool:
        """Its target is not what it was, nor what is wanted: nothing else is done to it."""
        return self.helped in (Helped.NO, Helped.UNKNOWN)
