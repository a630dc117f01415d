"""Who serves again, and who is down anew: an attempt that helped is no failed attempt, and new trouble is told as such.

A member of an open incident is confirmed to serve by its thresholds, up or degraded, and by a look that began after the
last action on it had ended. From then on its ladder begins anew, as far as the budget goes; the backoff grows on. An
attempt on what two depend on has helped when both serve; until its verification is over, neither is said to.
"""

from __future__ import annotations

from collections.abc import Iterable

from nemo_watchdog import records as r
from nemo_watchdog.engine.attempts import Ladder
from nemo_watchdog.engine.gates.evidence import FAULTS, grace, upstream, verification
from nemo_watchdog.engine.gates.people import maintenance
from nemo_watchdog.engine.gates.situation import Situation
from nemo_watchdog.engine.gates.spacing import in_flight
from nemo_watchdog.engine.health import Tracker
from nemo_watchdog.engine.pacing import gap, step_that_acted
from nemo_watchdog.engine.phases import Phase
from nemo_watchdog.engine.state import Incident
from nemo_watchdog.engine.turn import Turn
from nemo_watchdog.model import Health, Reason


def confirm(turn: Turn, incident: Incident, members: Iterable[str]) -> None:
    """Writes down which of these serve since their trouble. Who cannot be said of yet is looked at for it."""
    for name in members:
        tracker = turn.volatile.trackers.get(name)
        if tracker is None or name in incident.serving or tracker.state.health not in (Health.UP, Health.DEGRADED):
            continue
        ladder = incident.ladders.get(name) or Ladder()
        if ladder.phase is Phase.ACTING or _situation(turn, name).is_busy_and_can_be_helped:
            continue
        if not _seen_to_serve_since(ladder.acted_at, tracker):
            turn.volatile.awaited.add(name)
            continue
        verified = ladder.phase is Phase.VERIFYING
        alike = turn.volatile.sharing.get(name, ())
        others = [other for other in alike if other != name and _in_trouble(turn, other, ladder)]
        if others and verified and turn.now.monotonic < ladder.verify_until:
            turn.volatile.awaited.add(name)
            turn.wake(ladder.verify_until)
            continue
        over = not any(_may_need_it(_situation(turn, other)) for other in others)
        step = step_that_acted(turn.volatile.policy, ladder)
        took = turn.now.monotonic - ladder.acted_at
        turn.record(
            r.MemberRecovered(
                incident=incident.incident,
                dependency=name,
                health=tracker.state.health,
                action_id=ladder.action_id if verified else "",
                backoff=gap(step, ladder) if verified and over else None,
                over=over,
            )
        )
        if verified and over:
            turn.remember_use(ladder, took)


def notice_new_trouble(turn: Turn, situation: Situation) -> None:
    """Once for each change to worse; not for who is down with what it needs, nor while we or people work on it."""
    incident, name = situation.incident, situation.name
    if incident is None or name not in incident.serving or situation.tracker.state.health is not Health.DOWN:
        return
    if any(gate(situation) is not None for gate in (in_flight, maintenance, verification, upstream, grace)):
        return
    state = situation.tracker.state
    turn.record(r.MemberDown(incident.incident, name, state.reason, state.detail))


def _in_trouble(turn: Turn, name: str, ladder: Ladder) -> bool:
    """Whether who shares the ladder is a member of an incident, and has not served since the last action."""
    incident, tracker = turn.durable.incident_of(name), turn.volatile.trackers[name]
    if incident is None or name in incident.serving:
        return False
    serves = tracker.state.health in (Health.UP, Health.DEGRADED)
    return not (serves and _seen_to_serve_since(ladder.acted_at, tracker))


def _may_need_it(s: Situation) -> bool:
    """It fails as its remedy may help, or nobody knows yet; what is else busy or cannot be seen judges no attempt."""
    state = s.tracker.state
    unknown = state.health is Health.STARTING or state.reason is Reason.NOT_LOOKED
    return unknown or s.is_busy_and_can_be_helped or (state.health is Health.DOWN and state.category in FAULTS)


def _situation(turn: Turn, name: str) -> Situation:
    return Situation(turn.volatile, turn.durable, turn.durable.incident_of(name), name, turn.now.monotonic)


def _seen_to_serve_since(acted_at: float, tracker: Tracker) -> bool:
    if tracker.state.health is Health.DEGRADED and tracker.suspect:
        return False
    return tracker.last_served_began is not None and tracker.last_served_began >= acted_at
