"""The doctor's findings as one table: what is bad first, what to do below what was seen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console, Group
from rich.table import Column, Table
from rich.text import Text

from nemo_watchdog.doctor.checkup import Finding, Grade

COLOURS = {Grade.BAD: "bold red", Grade.WARNING: "yellow", Grade.GOOD: "green", Grade.SKIPPED: "dim"}
ARROW = "→ "

_NEED_NOTHING = (Grade.GOOD, Grade.SKIPPED)


def show(findings: Sequence[Finding], console: Console) -> None:
    """On a screen that is too small for all, what needs nothing is named in a line, so that what is bad stays on it."""
    page = _page(findings, _table(findings))
    room = console.height - 1  # for the prompt that comes after
    if console.is_terminal and len(console.render_lines(page)) > room:
        page = _page(findings, _table(each for each in findings if each.grade not in _NEED_NOTHING), brief=True)
    console.print(page)


def _page(findings: Sequence[Finding], table: Table, *, brief: bool = False) -> Group:
    rest = [_named(findings, grade) for grade in _NEED_NOTHING if brief]
    return Group(*([table] if table.row_count else []), *(each for each in rest if each), Text(_counted(findings)))


def _table(findings: Iterable[Finding]) -> Table:
    """Cells are Text, because what others say may hold brackets, which rich would take for markup."""
    columns = (Column("check", overflow="fold", max_width=16), Column("", no_wrap=True), Column("seen, → what to do"))
    table = Table(*columns, box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for finding in sorted(findings, key=lambda each: list(Grade).index(each.grade)):
        table.add_row(Text(finding.check), Text(finding.grade, style=COLOURS[finding.grade]), _told(finding))
    return table


def _told(finding: Finding) -> Table | Text:
    """What to do goes on under itself, and not under the arrow."""
    seen = Text(finding.seen, overflow="fold", style="dim" if finding.grade is Grade.SKIPPED else "")
    if not finding.remedy:
        return seen
    remedy = Table.grid()
    remedy.add_row(ARROW, Text(finding.remedy, overflow="fold", style="bold" if finding.grade is Grade.BAD else ""))
    told = Table.grid()
    told.add_row(seen)
    told.add_row(remedy)
    return told


def _named(findings: Iterable[Finding], grade: Grade) -> Text | None:
    names = dict.fromkeys(each.check for each in findings if each.grade is grade)
    return Text(f"{grade}: {', '.join(names)}", style=COLOURS[grade]) if names else None


def _counted(findings: Sequence[Finding]) -> str:
    counts = ((grade, sum(each.grade is grade for each in findings)) for grade in Grade)
    return ", ".join(f"{count} {grade}" for grade, count in counts if count)
