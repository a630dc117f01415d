"""The lines of the evidence that speak: the last error or traceback of a log, who blocks whom, how much was used.

What a program writes has no fixed form: a line that is not recognised is left out, and the whole part stays in the
evidence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from nemo_watchdog.report.facts import is_kind
from nemo_watchdog.report.words import LONGEST

MOST_LINES = 12
"""Of a log."""
LONGEST_LINE = 4096
"""Characters of one that are looked at."""
MOST_BLOCKERS = 3
_LOUD_LINES = 3

_LOUD = re.compile(r"\b(?:ERROR|FATAL|PANIC|CRITICAL)\b")
_TRACE = re.compile(r"Traceback \(most recent call last\)|\bpanic: |\bException in thread\b")
_STAMP = re.compile(r"^\d{4}-\d\d-\d\d[T ]\S+ ")
_BLOCKS = re.compile(r"\bblock(?:s|ed|ers?|ing)(?![a-z])", re.IGNORECASE)
_USAGE = re.compile(r"\bpeak\b.*\blimit\b|\blimit\b.*\bpeak\b", re.IGNORECASE)


def part_of(text: Mapping[str, str], kind: str) -> str | None:
    """The name of the part of that kind, if it was read."""
    return next((name for name in text if is_kind(name, kind)), None)


def last_words(log: str) -> tuple[str, ...]:
    """The last traceback, and the last loud lines outside of it; none where the log has neither."""
    lines = [each.rstrip()[:LONGEST_LINE] for each in log.splitlines()]
    trace = _last_trace(lines)
    loud = [at for at, each in enumerate(lines) if _LOUD.search(each) and at not in trace][-_LOUD_LINES:]
    shown = sorted({*loud, *_ends(trace)})
    return tuple(_joined(lines, shown))


def blockers(activity: str) -> tuple[str, ...]:
    found = [each for each in map(_cut, activity.splitlines()) if _BLOCKS.search(each)]
    return tuple(found[:MOST_BLOCKERS])


def usage(text: str) -> str:
    """`peak 2 GiB, limit 2 GiB`; empty where the part does not say both."""
    return next((each for each in map(_cut, text.splitlines()) if _USAGE.search(each)), "")


def _last_trace(lines: list[str]) -> range:
    """From its first line to the one that names the error."""
    begins = max((at for at, each in enumerate(lines) if _TRACE.search(each)), default=None)
    if begins is None:
        return range(0)
    for at in range(begins + 1, len(lines)):
        if not _STAMP.sub("", lines[at]).startswith((" ", "\t")):
            return range(begins, at + 1)
    return range(begins, len(lines))


def _ends(trace: range) -> list[int]:
    """Its first line and its last ones: of a deep one the middle says least."""
    room = MOST_LINES - _LOUD_LINES
    return list(trace) if len(trace) <= room else [trace[0], *trace[len(trace) - room + 1 :]]


def _joined(lines: list[str], shown: list[int]) -> Iterator[str]:
    """A line of dots where some are left out in between."""
    for before, at in zip([None, *shown[:-1]], shown, strict=True) if shown else ():
        if before is not None and at != before + 1:
            yield "…"
        yield _cut(lines[at])


def _cut(said: str) -> str:
    said = said.rstrip()
    return said if len(said) <= LONGEST else f"{said[: LONGEST - 1]}…"
