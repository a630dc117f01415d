"""Whether somebody may be stopping what runs, and nobody has heard it: an incomplete history is no history."""

from __future__ import annotations

from dataclasses import dataclass, replace

from nemo_watchdog.engine import signals
from nemo_watchdog.engine.gates.situation import Situation
from nemo_watchdog.engine.turn import Turn
from nemo_watchdog.model import CONTAINER, Category, ContainerStatus, Health, Past, RunState, WhenUnsure

UNTOLD = frozenset({None, Category.BUSY, Category.BLIND})
"""Where nothing is done anyway."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """`until` in monotonic seconds; None when it lasts until Docker's events are heard again."""

    why: str
    until: float | None


def look_back(turn: Turn, container: str, status: ContainerStatus, past: Past) -> None:
    """Remembers from when on everything is known of what runs, where that is not long enough to rule out a stop."""
    now, gaps = turn.now, turn.volatile.unheard_before
    gaps.pop(container, None)
    if not signals.is_whole(replace(status, finished_at=now.utc), past):
        age = (now.utc - past.whole_since).total_seconds() if past.whole_since is not None else 0.0
        gaps[container] = now.monotonic - max(0.0, age)


def doubt(s: Situation) -> Doubt | None:
    """Why a restart of what runs would be a guess; None where nobody can be stopping it, or the policy takes the risk.

    A look that began after the gap and did not fail shows that nobody was: what was sent before is outlived.
    """
    container, state = s.tracker.container, s.tracker.state
    if s.spec.when_unsure is WhenUnsure.RESTART or s.action is None or s.action.target_kind != CONTAINER:
        return None
    if container is None or container.state is not RunState.RUNNING or s.spec.container is None:
        return None
    if state.health is not Health.DOWN or state.category in UNTOLD:
        return None
    unsure = "nobody can tell whether somebody is stopping the container"
    if s.volatile.is_deaf:
        return Doubt(f"{unsure}: Docker's events cannot be heard", None)
    gap, served = s.volatile.unheard_before.get(s.spec.container), s.tracker.last_served_began
    if gap is None or (served is not None and served >= gap):
        return None
    until = gap + signals.A_STOP_TAKES.total_seconds()
    return Doubt(f"{unsure}: Docker has forgotten what was done to it before", until) if s.now < until else None
