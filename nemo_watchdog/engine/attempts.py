"""What was tried against one trouble, and how it stands: the memory of a remedy's ladder. Changed by records alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from nemo_watchdog.engine.memory import Use
from nemo_watchdog.engine.phases import Phase
from nemo_watchdog.model import Moment, Target


@dataclass(slots=True)
class Ladder:
    """How far a remedy has come in one incident: (remedy, step key, attempts). Who shares a target shares it."""

    remedy: str = ""
    step_key: str = ""
    """Of the step that acted last; empty before the first, and where an older version did not write it down."""
    attempts: int = 0
    """In this step."""
    tried: Counter[str] = field(default_factory=Counter)
    """How often each action was ordered, or may have been, whatever its step was called."""
    spent: Counter[str] = field(default_factory=Counter)
    """The same of each step, by its key."""
    skipped: dict[str, str] = field(default_factory=dict)
    """The steps that were not taken in this trouble, and why."""
    total: int = 0
    """Intents, those that were refused among them: the number in the last action's id."""
    acted: int = 0
    """Of these, how many were ordered or may have been."""
    phase: Phase = Phase.IDLE
    action_id: str = ""
    actor: str = ""
    """The dependency that the last action was for."""
    action: str = ""
    use: Use | None = None
    """What it was used for, and against what."""
    target: Target | None = None
    """Of the last action."""
    acted_at: float = 0.0
    """When the last action that was or may have been ordered had ended."""
    not_before: float | None = None
    backoff: float = 0.0
    """Seconds from the verdict on the last attempt to `not_before`."""
    rung: str = ""
    level: int = 0
    """How often its rung has acted in this incident: the backoff grows by it, also over attempts that helped."""
    levels: Counter[str] = field(default_factory=Counter)
    """Of each rung."""
    refusals: int = 0
    """How often in a row nothing was ordered."""
    refused_for: str = ""
    refused_alike: bool = False
    """The last one was for the same reason as the one before."""
    before: tuple[str, str, int] = ("", "", 0)
    """Remedy, step key and attempts before the last action: to where a refused one goes back."""
    verify_until: float = 0.0
    ended: str = ""
    """Why nothing more will be tried; empty while something may."""
    begun: int = 0
    """How often it has begun anew in this incident: what is told then is news."""

    def begin(self, action_id: str, action: str, target: Target, position: tuple[str, str, int], rung: str) -> None:
        """Spends an attempt, whatever comes of it; `position` is (remedy, step key, attempts)."""
        self.before = (self.remedy, self.step_key, self.attempts)
        self.remedy, self.step_key, self.attempts = position
        self.action_id, self.action, self.target = action_id, action, target
        self.tried[action] += 1
        self.spent[position[1]] += 1
        self.total += 1
        self.acted += 1
        self.rung, self.level = rung, max(position[2], self.levels[rung] + 1)
        self.levels[rung] = self.level

    def give_back(self, why: str) -> None:
        """The last action was certainly not ordered: the attempt is not spent, and its number is not used again."""
        self.spent[self.step_key] -= 1
        self.remedy, self.step_key, self.attempts = self.before
        self.tried[self.action] -= 1
        self.acted -= 1
        self.level -= 1
        self.levels[self.rung] = self.level
        self.refused_alike = self.refusals > 0 and why == self.refused_for
        self.refusals += 1
        self.refused_for = why

    def begin_anew(self) -> None:
        """What was tried helped, or a person says so. Numbers, and how far the backoff has grown, are kept."""
        self.attempts = 0
        self.tried.clear()
        self.spent.clear()
        self.skipped.clear()
        self.refusals = 0
        self.go_on()

    def go_on(self) -> None:
        self.ended = ""
        self.begun += 1

    def take_in(self, other: Ladder) -> None:
        """What another ladder counted of the same target counts here; no number comes twice."""
        self.total = max(self.total, other.total)
        self.tried.update(other.tried)
        self.spent.update(other.spent)
        self.acted += other.acted
        self.levels |= other.levels
        self.begun = max(self.begun, other.begun)
        if other.not_before is not None and (self.not_before is None or other.not_before > self.not_before):
            self.backoff, self.not_before = other.backoff, other.not_before

    def back_off(self, seconds: float, at: Moment) -> None:
        self.backoff, self.not_before = seconds, at.monotonic + seconds
