"""What operators ordered about one scope: no pause is forgotten for another, whoever ordered it and however short."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Pause:
    """`until` in monotonic seconds; None when somebody must resume it."""

    reason: str
    by: str
    until: float | None
    container: str = ""
    """That of the scope when it was ordered; empty where it had none, or an older version wrote it down."""
    beside: tuple[Pause, ...] = ()
    """What else was ordered about the scope; none of it ends later."""

    def holds(self, now: float) -> bool:
        return self.until is None or now < self.until

    def each(self, now: float) -> list[Pause]:
        """Those that hold, the last to end first."""
        return [pause for pause in (replace(self, beside=()), *self.beside) if pause.holds(now)]

    def is_of(self, container: str | None, now: float) -> bool:
        """Whatever the policy calls it now."""
        return bool(container) and any(pause.container == container for pause in self.each(now))

    def said(self) -> str:
        """Who wants it, and why."""
        return f"{self.by}: {self.reason}"

    def joined_by(self, new: Pause, now: float) -> Pause:
        """Both: the scope is paused until the later end. The same word of the same person counts once."""
        by_end = sorted((new, *self.each(now)), key=_end)
        first, *others = sorted({(each.by, each.reason): each for each in by_end}.values(), key=_end, reverse=True)
        return replace(first, beside=tuple(others))


def _end(pause: Pause) -> float:
    return math.inf if pause.until is None else pause.until
