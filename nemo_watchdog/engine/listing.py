"""Names as people read them: a few, and then a number."""

from __future__ import annotations

from collections.abc import Sequence

MOST_NAMED = 5
"""The rest is a number: a message is read on a phone."""


def listed(names: Sequence[str], word: str = "and") -> str:
    """`a, b and c`, or with another word; `a, b, c, d, e and 12 more`, never 1 more. There must be one at least."""
    more = len(names) - MOST_NAMED
    *others, last = [*names[:MOST_NAMED], f"{more} more"] if more > 1 else names
    return f"{', '.join(others)} {word} {last}" if others else last
