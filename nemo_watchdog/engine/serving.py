"""Who serves again, and who is down anew: an attempt that helped is no failed attempt, and new trouble is told as such.

A member of an open incident is confirmed to serve by its thresholds, up or degraded, and by a look that began after the
last action on it had ended. From then on its ladder begins anew, as far as the budget goes; the backoff grows on.
"""

from __future__ import annotations

from collections.abc import Iterable

from nemo_watchdog import records as r
from nemo_watchdog.engine.gates.evidence import grace, upstream
from nemo_watchdog.engine.gates.situation import Situation
from nemo_watchdog.engine.health import Tracker
from nemo_watchdog.engine.pacing import gap, step_that_acted
from nemo_watchdog.engine.phases import Phase
from nemo_watchdog.engine.state import Incident, Ladder
from nemo_watchdog.engine.turn import Turn
from nemo_watchdog.model import Health


def confirm(turn: Turn, incident: Incident, members: Iterable[str]) -> None:
    """Writes down which of these serve since their trouble. Who cannot be said of yet is looked at for it."""
    for name in members:
        tracker = turn.volatile.trackers.get(name)
        if tracker is None or name in incident.serving or tracker.state.health not in (Health.UP, Health.DEGRADED):
            continue
        ladder = incident.ladders.get(name) or Ladder()
        if ladder.phase is Phase.ACTING:
            continue
        if not _seen_to_serve_since(ladder.acted_at, tracker):
            turn.volatile.awaited.add(name)
            continue
        verified = ladder.phase is Phase.VERIFYING
        step = step_that_acted(turn.volatile.policy, name, ladder)
        turn.record(
            r.MemberRecovered(
                incident=incident.incident,
                dependency=name,
                health=tracker.state.health,
                action_id=ladder.action_id if verified else "",
                backoff=gap(step, ladder) if verified else None,
            )
        )


def notice_new_trouble(turn: Turn, situation: Situation) -> None:
    """Once for each change to worse; not for who is down with what it needs: that is told."""
    incident, name = situation.incident, situation.name
    if incident is None or name not in incident.serving or situation.tracker.state.health is not Health.DOWN:
        return
    if upstream(situation) is not None or grace(situation) is not None:
        return
    state = situation.tracker.state
    turn.record(r.MemberDown(incident.incident, name, state.reason and str(state.reason), state.detail))


def _seen_to_serve_since(acted_at: float, tracker: Tracker) -> bool:
    if tracker.state.health is Health.DEGRADED and tracker.suspect:
        return False
    return tracker.last_served_began is not None and tracker.last_served_began >= acted_at
