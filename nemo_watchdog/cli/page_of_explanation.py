"""Why, for a screen of some width: the sentences first, every gate and the last looks below. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rich.text import Text

from nemo_watchdog.cli.page import Screen, wrapped
from nemo_watchdog.cli.page_of_one import gates_said, labelled
from nemo_watchdog.durations import duration
from nemo_watchdog.incident_views import ExplanationView
from nemo_watchdog.view_words import Clock

_TIME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}) ([0-9]{2}:[0-9]{2}(?::[0-9]{2})?) UTC", re.ASCII)
"""How the daemon writes one within a sentence."""


def page_of_explanation(view: ExplanationView, screen: Screen, *, past: bool) -> list[Text]:
    """Nothing of it is cut. Times in the zone of the reader; of the day only where it is another one."""
    clock = Clock(view.at, screen.zone)
    day = f"{clock.day} " if past else ""
    lines = [Text(f"{view.dependency}, at {day}{clock.now}", style="bold")]
    for said in view.said:
        lines += wrapped(Text(_local(said, clock)), screen.columns, None, indent=2)
    below = [*_gates(view, clock), *_looks(view, clock)]
    return [*lines, *([Text(), *labelled(below, screen.columns)] if below else [])]


def _local(said: str, clock: Clock) -> str:
    return _TIME.sub(lambda found: clock.at(f"{found[1]}T{found[2]}+00:00"), said)


def _gates(view: ExplanationView, clock: Clock) -> Iterator[tuple[str, str, str]]:
    yield from ((label, _local(said, clock), style) for label, said, style in gates_said(view.gates, clock))
    if view.decision is not None and not view.gates:
        known = f"{view.decision.gate}: {view.decision.verdict}; how the others stood was not kept"
        yield "gate", known, ""


def _looks(view: ExplanationView, clock: Clock) -> Iterator[tuple[str, str, str]]:
    for run in view.looks:
        why = f" ({run.reason})" if run.reason else ""
        times = clock.at(run.last) if run.first == run.last else f"{clock.at(run.first)} to {clock.at(run.last)}"
        took = f"mean {duration(run.mean_latency)}, longest {duration(run.max_latency)}"
        yield "looks", f"{run.looks} {run.outcome}{why}, {times}, {took}", ""
