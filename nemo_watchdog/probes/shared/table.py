"""Rows as text in columns, for people. It does no IO. What comes from outside is one line and bounded in each cell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from nemo_watchdog.errors import in_one_line

NOTHING = "-"
_GAP = "  "


def cell(value: object, longest: int = 40) -> str:
    """At most so many characters in one line; of what is not there a dash."""
    text = "" if value is None else in_one_line(" ".join(str(value).split()))
    if not text:
        return NOTHING
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """The last column may be as long as it is; every line ends with a line break."""
    lines = [tuple(head), *map(tuple, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = (_GAP.join(each.ljust(width) for each, width in zip(line, widths, strict=True)) for line in lines)
    return "".join(f"{line.rstrip()}\n" for line in padded)


def and_more(shown: int, count: int, what: str) -> str:
    """A line about those that are left out; empty when there are none."""
    return f"and {count - shown} more {what}\n" if count > shown else ""
