"""Errors that a person reads. Each message says what is wrong and what would be right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from traceback import walk_tb


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
        return in_one_line(f"{self.file}:{self.line}:{self.column}:{where} {self.message}")


def in_one_line(text: str) -> str:
    """What cannot be printed, such as a line break in a name, as Python writes it."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


class PolicyError(NemoWatchdogError):
    """A policy that cannot be used: all of its problems at once, in the order of the file."""

    def __init__(self, problems: Sequence[PolicyProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class PluginError(NemoWatchdogError):
    """A plugin that cannot be used; the message names its distribution."""


class CalendarError(NemoWatchdogError):
    """The calendar of a rota cannot be used; the message says what to mend, and is none of the calendar's words."""


class JournalError(NemoWatchdogError):
    """The journal cannot be read or written: the watchdog observes only, until it can."""


class JournalDamaged(JournalError):
    """Something that the journal held is gone or changed: the watchdog observes only, until a person accepts that."""


class ArchiveError(NemoWatchdogError):
    """What is kept for people cannot be read or written; nothing is decided by it."""


class EvidenceError(NemoWatchdogError):
    """A question for evidence has no answer; the message says why, in one line for people, and holds no secret."""


class ContainersUnreachable(NemoWatchdogError):
    """The container engine does not answer: nothing is known about any container, and no order reached it."""


class QuestionRefused(ContainersUnreachable):
    """The container engine answered a question with an error: an answer is not silence. The words are its own."""

    def __init__(self, status: int, words: str, what: str) -> None:
        super().__init__(f"Docker answered the question for {what} with {status}: {words}")
        self.status = status
        self.words = words


class NotOrdered(NemoWatchdogError):
    """Certainly nothing was ordered, or nobody noticed it and it was taken back; the message says why."""


class OrderFailed(NemoWatchdogError):
    """The container engine answered that it did not do what was ordered; the message is its own."""


class OrderUncertain(NemoWatchdogError):
    """The container engine may have heard the order, and its answer was lost."""


class EngineBug(NemoWatchdogError):
    """The engine came to where its own rules do not let it be: it changes nothing, and from then on only observes."""


_FRAMES = 8
_CAUSES = 4


def outline(error: BaseException) -> str:
    """The types and places of an error and of those that it came from, the innermost place first, for the log.

    Not their words: those of a library may repeat what somebody sent it, and with it a secret.
    """
    told: list[str] = []
    at: BaseException | None = error
    while at is not None and len(told) < _CAUSES:
        places = [
            f"{frame.f_code.co_filename.rpartition('/')[2]}:{line} in {frame.f_code.co_name}"
            for frame, line in walk_tb(at.__traceback__)
        ]
        told.append(" < ".join([type(at).__name__, *reversed(places[-_FRAMES:])]))
        at = at.__cause__ or (None if at.__suppress_context__ else at.__context__)
    return "; from ".join(told)
