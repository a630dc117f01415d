"""What people say of incidents: that there is one, that somebody has it, a note, that it is over. It orders nothing.

What a person declares is beside the incidents of looks: it holds nothing back, and no look opens, joins or ends it.
"""

from __future__ import annotations

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.answering import open_with, why_not_answered
from nemo_watchdog.engine.incidents import name_of
from nemo_watchdog.engine.notices import what
from nemo_watchdog.engine.reported import DECLARED
from nemo_watchdog.engine.state import Durable, Incident
from nemo_watchdog.engine.turn import Turn
from nemo_watchdog.engine.volatile import Volatile
from nemo_watchdog.model import Health

MOST_OPEN = 50
"""Declared incidents that may be open: what declares more is a program that has gone astray."""


def hear(turn: Turn, said: ev.Said) -> None:
    """Writes it down; what cannot be so changes nothing."""
    match said:
        case ev.DeclareAsked() if not why_not_declared(turn.durable):
            identity = name_of(said.dependency or DECLARED, turn.now, turn.durable.ids)
            turn.record(r.IncidentDeclared(identity, said.text, said.severity, said.by, said.dependency))
        case ev.AcknowledgeAsked() if not why_not_answered(turn.durable, said.incident, said.link):
            for one in open_with(turn.durable, said.incident):
                turn.record(r.IncidentAcknowledged(one.incident, said.by, said.duration, said.contact, said.link))
        case ev.NoteAsked():
            turn.record(r.NoteAdded(said.incident, said.about, said.text, said.by))
        case ev.ResolveAsked():
            _resolve(turn, said)


def _resolve(turn: Turn, asked: ev.ResolveAsked) -> None:
    if why_not_resolved(turn.volatile, turn.durable, asked.incident):
        return
    declared = turn.durable.declared[asked.incident]
    took = round(turn.now.monotonic - declared.opened.monotonic, 3)
    why = f"resolved by {asked.by}: {asked.reason}"
    turn.record(r.IncidentResolved(declared.incident, declared.dependency, took, why))


def why_not_declared(durable: Durable) -> str:
    """Why one more is not taken; empty when it is."""
    if len(durable.open_declared()) < MOST_OPEN:
        return ""
    return f"{MOST_OPEN} declared incidents are open: resolve those that are over before you declare another"


def why_not_open(durable: Durable, incident: str) -> str:
    """Why nobody can end it any more; empty when it is open."""
    return "" if durable.open_one(incident) is not None else f"{incident} is not open any more"


def why_not_resolved(volatile: Volatile, durable: Durable, incident: str) -> str:
    """Why a person cannot end it; empty when he can."""
    one = durable.open_one(incident)
    if isinstance(one, Incident):
        return f"{incident} was opened by looks and resolves itself when looks say so: {_still(volatile, one)}"
    return why_not_open(durable, incident)


def _still(volatile: Volatile, incident: Incident) -> str:
    """Which of its members do not serve, and how they are."""
    states = [(name, volatile.trackers[name].state) for name in incident.members if name in volatile.trackers]
    failing = [f"{name} is {what(state)}" for name, state in states if state.health is not Health.UP]
    return "; ".join(failing) or "every member is up, and that is not confirmed yet"
