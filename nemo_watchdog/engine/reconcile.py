"""Brings incidents in line with what is seen, then walks the ladders of their members."""

from __future__ import annotations

from collections.abc import Iterator

from nemo_watchdog.engine import flapping, maintenance, storm
from nemo_watchdog.engine.along import takers_of
from nemo_watchdog.engine.incidents import place, raise_severity, resolve
from nemo_watchdog.engine.proposing import end_unneeded
from nemo_watchdog.engine.quieting import keep_time
from nemo_watchdog.engine.remediation import advance
from nemo_watchdog.engine.serving import confirm
from nemo_watchdog.engine.state import Incident
from nemo_watchdog.engine.turn import Turn
from nemo_watchdog.model import Gate, Verdict

HELD_BESIDE = (Verdict.WAIT, Gate.REDUNDANCY)


def reconcile_all(turn: Turn) -> None:
    """Everything: what concerns all has changed."""
    keep_time(turn)
    turn.volatile.awaited = set()
    turn.volatile.all_concerned = False
    storm.recount(turn)
    storm.look_elsewhere(turn, turn.volatile.together.failing)
    for name in turn.volatile.topology.upstream_first:
        _take_in(turn, name)
    for incident in turn.durable.open():
        update_incident(turn, incident, list(incident.members))
    storm.announce(turn)
    storm.whose_turn_may_be(turn)
    turn.wake(maintenance.next_look(turn.volatile, turn.now))


def reconcile_from(turn: Turn, name: str) -> None:
    """What a look at `name` can change, so that a look costs the same however many others fail.

    That is itself, all that looks at the same container and all that needs it, for they join, wait for and are held by
    what is beside and above them; what may restart it along with itself; and who is next in its groups, when it serves
    or was waited for. What all share is what conditions ask of the platform and of measurements: when that changes,
    everything is reconciled.
    """
    if storm.watch(turn) or turn.volatile.all_concerned:
        reconcile_all(turn)
        return
    storm.look_elsewhere(turn, [name])
    news = name in turn.volatile.awaited or turn.volatile.trackers[name].serves
    turn.volatile.awaited.discard(name)  # whoever still waits for it is among those below
    names = dict.fromkeys((name, *turn.volatile.beside.get(name, ()), *turn.volatile.topology.dependents[name]))
    names |= dict.fromkeys(turn.volatile.together.released())
    names |= dict.fromkeys(takers_of(turn.volatile, name))
    if news:
        names |= dict.fromkeys(_next_beside(turn, name))
    for each in names:
        _take_in(turn, each)
    members_by_incident: dict[str, list[str]] = {}
    for each in names:
        if home := turn.durable.incident_of(each):
            members_by_incident.setdefault(home.incident, []).append(each)
    for identity, members in members_by_incident.items():
        update_incident(turn, turn.durable.incidents[identity], members)
    storm.announce(turn)
    storm.whose_turn_may_be(turn)


def _take_in(turn: Turn, name: str) -> None:
    """The incident that it belongs to, if to any; in one place with whether it flaps, which is told instead."""
    flapping.notice_side(turn, name)
    place(turn, name)
    flapping.begin(turn, name)


def _next_beside(turn: Turn, name: str) -> Iterator[str]:
    """Of what the gate `redundancy` holds in each group of that dependency, the first in line: one goes at a time."""
    served = turn.durable.seen.served
    for group in turn.volatile.topology.groups.get(name, ()):
        homes = ((other, turn.durable.incident_of(other)) for other in group.touching)
        held = [other for other, home in homes if home is not None and home.decisions.get(other) == HELD_BESIDE]
        if held:
            yield min(held, key=lambda other: (served.at(other), other))


def update_incident(turn: Turn, incident: Incident, members: list[str]) -> None:
    """Severity, end and ladders, as far as these members are concerned; the root goes first."""
    raise_severity(turn, incident, members)
    confirm(turn, incident, members)
    flapping.end(turn, incident, members)
    end_unneeded(turn, incident.incident, members)
    if not resolve(turn, incident):
        for name in sorted(members, key=lambda member: member != incident.root):
            advance(turn, incident, name)
