"""Errors that a person reads. Each message says what is wrong and what would be right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class NemoWatchdogError(Exception):
    """Base of every error that this package raises on purpose."""


@dataclass(frozen=True, slots=True)
class PolicyProblem:
    """One mistake in a policy file. `line` and `column` count from 1; `path` is like `dependencies.redis.url`."""

    file: str
    line: int
    column: int
    path: str
    message: str

    def __str__(self) -> str:
        where = f" {self.path}:" if self.path else ""
        return f"{self.file}:{self.line}:{self.column}:{where} {self.message}"


class PolicyError(NemoWatchdogError):
    """A policy that cannot be used: all of its problems at once, in the order of the file."""

    def __init__(self, problems: Sequence[PolicyProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class PluginError(NemoWatchdogError):
    """A plugin that cannot be used; the message names its distribution."""


class JournalError(NemoWatchdogError):
    """The journal cannot be read or written: the watchdog observes only, until it can."""


class JournalDamaged(JournalError):
    """Something that the journal held is gone or changed: the watchdog observes only, until a person accepts that."""


class ContainersUnreachable(NemoWatchdogError):
    """The container engine does not answer: nothing is known about any container, and no order reached it."""


class OrderFailed(NemoWatchdogError):
    """The container engine answered that it did not do what was ordered; the message is its own."""


class OrderUncertain(NemoWatchdogError):
    """The container engine may have heard the order, and its answer was lost."""


class EngineBug(NemoWatchdogError):
    """The engine came to where its own rules do not let it be: it changes nothing, and from then on only observes."""
