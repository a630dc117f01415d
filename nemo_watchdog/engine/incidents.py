"""Which failures are one incident: those that share a root. Pure, and decides only; the engine records."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from nemo_watchdog.engine.classify import Outlook, classify
from nemo_watchdog.engine.gates import recovering_until, upstreams
from nemo_watchdog.engine.health import Tracker
from nemo_watchdog.engine.state import Durable, Incident
from nemo_watchdog.model import Health, Moment, Reason
from nemo_watchdog.policy.policy import Policy, Rule

RECURRENCE = 300.0
"""Seconds after a resolution within which trouble reopens the same incident: it came back is not it is fixed."""


def troubled(tracker: Tracker, *, touched: bool = False) -> bool:
    """Whether its health is a matter for an incident.

    What a person stopped must also fail its probes first, so that `docker restart` by hand opens nothing.
    """
    state = tracker.state
    if touched and not tracker.failing_looks_met:
        return False
    if state.health is Health.UNKNOWN:
        return state.reason is not Reason.NOT_LOOKED
    return state.health in (Health.DOWN, Health.DEGRADED)


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a newly troubled dependency belongs. With nothing set, a new incident is opened for it."""

    deferred: bool = False
    """Not decided yet: something that it needs may be the root."""
    wait_for: frozenset[str] = frozenset()
    until: float | None = None
    join: Incident | None = None
    take_over: tuple[Incident, ...] = field(default=())
    """Open incidents that this dependency turns out to be the root of, oldest first."""
    recurrence: Incident | None = None


def place(
    policy: Policy,
    durable: Durable,
    trackers: Mapping[str, Tracker],
    name: str,
    dependents: Sequence[str],
    now: float,
) -> Placement:
    """Decides for a troubled dependency that is in no open incident. `dependents` are all that need it."""
    tracker = trackers[name]
    health = tracker.state.health
    # What cannot be seen may explain that more cannot be seen; what is down explains either.
    explained_by = (Health.DOWN, Health.STARTING) + ((Health.UNKNOWN,) if health is Health.UNKNOWN else ())
    above = list(upstreams(policy, name))
    for upstream in above:
        ill = trackers[upstream].state.health in explained_by
        if ill and (incident := durable.incident_of(upstream)):
            return Placement(join=incident)
    if health in (Health.DOWN, Health.UNKNOWN):
        waiting = frozenset(upstream for upstream in above if _unsettled(tracker, trackers[upstream]))
        if waiting:
            return Placement(deferred=True, wait_for=waiting)
        if (until := recovering_until(policy, trackers, name, now)) is not None:
            return Placement(deferred=True, until=until)
        explained = [each for each in dependents if health is Health.DOWN or trackers[each].state.health is health]
        homes = ((dependent, durable.incident_of(dependent)) for dependent in explained)
        below = [home for dependent, home in homes if home is not None and home.root == dependent]
        if below:
            return Placement(take_over=tuple(sorted(below, key=lambda home: home.opened.monotonic)))
    return Placement(recurrence=_recurrence(durable, name, now))


def _unsettled(tracker: Tracker, above: Tracker) -> bool:
    """Nobody has seen it serve since this failure began."""
    if above.state.health is Health.UNKNOWN:
        return above.state.reason is Reason.NOT_LOOKED
    if above.suspect and above.state.health is not Health.DOWN:
        return True
    began = tracker.failing_since
    if tracker.exited or began is None:
        return False
    if above.state.health not in (Health.UP, Health.DEGRADED):
        return False
    return above.last_served_began is None or above.last_served_began < began


def _recurrence(durable: Durable, name: str, now: float) -> Incident | None:
    for incident in durable.incidents.values():
        over = incident.resolved
        if over is not None and not incident.merged and name in incident.members and now - over.monotonic < RECURRENCE:
            return incident
    return None


def gravest(policy: Policy, trackers: Mapping[str, Tracker], names: Iterable[str], down: Outlook) -> Rule:
    """The gravest of the rules that the members fall under; names must not be empty."""
    rules = [classify(policy, trackers[name].spec, trackers[name].state, down) for name in names]
    return min(rules, key=lambda rule: rule.severity)


def name_of(root: str, now: Moment, taken: Container[str]) -> str:
    """An id that says when and what: `20261123-031502-gateway`."""
    base = f"{now.utc:%Y%m%d-%H%M%S}-{root}"
    identity, n = base, 2
    while identity in taken:
        identity, n = f"{base}-{n}", n + 1
    return identity


def upstream_first(policy: Policy) -> list[str]:
    """Every dependency after all that it needs."""
    return sorted(policy.dependencies, key=lambda name: sum(1 for _ in upstreams(policy, name)))


def dependents(policy: Policy) -> dict[str, tuple[str, ...]]:
    """All that need each dependency, directly or not, every one after what it needs itself."""
    found: dict[str, list[str]] = {name: [] for name in policy.dependencies}
    for name in upstream_first(policy):
        for upstream in upstreams(policy, name):
            found[upstream].append(name)
    return {name: tuple(names) for name, names in found.items()}
