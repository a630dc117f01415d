"""Who ended a container: ourselves, a person, nobody, or nobody can tell; and what is held for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from nemo_watchdog import records as r
from nemo_watchdog.engine import last_words, signals
from nemo_watchdog.engine.events import ContainerSeen
from nemo_watchdog.engine.state import Durable
from nemo_watchdog.engine.touches import End, Ending, Initiator, left_down, told_time
from nemo_watchdog.engine.turn import Turn
from nemo_watchdog.model import (
    CONTAINER,
    ContainerEvent,
    ContainerStatus,
    OnCleanExit,
    Past,
    Reason,
    RunState,
    Target,
    WhenUnsure,
)
from nemo_watchdog.policy.policy import Dependency

ENDED = frozenset({RunState.EXITED, RunState.DEAD})
JUDGED = ENDED | {RunState.PAUSED, RunState.CREATED, RunState.RESTARTING}
"""In the other states nothing has ended, or there is nobody to tell us."""

REASONS = {reason.value: reason for reason in Reason}

A_CLEAN_EXIT_IS_QUIET = 300.0
"""Seconds in which somebody who ended it from inside may start it again before anybody is told."""


# -- what comes in --------------------------------------------------------------------------------------------


def hear(turn: Turn, event: ContainerEvent) -> None:
    """A line of Docker's event stream: a signal that somebody sends holds the container from then on."""
    target = Target(CONTAINER, event.container)
    watching = turn.volatile.watching(event.container)
    if watching and not turn.durable.is_acting_on(target):
        status = turn.volatile.trackers[watching[0]].container
        if status is not None and status.state is RunState.RUNNING:
            _hold_while_it_stops(turn, watching[0], target, status, Past((event,)))


def attribute(turn: Turn, seen: ContainerSeen) -> None:
    """Whose doing is what an inspect shows? While we act on the container ourselves, that cannot be said yet."""
    volatile, target = turn.volatile, Target(CONTAINER, seen.container)
    watching = volatile.watching(seen.container)
    if not watching:
        return
    if seen.status.state is RunState.RUNNING:
        volatile.unattributed.pop(seen.container, None)
        _runs(turn, watching[0], target, seen)
    elif seen.status.state in JUDGED and any(_is_new(turn, name, seen.status) for name in watching):
        for name in watching:
            volatile.trackers[name].ending = Ending()  # until it can be said
        volatile.unattributed[seen.container] = _with_what_docker_does_not_tell(turn, watching[0], seen)
        attribute_what_waited(turn, target)
    elif seen.container in volatile.unattributed:
        waits = volatile.unattributed[seen.container]
        if waits.last_words is None and waits.status.run == seen.status.run:
            volatile.unattributed[seen.container] = replace(waits, last_words=seen.last_words)
            attribute_what_waited(turn, target)
    elif seen.status.state is RunState.MISSING:
        _nobody_is_stopping(turn, watching[0], target)


def attribute_what_waited(turn: Turn, target: Target) -> None:
    """Says who ended it as soon as that can be said: when no action of ours is under way, or may be."""
    seen = turn.volatile.unattributed.get(target.name) if target.kind == CONTAINER else None
    if seen is None or turn.durable.is_acting_on(target):
        return
    if (until := turn.durable.unclear_until(target, seen.status, turn.now.monotonic)) is not None:
        turn.wake(until)
        return
    if seen.last_words is None and _must_be_heard(turn, target, seen.status):
        return
    del turn.volatile.unattributed[target.name]
    if watching := turn.volatile.watching(target.name):
        _ended(turn, watching, target, seen)
        for name in watching:
            turn.evaluate(name)


def answers_again(turn: Turn, name: str) -> None:
    """It serves again in the run that somebody was stopping: nobody is stopping it any more."""
    if container := turn.volatile.trackers[name].spec.container:
        _nobody_is_stopping(turn, name, Target(CONTAINER, container))


# -- what follows ---------------------------------------------------------------------------------------------


def _runs(turn: Turn, name: str, target: Target, seen: ContainerSeen) -> None:
    hold = turn.durable.hold_on(name, target.name, turn.now.monotonic)
    if hold is not None and (hold.until is None or not hold.is_of(seen.status)):
        turn.record(r.HoldReleased(name, target_kind=target.kind, target=target.name))
    if seen.past is not None and not turn.durable.is_acting_on(target):
        _hold_while_it_stops(turn, name, target, seen.status, seen.past)


def _nobody_is_stopping(turn: Turn, name: str, target: Target) -> None:
    if (hold := turn.durable.holds.get(target)) is not None and hold.until is not None:
        turn.record(r.HoldReleased(name, target_kind=target.kind, target=target.name))


def _hold(
    turn: Turn,
    name: str,
    target: Target,
    status: ContainerStatus,
    what: str,
    *,
    lasts: float | None = None,
    quiet: float = 0.0,
) -> None:
    run, finished = told_time(status.started_at), told_time(status.finished_at)
    turn.record(r.HoldPlaced(name, what, "", target.kind, target.name, lasts, quiet, run, finished))


def _hold_while_it_stops(turn: Turn, name: str, target: Target, status: ContainerStatus, past: Past) -> None:
    """For as long as a signal that somebody sent may still end it."""
    now, durable = turn.now, turn.durable
    for signal in signals.sent(status, past, now.utc):
        if durable.initiator_of(status, signal) is not Initiator.THEIRS or _is_outlived(durable, target, signal):
            continue
        age = 0.0 if signal.at is None else max(0.0, (now.utc - signal.at).total_seconds())
        lasts = signals.works_for(signal, status).total_seconds() - age
        hold = durable.hold_on(name, target.name, now.monotonic)
        longer = signals.OUTLIVED_AFTER.total_seconds()
        if hold is not None and (hold.until is None or hold.until + longer >= now.monotonic + lasts):
            continue
        what = f"somebody is stopping the container through Docker (signal {signal.signal})"
        _hold(turn, name, target, status, what, lasts=lasts)


def _ended(turn: Turn, watching: list[str], target: Target, seen: ContainerSeen) -> None:
    name, durable = watching[0], turn.durable
    specs = [turn.volatile.trackers[each].spec for each in watching]
    known = durable.end_of(target, seen.status)
    if known is not None:
        ending = _by_itself(REASONS.get(known.reason, Reason.EXITED), specs, seen.status, known.by)
    else:
        ending = ended_by(seen.status, seen.past or Past(), durable, specs, target)
    hold = durable.holds.get(target)
    goes_on = hold is not None and hold.until is not None and hold.is_of(seen.status)
    being_stopped = goes_on and hold is not None and hold.holds(turn.now.monotonic)
    if being_stopped and seen.status.state in ENDED and not ending.held:
        ending = Ending(held="somebody was stopping the container through Docker when it ended")
    ending = _as_it_said(ending, seen)
    for each in watching:
        turn.volatile.trackers[each].ending = ending
    if goes_on and seen.status.state is RunState.RESTARTING:
        return
    if hold is not None and hold.until is None and hold.is_of_the_end(seen.status):
        return
    if ending.held:
        _hold(turn, name, target, seen.status, ending.held, quiet=ending.quiet)
    elif hold is not None:
        turn.record(r.HoldReleased(name, target_kind=target.kind, target=target.name))
    if seen.status.state not in ENDED:
        return  # Docker starts it again: how that ends is not said yet
    finished = told_time(seen.status.finished_at)
    if finished and known != End(finished, ending.reason, ending.by) and (not ending.held or ending.quiet):
        turn.record(r.EndedByItself(name, target.kind, target.name, finished, ending.reason, by=ending.by))


def ended_by(status: ContainerStatus, past: Past, durable: Durable, specs: list[Dependency], target: Target) -> Ending:
    """What became of a container that does not run, as far as one can know. `specs` are the dependencies of it."""
    if held := _left_by_hand(status):
        return Ending(held=held)
    if status.state not in ENDED:
        return Ending()
    sent = [signal for signal in signals.sent(status, past) if not _is_outlived(durable, target, signal)]
    for signal in sent:
        who = durable.initiator_of(status, signal)
        if who is not Initiator.OURS:
            by = "" if signal.signal is None else f" (signal {signal.signal})"
            return Ending(held=f"{who} stopped the container through Docker{by}")
    if sent:
        return Ending()
    if signals.by_the_engine(status, past):
        return Ending(by="the Docker Engine, as it went down itself,")
    if signals.for_memory(status, past):
        return Ending(Reason.OOM_KILLED)
    if not signals.is_whole(status, past) and _is_held_when_unsure(specs):
        unsure = f"nobody can tell who ended the container (exit code {status.exit_code})"
        return Ending(held=f"{unsure}: Docker has forgotten what was done to it")
    return _by_itself(Reason.STOPPED_ITSELF if status.exit_code == 0 else Reason.EXITED, specs, status)


def _left_by_hand(status: ContainerStatus) -> str:
    """What an inspect alone says that a person did."""
    if status.state is RunState.PAUSED:
        return "somebody paused the container through Docker"
    if status.state is RunState.CREATED:
        return "somebody created the container and has not started it yet"
    return left_down(status)


def _with_what_docker_does_not_tell(turn: Turn, name: str, seen: ContainerSeen) -> ContainerSeen:
    past = seen.past or Past()
    if not signals.gave_up(turn.volatile.trackers[name].container, seen.status, past):
        return seen
    at = max(turn.now.utc, seen.status.finished_at or turn.now.utc)
    return replace(seen, past=replace(past, events=(*past.events, ContainerEvent(seen.container, "stop", at=at))))


def _must_be_heard(turn: Turn, target: Target, status: ContainerStatus) -> bool:
    """Its last words may be that no new start helps: nobody can tell before they are read."""
    if turn.durable.end_of(target, status) is not None:
        return False  # they were, before the daemon was started again
    watching = turn.volatile.watching(target.name)
    return _is_held_when_unsure(turn.volatile.trackers[name].spec for name in watching)


def _is_held_when_unsure(specs: Iterable[Dependency]) -> bool:
    return any(spec.when_unsure is WhenUnsure.HOLD for spec in specs)


def _by_itself(reason: Reason, specs: list[Dependency], status: ContainerStatus, by: str = "") -> Ending:
    if reason is Reason.STOPPED_ITSELF and any(spec.on_clean_exit is OnCleanExit.HOLD for spec in specs):
        held = f"it has ended by itself, in good order (exit code {status.exit_code})"
        return Ending(reason, held, A_CLEAN_EXIT_IS_QUIET)
    return Ending(reason, by=by)


def _as_it_said(ending: Ending, seen: ContainerSeen) -> Ending:
    """It may have said that no new start helps. Who holds it goes on with that; who ended it needs no words of it."""
    if ending.by or ending.reason is Reason.OOM_KILLED:
        return ending
    told = last_words.at_risk(seen.status, seen.last_words or (), seen.past or Past())
    return ending if told is None else replace(ending, reason=told[0], said=told[1])


def _is_outlived(durable: Durable, target: Target, signal: ContainerEvent) -> bool:
    answered = durable.outlived.get(target)
    return answered is not None and signal.at is not None and signal.at <= answered


def _is_new(turn: Turn, name: str, status: ContainerStatus) -> bool:
    before = turn.volatile.trackers[name].container
    return before is None or (before.state, before.run) != (status.state, status.run)
