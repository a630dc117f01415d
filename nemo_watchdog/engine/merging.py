"""Two open incidents are one after all: it is as grave as the graver one was. Severity never silently falls."""

from __future__ import annotations

from nemo_watchdog import records as r
from nemo_watchdog.engine.state import Incident
from nemo_watchdog.engine.turn import Turn


def merge(turn: Turn, source: Incident, target: Incident) -> None:
    """What was known and done in `source` is in `target` from now on."""
    turn.record(r.IncidentMerged(source.incident, target.incident))
    if source.severity < target.severity:
        was = str(target.severity)
        turn.record(r.SeverityRaised(target.incident, source.severity, source.rule, was, source.root))
