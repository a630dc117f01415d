"""What each action has come to against each trouble: how often it was used, and whether it helped.

Durable, changed by records alone. What was learned of one image says nothing about another one, nor what a step did
with other options about what it does now.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median

from nemo_watchdog.durations import duration
from nemo_watchdog.records import ActionIntended, RemedyLearned

MOST_TIMES = 20
"""Of so many that helped it is remembered how long they took."""


@dataclass(frozen=True, slots=True)
class Use:
    """What was done, for whom, and against what; an older version did not write the reason down."""

    dependency: str
    image: str
    reason: str
    action: str
    options: str

    @classmethod
    def of(cls, record: ActionIntended | RemedyLearned) -> Use:
        return cls(record.dependency, record.image, record.reason, record.action, record.options)


@dataclass(frozen=True, slots=True)
class Uses:
    """All uses of one kind that were judged."""

    used: int = 0
    helped: int = 0
    useless: int = 0
    """How many of the last ones, in a row, did not help."""
    took: tuple[float, ...] = ()
    """Seconds from the end of the action until it was seen to have helped, of the last times."""

    def said(self, reason: str) -> str:
        """What follows the name of the action: `helped 3 of 4 times for timeout, in 12s at the median`."""
        times = f"helped {self.helped} of {self.used} times for {reason}"
        return f"{times}, in {duration(median(self.took))} at the median" if self.took else times


@dataclass(slots=True)
class Memory:
    uses: dict[Use, Uses] = field(default_factory=dict)

    def of(self, use: Use) -> Uses:
        return self.uses.get(use) or Uses()

    def take(self, record: RemedyLearned) -> None:
        self.uses[Use.of(record)] = Uses(record.used, record.helped, record.useless, tuple(record.took))

    def lesson(self, use: Use, took: float | None) -> RemedyLearned:
        """What is known after one more use, which helped after so many seconds; None: it did not help."""
        before = self.of(use)
        return RemedyLearned(
            dependency=use.dependency,
            image=use.image,
            reason=use.reason,
            action=use.action,
            options=use.options,
            used=before.used + 1,
            helped=before.helped + (took is not None),
            useless=before.useless + 1 if took is None else 0,
            took=[*before.took, *([] if took is None else [round(took, 3)])][-MOST_TIMES:],
        )
