"""Since when a container is seen to be paused. Who paused it has that time; after it the policy may let it go on.

What is not seen is not counted: where nobody could tell whether it went on meanwhile, the time begins anew.
"""

from __future__ import annotations

from dataclasses import replace

from nemo_watchdog.engine.touches import Hold
from nemo_watchdog.engine.turn import Turn
from nemo_watchdog.engine.volatile import PausedSince, Volatile
from nemo_watchdog.model import ContainerEvent, ContainerStatus, RunState

PAUSED = "somebody paused the container through Docker"


def hear(turn: Turn, event: ContainerEvent) -> None:
    """A pause that is told after it was seen is another one, or late: the time begins anew, either way."""
    seen = turn.volatile.paused_since
    if event.action == "unpause":
        seen.pop(event.container, None)
    elif event.action == "pause" and (since := seen.get(event.container)) is not None:
        seen[event.container] = replace(since, at=turn.now.monotonic)
    elif event.action == "reconnected":
        for container, since in seen.items():
            if event.at is None or turn.volatile.moment(since.at).utc < event.at:
                seen[container] = replace(since, at=turn.now.monotonic)


def look(volatile: Volatile, container: str, status: ContainerStatus, now: float) -> None:
    """One more inspect; `now` in monotonic seconds."""
    since = volatile.paused_since.get(container)
    if status.state is not RunState.PAUSED:
        volatile.paused_since.pop(container, None)
    elif since is None or since.run != status.run:
        volatile.paused_since[container] = PausedSince(status.run, now)


def is_a_pause(hold: Hold) -> bool:
    """It is held for a pause, and for nothing that was done to it before."""
    return hold.what == PAUSED and not hold.stops


def goes_on_at(volatile: Volatile, container: str | None, hold: Hold, after: float | None) -> float | None:
    """Monotonic seconds at which it has been paused for so long; None where it is held for something else."""
    since = volatile.paused_since.get(container or "")
    return since.at + after if since is not None and after is not None and is_a_pause(hold) else None
