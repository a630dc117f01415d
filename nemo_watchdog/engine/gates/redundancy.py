"""The gate that keeps what is left of a group: never two of it at once, and never one of the last that served.

Of the members that run and do not serve, the last to serve are spared until enough others serve. The look that found
them down may be the mistake, and a restart that fails costs nobody anything only where another one serves. What Docker
reports exited may always be started, and what is paused let go on: nothing is taken away.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum, auto

from nemo_watchdog.engine.gates.situation import Situation
from nemo_watchdog.engine.groups import Group, place_of
from nemo_watchdog.engine.listing import listed
from nemo_watchdog.engine.phases import Phase
from nemo_watchdog.model import Decision, Gate, Reason, RunState, Verdict

GONE = frozenset({RunState.MISSING, RunState.REMOVING})


class Standing(Enum):
    """How a member is, as far as another one is concerned that fails."""

    SERVES = auto()
    """It was seen to, since the other one fails."""
    IN_DOUBT = auto()
    FAILS = auto()
    """While it runs."""
    ENDED = auto()


@dataclass(frozen=True, slots=True)
class Around:
    """What the others of a group mean for one that fails: nothing where enough of them serve."""

    in_doubt: tuple[str, ...] = ()
    """Those of which it is not known whether they serve, where that decides."""
    spares: bool = False


def redundancy(s: Situation) -> Decision | None:
    if s.action is None or s.tracker.exited or s.action.unpauses_after is not None:
        return None
    for group in s.volatile.topology.groups.get(s.name, ()):
        if decision := _another_at_work(s, group) or _needed(s, group):
            return decision
    for other in s.of_each_along():
        for group in s.volatile.topology.groups.get(other.name, ()):
            if decision := _another_at_work(other, group) or _kept(other, group):
                return replace(decision, value=f"{other.name}, {s.beside_how(other.name)}: {decision.value}")
    return None


def _kept(s: Situation, group: Group) -> Decision | None:
    """One that serves is restarted along only where enough others serve without it."""
    served = sum(_standing(s, names) is Standing.SERVES for names in _others(s, group))
    if served >= group.least:
        return None
    return Decision(Verdict.WAIT, Gate.REDUNDANCY, f"{group.least} of {group.said} must serve, and {served} others do")


def _another_at_work(s: Situation, group: Group) -> Decision | None:
    """On another member an action is under way, or may be, or is being verified."""
    for target in s.durable.acts:
        name = group.targets.get(target)
        if name is None or place_of(s.trackers[name].spec) == place_of(s.spec):
            continue
        other = Situation(s.volatile, s.durable, s.durable.incident_of(name), name, s.now)
        ladder = s.durable.ladders.get(target)
        beside = f"{target}, which stands beside it ({group.said})"
        if s.durable.is_acting_on(target):
            return Decision(Verdict.WAIT, Gate.REDUNDANCY, f"an action on {beside}, is under way")
        if other.pending_until is not None:
            value = f"an action on {beside}, may still be done"
            return Decision(Verdict.WAIT, Gate.REDUNDANCY, value, other.pending_until)
        if ladder is None or ladder.phase is not Phase.VERIFYING or other.died:
            continue
        if s.now < (until := other.verify_until(ladder)):
            return Decision(Verdict.WAIT, Gate.REDUNDANCY, f"verifying {ladder.action} on {beside}", until)
    return None


def _needed(s: Situation, group: Group) -> Decision | None:
    beside = around(s, group)
    if beside.in_doubt:
        least = "one" if group.least == 1 else group.least
        value = f"{least} of {group.said} must serve: looking first at {listed(beside.in_doubt)}"
        return Decision(Verdict.WAIT, Gate.REDUNDANCY, value)
    if not beside.spares:
        return None
    which = "the last" if group.least == 1 else f"one of the last {group.least}"
    told = "; a person was told" if s.name in s.durable.seen.served.told else ""
    value = f"it is {which} of {group.said} that served: it is not restarted until another one serves{told}"
    return Decision(Verdict.WAIT, Gate.REDUNDANCY, value)


def around(s: Situation, group: Group) -> Around:
    """Spared is who is, of those that run and fail, among so many as are missing that served last."""
    served, mine = s.durable.seen.served, group.members[place_of(s.spec)]
    own = (max(map(served.at, mine)), min(mine))
    missing, later, in_doubt = group.least, 0, list[str]()
    for names in _others(s, group):
        standing = _standing(s, names)
        if standing is Standing.SERVES:
            missing -= 1
            if missing == 0:
                return Around()
        elif standing is Standing.IN_DOUBT:
            in_doubt += names
        elif standing is Standing.FAILS:
            later += (max(map(served.at, names)), min(names)) > own
    return Around(in_doubt=tuple(in_doubt)) if in_doubt else Around(spares=later < missing)


def _others(s: Situation, group: Group) -> Iterator[tuple[str, ...]]:
    """The dependencies of each other member."""
    own = place_of(s.spec)
    return (names for place, names in group.members.items() if place != own)


def _standing(s: Situation, names: tuple[str, ...]) -> Standing:
    """A container serves when each of its dependencies does."""
    began, standing = s.tracker.failing_since, Standing.SERVES
    for name in names:
        tracker = s.trackers[name]
        if tracker.exited or (tracker.container is not None and tracker.container.state in GONE):
            return Standing.ENDED
        if not tracker.serves and tracker.state.reason is not Reason.NOT_LOOKED:
            standing = Standing.FAILS
        elif standing is Standing.SERVES and not tracker.serves_since(began):
            standing = Standing.IN_DOUBT
    return standing
