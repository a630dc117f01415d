"""An incident to write a report on: of the gateway, at 03:12, and what a test makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from nemo_watchdog.incident_views import DeliveryView, IncidentDetailView, IncidentSummaryView, TimelineEntryView
from nemo_watchdog.report.document import (
    Block,
    Code,
    Document,
    Heading,
    Items,
    Paragraph,
    Quote,
    Strong,
    Verbatim,
    Words,
)
from nemo_watchdog.report.facts import Facts
from nemo_watchdog.report.report import report
from nemo_watchdog.views import NoteView

DAY = "2026-11-23"
NOW = datetime(2026, 11, 23, 4, tzinfo=UTC)


def at(clock: str) -> str:
    """`03:12` or `03:12:07`; with a day before it that day's."""
    return f"{clock if 'T' in clock else f'{DAY}T{clock}'}+00:00"


def entry(
    clock: str, kind: str, said: str = "", dependency: str | None = "gateway", word: str = ""
) -> TimelineEntryView:
    return TimelineEntryView(at(clock), kind, dependency, said or f"{kind} was said", word)


def summary(**changes: Any) -> IncidentSummaryView:
    whole = IncidentSummaryView(
        id="20261123-031200-gateway",
        declared="",
        root="gateway",
        members=("gateway",),
        severity="SEV2",
        rule="core-down",
        title="Major degradation",
        category="fault",
        reason="timeout",
        detail="no answer within 3s",
        opened=at("03:12"),
        resolved=at("03:40"),
        seconds=1680.0,
        why="every member is up",
        actions=0,
    )
    return replace(whole, **changes)


def facts(
    *timeline: TimelineEntryView,
    notes: Sequence[NoteView] = (),
    deliveries: Sequence[DeliveryView] = (),
    evidence: Sequence[Any] = (),
    impact: str = "gateway (1 of 5 core)",
    beside: dict[str, Any] | None = None,
    **changes: Any,
) -> Facts:
    """`changes` are of the summary, `beside` of the facts."""
    detail = IncidentDetailView(summary(**changes), impact, timeline, tuple(deliveries), tuple(evidence), tuple(notes))
    return replace(Facts(detail, NOW), **(beside or {}))


def attempt(
    clock: str, outcome: str = "succeeded", verdict: str = "attempt_failed", dependency: str = "gateway"
) -> tuple[TimelineEntryView, ...]:
    """A restart at that minute, its end five seconds later, and the verdict ten seconds after that, if there is one."""
    ordered = entry(f"{clock}:00", "action_intended", "a restart was ordered", dependency, "docker.restart")
    ended = entry(f"{clock}:05", "action_ended", f"it {outcome}", dependency, outcome)
    return (ordered, ended, *((entry(f"{clock}:15", verdict, f"{verdict}!", dependency),) if verdict else ()))


def plain(words: Words) -> str:
    return "".join(each.text if isinstance(each, Strong | Code) else each for each in words)


def lines(blocks: Sequence[Block]) -> list[str]:
    """What stands there, one line each, without its markup."""
    said: list[str] = []
    for block in blocks:
        match block:
            case Heading(text) | Quote(text):
                said.append(text)
            case Paragraph(words):
                said.append(plain(words))
            case Items(of):
                said += map(plain, of)
            case Verbatim(of_a_program):
                said += of_a_program
    return said


def under(document: Document, title: str) -> list[str]:
    """The lines of one part of the report."""
    titles = [at for at, block in enumerate(document.blocks) if isinstance(block, Heading)]
    begin = next(at for at in titles if document.blocks[at] == Heading(title))
    end = next((at for at in titles if at > begin), len(document.blocks))
    return lines(document.blocks[begin + 1 : end])


def written(of: Facts, title: str) -> list[str]:
    return under(report(of), title)
