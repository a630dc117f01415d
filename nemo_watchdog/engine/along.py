"""What a step takes along: the containers that are restarted after its own, as one action. Pure.

What uses the network of a container is cut off by a restart of that, and its own restart alone connects it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from nemo_watchdog.engine.health import Tracker
from nemo_watchdog.engine.volatile import Volatile
from nemo_watchdog.model import Along, ContainerStatus, RunState
from nemo_watchdog.policy.policy import ActionStep

_UNSEEN = frozenset({RunState.UNREACHABLE})


def along_of(volatile: Volatile, name: str, step: ActionStep | None) -> tuple[str, ...]:
    """One dependency for each container, in the order in which they are restarted; of what runs, or cannot be seen."""
    if step is None or not step.also:
        return ()
    trackers = volatile.trackers
    if isinstance(step.also, str):
        also: Iterable[str] = _dependents(volatile, trackers[name])
    else:
        also = (each for each in step.also if each in trackers)
    found = {trackers[name].spec.container: name}
    for each in also:
        if not is_seen(trackers[each]) or _runs(trackers[each].container):
            found.setdefault(trackers[each].spec.container, each)
    return tuple(found.values())[1:]


def takers_of(volatile: Volatile, name: str) -> Iterator[str]:
    """Whose next step may restart its container along: what is seen of it may be what they wait for."""
    yield from volatile.takers.get(name, ())
    status = volatile.trackers[name].container
    if status is not None and status.network_of:
        yield from (each for each in volatile.takers.get("*", ()) if _is_of(status, volatile.trackers[each]))


def is_seen(tracker: Tracker) -> bool:
    """Docker has said how its container is."""
    return tracker.container is not None and tracker.container.state not in _UNSEEN


def taken_along(trackers: Mapping[str, Tracker], names: Iterable[str]) -> tuple[Along, ...]:
    """As they are judged now."""
    runs = ((name, trackers[name].spec.container, trackers[name].container) for name in names)
    return tuple(Along(name, container, run) for name, container, run in runs if container and run)


def _dependents(volatile: Volatile, parent: Tracker) -> Iterable[str]:
    """Each after all that it needs; what cannot be seen may be one."""
    for each in volatile.topology.upstream_first:
        tracker = volatile.trackers[each]
        status = tracker.container if is_seen(tracker) else None
        unseen = status is None and tracker.spec.container is not None
        if unseen or (status is not None and status.network_of and _is_of(status, parent)):
            yield each


def _is_of(status: ContainerStatus, parent: Tracker) -> bool:
    own = parent.container
    return status.network_of in (parent.spec.container, own.container_id if own is not None else None)


def _runs(status: ContainerStatus | None) -> bool:
    return status is not None and status.state is RunState.RUNNING
