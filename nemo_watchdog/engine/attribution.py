"""Who ended a container: ourselves, a person, nobody, or nobody can tell; and what is held for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from nemo_watchdog import records as r
from nemo_watchdog.engine import flapping, last_words, overlap, paused, signals, unheard, unseen_end
from nemo_watchdog.engine.events import ContainerSeen
from nemo_watchdog.engine.seen import REASONS
from nemo_watchdog.engine.state import Durable
from nemo_watchdog.engine.touches import End, Ending, Hold, Initiator, left_down, told_time
from nemo_watchdog.engine.turn import Turn
from nemo_watchdog.model import (
    CONTAINER,
    ActionOutcome,
    ActionRequest,
    ActionResult,
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

LOOKED_FOR = 5.0
"""Seconds in which looks that come sooner say whether it was outlived; after that those of the policy do."""

LOST = "lost"
"""What the event stream says when it is open no more."""

A_CLEAN_EXIT_IS_QUIET = 300.0
"""Seconds in which somebody who ended it from inside may start it again before anybody is told."""


# -- what comes in --------------------------------------------------------------------------------------------


def hear(turn: Turn, event: ContainerEvent) -> None:
    """A line of Docker's event stream: a signal that somebody sends holds the container from then on."""
    unseen_end.hear(turn, event)
    paused.hear(turn, event)
    if not event.container:
        turn.volatile.is_deaf = event.action == LOST
    target = Target(CONTAINER, event.container)
    watching = turn.volatile.watching(event.container)
    status = turn.volatile.trackers[watching[0]].container if watching else None
    if status is None:
        return
    if not signals.deadly(event, status) or _still_works(turn, target, status, event):
        overlap.hear(turn, watching[0], target, status, event)
    if status.state is RunState.RUNNING:
        _hold_while_it_goes_on(turn, watching[0], target, status, Past(overlap.with_those_like_it(turn, target, event)))


def after_action(turn: Turn, request: ActionRequest, result: ActionResult) -> None:
    """What was heard in the meantime is a person's, where nothing was ordered; and who ended it can be said."""
    refused = result.outcome is ActionOutcome.REFUSED
    _after(turn, request, request.target, nothing_ordered=refused)
    if request.container:
        _after(turn, request, Target(CONTAINER, request.container), nothing_ordered=refused)
    for each in request.along:
        nothing_ordered = refused or each.container in result.left
        _after(turn, request, Target(CONTAINER, each.container), nothing_ordered=nothing_ordered)


def _after(turn: Turn, request: ActionRequest, target: Target, *, nothing_ordered: bool) -> None:
    heard = turn.volatile.heard.get(target)
    watching = turn.volatile.watching(target.name) if target.kind == CONTAINER else []
    if nothing_ordered and heard is not None and heard.action_id == request.action_id and watching:
        status = turn.volatile.trackers[watching[0]].container
        if status is not None and status.state is RunState.RUNNING:
            _hold_while_it_goes_on(turn, watching[0], target, status, Past(tuple(heard.events)))
    attribute_what_waited(turn, target)


def attribute(turn: Turn, seen: ContainerSeen) -> None:
    """Whose doing is what an inspect shows? While we act on the container ourselves, that cannot be said yet."""
    volatile, target = turn.volatile, Target(CONTAINER, seen.container)
    unseen_end.look(volatile, seen.container, seen.status)
    paused.look(volatile, seen.container, seen.status, turn.now.monotonic)
    watching = volatile.watching(seen.container)
    if not watching:
        return
    end_what_was_outlived(turn, seen.container)
    if seen.status.state is RunState.RUNNING:
        volatile.unattributed.pop(seen.container, None)
        flapping.notice_run(turn, watching, seen.status)
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


def answers(turn: Turn, name: str, *, again: bool) -> None:
    """It was looked at. Where it serves again in the run that somebody was stopping, nobody is any more.

    Unless that somebody came while the looks that say so were under way: what drains answers, too.
    """
    tracker = turn.volatile.trackers[name]
    container, since = tracker.spec.container, tracker.answering_since
    if container is None:
        return
    target = Target(CONTAINER, container)
    end_what_was_outlived(turn, container)
    hold = turn.durable.holds.get(target)
    if again and hold is not None and since is not None and turn.volatile.moment(since).utc >= hold.placed:
        _nobody_is_stopping(turn, name, target)


def end_what_was_outlived(turn: Turn, container: str) -> None:
    """Everything that looks at it has seen it answer since long enough after the signal."""
    hold, trackers = turn.durable.holds.get(Target(CONTAINER, container)), turn.volatile.trackers
    if hold is None or hold.outlived_from is None:
        return
    served = [trackers[name].last_served_began for name in turn.volatile.watching(container)]
    if served and all(began is not None and began >= hold.outlived_from for began in served):
        turn.release(turn.volatile.watching(container)[0], Target(CONTAINER, container))


def look_whether_it_was_outlived(turn: Turn) -> None:
    """As soon as an answer would say it."""
    for target, hold in list(turn.durable.holds.items()):
        end_what_was_outlived(turn, target.name)
        since = None if hold.outlived_from is None else turn.now.monotonic - hold.outlived_from
        if target not in turn.durable.holds or since is None or since > LOOKED_FOR:
            continue
        turn.wake(turn.now.monotonic + 1.0 if since >= 0.0 else hold.outlived_from)
        for name in turn.volatile.watching(target.name) if since >= 0.0 else ():
            turn.look_soon(name)


# -- what follows ---------------------------------------------------------------------------------------------


def _runs(turn: Turn, name: str, target: Target, seen: ContainerSeen) -> None:
    hold = turn.durable.hold_on(name, target.name, turn.now.monotonic)
    if hold is not None and _is_over(turn.durable, target, hold, seen.status):
        turn.release(name, target)
    if seen.past is not None:
        unheard.look_back(turn, target.name, seen.status, seen.past)
        overlap.remember(turn, name, target, seen.status, seen.past)
        _hold_while_it_goes_on(turn, name, target, seen.status, seen.past)


def _nobody_is_stopping(turn: Turn, name: str, target: Target) -> None:
    if (hold := turn.durable.holds.get(target)) is not None and hold.goes_on and not hold.undone:
        turn.release(name, target)


def _is_over(durable: Durable, target: Target, hold: Hold, runs: ContainerStatus) -> bool:
    """It was until then; the run that we start ourselves is no end of what we undo by it."""
    if hold.goes_on and hold.is_of(runs):
        return False
    return not (hold.undone and overlap.is_started_by_us(durable, target, runs))


def _hold(
    turn: Turn,
    name: str,
    target: Target,
    status: ContainerStatus,
    what: str,
    *,
    lasts: float | None = None,
    quiet: float = 0.0,
    outlived_after: float | None = None,
) -> None:
    run, finished = told_time(status.started_at), told_time(status.finished_at)
    turn.record(r.HoldPlaced(name, what, "", target.kind, target.name, lasts, quiet, run, finished, outlived_after))
    if outlived_after is not None:
        turn.wake(turn.now.monotonic + outlived_after)


def _hold_while_it_goes_on(turn: Turn, name: str, target: Target, status: ContainerStatus, past: Past) -> None:
    """For what somebody does to a run that goes on."""
    hold = turn.durable.holds.get(target)
    if hold is not None and hold.freezes and signals.let_go_on(status, past):
        turn.release(name, target)
        for each in turn.volatile.watching(target.name):  # they were looks at something that could not answer
            turn.volatile.trackers[each].forget_looks(turn.now.monotonic)
            turn.look_soon(each)
    _hold_while_it_is_frozen(turn, name, target, status, past)
    _hold_while_it_stops(turn, name, target, status, past)


def _hold_while_it_is_frozen(turn: Turn, name: str, target: Target, status: ContainerStatus, past: Past) -> None:
    signal, hold = signals.frozen_by(status, past), turn.durable.holds.get(target)
    if signal is None or _is_outlived(turn.durable, target, signal):
        return
    if hold is None or (hold.until is not None and hold.outlived_from is not None):
        what = f"somebody froze the container through Docker (signal {signal.signal})"
        _hold(turn, name, target, status, what, outlived_after=_left(turn, signal, signals.THAWED_AFTER))


def _left(turn: Turn, signal: ContainerEvent, of: timedelta) -> float:
    """Seconds of a time that began with the signal."""
    age = timedelta() if signal.at is None else max(timedelta(), turn.now.utc - signal.at)
    return (of - age).total_seconds()


def _hold_while_it_stops(turn: Turn, name: str, target: Target, status: ContainerStatus, past: Past) -> None:
    """For as long as a signal that somebody sent may still end it."""
    now, durable = turn.now, turn.durable
    for signal, who in durable.initiators_of(target, status, signals.sent(status, past, now.utc)):
        ours = who is Initiator.OURS or (who is Initiator.UNCLEAR and not durable.is_late(target, signal))
        if ours or _is_outlived(durable, target, signal):
            continue
        lasts = _left(turn, signal, signals.A_STOP_TAKES)
        hold = durable.hold_on(name, target.name, now.monotonic)
        firm = hold is not None and hold.until is not None and hold.outlived_from is None
        soft = not firm and signals.may_be_outlived(signal, status)
        if hold is not None and _says_enough(hold, now.monotonic + lasts, soft=soft):
            continue
        what = f"{who} is stopping the container through Docker (signal {signal.signal})"
        after = _left(turn, signal, signals.OUTLIVED_AFTER) if soft else None
        _hold(turn, name, target, status, what, lasts=lasts, outlived_after=after)


def _says_enough(hold: Hold, until: float, *, soft: bool) -> bool:
    """It holds as firmly, and about as long, as for another signal; `until` in monotonic seconds."""
    if hold.until is None:
        return soft or not hold.freezes
    about = signals.OUTLIVED_AFTER.total_seconds()
    return (hold.outlived_from is None or soft) and hold.until + about >= until


def _ended(turn: Turn, watching: list[str], target: Target, seen: ContainerSeen) -> None:
    name, durable = watching[0], turn.durable
    specs = [turn.volatile.trackers[each].spec for each in watching]
    known = durable.end_of(target, seen.status)
    if known is not None:
        ending = _by_itself(REASONS.get(known.reason, Reason.EXITED), specs, seen.status, known.by)
    else:
        ending = ended_by(seen.status, seen.past or Past(), durable, specs, target)
    hold = durable.holds.get(target)
    goes_on = hold if hold is not None and hold.goes_on and (hold.undone or hold.is_of(seen.status)) else None
    at_work = goes_on if goes_on and goes_on.holds(turn.now.monotonic) and seen.status.state in ENDED else None
    if at_work and not ending.is_surely_held:
        did = "had frozen" if at_work.freezes else "was stopping"
        was = f"somebody {did} the container through Docker when it ended"
        ending = Ending(held=at_work.what if at_work.undone else was)
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
        turn.release(name, target)
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
    for signal, who in durable.initiators_of(target, status, sent):
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
        return Ending(held=f"{unsure}: Docker has forgotten what was done to it", certain=False)
    return _by_itself(Reason.STOPPED_ITSELF if status.exit_code == 0 else Reason.EXITED, specs, status)


def _left_by_hand(status: ContainerStatus) -> str:
    """What an inspect alone says that a person did."""
    if status.state is RunState.PAUSED:
        return paused.PAUSED
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


def _still_works(turn: Turn, target: Target, status: ContainerStatus, signal: ContainerEvent) -> bool:
    sent = signals.sent(status, Past((signal,)), turn.now.utc)
    return bool(sent) and not _is_outlived(turn.durable, target, signal)


def _is_outlived(durable: Durable, target: Target, signal: ContainerEvent) -> bool:
    answered = durable.outlived.get(target)
    return answered is not None and signal.at is not None and signal.at <= answered


def _is_new(turn: Turn, name: str, status: ContainerStatus) -> bool:
    before = turn.volatile.trackers[name].container
    return before is None or (before.state, before.run) != (status.state, status.run)
