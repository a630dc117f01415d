"""What is looked at once more when all else of a step is done."""

from __future__ import annotations

from nemo_watchdog.engine import proving, settling
from nemo_watchdog.engine.paging import review
from nemo_watchdog.engine.turn import Turn


def end(turn: Turn) -> None:
    """What actions have left behind, which images have proven themselves, and what of it all people are told."""
    if turn.durable.settlings:
        settling.watch(turn)
    if turn.volatile.proves_after:
        proving.watch(turn)
    review(turn)
