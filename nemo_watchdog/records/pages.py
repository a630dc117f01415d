"""What people were told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from nemo_watchdog.records.record import Record


@dataclass(frozen=True, slots=True)
class PeopleTold(Record):
    """A message about an outage, written down with it. `incident` names the page: the first incident that it told of.

    `kind` is that of the message, `to` who gets it, `incidents` all that the page tells of from now on.
    """

    TYPE: ClassVar[str] = "people_told"
    incident: str
    kind: str
    to: list[str]
    incidents: list[str]
    severity: str
    rule: str
    root: str
    said: list[str]
    """What is no news in this page any more when it is so again: whom it asked to look, what is not done and why."""
    level: int = 0
    """How many in the line of escalation have been told."""
    held_back: int = 0
    """What was no message of its own since the last one."""
    late: float = 0.0
    """Seconds since the time at which it was due: who is next in line waits from then on."""
    anew: bool = False
    """Nobody was to answer until now: who is next in line waits from now on."""
