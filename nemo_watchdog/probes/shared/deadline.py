"""How long a probe waits by itself. The runtime has the last word; a probe that ends first can say what it missed."""

from __future__ import annotations

FOR_FILES = 1 / 3
"""The part of a look in which a file system must show the files that it needs: who waited longer would end as a server
that does not answer."""

FOR_EVIDENCE = 1.5
"""Seconds of its own for an answer that is kept: a little less than the four that whoever keeps it waits."""


def patience_of(timeout: float) -> float:
    """Seconds of its own for a look with this timeout: a little less, as it knows what a missing end means."""
    return timeout - min(0.25, timeout / 10)
