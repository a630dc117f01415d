"""What holds back or blinds the watchdog, in lines for a page. What people ordered stands elsewhere. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nemo_watchdog.view_words import (
    Clock,
    journal_said,
    planned_said,
    policy_problem_said,
    storm_said,
    trouble_said,
    unused_label_said,
)
from nemo_watchdog.views import StatusView

ALIKE = 3
"""Lines of one sort that are shown."""


@dataclass(frozen=True, slots=True)
class AlarmLine:
    """`tone`: info, warn or bad."""

    text: str
    tone: str


def alarms(view: StatusView, clock: Clock) -> tuple[AlarmLine, ...]:
    return tuple(_alarms(view, clock))


def _alarms(view: StatusView, clock: Clock) -> Iterator[AlarmLine]:
    if view.storm is not None:
        yield AlarmLine(storm_said(view.storm, clock), "bad")
    if view.journal != "ok":
        yield AlarmLine(journal_said(view.journal), "bad")
    for trouble in view.troubles:
        yield AlarmLine(trouble_said(trouble, clock), "bad")
    yield from _first([AlarmLine(policy_problem_said(each), "bad") for each in view.policy.problems])
    yield from _first([AlarmLine(unused_label_said(each), "warn") for each in view.policy.unused_labels])
    yield from _first([AlarmLine(said, "info") for said in planned_said(view.dependencies, clock)])


def _first(lines: list[AlarmLine]) -> Iterator[AlarmLine]:
    """Some of them: more would hide what is below."""
    yield from lines[:ALIKE]
    if (more := len(lines) - ALIKE) > 0:
        yield AlarmLine(f"and {more} more like that", lines[0].tone)
