"""Ends that Docker has told of and nobody has looked at: by then it may run again, and so nothing is done meanwhile.

Docker tells at once; what it then answers about the container may take longer than a few looks that fail.
"""

from __future__ import annotations

from nemo_watchdog.engine.turn import Turn
from nemo_watchdog.engine.volatile import UnseenEnd, Volatile
from nemo_watchdog.model import ContainerEvent, ContainerStatus, RunState

LOOKED_AT_WITHIN = 10.0
"""Seconds: a Docker that tells nothing for so long is another trouble."""


def hear(turn: Turn, event: ContainerEvent) -> None:
    if event.action == "die":
        turn.volatile.unseen_ends[event.container] = UnseenEnd(event.at, turn.now.monotonic + LOOKED_AT_WITHIN)


def look(volatile: Volatile, container: str, status: ContainerStatus) -> None:
    """A look may have been under way as it ended: that it runs is said of a run that began since."""
    end = volatile.unseen_ends.get(container)
    if end is None:
        return
    began, ended = status.started_at, end.at
    if status.state is not RunState.RUNNING or began is None or ended is None or began >= ended:
        del volatile.unseen_ends[container]


def until(volatile: Volatile, container: str | None, now: float) -> float | None:
    """Monotonic seconds for which its end must be looked at first; None when there is none."""
    end = volatile.unseen_ends.get(container or "")
    return end.until if end is not None and now < end.until else None
