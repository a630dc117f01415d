"""The incidents that are and that were, a row for each, the newest first; no line is longer than the screen. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, tzinfo

from rich.cells import cell_len
from rich.text import Text

from nemo_watchdog.cli.page import Screen, wrapped
from nemo_watchdog.durations import duration
from nemo_watchdog.incident_views import IncidentSummaryView

COLUMNS = ("OPENED", "LASTED", "SEV")
GRAVE = {"SEV1": "bold red", "SEV2": "red", "SEV3": "yellow"}
SET_IN = 6


def local(time: str, zone: tzinfo | None, pattern: str = "%Y-%m-%d %H:%M:%S") -> str:
    try:
        at = datetime.fromisoformat(time)
    except ValueError:
        at = datetime.fromtimestamp(0, UTC)
    return f"{at.astimezone(zone):{pattern}}"


def page(incidents: Sequence[IncidentSummaryView], screen: Screen, more: str) -> list[Text]:
    """`more` is said at the end; empty when these are all."""
    lines = list(_rows(incidents, screen)) if incidents else [Text("no incidents")]
    return [*lines, *(wrapped(Text(more, style="bold"), screen.columns, None) if more else [])]


def _rows(incidents: Sequence[IncidentSummaryView], screen: Screen) -> Iterator[Text]:
    rows = [(each.id, local(each.opened, screen.zone), duration(each.seconds), each.severity) for each in incidents]
    widths = [max(map(cell_len, column)) for column in zip(("ID", *COLUMNS), *rows, strict=True)]
    yield from wrapped(Text(_aligned(("ID", *COLUMNS), widths), style="dim"), screen.columns, None, indent=SET_IN)
    for row, each in zip(rows, incidents, strict=True):
        line = Text(_aligned(row[:-1], widths) + "  ") + Text(row[-1], style=GRAVE.get(row[-1], ""))
        line.append(f"  {' ' * (widths[-1] - cell_len(row[-1]))}{_what(each)}: {_end(each)}, {actions_said(each)}")
        yield from wrapped(line, screen.columns, None, indent=SET_IN)


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell + " " * (width - cell_len(cell)) for cell, width in zip(cells, widths, strict=False))


def _what(each: IncidentSummaryView) -> str:
    """The root and the reason, or what a person declared."""
    others = len(each.members) - 1
    also = f" and {others} more" if others > 0 else ""
    said = each.declared or each.reason or ""
    return f"{each.root}{also}{' → ' if each.root and said else ''}{said}" or "nobody knows what"


def _end(each: IncidentSummaryView) -> str:
    again = f", reopened {each.reopened}x" if each.reopened else ""
    taken = f", taken by {each.acknowledged.by}" if each.acknowledged is not None and each.resolved is None else ""
    return f"{'open' if each.resolved is None else each.why}{again}{taken}"


def actions_said(each: IncidentSummaryView) -> str:
    return f"{each.actions or 'no'} action{'s' if each.actions != 1 else ''}"
