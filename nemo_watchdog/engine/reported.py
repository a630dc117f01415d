"""What people reported, and what they took upon themselves: the words of the durable state. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from nemo_watchdog.model import Moment, Severity

DECLARED = "declared"
"""What stands where others name the rule that chose the severity, or a root: who declares need name no dependency."""


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Who has taken it upon himself. `until` in monotonic seconds; None: no end of its own."""

    by: str
    at: Moment
    until: float | None

    def holds(self, now: float) -> bool:
        return self.until is None or now < self.until


@dataclass(slots=True)
class Declared:
    """An incident that a person declared: it has no members, and so nothing is done for it. A person ends it."""

    incident: str
    text: str
    severity: Severity
    by: str
    dependency: str
    """Empty where the person named none."""
    opened: Moment
    resolved: Moment | None = None
    acknowledged: Acknowledgement | None = None
