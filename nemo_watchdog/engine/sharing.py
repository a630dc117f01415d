"""Two dependencies of one target have one ladder: attempts, verification and backoff are the target's."""

from __future__ import annotations

from nemo_watchdog import records as r
from nemo_watchdog.engine.attempts import Ladder
from nemo_watchdog.engine.phases import Phase
from nemo_watchdog.engine.state import Incident
from nemo_watchdog.engine.turn import Turn
from nemo_watchdog.policy.policy import Policy


def share(turn: Turn, incident: Incident, name: str) -> None:
    """Binds a member to the ladder of its targets, where another has one; its own attempt is judged first."""
    policy, own = turn.volatile.policy, incident.ladders.get(name)
    if own is not None and own.phase is not Phase.IDLE:
        return
    for target in sorted(set(policy.dependencies[name].targets.values())):
        last = turn.durable.ladders.get(target)
        if last is None or last is own or not _is_of_the_same(policy, name, last):
            continue
        if turn.durable.ladder_on(target, turn.now.monotonic) is not None:
            turn.record(r.LadderShared(incident.incident, name, target.kind, target.name))
            return


def _is_of_the_same(policy: Policy, name: str, ladder: Ladder) -> bool:
    """Whether it acts for one that has the same targets, all of them; one that is gone had at least the last."""
    mine, actor = set(policy.dependencies[name].targets.values()), policy.dependencies.get(ladder.actor)
    return mine == ({ladder.target} if actor is None else set(actor.targets.values()))
