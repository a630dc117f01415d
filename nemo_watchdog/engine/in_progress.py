"""What is in progress at one dependency that a restart would lose, as far as looks and what is asked beside them tell.

A look that is good is the newest word. When it fails, the titles of the processes are; and where they do not tell
either, the last word stands: what hides it may be the work itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from nemo_watchdog.engine.events import Signs
from nemo_watchdog.model import Observation, Outcome, Reason

_NOTHING = ("",) * 4


@dataclass(slots=True)
class InProgress:
    """Times in monotonic seconds."""

    work: str | None = None
    """In one line for people; empty when there is none, None while nobody has told of this run."""
    work_since: float | None = None
    told_at: float | None = None
    """When that was last told."""
    titles_at: float | None = None
    """When the titles of the processes last told anything."""
    marks: str | None = ""
    """Of the files and locks of `busy_while` those that are there; None when nobody can tell."""
    marks_since: float | None = None
    looked_at: float | None = None
    """When the last look ended."""
    ended_at: float | None = None
    """When its container was first seen not to run any more."""

    def see(self, observation: Observation, signs: Signs) -> None:
        """One more look, and what was asked beside it."""
        at = self.looked_at = observation.at.monotonic
        finding = observation.finding
        if finding.outcome is Outcome.OK and (self.work, self.marks, finding.work, signs.marks) == _NOTHING:
            return  # the common case
        work: str | None = finding.work
        if not work and finding.outcome is Outcome.FAILED:
            work = signs.titles
            if work is None and finding.reason is Reason.REFUSED:
                work = ""  # who did it is gone
        if work is not None:
            self.work_since = _since(self.work_since, work, at)
            self.work, self.told_at = work, at
        if signs.titles is not None:
            self.titles_at = at
        self.marks_since = _since(self.marks_since, signs.marks != "", at)
        self.marks = signs.marks

    def forget_work(self) -> None:
        """What an earlier run did is over. Who is at work with what does not run has not ended with it."""
        self.work = self.work_since = self.told_at = self.titles_at = None

    def is_old(self, titles_at: float) -> bool:
        """Its last look told nothing, and the titles of the same container have told since."""
        told, looked = self.told_at, self.looked_at
        return told is not None and looked is not None and told < looked and told < titles_at


def _since(before: float | None, seen: object, at: float) -> float | None:
    if not seen:
        return None
    return at if before is None else before
