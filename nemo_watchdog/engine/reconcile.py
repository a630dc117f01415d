"""Brings incidents in line with what is seen, then walks the ladders of their members."""

from __future__ import annotations

from nemo_watchdog.engine import storm
from nemo_watchdog.engine.incidents import place, raise_severity, resolve
from nemo_watchdog.engine.remediation import advance
from nemo_watchdog.engine.serving import confirm
from nemo_watchdog.engine.state import Incident
from nemo_watchdog.engine.turn import Turn


def reconcile_all(turn: Turn) -> None:
    """Everything: what concerns all has changed."""
    turn.volatile.awaited = set()
    turn.volatile.tags_changed = False
    storm.recount(turn)
    storm.look_elsewhere(turn, turn.volatile.together.failing)
    for name in turn.volatile.topology.upstream_first:
        place(turn, name)
    for incident in turn.durable.open():
        update_incident(turn, incident, list(incident.members))
    storm.announce(turn)
    storm.whose_turn_may_be(turn)


def reconcile_from(turn: Turn, name: str) -> None:
    """What a look at `name` can change, so that a look costs the same however many others fail.

    That is itself, all that looks at the same container and all that needs it, for they join, wait for and are held by
    what is beside and above them. The one thing that all share is what the policy says about tags: when that changes,
    everything is reconciled.
    """
    if storm.watch(turn) or turn.volatile.tags_changed:
        reconcile_all(turn)
        return
    storm.look_elsewhere(turn, [name])
    turn.volatile.awaited.discard(name)  # whoever still waits for it is among those that need it, or is released
    alone = turn.volatile.together.released()
    names = (name, *turn.volatile.beside.get(name, ()), *turn.volatile.topology.dependents[name], *alone)
    for each in names:
        place(turn, each)
    members_by_incident: dict[str, list[str]] = {}
    for each in names:
        if home := turn.durable.incident_of(each):
            members_by_incident.setdefault(home.incident, []).append(each)
    for identity, members in members_by_incident.items():
        update_incident(turn, turn.durable.incidents[identity], members)
    storm.announce(turn)
    storm.whose_turn_may_be(turn)


def update_incident(turn: Turn, incident: Incident, members: list[str]) -> None:
    """Severity, end and ladders, as far as these members are concerned; the root goes first."""
    raise_severity(turn, incident, members)
    confirm(turn, incident, members)
    if not resolve(turn, incident):
        for name in sorted(members, key=lambda member: member != incident.root):
            advance(turn, incident, name)
