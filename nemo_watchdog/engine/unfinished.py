"""What goes on beside the incidents: what actions have left behind, and images that are proving themselves."""

from __future__ import annotations

from nemo_watchdog.engine import proving, settling
from nemo_watchdog.engine.events import Event
from nemo_watchdog.engine.turn import Turn


def watch(turn: Turn, event: Event) -> None:
    """At the end of a step: what it has said of either, and what is due now."""
    settling.watch(turn)
    proving.watch(turn, event)
