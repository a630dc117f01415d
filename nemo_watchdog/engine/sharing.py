"""Two dependencies of one target have one ladder: attempts, verification and backoff are the target's."""

from __future__ import annotations

from nemo_watchdog import records as r
from nemo_watchdog.engine.phases import Phase
from nemo_watchdog.engine.state import Incident
from nemo_watchdog.engine.turn import Turn
from nemo_watchdog.engine.volatile import Volatile
from nemo_watchdog.model import Target


def share(turn: Turn, incident: Incident, name: str) -> None:
    """Binds a member to the ladder of its target, where another has one; its own attempt is judged first."""
    spec, own = turn.volatile.policy.dependencies[name], incident.ladders.get(name)
    if own is not None and own.phase is not Phase.IDLE:
        return
    for target in sorted(set(spec.targets.values())):
        last = turn.durable.ladders.get(target)
        if last is not own and turn.durable.ladder_on(target, turn.now.monotonic) is not None:
            turn.record(r.LadderShared(incident.incident, name, target.kind, target.name))
            return


def others_on(volatile: Volatile, name: str, target: Target | None = None) -> list[str]:
    """Who else may act on one of its targets, or on this one."""
    dependencies = volatile.policy.dependencies
    if name not in dependencies:
        return []
    wanted = set(dependencies[name].targets.values()) if target is None else {target}
    return [each for each in volatile.sharing.get(name, ()) if wanted & set(dependencies[each].targets.values())]
