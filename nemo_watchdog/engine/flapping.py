"""What goes down and comes back again and again: what counts as a change, when that is flapping, and what follows.

A change is what nobody ordered:
- It is down, and had served. Not while a person holds it or we act on it or verify that, and not where what it needs
  explains it: then that one may flap.
- It serves again, where that it went down was a change, and nobody ordered the return. A return that an action of ours
  brought counts as soon as it is down again by nobody's order: an outage that a restart heals is one change, and a
  restart that never heals for long counts as Docker's own restarts do. One that a person brought never counts.
- Its container has begun a new run by Docker's restart policy: that is a whole cycle, two changes, unless its end was
  seen and has counted.

It is told once when it begins and once when it ends, and its incident stays open in between. Source of the idea: the
state flapping of Nagios and Icinga, see `flaps`.
"""

from __future__ import annotations

from collections.abc import Iterable

from nemo_watchdog import records as r
from nemo_watchdog.durations import duration
from nemo_watchdog.engine.flaps import Flaps, ends_at, is_due
from nemo_watchdog.engine.gates.evidence import grace, upstream, verification
from nemo_watchdog.engine.gates.people import human_hold
from nemo_watchdog.engine.gates.situation import Situation
from nemo_watchdog.engine.gates.spacing import in_flight
from nemo_watchdog.engine.incidents import is_over, open_or_reopen
from nemo_watchdog.engine.ladder import next_contact
from nemo_watchdog.engine.state import Incident
from nemo_watchdog.engine.states import State
from nemo_watchdog.engine.turn import Turn
from nemo_watchdog.model import CONTAINER, ContainerStatus, Health, Reason, RunState, Target

A_CYCLE = 2
"""It goes down and comes back."""


def notice_run(turn: Turn, watching: Iterable[str], status: ContainerStatus) -> None:
    """Its container runs, and nobody has taken that in yet. Docker counts its own starts of one container, and an order
    sets that count back; at the first sight nobody knows how many of them are new.
    """
    for name in watching:
        tracker, flaps = turn.volatile.trackers[name], turn.durable.flaps.get(name) or Flaps()
        marks, before = tracker.spec.flapping, tracker.container
        if marks is None or before is None or before.state is RunState.UNREACHABLE or before.run == status.run:
            continue
        situation = _situation(turn, name)
        by_docker = status.restarts > 0 and status.container_id == before.container_id
        explained = upstream(situation) is not None or human_hold(situation) is not None
        changes = A_CYCLE if by_docker and not flaps.end_counted and not explained else 0
        by_a_person = not by_docker and not _acted_since(turn, name, flaps.turned)
        if changes or flaps.end_counted or (by_a_person and flaps.owed):
            turn.record(r.RunChanged(name, changes, marks.window, by_a_person))


def notice_side(turn: Turn, name: str) -> None:
    """What cannot be seen, and what is starting, is on neither side."""
    tracker, flaps = turn.volatile.trackers[name], turn.durable.flaps.get(name)
    marks, health = tracker.spec.flapping, tracker.state.health
    served = flaps is None or flaps.serves
    if marks is None or health not in (Health.UP, Health.DEGRADED, Health.DOWN):
        return
    if served and health is Health.DOWN and not _is_explained(turn, name):
        turn.record(r.SideChanged(name, serves=False, changes=1, within=marks.window))
    elif flaps is not None and not served and health is not Health.DOWN:
        ours = flaps.owed and _acted_since(turn, name, flaps.turned)
        turn.record(
            r.SideChanged(name, serves=True, changes=int(flaps.owed and not ours), within=marks.window, returned=ours)
        )


def begin(turn: Turn, name: str) -> None:
    """Where its changes reach the high mark: its incident is open from now on, and people are told."""
    tracker, flaps = turn.volatile.trackers[name], turn.durable.flaps.get(name)
    marks, now = tracker.spec.flapping, turn.now.monotonic
    if flaps is None or marks is None or flaps.since is not None or not is_due(flaps, marks, now):
        return
    incident = turn.durable.incident_of(name) or open_or_reopen(turn, name)
    situation = _situation(turn, name)
    to = next_contact(situation.remedy, situation.ladder) if situation.remedy is not None else ""
    seconds = round(now - flaps.changes[0])
    turn.record(r.FlappingBegan(incident.incident, name, to, len(flaps.changes), seconds))


def end(turn: Turn, incident: Incident, members: Iterable[str]) -> None:
    """Of these members, where their share is below the low mark or the policy asks no more; otherwise it wakes up.

    Not before it is known how they are, as after a start: with the end people are told what is so.
    """
    for name in members:
        flaps, tracker = turn.durable.flaps.get(name), turn.volatile.trackers.get(name)
        if flaps is None or flaps.since is None:
            continue
        marks = tracker.spec.flapping if tracker is not None else None
        why = "the policy does not ask for it any more"
        if marks is not None:
            if turn.now.monotonic < (over := ends_at(flaps.changes, marks)):
                turn.wake(over)
                continue
            if tracker is not None and _is_open(tracker.state):
                continue
            why = f"it changed too seldom in the last {duration(marks.window)}"
        resolves = is_over(turn, incident, flapping_aside=name)
        seconds = round(turn.now.monotonic - flaps.since)
        turn.record(r.FlappingEnded(incident.incident, name, flaps.count, seconds, why, resolves))


def _is_explained(turn: Turn, name: str) -> bool:
    """By people, by ourselves or by what it needs; or that cannot be said yet."""
    situation, container = _situation(turn, name), turn.volatile.trackers[name].spec.container
    if container and turn.durable.is_acting_on(Target(CONTAINER, container)):
        return True  # for another
    return any(gate(situation) is not None for gate in (human_hold, in_flight, verification, upstream, grace))


def _is_open(state: State) -> bool:
    """Neither well nor ill yet."""
    return state.health is Health.STARTING or state.reason is Reason.NOT_LOOKED


def _acted_since(turn: Turn, name: str, at: float) -> bool:
    """Whether we did something to it, or may have."""
    spec = turn.volatile.trackers[name].spec
    targets = {*spec.targets.values(), *([Target(CONTAINER, spec.container)] if spec.container else [])}
    return any(spent >= at for spent in turn.durable.spends_on(name, targets))


def _situation(turn: Turn, name: str) -> Situation:
    return Situation(turn.volatile, turn.durable, turn.durable.incident_of(name), name, turn.now.monotonic)
