"""The life of incidents: which failures are one, opening, joining, reopening, a severity that rises, the end.

`correlate` decides and changes nothing; the others record.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field

from nemo_watchdog import records as r
from nemo_watchdog.engine import storm
from nemo_watchdog.engine.conditions import wakes_at
from nemo_watchdog.engine.gates.evidence import recovering_until
from nemo_watchdog.engine.health import Tracker
from nemo_watchdog.engine.impact import impact_of
from nemo_watchdog.engine.maintenance import keeps_quiet, spell_of
from nemo_watchdog.engine.merging import merge
from nemo_watchdog.engine.phases import Phase
from nemo_watchdog.engine.severity import gravest, is_graver, scene_of
from nemo_watchdog.engine.state import REOPEN_WINDOW, Durable, Incident
from nemo_watchdog.engine.topology import held_by
from nemo_watchdog.engine.turn import Turn
from nemo_watchdog.engine.volatile import Volatile
from nemo_watchdog.model import CONTAINER, Health, Moment, Reason, Target

BLIND_IS_TOLD_AFTER = 60.0
"""Seconds that something must have been out of sight before anybody is told: Docker may only be slow for a moment."""


@dataclass(frozen=True, slots=True)
class Correlation:
    """Where a newly unhealthy dependency belongs. With nothing set, it has an incident of its own."""

    deferred: bool = False
    """Not decided yet: something that it needs may be the root."""
    wait_for: frozenset[str] = frozenset()
    until: float | None = None
    join: Incident | None = None
    adopt: tuple[Incident, ...] = field(default=())
    """Open incidents that this dependency turns out to be the root of, oldest first."""


def correlate(volatile: Volatile, durable: Durable, name: str, now: float) -> Correlation:
    """Decides for an unhealthy dependency that is in no open incident. `now` is monotonic seconds."""
    if (gathered := storm.incident_of_the_storm(volatile, durable, name)) is not None:
        return Correlation(join=gathered)
    policy, trackers = volatile.policy, volatile.trackers
    tracker = trackers[name]
    health = tracker.state.health
    # What cannot be seen may explain that more cannot be seen; what is down explains either.
    explained_by = (Health.DOWN, Health.STARTING) + ((Health.UNKNOWN,) if health is Health.UNKNOWN else ())
    for upstream in held_by(policy, name, lambda above: not trackers[above].serves):
        ill = trackers[upstream].state.health in explained_by
        if ill and (incident := durable.incident_of(upstream)):
            return Correlation(join=incident)
    if health in (Health.DOWN, Health.UNKNOWN):
        began = None if tracker.exited else tracker.failing_since
        unclear = held_by(policy, name, lambda above: not trackers[above].serves_since(began))
        waiting = frozenset(upstream for upstream in unclear if _undecided(trackers[upstream]))
        if waiting:
            return Correlation(deferred=True, wait_for=waiting)
        if (until := recovering_until(policy, trackers, name, now)) is not None:
            return Correlation(deferred=True, until=until)
        if below := _rooted_below(volatile, durable, name, health):
            return Correlation(adopt=tuple(sorted(below, key=lambda home: home.opened.monotonic)))
    return Correlation()


def _undecided(above: Tracker) -> bool:
    """What was not seen to serve since a failure below it began: whether it does is not known yet, and is soon."""
    if above.state.health is Health.UNKNOWN:
        return above.state.reason is Reason.NOT_LOOKED
    return above.serves or above.state.health is Health.STARTING


def _rooted_below(volatile: Volatile, durable: Durable, name: str, health: Health) -> list[Incident]:
    """The open incidents whose root needs this one and is explained by it."""
    dependents, trackers = volatile.topology.dependents[name], volatile.trackers
    explained = [each for each in dependents if health is Health.DOWN or trackers[each].state.health is health]
    homes = ((dependent, durable.incident_of(dependent)) for dependent in explained)
    roots = [(dependent, home) for dependent, home in homes if home is not None and home.root == dependent]
    return [
        home
        for dependent, home in roots
        if name in held_by(volatile.policy, dependent, lambda above: not trackers[above].serves)
    ]


def _recurrence(durable: Durable, name: str, now: float) -> Incident | None:
    for incident in durable.incidents.values():
        over = incident.resolved
        if over is None or incident.merged_into or name not in incident.members:
            continue
        if now - over.monotonic < REOPEN_WINDOW:
            return incident
    return None


def place(turn: Turn, name: str) -> None:
    """Puts an unhealthy dependency into the incident it belongs to, opening one if need be.

    What a person stopped must also fail its probes first, so that `docker restart` by hand opens nothing; and while
    a person may still start again what they ended from inside, nobody is told.
    """
    tracker = turn.volatile.trackers[name]
    if not tracker.unhealthy or turn.durable.incident_of(name) is not None:
        return
    if _is_too_early(turn, name):
        return
    where = correlate(turn.volatile, turn.durable, name, turn.now.monotonic)
    turn.await_looks(where.wait_for, tracker.failing_since)
    turn.wake(where.until)
    state = tracker.state
    if where.deferred:
        return
    if where.join is not None:
        turn.record(r.MemberJoined(where.join.incident, name, state.reason, state.detail, state.health))
    elif where.adopt:
        first, *others = where.adopt
        turn.record(r.MemberJoined(first.incident, name, state.reason, state.detail, state.health))
        turn.record(r.RootChanged(first.incident, name, first.root))
        for other in others:
            merge(turn, other, first)
    else:
        open_or_reopen(turn, name)


def open_or_reopen(turn: Turn, name: str) -> Incident:
    """An incident of its own for what is in none: the last one again, where that was soon before."""
    tracker, recurrence = turn.volatile.trackers[name], _recurrence(turn.durable, name, turn.now.monotonic)
    if recurrence is None:
        return _open(turn, name)
    state, again = tracker.state, recurrence.incident
    failing_for, of_storm = _failing_for(turn, tracker), storm.opens(turn, name)
    turn.record(r.IncidentReopened(again, name, state.reason, state.detail, state.health, failing_for, of_storm))
    return recurrence


def _is_too_early(turn: Turn, name: str) -> bool:
    """Nobody should hear of it yet, or ever: a moment of blindness, our own restart, planned work, a person at work."""
    tracker = turn.volatile.trackers[name]
    if keeps_quiet(turn, name) or storm.is_too_early(turn, name):
        return True
    cut_off = tracker.state.reason is Reason.UNREACHABLE_FROM_HERE  # that is known, and no moment of blindness
    if tracker.state.health is Health.UNKNOWN and tracker.blind_since is not None and not cut_off:
        return _is_before(turn, tracker.blind_since + BLIND_IS_TOLD_AFTER)
    container = tracker.spec.container
    if tracker.exited and container and turn.durable.is_acting_on(Target(CONTAINER, container)):
        return True  # we are restarting it, for another
    hold = turn.held(name)
    if hold is not None and hold.quiet_until:
        return _is_before(turn, hold.quiet_until)
    return hold is not None and not tracker.failure_threshold_met


def _is_before(turn: Turn, at: float) -> bool:
    if turn.now.monotonic >= at:
        return False
    turn.wake(at)
    return True


def _failing_for(turn: Turn, tracker: Tracker) -> float:
    """Seconds since the first look that did not see it serve, whether that one saw anything or not."""
    began = tracker.failing_since
    if began is None and tracker.state.health is Health.UNKNOWN:
        began = tracker.blind_since
    return 0.0 if began is None else round(turn.now.monotonic - began, 3)


def _open(turn: Turn, name: str) -> Incident:
    volatile, tracker = turn.volatile, turn.volatile.trackers[name]
    state = tracker.state
    scene, together = scene_of(volatile, turn.durable, turn.now.monotonic), storm.members(turn, name)
    rule, _ = gravest(volatile.policy, scene, together)
    identity = name_of(name, turn.now, turn.durable.ids)
    turn.record(
        r.IncidentOpened(
            incident=identity,
            root=name,
            severity=rule.severity,
            rule=rule.name,
            health=state.health,
            category=state.category,
            reason=state.reason,
            detail=state.detail,
            failing_for=_failing_for(turn, tracker),
            affected=str(impact_of(volatile, name, [])),
            storm=storm.opens(turn, name),
        )
    )
    return turn.durable.incidents[identity]


def name_of(root: str, now: Moment, taken: Container[str]) -> str:
    """An id that says when and what: `20261123-031502-gateway`."""
    base = f"{now.utc:%Y%m%d-%H%M%S}-{root}"
    identity, n = base, 2
    while identity in taken:
        identity, n = f"{base}-{n}", n + 1
    return identity


def raise_severity(turn: Turn, incident: Incident, members: list[str]) -> None:
    """As far as these members are concerned. Severity may rise, also by time alone, and never silently falls.

    Who served when planned work on it began is in new trouble, of which people hear when that is over.
    """
    volatile = turn.volatile
    unhealthy = [name for name in members if _is_unhealthy(volatile.trackers, name)]
    unhealthy = [
        name
        for name in unhealthy
        if name not in incident.serving or not spell_of(volatile, turn.durable, name, turn.now)
    ]
    if not unhealthy:
        return
    scene = scene_of(volatile, turn.durable, turn.now.monotonic)
    rule, name = gravest(volatile.policy, scene, unhealthy)
    if is_graver(volatile.policy, rule, incident.severity, incident.rule):
        turn.record(r.SeverityRaised(incident.incident, rule.severity, rule.name, str(incident.severity), name))
    turn.wake(wakes_at(volatile.asked, scene, unhealthy))


def _is_unhealthy(trackers: Mapping[str, Tracker], name: str) -> bool:
    return name in trackers and trackers[name].unhealthy


def is_over(turn: Turn, incident: Incident, *, flapping_aside: str = "") -> bool:
    """Every member is up, was seen to be since the last action on it, and does not flap; `flapping_aside` may.

    What the policy no longer watches holds up no end, and is not called up for that.
    """
    for name in incident.members:
        if tracker := turn.volatile.trackers.get(name):
            flaps = name != flapping_aside and turn.durable.is_flapping(name)
            if flaps or tracker.state.health is not Health.UP or name not in incident.serving:
                return False
    return all(ladder.phase is not Phase.ACTING for ladder in incident.ladders.values())


def resolve(turn: Turn, incident: Incident) -> bool:
    """Ends it when it is over; whether it did."""
    if not is_over(turn, incident):
        return False
    watched = sum(name in turn.volatile.trackers for name in incident.members)
    took = turn.now.monotonic - (incident.ill_since or incident.opened).monotonic
    why = "every member is up" if watched else "the policy no longer watches its members"
    if 0 < watched < len(incident.members):
        why = "every member that the policy still watches is up"
    turn.record(r.IncidentResolved(incident.incident, incident.root, round(took, 3), why))
    return True
