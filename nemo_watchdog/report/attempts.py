"""What was tried, and whether it helped: an order, how it ended, and what looking again said. From a timeline alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from nemo_watchdog.incident_views import TimelineEntryView
from nemo_watchdog.model import ActionOutcome
from nemo_watchdog.report.words import between


class Verdict(Enum):
    VERIFIED = "verified"
    """It was seen to serve after it. Docker's own success proves nothing."""
    NO_HELP = "no help"
    """It did not serve in its time, or the action itself failed."""
    REFUSED = "refused"
    """Nothing was ordered."""
    OPEN = "open"
    """Nobody has judged it, or not yet."""


_SURELY_FAILED: Mapping[str, Verdict] = {ActionOutcome.FAILED: Verdict.NO_HELP, ActionOutcome.REFUSED: Verdict.REFUSED}


@dataclass(frozen=True, slots=True)
class Attempt:
    ordered: TimelineEntryView
    ended: TimelineEntryView | None = None
    judged: TimelineEntryView | None = None
    verdict: Verdict = Verdict.OPEN

    @property
    def dependency(self) -> str:
        return self.ordered.dependency or ""

    @property
    def action(self) -> str:
        return self.ordered.word

    @property
    def entries(self) -> int:
        """How many of the timeline it stands for."""
        return sum(each is not None for each in (self.ordered, self.ended, self.judged))

    @property
    def took(self) -> float:
        """Seconds from the order to the verdict; 0 while there is none."""
        return between(self.ordered.at, self.judged.at) if self.judged else 0.0


def attempts(timeline: Sequence[TimelineEntryView]) -> tuple[Attempt, ...]:
    """In the order in which they were ordered."""
    done: list[Attempt] = []
    under_way: dict[str, int] = {}
    for entry in timeline:
        name = entry.dependency or ""
        if entry.kind == "action_intended":
            under_way[name] = len(done)
            done.append(Attempt(entry))
        elif name in under_way and (changed := _next(done[under_way[name]], entry)) is not None:
            done[under_way[name]] = changed
            if changed.verdict is not Verdict.OPEN:
                del under_way[name]
    return tuple(done)


def _next(attempt: Attempt, entry: TimelineEntryView) -> Attempt | None:
    match entry.kind:
        case "action_ended":
            surely = _SURELY_FAILED.get(entry.word)
            return replace(attempt, ended=entry, verdict=surely or Verdict.OPEN)
        case "attempt_failed":
            return replace(attempt, judged=entry, verdict=Verdict.NO_HELP)
        case "member_recovered" if attempt.ended is not None:
            return replace(attempt, judged=entry, verdict=Verdict.VERIFIED)
        case _:
            return None


def runs(of: Sequence[Attempt]) -> Iterator[tuple[Attempt, ...]]:
    """Those in a row of one dependency that did the same and ended alike."""
    last: dict[str, list[Attempt]] = {}
    found: list[list[Attempt]] = []
    for attempt in of:
        row = last.get(attempt.dependency)
        if row is None or (row[0].action, row[0].verdict) != (attempt.action, attempt.verdict):
            row = last[attempt.dependency] = []
            found.append(row)
        row.append(attempt)
    yield from map(tuple, found)
