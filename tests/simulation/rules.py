"""What a rule is: a function that is asked at certain moments and says how it is broken, if it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any


class When(Enum):
    """When a rule is asked, and about what."""

    ORDER = auto()
    """A restart reaches the Engine: the container, and its intent or None."""
    INTENT = auto()
    """An action's intent is on disk: that intent."""
    MESSAGE = auto()
    """A contact takes a message: that message."""
    TICK = auto()
    """Now and then."""
    END = auto()
    """The time is up, and the daemon still works."""


Holds = Callable[[Any, Any], str | None]
"""Of the world and what it is about: "" when it holds, how it is broken, or None when there was nothing to say."""


@dataclass(frozen=True, slots=True)
class Rule:
    """`row` is what docs/safety.md says it by."""

    name: str
    when: When
    row: str
    holds: Holds


RULES: list[Rule] = []
"""All of them, as they are defined."""


def rule(when: When, row: str) -> Callable[[Holds], Holds]:
    """Makes a function a rule, by its own name."""

    def enter(holds: Holds) -> Holds:
        RULES.append(Rule(holds.__name__, when, row, holds))
        return holds

    return enter
