"""When the image of a container has proven itself: all that look at it were up, in one run of it, for long enough.

Serving badly for a moment, another run, and Docker out of sight each begin the time anew.
"""

from __future__ import annotations

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.proven import Proving
from nemo_watchdog.engine.turn import Turn
from nemo_watchdog.model import ContainerStatus, Health, RunState


def watch(turn: Turn, event: ev.Event) -> None:
    """At the end of a step: of whom it has told something, or of all when it was no look."""
    volatile = turn.volatile
    match event:
        case ev.Observed():
            names = [event.dependency]
        case ev.ContainerSeen():
            names = volatile.watching(event.container)
        case _:
            names = list(volatile.proves_after)
    for name in names:
        container, after = volatile.trackers[name].spec.container, volatile.proves_after.get(name)
        if container is not None and after is not None:
            _watch(turn, container, name, after)


def _watch(turn: Turn, container: str, name: str, after: float) -> None:
    volatile, now = turn.volatile, turn.now.monotonic
    watching = (name, *volatile.beside.get(name, ()))
    status = volatile.trackers[name].container
    if status is None or not _serves(turn, watching, status) or _is_known(turn, container, status, after):
        volatile.proving.pop(container, None)
        return
    began = volatile.proving.get(container)
    if began is None or began.run != status.run or any(turn.durable.is_flapping(each) for each in watching):
        began = volatile.proving[container] = Proving(status.run, now)
    if any(volatile.trackers[each].suspect for each in watching):
        return  # the look that ends the doubt comes back here
    if now < began.since + after:
        turn.wake(began.since + after)
        return
    del volatile.proving[container]
    turn.record(r.ImageProven(name, container, status.image, status.image_name, after))


def _serves(turn: Turn, watching: tuple[str, ...], status: ContainerStatus) -> bool:
    trackers = turn.volatile.trackers
    seen = status.state is RunState.RUNNING and status.image != ""
    return seen and all(trackers[each].state.health is Health.UP for each in watching)


def _is_known(turn: Turn, container: str, status: ContainerStatus, after: float) -> bool:
    known = turn.durable.proven_images.get(container)
    return known is not None and known.image == status.image and known.served >= after
