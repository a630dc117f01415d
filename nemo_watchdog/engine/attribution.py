"""Who ended a container: ourselves, a person, or nobody. What a person did is held, and released when it runs again."""

from __future__ import annotations

from collections.abc import Iterable

from nemo_watchdog import records as r
from nemo_watchdog.engine import signals
from nemo_watchdog.engine.events import ContainerSeen
from nemo_watchdog.engine.state import Durable, Initiator
from nemo_watchdog.engine.turn import Turn
from nemo_watchdog.model import CONTAINER, ContainerEvent, ContainerStatus, RunState, Target

ENDED = frozenset({RunState.EXITED, RunState.DEAD})

QUIET_EXITS = frozenset({0, 130, 137, 143})
"""Exit codes that a stop by hand leaves behind: success, INT, KILL, TERM."""


def attribute(turn: Turn, seen: ContainerSeen) -> None:
    """Whose doing is what an inspect shows? While we act on the container ourselves, that cannot be said yet."""
    volatile, target = turn.volatile, Target(CONTAINER, seen.container)
    watching = volatile.watching(seen.container)
    if not watching:
        return
    if seen.status.state is RunState.RUNNING:
        volatile.unattributed.pop(seen.container, None)
        for name in watching:
            if turn.held(name):
                turn.record(r.HoldReleased(name, target_kind=target.kind, target=target.name))
    elif turn.durable.is_acting_on(target):
        volatile.unattributed[seen.container] = seen
    elif any(_is_new(turn, name, seen.status) for name in watching):
        _hold(turn, watching[0], seen)


def attribute_what_waited(turn: Turn, target: Target) -> None:
    """Our action on it has ended: who ended the container meanwhile can be said now."""
    seen = turn.volatile.unattributed.pop(target.name, None) if target.kind == CONTAINER else None
    watching = turn.volatile.watching(target.name)
    if seen is not None and watching:
        _hold(turn, watching[0], seen)


def _is_new(turn: Turn, name: str, status: ContainerStatus) -> bool:
    before = turn.volatile.trackers[name].container
    return before is None or (before.state, before.run) != (status.state, status.run)


def _hold(turn: Turn, name: str, seen: ContainerSeen) -> None:
    if not turn.held(name) and (what := stopped_by(seen.status, seen.past, turn.durable)):
        turn.record(r.HoldPlaced(name, what, target_kind=CONTAINER, target=seen.container))


def stopped_by(status: ContainerStatus, past: Iterable[ContainerEvent], durable: Durable) -> str | None:
    """What a person did to a container that does not run, as far as one can know; None when it did this by itself."""
    if status.state is RunState.PAUSED:
        return "somebody paused the container through Docker"
    if status.state is RunState.CREATED:
        return "somebody created the container and has not started it yet"
    if status.state not in ENDED:
        return None
    past = list(past)
    sent = signals.sent(status, past)
    for signal in sent:
        who = durable.initiator_of(status, signal)
        if who is not Initiator.OURS:
            return f"{who} stopped the container through Docker (signal {signal.signal})"
    if not sent and not signals.is_told(status, past) and is_quiet(status):
        return f"it was stopped while nobody watched (exit code {status.exit_code})"
    return None


def is_quiet(status: ContainerStatus) -> bool:
    """It ended the way a stop by hand ends it."""
    return not status.oom_killed and status.exit_code in QUIET_EXITS
