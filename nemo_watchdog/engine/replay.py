"""What each record does to the durable state, and so what a journal that is replayed leaves behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import singledispatch
from typing import Any

from nemo_watchdog import records as r
from nemo_watchdog.engine import lessons, memory, orders, settlings, storm_records
from nemo_watchdog.engine.flaps import Flaps, Spell
from nemo_watchdog.engine.heartbeat import Heartbeat
from nemo_watchdog.engine.phases import Move, after
from nemo_watchdog.engine.quiet import Fact
from nemo_watchdog.engine.reported import Acknowledgement, Declared
from nemo_watchdog.engine.seen import Wait
from nemo_watchdog.engine.state import UNNAMED, Durable, Incident
from nemo_watchdog.engine.touches import End, Hold
from nemo_watchdog.engine.unpack import from_body
from nemo_watchdog.errors import EngineBug, JournalError
from nemo_watchdog.model import CONTAINER, ActionOutcome, Health, Moment, Severity, Target


def rebuild(history: Sequence[tuple[Moment, Mapping[str, Any]]]) -> Durable:
    """The state that the journal's records leave behind. Raises `JournalError` for a record that cannot be read."""
    state, trouble = salvage(history)
    if trouble:
        raise JournalError(trouble)
    return state


def salvage(history: Sequence[tuple[Moment, Mapping[str, Any]]]) -> tuple[Durable, str]:
    """The state that those records leave behind which can be read, and what is wrong with the first that cannot.

    That is empty when there is none, or none since a person accepted the journal as it was.
    """
    state, trouble = Durable(), ""
    for at, body in history:
        try:
            record = from_body(body)
            apply(record, state, at)
        except (EngineBug, JournalError, ValueError, TypeError) as error:
            trouble = trouble or f"a {body.get('type')} record in the journal cannot be read: {error}"
        else:
            trouble = "" if isinstance(record, r.JournalAccepted) else trouble
    return state, trouble


@singledispatch
def apply(record: r.Record, state: Durable, at: Moment) -> None:
    """Changes `state` by one fact that became true at `at`. Facts without an effect on the state are for people."""


@apply.register
def _(record: r.HealthChanged, state: Durable, at: Moment) -> None:
    state.seen.change(record, at)
    state.quiet.notice(record, at)
    if incident := state.incident_of(record.dependency):
        incident.last[record.dependency] = (record.health, record.reason, record.detail)


@apply.register
def _(record: r.SeenUp, state: Durable, at: Moment) -> None:
    state.seen.up[record.dependency] = record.digest


@apply.register
def _(record: r.SideChanged, state: Durable, at: Moment) -> None:
    flaps = state.flaps.setdefault(record.dependency, Flaps())
    flaps.take_side(at.monotonic, record.changes, record.within, serves=record.serves, returned=record.returned)


@apply.register
def _(record: r.RunChanged, state: Durable, at: Moment) -> None:
    flaps = state.flaps.setdefault(record.dependency, Flaps())
    flaps.take_run(at.monotonic, record.changes, record.within, ordered=record.ordered)


@apply.register
def _(record: r.FlappingBegan, state: Durable, at: Moment) -> None:
    state.flaps.setdefault(record.dependency, Flaps()).begin(at.monotonic)
    if incident := state.incidents.get(record.incident):
        incident.escalated.append(record.to)


@apply.register
def _(record: r.FlappingEnded, state: Durable, at: Moment) -> None:
    state.flaps.setdefault(record.dependency, Flaps()).end()
    if (incident := state.incidents.get(record.incident)) and record.resolves:
        incident.flapped[record.dependency] = Spell(record.changes, record.seconds)


@apply.register
def _(record: r.BusyTooLong | r.SparedTooLong | r.WorkTooLong, state: Durable, at: Moment) -> None:
    if isinstance(record, r.BusyTooLong):
        state.seen.told(record.dependency, at)
    elif isinstance(record, r.SparedTooLong):
        state.seen.served.told.add(record.dependency)
    elif wait := state.seen.waits.get(record.dependency):
        wait.told = True
    if incident := state.incidents.get(record.incident):
        incident.escalated.append(record.to)


@apply.register
def _(record: r.WorkAwaited, state: Durable, at: Moment) -> None:
    working_since = at.monotonic - record.working_for
    state.seen.waits[record.dependency] = Wait(record.work, at.monotonic, working_since, record.run)


@apply.register
def _(record: r.WorkOver, state: Durable, at: Moment) -> None:
    state.seen.waits.pop(record.dependency, None)


@apply.register
def _(record: r.IncidentOpened, state: Durable, at: Moment) -> None:
    incident = state.incidents[record.incident] = Incident(
        incident=record.incident,
        root=record.root,
        opened=at,
        severity=Severity(record.severity),
        rule=record.rule,
        health=record.health,
        category=record.category,
        reason=record.reason,
        detail=record.detail,
        ill_since=at.before(record.failing_for),
    )
    incident.last[record.root] = (record.health, record.reason, record.detail)
    state.join(incident, record.root, serves=record.health == Health.DEGRADED)
    if record.storm and state.storm is not None:
        state.storm.incident = record.incident


@apply.register
def _(record: r.IncidentReopened, state: Durable, at: Moment) -> None:
    if incident := state.incidents.get(record.incident):
        incident.reason, incident.detail = record.reason, record.detail
        incident.last[record.dependency] = (record.health, record.reason, record.detail)
        state.reopen(incident, record.dependency, at.before(record.failing_for), at)
        if incident.was_taken and state.pages.is_open(record.incident):
            state.pages.ask_anew(record.incident, at)
        if record.health != Health.DEGRADED:
            incident.serving.discard(record.dependency)
        if record.storm and state.storm is not None:
            state.storm.incident = record.incident


@apply.register
def _(record: r.MemberJoined, state: Durable, at: Moment) -> None:
    if incident := state.incidents.get(record.incident):
        incident.last[record.dependency] = (record.health, record.reason, record.detail)
        state.join(incident, record.dependency, serves=record.health == Health.DEGRADED)


@apply.register
def _(record: r.MemberRecovered, state: Durable, at: Moment) -> None:
    state.seen.waits.pop(record.dependency, None)
    if incident := state.incidents.get(record.incident):
        if record.over:
            ladder = incident.ladder(record.dependency)
            ladder.phase = after(ladder.phase, Move.RECOVERED)
            ladder.begin_anew()
            if record.backoff is not None:
                ladder.back_off(record.backoff, at)
        incident.begin_anew(record.dependency)
        incident.serving.add(record.dependency)


@apply.register
def _(record: r.MemberDown, state: Durable, at: Moment) -> None:
    if incident := state.incidents.get(record.incident):
        incident.serving.discard(record.dependency)


@apply.register
def _(record: r.RootChanged, state: Durable, at: Moment) -> None:
    if incident := state.incidents.get(record.incident):
        incident.root = record.root


@apply.register
def _(record: r.IncidentMerged, state: Durable, at: Moment) -> None:
    source, target = state.incidents.get(record.incident), state.incidents.get(record.into)
    if source is None or target is None:
        return
    state.merge(source, target, at)
    if state.storm is not None and state.storm.incident == record.incident:
        state.storm.incident = record.into


@apply.register
def _(record: r.SeverityRaised, state: Durable, at: Moment) -> None:
    if incident := state.incidents.get(record.incident):
        if record.severity != incident.severity and incident.acknowledged is not None:
            incident.acknowledged = None
            state.pages.ask_anew(record.incident, at)
        incident.severity, incident.rule = Severity(record.severity), record.rule


@apply.register
def _(record: r.ActionIntended, state: Durable, at: Moment) -> None:
    if state.storm is not None:
        state.storm.retried.discard(record.dependency)
    target = Target(record.target_kind or CONTAINER, record.target or record.container)
    if incident := state.incidents.get(record.incident):
        incident.serving.discard(record.dependency)  # it may serve, too busy to serve well
        ladder = incident.ladder(record.dependency)
        ladder.phase = after(ladder.phase, Move.INTENDED)
        position = (record.remedy, record.step_key, record.attempt)
        ladder.begin(record.action_id, record.action, target, position, rung=record.step_key or str(record.step))
        ladder.actor, ladder.use, state.ladders[target] = record.dependency, memory.Use.of(record), ladder
    also = (Target(CONTAINER, each) for each in (record.container, *record.along) if each)
    state.intend(record.action_id, record.dependency, tuple(dict.fromkeys((target, *also))), at, record.leaves)


@apply.register
def _(record: r.ActionEnded, state: Durable, at: Moment) -> None:
    if incident := state.incidents.get(record.incident):
        ladder = incident.ladder(record.dependency)
        ladder.phase = after(ladder.phase, Move.ENDED if record.to_verify else Move.ENDED_FOR_NOTHING)
        if record.outcome == ActionOutcome.REFUSED:
            ladder.give_back(record.detail)
        else:
            state.seen.waits.pop(record.dependency, None)
            ladder.refusals = 0
            ladder.acted_at = at.monotonic
        ladder.back_off(record.backoff, at)
        ladder.verify_until = at.monotonic + record.verify_within
    left = {Target(CONTAINER, each) for each in record.left}
    state.end(record.action_id, record.outcome, at, record.verify_within, left)


@apply.register
def _(record: r.AttemptFailed, state: Durable, at: Moment) -> None:
    if incident := state.incidents.get(record.incident):
        ladder = incident.ladder(record.dependency)
        ladder.phase = after(ladder.phase, Move.ATTEMPT_FAILED)
        if record.backoff is not None:
            ladder.back_off(record.backoff, at)


@apply.register
def _(record: r.BackoffChanged, state: Durable, at: Moment) -> None:
    if incident := state.incidents.get(record.incident):
        ladder = incident.ladder(record.dependency)
        ladder.backoff, ladder.not_before = record.backoff, at.monotonic + record.remaining


@apply.register
def _(record: r.StepSkipped, state: Durable, _at: Moment) -> None:
    if incident := state.incidents.get(record.incident):
        incident.ladder(record.dependency).skipped[record.step_key] = record.why


@apply.register
def _(record: r.Escalated, state: Durable, at: Moment) -> None:
    if incident := state.incidents.get(record.incident):
        incident.ladder(record.dependency).ended = record.why
        incident.escalated.append(record.to)
    if record.dependency in state.flaps:
        state.flaps[record.dependency].escalations += 1


@apply.register
def _(record: r.LadderRearmed, state: Durable, at: Moment) -> None:
    if incident := state.incidents.get(record.incident):
        ladder = incident.ladder(record.dependency)
        incident.begin_anew(record.dependency)
        if record.anew and state.storm is not None:
            state.storm.retried.add(record.dependency)
        if record.anew:
            if record.dependency in state.flaps:
                state.flaps[record.dependency].retried = at.monotonic
            if wait := state.seen.waits.get(record.dependency):
                wait.waived = True
            ladder.begin_anew()
            ladder.not_before = None
        else:
            ladder.go_on()


@apply.register
def _(record: r.LadderShared, state: Durable, at: Moment) -> None:
    if incident := state.incidents.get(record.incident):
        state.share(incident, record.dependency, Target(record.target_kind, record.target))


@apply.register
def _(record: r.Suggested, state: Durable, at: Moment) -> None:
    if incident := state.incidents.get(record.incident):
        incident.suggested.add(record.dependency)


@apply.register
def _(record: r.DecisionMade, state: Durable, at: Moment) -> None:
    if incident := state.incidents.get(record.incident):
        incident.decisions[record.dependency] = (record.verdict, record.gate)


@apply.register
def _(record: r.IncidentResolved, state: Durable, at: Moment) -> None:
    if declared := state.declared.get(record.incident):
        declared.resolved, declared.acknowledged = at, None
    if incident := state.incidents.get(record.incident):
        phases = {name: after(ladder.phase, Move.RESOLVED) for name, ladder in incident.ladders.items()}
        state.close(incident, at)
        for name in incident.members:
            state.seen.waits.pop(name, None)
        incident.serving |= set(incident.members)
        incident.decisions.clear()
        for name, ladder in incident.ladders.items():
            if ladder.phase is not phases[name] and not state.is_in_use(ladder):
                ladder.phase = phases[name]


@apply.register
def _(record: r.IncidentDeclared, state: Durable, at: Moment) -> None:
    severity = Severity(record.severity)
    state.declared[record.incident] = Declared(record.incident, record.text, severity, record.by, record.dependency, at)


@apply.register
def _(record: r.IncidentAcknowledged, state: Durable, at: Moment) -> None:
    if one := state.open_one(record.incident):
        until = None if record.duration is None else at.monotonic + record.duration
        one.acknowledged = Acknowledgement(record.by, at, until)
    state.pages.use(record.link, at)


@apply.register
def _(record: r.HoldPlaced, state: Durable, at: Moment) -> None:
    until = None if record.lasts is None else at.monotonic + record.lasts
    quiet_until = record.quiet and at.monotonic + record.quiet
    outlived_from = None if record.outlived_after is None else at.monotonic + record.outlived_after
    state.end_holds(at.monotonic)
    before = state.holds.get(_held(record))
    stops = before is not None and before.is_ending(record.run) and not record.finished
    state.holds[_held(record)] = Hold(
        record.what, at.utc, until, quiet_until, record.undone, record.run, record.finished, outlived_from, stops
    )


@apply.register
def _(record: r.HoldReleased, state: Durable, at: Moment) -> None:
    for target in (_held(record), Target(UNNAMED, record.dependency)):
        hold = state.holds.pop(target, None)
        if hold is not None and hold.goes_on:
            # It may be written down late: what was sent meanwhile is another signal.
            late = 0.0 if hold.outlived_from is None else max(0.0, at.monotonic - hold.outlived_from)
            state.outlived[target] = at.utc - timedelta(seconds=late)


@apply.register
def _(record: r.EndedByItself, state: Durable, at: Moment) -> None:
    state.ends[Target(record.target_kind, record.target)] = End(record.finished, record.reason, record.by)


def _held(record: r.HoldPlaced | r.HoldReleased) -> Target:
    return Target(record.target_kind, record.target) if record.target else Target(UNNAMED, record.dependency)


@apply.register
def _(record: Fact, state: Durable, at: Moment) -> None:
    state.quiet.take(record, at)


@apply.register
def _(record: r.HeartbeatHeard, state: Durable, at: Moment) -> None:
    state.heartbeats[record.dependency] = Heartbeat(at.monotonic, record.well, record.said)


@apply.register
def _(record: r.PeopleTold, state: Durable, at: Moment) -> None:
    ones = [one for each in record.incidents if (one := state.one(each)) is not None]
    began = [(one.reopened_at if isinstance(one, Incident) else None) or one.opened for one in ones]
    if began:  # otherwise all of it is forgotten
        state.pages.tell(record, at, min(began, key=lambda each: each.monotonic))


for each in (*orders.APPLIED, *lessons.APPLIED, *settlings.APPLIED, *storm_records.APPLIED):
    apply.register(each)
