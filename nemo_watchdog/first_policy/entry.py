"""What is written of one dependency: its keys, each with its reason. Nothing here guesses, and nothing writes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from nemo_watchdog.first_policy.kinds import Kind


@dataclass(frozen=True, slots=True)
class Choice:
    """A key of the policy, its value as the policy has it written, and why: a comment beside it."""

    key: str
    value: Any
    why: str = ""


@dataclass(frozen=True, slots=True)
class Course:
    """What is done about it: a remedy of the shipped policy, with the times that this container needs, in seconds."""

    remedy: str
    stop: float
    verify: float


@dataclass(frozen=True, slots=True)
class Entry:
    """`about` says what it is; `notes` are lines of comment for the operator to act on."""

    name: str
    container: str = ""
    kind: Kind = Kind.OTHER
    about: str = ""
    choices: tuple[Choice, ...] = ()
    notes: tuple[str, ...] = ()
    course: Course | None = None
    labelled: frozenset[str] = frozenset()
    """The keys that labels of the container say."""

    def value(self, key: str) -> Any:
        return next((each.value for each in self.choices if each.key == key), None)

    def having(self, *more: Choice, note: str = "") -> Entry:
        """With these at the end."""
        return replace(self, choices=(*self.choices, *more), notes=(*self.notes, *([note] if note else ())))
