"""Small things that a report says the same way everywhere: times in one zone, counts, a few names, text cut short."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

MOST_NAMED = 5
"""The rest is a number: a report is read on a phone."""

LONGEST = 300
"""Characters of one line that something outside has written."""


def moment(at: str) -> datetime:
    """A time as the views have it."""
    return datetime.fromisoformat(at)


def between(first: str, last: str) -> float:
    """Seconds, never below none: the clock may have been set back."""
    return max((moment(last) - moment(first)).total_seconds(), 0.0)


_UTC = ("Etc/UTC", "Etc/UCT", "Etc/Universal", "Etc/Zulu", "UCT", "Universal", "Zulu")
"""Other names of it (IANA, `backward`)."""


@dataclass(frozen=True, slots=True)
class Clock:
    """Says times in one zone, which the report names once."""

    zone: tzinfo

    @property
    def name(self) -> str:
        return "UTC" if str(self.zone) in _UTC else str(self.zone)

    def day(self, at: str) -> str:
        return f"{moment(at).astimezone(self.zone):%Y-%m-%d}"

    def time(self, at: str, beside: str = "") -> str:
        """`03:12`; with its date where that of `beside` is another."""
        local = moment(at).astimezone(self.zone)
        other = bool(beside) and self.day(beside) != self.day(at)
        return f"{local:%Y-%m-%d %H:%M}" if other else f"{local:%H:%M}"


def times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def counted(count: int, one: str, many: str = "") -> str:
    return f"{count} {one if count == 1 else many or f'{one}s'}"


def named(names: Sequence[str]) -> str:
    """`a, b and c`; `a, b, c, d, e and 12 more`. There must be one at least."""
    more = len(names) - MOST_NAMED
    *others, last = [*names[:MOST_NAMED], f"{more} more"] if more > 1 else names
    return f"{', '.join(others)} and {last}" if others else last


def short(text: str) -> str:
    """Without the dot at its end, so that a sentence may go on."""
    text = text.strip().rstrip(".")
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def brief(text: str) -> str:
    """What the sentence says first: what comes behind a semicolon is for who reads the whole timeline."""
    return short(text.partition("; ")[0])


def done(action: str, count: int) -> str:
    """`restarted 4 times`; of an action that is no restart its own name."""
    verb = "restarted" if action.endswith(".restart") else f"{action or 'acted on'}"
    return f"{verb} {times(count)}"
