"""What is kept of a dependency before an action may destroy it: the words. Standard library only.

A part's name is that of a file (`gateway.log`, `postgres.activity.txt`): letters, digits, `.`, `_` and `-`. Its text is
redacted and bounded before it is one of these.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

Questions = Mapping[str, Callable[[], Awaitable[str]]]
"""What can be asked, by the end of the name of the part that answers (`activity.txt`); each may be asked once."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Asked about one dependency: `first` what an action on it destroys, `beside` what may be told meanwhile."""

    first: Questions
    beside: Questions = field(default_factory=dict)


LONGEST_PART = 256 * 1024
"""Characters of a part that are kept; of a longer one the end, for what came last explains most."""


@dataclass(frozen=True, slots=True)
class Part:
    """`cut`: it was longer, and this is its end."""

    name: str
    text: str
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Missing:
    """A part that could not be had, and why, in one line for people."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was had of one dependency at one time. `at` is when it began (aware UTC), `seconds` how long it took."""

    incident: str
    dependency: str
    at: datetime
    seconds: float
    occasion: str
    """For what it was taken, in words: `opening`, `before docker.restart`."""
    parts: tuple[Part, ...]
    missing: tuple[Missing, ...] = ()
